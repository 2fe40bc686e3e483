package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

type compareOptions struct {
	file    string
	shards  []string
	tables  []string
	nodes   []string
	where   string
	exclude []string
	common  bool
	static  bool
	rows    rowFlags
	plan    planFlags
	connect connectFlags
}

// rowFlags are those of every command that compares rows.
type rowFlags struct {
	mode         string
	policy       compare.Policy
	rule         string
	sample       int
	connections  int
	fenceTimeout time.Duration
	redact       string
}

func (f *rowFlags) register(fs *pflag.FlagSet, redact string) {
	fs.StringVar(&f.mode, "mode", string(compare.Exact), "what counts as equal: exact (byte for byte), value (relaxed by type), strong (exact, SHA-256)")
	fs.StringVar(&f.rule, "consensus", string(compare.ByMajority), "who is right about a key: majority, quorum, source, newest, off")
	fs.Float64Var(&f.policy.Quorum, "quorum", 0, "with --consensus quorum: the share of nodes that must agree")
	fs.StringSliceVar(&f.policy.Sources, "right", nil, "with --consensus source: the nodes that are right")
	fs.StringSliceVar(&f.policy.TieBreakers, "tie-breaker", nil, "nodes that decide where the rule finds nobody right")
	fs.IntVar(&f.sample, "max-differences", 1000, "differing keys listed with evidence, per table; all are counted")
	fs.IntVar(&f.connections, "max-connections", 2, "connections to one node")
	fs.DurationVar(&f.fenceTimeout, "fence-timeout", time.Minute, "how long to wait until what was written is applied everywhere")
	fs.StringVar(&f.redact, "redact", redact, "take out of the report: none, values (of columns), all (keys too)")
}

// request makes a comparison request out of the flags.
func (f rowFlags) request(connect connectFlags) (compare.Request, error) {
	settings, err := connect.settings()
	if err != nil {
		return compare.Request{}, err
	}
	f.policy.Rule = compare.Rule(f.rule)
	return compare.Request{Mode: compare.Mode(f.mode), Policy: f.policy, SampleLimit: f.sample, MaxConnections: f.connections,
		FenceTimeout: f.fenceTimeout, Settings: settings}, nil
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
node answered for every key.`,
		Example: example(
			"pgconcord compare topology.yaml",
			"pgconcord compare topology.yaml --shard first --table public.accounts",
			"pgconcord compare topology.yaml --output rows.json --output rows.html",
		),
	}
	cmd.Args, cmd.RunE = a.oneTopology(func(cmd *cobra.Command, file string) error {
		o.file = file
		return runCompare(cmd.Context(), a, o)
	})
	o.plan.register(cmd.Flags())
	o.connect.register(cmd.Flags(), 10*time.Minute)
	fs := cmd.Flags()
	fs.StringSliceVar(&o.shards, "shard", nil, "compare these shards only; "+schema.ReferenceName+" is the reference data")
	fs.StringSliceVar(&o.tables, "table", nil, "compare these tables only: schema.table or table")
	fs.StringSliceVar(&o.nodes, "node", nil, "compare these nodes only, as far as they hold the data")
	fs.StringVar(&o.where, "where", "", "SQL condition; only rows that meet it are compared")
	fs.StringSliceVar(&o.exclude, "exclude-column", nil, "leave out a column: column, table.column or schema.table.column")
	fs.BoolVar(&o.common, "common-columns", false, "where nodes differ in columns compare those that all have")
	fs.BoolVar(&o.static, "static", false, "nothing replicates between the nodes: wait for nothing")
	o.rows.register(fs, "none")
	return cmd
}

func runCompare(ctx context.Context, a *app, o compareOptions) error {
	redact, err := parseRedaction(o.rows.redact)
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
	result, err := a.compare(ctx, request)
	in := a.reportInput(plan, []string{o.file}, started)
	in.Comparison = result
	if err != nil && ctx.Err() == nil {
		return err
	}
	in.Interrupted = ctx.Err() != nil
	r := reports.New("compare", in)
	r.Redact(redact)
	return a.publish(r)
}

// compare runs a comparison with its progress on standard error. Interrupted,
// it says how far it came.
func (a *app) compare(ctx context.Context, request compare.Request) (*compare.Result, error) {
	p := a.newProgress()
	request.Progress = p.event
	result, err := compare.Run(ctx, request)
	last := p.done()
	if wrong, ok := errors.AsType[*compare.RequestError](err); ok {
		return nil, usageError{wrong}
	}
	if ctx.Err() != nil && last.TablesTotal > 0 {
		fmt.Fprintf(a.stderr, "pgconcord: stopped after %d of %d tables\n", last.TablesDone, last.TablesTotal)
	}
	return result, err
}

func parseRedaction(s string) (reports.Redaction, error) {
	switch s {
	case "", "none":
		return reports.RedactNone, nil
	case "values":
		return reports.RedactValues, nil
	case "all":
		return reports.RedactAll, nil
	}
	return "", usagef("--redact: %q is not known: expected %s", s, strings.Join([]string{"none", "values", "all"}, ", "))
}
