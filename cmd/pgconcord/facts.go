package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

type factsOptions struct {
	file    string
	joiner  string
	flavour string
	plan    planFlags
	connect connectFlags
}

func newFactsCmd(a *app) *cobra.Command {
	var o factsOptions
	cmd := &cobra.Command{
		Use:   "facts [TOPOLOGY]",
		Short: "Save what the nodes know, for judging it later",
		Long: `Reads from every node, and from the Barman hosts that can be read from here,
what the checks judge, and writes it as JSON to --output or standard output.
'pgconcord check TOPOLOGY --facts FILE' judges it, anywhere and at any time, with
the same findings as a live run. The file holds no password and no row.

Nodes that could not be read are in the file with the reason; the command ends
with 3 then.`,
		Example: example(
			"pgconcord facts topology.yaml --output facts.json",
			"pgconcord check topology.yaml --facts facts.json",
		),
	}
	cmd.Args, cmd.RunE = a.oneTopology(func(cmd *cobra.Command, file string) error {
		o.file = file
		return runFacts(cmd.Context(), a, o)
	})
	o.plan.register(cmd.Flags())
	o.connect.register(cmd.Flags(), 30*time.Second)
	cmd.Flags().StringVar(&o.joiner, "joiner", "", "read this node of a planned join too")
	cmd.Flags().StringVar(&o.flavour, "flavor", "", "read every node as this flavour instead of what is found there")
	return cmd
}

func runFacts(ctx context.Context, a *app, o factsOptions) error {
	plan, err := a.loadPlan(ctx, []string{o.file}, o.plan)
	if err != nil {
		return err
	}
	facts, err := a.readFacts(ctx, plan.Topology, o.connect, o.flavour, o.joiner)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var b bytes.Buffer
	if err := facts.save(&b); err != nil {
		return err
	}
	for _, out := range a.flags.outputs.list {
		if out.format != "text" && out.format != "json" {
			return usagef("facts are written as json only")
		}
		if out.file == "" {
			if err := a.print(b.String()); err != nil {
				return err
			}
			continue
		}
		if err := replaceFile(out.file, b.Bytes()); err != nil {
			return fmt.Errorf("write the facts to %s: %w", out.file, cause(err))
		}
	}
	var gaps []string
	for name, n := range facts.Nodes {
		switch {
		case n.Failure != nil:
			gaps = append(gaps, name+": "+n.Failure.Reason+": "+n.Failure.Detail)
		case len(n.Facts.Gaps) > 0:
			gaps = append(gaps, fmt.Sprintf("%s: %d parts could not be read", name, len(n.Facts.Gaps)))
		}
	}
	return a.incomplete(gaps)
}

// incomplete ends a command that makes no report and could not do all.
func (a *app) incomplete(gaps []string) error {
	if len(gaps) == 0 {
		return nil
	}
	for _, g := range sorted(gaps) {
		fmt.Fprintf(a.stderr, "pgconcord: %s\n", g)
	}
	a.report = reports.New("facts", reports.Input{Incomplete: gaps})
	return nil
}

// readFacts asks all nodes and the Barman hosts.
func (a *app) readFacts(ctx context.Context, t *schema.Topology, c connectFlags, flavour, joiner string) (*factsFile, error) {
	settings, err := c.settings()
	if err != nil {
		return nil, err
	}
	if flavour != "" {
		known := catalog.Flavours()
		var names []string
		for _, k := range known {
			names = append(names, string(k))
		}
		if !contains(names, flavour) {
			return nil, usagef("--flavor: %q is not known: expected one of %s", flavour, strings.Join(names, ", "))
		}
	}
	a.log.Info("asking the nodes", "nodes", len(t.Nodes), "connect timeout", c.connect, "statement timeout", c.statement)
	began := time.Now()
	facts := &factsFile{}
	var both sync.WaitGroup
	both.Go(func() { facts.Barman = readBarman(ctx, t) })
	facts.Cluster = catalog.Read(ctx, t, catalog.Settings{Session: settings, Flavour: catalog.Flavour(flavour), Joiner: joiner})
	both.Wait()
	a.log.Info("the nodes have answered", "took", time.Since(began).Round(time.Millisecond))
	return facts, nil
}
