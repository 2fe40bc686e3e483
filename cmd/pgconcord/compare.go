package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

type compareOptions struct {
	file     string
	shards   []string
	tables   []string
	nodes    []string
	where    string
	exclude  []string
	common   bool
	static   bool
	dryRun   bool
	ledger   string
	resume   bool
	rows     rowFlags
	plan     planFlags
	connect  connectFlags
	baseline baselineFlags
}

func newCompareCmd(a *app) *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "compare [TOPOLOGY]",
		Short: "Compare the rows of all nodes that should hold the same",
		Long: `Compares every table of the plan's shards and reference data on exactly the
nodes that should hold it, while they go on working. Rows that differ are read
again behind a fence: replication in flight is not reported as divergence. A
table is match, different or incomplete; match is said only when every asked
node answered for every key.

With --dry-run no row is read: it lists what would be compared where and what
stands in the way, all of it at once, and ends with 3 if anything does. With
--ledger every chunk that was read and every finished table is kept in a file,
keys and values of differing rows among it: a run that was stopped, however it
was, goes on with --resume and reads no chunk twice. Rows that changed between
the two are found and looked at again.

A lost connection or a query that a standby cancelled does not end the run: the
node is connected to again and the rest is read. Big tables are read in chunks
that keep within the statement timeout, over up to --max-connections sessions.

'compare recheck' reads the differing keys of a report again; 'compare decide'
applies another rule of who is right to a report, without asking any node.`,
		Example: example(
			"pgconcord compare topology.yaml",
			"pgconcord compare topology.yaml --shard first --table public.accounts",
			"pgconcord compare topology.yaml --dry-run",
			"pgconcord compare topology.yaml --output rows.json --output rows.html",
			"pgconcord compare topology.yaml --ledger rows.ledger --max-rate 50000 --max-lag 67108864",
			"pgconcord compare topology.yaml --ledger rows.ledger --resume --max-rate 50000 --differences rows.csv",
		),
	}
	cmd.Args, cmd.RunE = a.oneTopology(func(cmd *cobra.Command, file string) error {
		o.file = file
		return runCompare(cmd.Context(), a, o)
	})
	o.plan.register(cmd.Flags())
	o.connect.register(cmd.Flags(), 10*time.Minute)
	o.baseline.register(cmd.Flags())
	fs := cmd.Flags()
	fs.StringSliceVar(&o.shards, "shard", nil, "compare these shards only; "+schema.ReferenceName+" is the reference data")
	fs.StringSliceVar(&o.tables, "table", nil, "compare these tables only: schema.table or table")
	fs.StringSliceVar(&o.nodes, "node", nil, "compare these nodes only, as far as they hold the data")
	fs.StringVar(&o.where, "where", "", "SQL condition; only rows that meet it are compared")
	fs.StringSliceVar(&o.exclude, "exclude-column", nil, "leave out a column: column, table.column or schema.table.column")
	fs.BoolVar(&o.common, "common-columns", false, "where nodes differ in columns compare those that all have")
	fs.BoolVar(&o.static, "static", false, "nothing replicates between the nodes: wait for nothing")
	fs.BoolVar(&o.dryRun, "dry-run", false, "read no row: list what would be compared, what would be left out and why (as text or JSON)")
	fs.StringVar(&o.ledger, "ledger", "", "file to keep what is read in, chunk by chunk, so that the run can go on after a stop; a new one unless --resume is given")
	fs.BoolVar(&o.resume, "resume", false, "go on with the run of --ledger; refused when topology or settings are others")
	o.rows.register(fs, "none")
	cmd.AddCommand(newRecheckCmd(a), newDecideCmd(a))
	return cmd
}

func runCompare(ctx context.Context, a *app, o compareOptions) error {
	redact, err := o.rows.export.check(a)
	if err != nil {
		return err
	}
	switch {
	case o.resume && o.ledger == "":
		return usagef("--resume needs --ledger: the file to go on with")
	case o.dryRun && (o.ledger != "" || len(o.rows.export.differences) > 0):
		return usagef("--dry-run compares nothing: leave --ledger and --differences out")
	}
	baseline, err := o.baseline.load(a)
	if err != nil {
		return err
	}
	request, err := o.rows.request(o.connect)
	if err != nil {
		return err
	}
	request.Shards, request.Tables, request.Nodes = o.shards, o.tables, o.nodes
	request.Where, request.ExcludeColumns, request.CommonColumns, request.Static = o.where, o.exclude, o.common, o.static
	started := a.now()
	plan, err := a.loadPlan(ctx, []string{o.file}, o.plan)
	if err != nil {
		return err
	}
	request.Topology = plan.Topology
	if o.dryRun {
		return a.preview(ctx, request)
	}
	result, err := a.compareWithLedger(ctx, request, o)
	in := a.reportInput(plan, []string{o.file}, started)
	in.Comparison = result
	if err != nil && ctx.Err() == nil {
		return err
	}
	in.Interrupted = ctx.Err() != nil
	r := reports.New("compare", in)
	r.ApplyBaseline(baseline)
	r.Redact(redact)
	return a.publishRows(r, o.rows.export)
}

// compareWithLedger keeps what is finished in the ledger, if one is asked for.
func (a *app) compareWithLedger(ctx context.Context, request compare.Request, o compareOptions) (result *compare.Result, err error) {
	if o.ledger == "" {
		return a.compare(ctx, request)
	}
	ledger, err := compare.OpenLedger(o.ledger, request, o.resume)
	if err != nil {
		return nil, fmt.Errorf("--ledger: %w", asUsage(err))
	}
	defer func() {
		if closed := ledger.Close(); err == nil && closed != nil {
			err = fmt.Errorf("--ledger %s: %w", o.ledger, cause(closed))
		}
		if !o.resume && errors.As(err, new(usageError)) { // refused before anything was compared
			_ = os.Remove(o.ledger)
		}
	}()
	request.Ledger = ledger
	result, err = a.compare(ctx, request)
	if ctx.Err() != nil && !a.flags.quiet {
		fmt.Fprintf(a.stderr, "pgconcord: what is finished is in %s; go on with --ledger %s --resume\n", o.ledger, o.ledger)
	}
	return result, err
}

// asUsage marks what the comparer refuses as wrong use.
func asUsage(err error) error {
	if _, ok := errors.AsType[*compare.RequestError](err); ok {
		return usageError{err}
	}
	return err
}

// compare runs a comparison with its progress on standard error. Interrupted,
// it says how far it came.
func (a *app) compare(ctx context.Context, request compare.Request) (*compare.Result, error) {
	return a.withProgress(ctx, request, compare.Run)
}

func (a *app) withProgress(ctx context.Context, request compare.Request, run func(context.Context, compare.Request) (*compare.Result, error)) (*compare.Result, error) {
	p := a.newProgress()
	request.Progress = p.event
	result, err := run(ctx, request)
	far := p.stopped()
	if errors.As(err, new(*compare.RequestError)) {
		return nil, asUsage(err)
	}
	if ctx.Err() != nil && far != "" {
		fmt.Fprintf(a.stderr, "pgconcord: stopped after %s\n", far)
	}
	return result, err
}
