package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

// againOptions are those of the commands that begin with an earlier report.
type againOptions struct {
	earlier, file string
	plan          planFlags
	consensus     consensusFlags
	export        exportFlags
}

func (o *againOptions) register(cmd *cobra.Command) {
	o.plan.register(cmd.Flags())
	o.consensus.register(cmd.Flags())
	o.export.register(cmd.Flags(), "none")
}

// ofReport accepts a report and a topology, which may be configured.
func (o *againOptions) ofReport(a *app, cmd *cobra.Command, run func(*cobra.Command) error) {
	files := func(cmd *cobra.Command, given []string) ([]string, error) {
		if len(given) != 1 {
			return given, nil
		}
		configured, err := a.topologies(cmd, nil)
		return append(slices.Clone(given), configured...), err
	}
	rule := args(cobra.ExactArgs(2), "name a report in JSON and one topology file, which may be configured")
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		names, err := files(cmd, given)
		if err != nil {
			return err
		}
		return rule(cmd, names)
	}
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		names, err := files(cmd, given)
		if err != nil {
			return err
		}
		o.earlier, o.file = names[0], names[1]
		return run(cmd)
	}
}

// read loads the topology and the report, which must be of that topology and
// hold a comparison.
func (o againOptions) read(ctx context.Context, a *app) (*schema.Plan, *reports.Report, error) {
	if o.earlier == "-" && o.file == "-" {
		return nil, nil, usagef("only one of the report and the topology can come from standard input")
	}
	in, err := a.readInput(o.earlier)
	if err != nil {
		return nil, nil, err
	}
	r, err := reports.Load(in.Data)
	if err == nil {
		err = reports.Validate(in.Data)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.earlier, err)
	}
	plan, err := a.loadPlan(ctx, []string{o.file}, o.plan)
	switch {
	case err != nil:
		return nil, nil, err
	case r.Comparison == nil:
		return nil, nil, usagef("%s: holds no comparison of rows", o.earlier)
	case r.Cluster != plan.Topology.Name:
		return nil, nil, usagef("%s: is of the cluster %q, and %s is of %q", o.earlier, r.Cluster, o.file, plan.Topology.Name)
	}
	return plan, r, nil
}

// input begins a report with what the earlier one had left open.
func (o againOptions) input(a *app, plan *schema.Plan, earlier *reports.Report, started time.Time) reports.Input {
	in := a.reportInput(plan, []string{o.file, o.earlier}, started)
	for _, why := range earlier.Incomplete {
		in.Incomplete = append(in.Incomplete, "the earlier report: "+why)
	}
	return in
}

func newDecideCmd(a *app) *cobra.Command {
	var o againOptions
	cmd := &cobra.Command{
		Use:   "decide RESULT.json [TOPOLOGY]",
		Short: "Tell who is right about the differing keys of a report by another rule",
		Long: `Applies another rule of who is right to the evidence that a report of compare,
audit or report holds. No node is asked: majority, minority, kind and likely
cause of every listed key are found anew, and verdicts stay what they were.`,
		Example: example(
			"pgconcord compare decide rows.json topology.yaml --consensus newest --output decided.json",
			"pgconcord compare decide rows.json topology.yaml --consensus source --right dc1n1 --differences decided.csv",
		),
	}
	o.ofReport(a, cmd, func(cmd *cobra.Command) error { return runDecide(cmd.Context(), a, o) })
	o.register(cmd)
	return cmd
}

func runDecide(ctx context.Context, a *app, o againOptions) error {
	redact, err := o.export.check(a)
	if err != nil {
		return err
	}
	started := a.now()
	plan, earlier, err := o.read(ctx, a)
	if err != nil {
		return err
	}
	before := earlier.Comparison.Policy
	if err := earlier.Comparison.Decide(o.consensus.chosen(), plan.Topology); err != nil {
		return fmt.Errorf("%s: %w", o.earlier, asUsage(err))
	}
	in := o.input(a, plan, earlier, started)
	in.Comparison = earlier.Comparison
	in.Notes = []string{fmt.Sprintf("no node was asked: this is the evidence of run %s, which ended at %s, decided by %s instead of %s",
		earlier.RunID, earlier.Finished.UTC().Format(time.RFC3339), earlier.Comparison.Policy, before)}
	r := reports.New("decide", in)
	r.Redacted = earlier.Redacted // its rows are the earlier one's
	r.Redact(redact)
	return a.publishRows(r, o.export)
}

type recheckOptions struct {
	againOptions
	shards, tables []string
	nodes          []string
	keys           []string
	keyList        string
	where          string
	exclude        []string
	common, static bool
	reading        readingFlags
	connect        connectFlags
}

func newRecheckCmd(a *app) *cobra.Command {
	var o recheckOptions
	cmd := &cobra.Command{
		Use:   "recheck RESULT.json [TOPOLOGY]",
		Short: "Read the differing keys of a report again, and nothing else",
		Long: `Reads the keys that a report of compare, audit or report lists as differing again,
behind fences, on the nodes that the report compared and in its mode. It says
nothing about other rows. What the report had counted and not listed, or had not
read, stays incomplete.

With --key and --keys other keys are read instead, whether the report lists them
or not; with --node fewer nodes, or others, are asked. The verdict is then one on
those keys and nodes alone, and says so. A key is written as its text, or when it
has several columns as JSON, an object or a list: '{"id":"7","kind":"a"}', '["7","a"]'.
A list of keys has one a line in that form, or is what --differences
exported (.jsonl or .csv), or a CSV with the key's columns.

A run that had --where, --exclude-column, --common-columns or --static is
rechecked with the same; where they make it another question the table is
incomplete.`,
		Example: example(
			"pgconcord compare recheck rows.json topology.yaml",
			"pgconcord compare recheck rows.json topology.yaml --shard first --output again.json --differences again.jsonl",
			"pgconcord compare recheck rows.json topology.yaml --table public.accounts --key 7 --key 12 --node dc1n1 --node dc1n2",
			"pgconcord compare recheck rows.json topology.yaml --keys mended.csv",
		),
	}
	o.ofReport(a, cmd, func(cmd *cobra.Command) error { return runRecheck(cmd.Context(), a, o) })
	o.register(cmd)
	o.connect.register(cmd.Flags(), 10*time.Minute)
	fs := cmd.Flags()
	fs.StringSliceVar(&o.shards, "shard", nil, "recheck these shards only; "+schema.ReferenceName+" is the reference data")
	fs.StringSliceVar(&o.tables, "table", nil, "recheck these tables only: schema.table or table")
	fs.StringSliceVar(&o.nodes, "node", nil, "recheck on these nodes only")
	fs.StringArrayVar(&o.keys, "key", nil, "recheck this key instead of those that the report lists; repeatable")
	fs.StringVar(&o.keyList, "keys", "", "file of the keys to recheck instead, one a line or as they were exported; - is standard input")
	fs.StringVar(&o.where, "where", "", "SQL condition, as the report's run had it")
	fs.StringSliceVar(&o.exclude, "exclude-column", nil, "column to leave out, as the report's run had it")
	fs.BoolVar(&o.common, "common-columns", false, "compare the columns that all nodes have, as the report's run did")
	fs.BoolVar(&o.static, "static", false, "nothing replicates between the nodes: wait for nothing")
	o.reading.register(fs, "")
	return cmd
}

func runRecheck(ctx context.Context, a *app, o recheckOptions) error {
	redact, err := o.export.check(a)
	if err != nil {
		return err
	}
	settings, err := o.connect.settings()
	if err == nil {
		err = o.reading.check()
	}
	if err != nil {
		return err
	}
	started := a.now()
	plan, earlier, err := o.read(ctx, a)
	if err != nil {
		return err
	}
	asked, err := o.asked(a)
	if err != nil {
		return err
	}
	if earlier.Redacted == reports.RedactAll && asked == nil {
		return usagef("%s: its keys were taken out by --redact all, so they cannot be read again; name them with --key or --keys", o.earlier)
	}
	old := earlier.Comparison
	request := compare.Request{Topology: plan.Topology, Shards: o.shards, Tables: o.tables, Mode: old.Mode, Where: o.where, ExcludeColumns: o.exclude,
		CommonColumns: o.common, Static: o.static, Policy: o.consensus.chosen(), MaxConnections: o.reading.connections, FenceTimeout: o.reading.fenceTimeout, Settings: settings}
	in := o.input(a, plan, earlier, started)
	keys := 0
	var compared []string
	for _, t := range old.Tables {
		if len(o.shards) > 0 && !slices.Contains(o.shards, t.DataSet) ||
			len(o.tables) > 0 && !slices.Contains(o.tables, t.Name) && !slices.Contains(o.tables, t.Schema+"."+t.Name) {
			continue
		}
		if !slices.Contains(request.Shards, t.DataSet) {
			request.Shards = append(request.Shards, t.DataSet)
		}
		keys += len(t.Diffs)
		request.SampleLimit = max(request.SampleLimit, len(t.Diffs))
		for _, c := range t.Nodes {
			if !slices.Contains(compared, c.Node) {
				compared = append(compared, c.Node)
			}
		}
	}
	request.SampleLimit = max(request.SampleLimit, len(asked))
	if keys == 0 && asked == nil {
		return usagef("%s: lists no differing key of what is asked for, so there is nothing to recheck", o.earlier)
	}
	request.Nodes = sorted(compared)
	if len(o.nodes) > 0 {
		request.Nodes = sorted(o.nodes)
	}
	which := fmt.Sprintf("only the differing keys (%d) were read again that run %s, which ended at %s, lists", keys, earlier.RunID, earlier.Finished.UTC().Format(time.RFC3339))
	if asked != nil {
		which = fmt.Sprintf("only keys that were asked for were read, in the tables of run %s, which ended at %s: nothing is said of any other row", earlier.RunID, earlier.Finished.UTC().Format(time.RFC3339))
		in.Incomplete = nil // another question
	}
	in.Notes = []string{which}
	more := without(plan.Topology.NodeNames(), request.Nodes)
	if unread := without(more, compared); len(unread) > 0 {
		in.Notes = append(in.Notes, "not read, because that run had not compared them: "+strings.Join(unread, ", "))
	}
	if len(o.nodes) > 0 {
		if unread := without(more, without(more, compared)); len(unread) > 0 {
			in.Notes = append(in.Notes, "not read, because --node leaves them out: "+strings.Join(unread, ", "))
		}
	}
	result, err := a.withProgress(ctx, request, func(ctx context.Context, r compare.Request) (*compare.Result, error) {
		return compare.Recheck(ctx, r, old, asked)
	})
	if err != nil && ctx.Err() == nil {
		if asked != nil && errors.As(err, new(usageError)) {
			return err // it says where in the list
		}
		return fmt.Errorf("%s: %w", o.earlier, err)
	}
	in.Comparison, in.Finished = result, a.now()
	in.Interrupted = ctx.Err() != nil
	r := reports.New("recheck", in)
	r.RedactAs(earlier, redact)
	return a.publishRows(r, o.export)
}

// without returns the names that are not among others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}
