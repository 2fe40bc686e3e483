package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

type auditOptions struct {
	checkOptions
	wait time.Duration
	rows rowFlags
}

func newAuditCmd(a *app) *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "audit [TOPOLOGY] --joiner NODE",
		Short: "Audit a node after it joined: gate, comparison, explanation",
		Long: `Waits until all nodes are up and caught up, judges the cluster by the checks of
the post-join gate, and compares everything the joiner should hold with every
other replica. Differences that fit the join-time cause are marked: rows that
were copied carry the source's latest commit timestamp, so that older changes
still on their way lost against them on the new node. Ends in one verdict and a
list of what to do next.

The joiner has to be among the nodes of the topology, with the data sets that it
should hold.`,
		Example: example(
			"pgconcord audit topology.yaml --joiner dc1n3",
			"pgconcord audit topology.yaml --joiner dc1n3 --wait 30m --output audit.json --output audit.html",
		),
	}
	cmd.Args, cmd.RunE = a.oneTopology(func(cmd *cobra.Command, file string) error {
		o.file, o.gate = file, checks.PostJoin.String()
		return runAudit(cmd.Context(), a, o)
	})
	o.live.register(cmd.Flags(), 10*time.Minute)
	o.rows.register(cmd.Flags(), "none")
	fs := cmd.Flags()
	fs.StringVar(&o.joiner, "joiner", "", "the node that joined")
	fs.StringVar(&o.source, "source", "", "the node it was copied from; without it what the plan says")
	fs.DurationVar(&o.wait, "wait", 10*time.Minute, "how long to wait until all nodes are up and caught up")
	return cmd
}

func runAudit(ctx context.Context, a *app, o auditOptions) error {
	if o.joiner == "" {
		return usagef("audit needs --joiner: the node that joined")
	}
	redact, err := o.rows.export.check(a)
	if err != nil {
		return err
	}
	request, err := o.rows.request(o.connect)
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
	held, err := o.holds(plan.Topology)
	if err != nil {
		return err
	}
	late, err := a.settle(ctx, plan.Topology, o)
	if err != nil {
		return err
	}
	judged, err := a.judge(ctx, plan, o.checkOptions, checks.PostJoin)
	if err != nil {
		return err
	}
	in := a.reportInput(plan, []string{o.file}, started)
	judged.into(&in)
	in.Joiner = o.joiner
	if len(late) > 0 {
		in.Incomplete = append(in.Incomplete, fmt.Sprintf("not all nodes were up and caught up within %s: %s", o.wait, strings.Join(late, "; ")))
	}
	if ctx.Err() == nil {
		request.Topology, request.Shards = plan.Topology, held
		if in.Comparison, err = a.compare(ctx, request); err != nil && ctx.Err() == nil {
			return err
		}
	}
	in.Finished = a.now()
	in.Interrupted = ctx.Err() != nil
	r := reports.New("audit", in)
	r.ApplyBaseline(baseline)
	r.Redact(redact)
	return a.publishRows(r, o.rows.export)
}

// holds returns the data sets that the joiner should hold.
func (o auditOptions) holds(t *schema.Topology) ([]string, error) {
	if _, ok := t.Nodes[o.joiner]; !ok {
		if _, planned := t.Joins[o.joiner]; planned {
			return nil, usagef("--joiner %s: the topology has it as a planned join; move it to the nodes and list it among the replicas of what it should hold", o.joiner)
		}
		return nil, usagef("--joiner: the topology has no node %q", o.joiner)
	}
	sets := t.DataSets()
	var out []string
	for name, d := range sets {
		if slices.Contains(d.Replicas, o.joiner) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, usagef("--joiner %s: the topology gives it no shard and no reference data, so there is nothing to compare", o.joiner)
	}
	return sorted(out), nil
}

// settleFirst and settleEvery are the first and the longest time between two
// questions to the nodes whether they have caught up.
const (
	settleFirst = 500 * time.Millisecond
	settleEvery = 3 * time.Second
)

// settle waits until every node answers and is caught up, and returns what is
// not when the time is over.
func (a *app) settle(ctx context.Context, t *schema.Topology, o auditOptions) ([]string, error) {
	deadline := time.Now().Add(o.wait)
	said := ""
	for pause := settleFirst; ; pause = min(2*pause, settleEvery) {
		facts, err := a.readFacts(ctx, t, o.connect, o.flavour, o.joiner)
		if err != nil {
			return nil, err
		}
		late := notCaughtUp(t, facts, a.now())
		if len(late) == 0 || ctx.Err() != nil || !time.Now().Before(deadline) {
			return late, nil
		}
		if text := strings.Join(late, "; "); text != said && !a.flags.quiet {
			fmt.Fprintf(a.stderr, "pgconcord: waiting for %s\n", text)
			said = text
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(pause, time.Until(deadline))):
		}
	}
}

// notCaughtUp names the nodes that do not answer and the edges that lag, do not
// replicate, or whose lag could not be told.
func notCaughtUp(t *schema.Topology, facts *factsFile, now time.Time) []string {
	var out []string
	down := map[string]bool{}
	for name, n := range facts.Nodes {
		if n.Failure != nil {
			down[name] = true
			out = append(out, name+" ("+n.Failure.Reason+")")
		}
	}
	for _, f := range checks.Run(checks.Input{Plan: t, Cluster: facts.Cluster, Now: now}, checks.Options{Only: []string{"mesh/full", "lag/bytes", "lag/time"}}) {
		if f.Status == checks.Pass || f.Status == checks.Skipped || down[f.Subject.Node] || down[f.Subject.Peer] {
			continue
		}
		if s := f.Subject.String(); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return sorted(out)
}
