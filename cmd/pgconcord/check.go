package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

type checkOptions struct {
	file   string
	facts  string
	gate   string
	joiner string
	source string
	nodes  []string
	only   []string
	live
}

// live are the flags of every command that judges a running cluster.
type live struct {
	plan     planFlags
	waivers  waiverFlags
	baseline baselineFlags
	connect  connectFlags
	flavour  string
}

func (f *live) register(fs *pflag.FlagSet, statement time.Duration) {
	f.plan.register(fs)
	f.waivers.register(fs)
	f.baseline.register(fs)
	f.connect.register(fs, statement)
	fs.StringVar(&f.flavour, "flavor", "", "read every node as this flavour instead of what is found there")
}

func newCheckCmd(a *app) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [TOPOLOGY]",
		Short: "Judge the running cluster by its plan",
		Long: `Judges the plan by every layout rule, then asks all nodes at once, in one short
read-only session each, and judges what they answer: whether the cluster follows
the plan and is healthy. What could not be read is unknown, never a pass.

Barman hosts are read as the plan says: their configuration files (config),
saved outputs (json_dir), or a command such as ssh (command). Of Barman's own
commands only diagnose, replication-status, show-servers and list-backups are
run, which change nothing. "barman check" is not among them: it makes
directories and may force a checkpoint and a WAL switch. Saved as check.json in
the json_dir, its output is judged too.

With --gate the checks of a join are run: pre-join before a node joins,
post-join after it did.`,
		Example: example(
			"pgconcord check topology.yaml",
			"pgconcord check topology.yaml --facts facts.json",
			"pgconcord check topology.yaml --gate pre-join --joiner dc1n3 --source dc1n2",
		),
	}
	cmd.Args, cmd.RunE = a.oneTopology(func(cmd *cobra.Command, file string) error {
		o.file = file
		return runCheck(cmd.Context(), a, o)
	})
	o.live.register(cmd.Flags(), 30*time.Second)
	fs := cmd.Flags()
	fs.StringVar(&o.facts, "facts", "", "judge the facts in this file instead of asking the nodes")
	fs.StringVar(&o.gate, "gate", "", "run the checks of a join: pre-join, post-join")
	fs.StringVar(&o.joiner, "joiner", "", "with --gate: the node that joins or joined")
	fs.StringVar(&o.source, "source", "", "with --gate: the node it joins from; without it what the plan says")
	fs.StringSliceVar(&o.nodes, "node", nil, "report only what is said about these nodes; all are asked")
	fs.StringSliceVar(&o.only, "only", nil, "run only these checks or families of them, and no layout rules")
	return cmd
}

func runCheck(ctx context.Context, a *app, o checkOptions) error {
	gate, err := o.parseGate()
	if err != nil {
		return err
	}
	baseline, err := o.baseline.load(a)
	if err != nil {
		return err
	}
	started := a.now()
	plan, err := a.loadPlan(ctx, []string{o.file}, o.plan)
	if err != nil {
		return err
	}
	if err := o.check(plan.Topology, gate); err != nil {
		return err
	}
	in := a.reportInput(plan, []string{o.file}, started)
	judged, err := a.judge(ctx, plan, o, gate)
	if err != nil {
		return err
	}
	judged.into(&in)
	in.Finished = a.now()
	in.Interrupted = ctx.Err() != nil
	r := reports.New("check", in)
	r.ApplyBaseline(baseline)
	return a.publish(r)
}

func (o checkOptions) parseGate() (checks.Gate, error) {
	gate, err := checks.ParseGate(o.gate)
	switch {
	case err != nil:
		return 0, usageError{err}
	case o.gate == "" && (o.joiner != "" || o.source != ""):
		return 0, usagef("--joiner and --source belong to --gate")
	case o.gate != "" && o.joiner == "":
		return 0, usagef("--gate needs --joiner: the node that joins or joined")
	}
	return gate, nil
}

// check refuses names that the plan does not have: a filter that matches
// nothing must not look like a cluster without faults.
func (o checkOptions) check(t *schema.Topology, gate checks.Gate) error {
	known := func(name string) bool {
		_, node := t.Nodes[name]
		_, host := t.Barman[name]
		_, join := t.Joins[name]
		return node || host || join
	}
	for flag, names := range map[string][]string{"--node": o.nodes, "--joiner": {o.joiner}, "--source": {o.source}} {
		for _, n := range names {
			if n != "" && !known(n) {
				return usagef("%s: the topology has no node %q", flag, n)
			}
		}
	}
	if len(o.only) > 0 && len(checks.Selected(checks.Options{Gate: gate, Only: o.only})) == 0 {
		return usagef("--only: no check is called %s", strings.Join(o.only, " or "))
	}
	return nil
}

// judgement is what the rules and checks said, and what they judged.
type judgement struct {
	known    []checks.Check
	findings []checks.Finding
	facts    *factsFile
	notes    []string
	backups  []checks.BackupUse
}

// into hands what was judged over to a report.
func (j *judgement) into(in *reports.Input) {
	in.Checks, in.Findings, in.Cluster, in.Notes, in.Backups = j.known, j.findings, j.facts.Cluster, j.notes, j.backups
}

// judge runs the layout rules over the plan and the live checks over facts,
// saved or read now, and applies the waivers.
func (a *app) judge(ctx context.Context, plan *schema.Plan, o checkOptions, gate checks.Gate) (*judgement, error) {
	j := &judgement{}
	waivers, err := a.loadWaivers(o.waivers, []string{o.file})
	if err != nil {
		return nil, err
	}
	if o.facts != "" {
		if j.facts, err = a.loadFacts(o.facts); err != nil {
			return nil, err
		}
		j.notes = append(j.notes, "judged from facts that were taken at "+j.facts.TakenAt.UTC().Format(time.RFC3339))
	} else if j.facts, err = a.readFacts(ctx, plan.Topology, o.connect, o.flavour, o.joiner); err != nil {
		return nil, err
	}
	if len(o.only) == 0 {
		j.known, j.findings = checks.Layout(plan)
	}
	opt := checks.Options{Gate: gate, Only: o.only}
	j.known = append(j.known, checks.Selected(opt)...)
	input := checks.Input{Plan: plan.Topology, Cluster: j.facts.Cluster, Barman: j.facts.Barman, Now: j.facts.TakenAt, Joiner: o.joiner, Source: o.source}
	j.findings = append(j.findings, checks.Run(input, opt)...)
	j.backups = checks.BackupUses(input)
	j.known, j.findings = a.waive(waivers, plan, j.known, j.findings)
	if len(o.nodes) > 0 {
		j.notes = append(j.notes, "only what is said about "+strings.Join(o.nodes, ", ")+" is reported")
		j.findings = slices.DeleteFunc(j.findings, func(f checks.Finding) bool {
			return !strings.HasPrefix(f.Check, "waivers/") && !slices.Contains(o.nodes, f.Subject.Node) && !slices.Contains(o.nodes, f.Subject.Peer)
		})
	}
	return j, nil
}
