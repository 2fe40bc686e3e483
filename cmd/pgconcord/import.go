package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/survey"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/tpa"
)

func newImportCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make a topology out of what is there",
		Long: `Makes a topology, as YAML, out of what a cluster already has. What cannot be
carried over, or was assumed, is said on standard error.`,
		Example: example(
			"pgconcord import tpa config.yml --output topology.yaml",
			"pgconcord import cluster --dsn 'host=dc1n1.example dbname=app user=pgconcord' --output topology.yaml",
		),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is nothing to import from %q: expected tpa or cluster", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImportTPACmd(a), newImportClusterCmd(a))
	return cmd
}

type importTPAOptions struct {
	file     string
	output   string
	validate bool
	tpa      tpa.Options
	plan     planFlags
	waivers  waiverFlags
}

func newImportTPACmd(a *app) *cobra.Command {
	var o importTPAOptions
	cmd := &cobra.Command{
		Use:   "tpa CONFIG.yml",
		Short: "From the config.yml of TPA",
		Long: `Makes a topology out of the config.yml of TPA (Trusted Postgres Architect): its
instances with the role bdr as nodes, locations as datacenters, BDR replication
sets as shards, backup assignments as Barman sources. Settings merge as a deploy
does: cluster_vars, then the location, instance_defaults, the instance.

Templates, unknown roles and whatever else belongs in a plan and cannot be told
from the file are listed with their place, never guessed; the command ends with
3 then. --verbose also lists the settings that a plan has no place for.

With --validate the plan is judged at once, and findings point into CONFIG.yml.`,
		Example: example(
			"pgconcord import tpa config.yml --dr dr --output topology.yaml",
			"pgconcord import tpa config.yml --dr dr --validate",
		),
		Args: args(cobra.ExactArgs(1), "name one config.yml"),
		RunE: func(cmd *cobra.Command, files []string) error {
			o.file = files[0]
			return runImportTPA(cmd.Context(), a, o)
		},
	}
	o.plan.register(cmd.Flags())
	o.waivers.register(cmd.Flags())
	fs := cmd.Flags()
	fs.StringSliceVar(&o.tpa.DR, "dr", nil, "location that stands by for the others; repeatable. TPA gives locations no meaning")
	fs.BoolVar(&o.tpa.Addresses, "addresses", false, "connect to the instances' IP addresses instead of their names")
	fs.BoolVar(&o.validate, "validate", false, "judge the plan; the report goes to standard output and the topology only to --output")
	fs.StringVarP(&o.output, "output", "o", "", "file for the topology instead of standard output")
	return cmd
}

func runImportTPA(ctx context.Context, a *app, o importTPAOptions) error {
	started := a.now()
	in, err := a.readInput(o.file)
	if err != nil {
		return err
	}
	got, err := tpa.Import(in.Name, in.Data, o.tpa)
	if err != nil {
		return err
	}
	if err := a.keepTopology(o.output, o.validate, got.YAML); err != nil {
		return err
	}
	for _, p := range got.Unmapped {
		a.say(p, "not carried over")
	}
	if !a.flags.quiet {
		for _, p := range got.Notes {
			a.say(p, "note")
		}
		switch {
		case a.flags.verbose:
			for _, p := range got.Ignored {
				a.say(p, "left out")
			}
		case len(got.Ignored) > 0:
			fmt.Fprintf(a.stderr, "pgconcord: %d settings have no place in a topology; --verbose lists them\n", len(got.Ignored))
		}
	}
	var gaps []string
	for _, p := range got.Unmapped {
		gaps = append(gaps, p.Pos.String()+": "+p.Message)
	}
	if !o.validate {
		a.lacks("import tpa", gaps)
		return nil
	}
	plan, err := a.loadInputs(ctx, []string{o.file}, []schema.Input{got.Input()}, o.plan)
	if err != nil {
		return err
	}
	waivers, err := a.loadWaivers(o.waivers, []string{o.file})
	if err != nil {
		return err
	}
	known, findings := checks.Layout(plan)
	known, findings = a.waive(waivers, plan, known, findings)
	report := a.reportInput(plan, []string{o.file}, started)
	report.Checks, report.Findings, report.Incomplete = known, findings, gaps
	return a.publish(reports.New("import tpa", report))
}

// keepTopology writes a topology where it was asked for. A report on standard
// output leaves no room for it there.
func (a *app) keepTopology(file string, reported bool, text []byte) error {
	switch {
	case file != "" && file != "-":
		if err := replaceFile(file, text); err != nil {
			return fmt.Errorf("write the topology to %s: %w", file, cause(err))
		}
		if !a.flags.quiet {
			fmt.Fprintf(a.stderr, "pgconcord: topology written to %s\n", file)
		}
	case !reported:
		return a.print(string(text))
	}
	return nil
}

// say puts the place first, where editors look for it.
func (a *app) say(p schema.Problem, what string) {
	remedy := ""
	if p.Remedy != "" {
		remedy = " (" + p.Remedy + ")"
	}
	fmt.Fprintf(a.stderr, "%s: %s: %s%s\n", p.Pos, what, p.Message, remedy)
}

func (a *app) missed(what string) { fmt.Fprintf(a.stderr, "pgconcord: %s\n", what) }

// lacks makes a command that ends in no report end with 3 when something is
// missing from what it made.
func (a *app) lacks(command string, gaps []string) {
	if len(gaps) > 0 {
		a.report = reports.New(command, reports.Input{Incomplete: gaps})
	}
}

type importClusterOptions struct {
	dsns    []string
	output  string
	name    string
	dr      []string
	flavour string
	connect connectFlags
}

func newImportClusterCmd(a *app) *cobra.Command {
	var o importClusterOptions
	cmd := &cobra.Command{
		Use:   "cluster --dsn DSN...",
		Short: "From the catalogs of a running cluster",
		Long: `Drafts a topology from what the nodes of a running cluster know: nodes, kinds,
versions, and which of them share which replication sets. One --dsn is enough
where the catalogs name the other nodes; they are asked with the same user and
options. Nothing is written to any node, and no secret to the draft.

Datacenters and backups are in no catalog. Datacenters are guessed where host or
node names follow a pattern that leaves no doubt, and the ones that stand by
where they are called so or --dr names them. Barman hosts are proposed, commented
out, from the slots that were seen. The draft says what was guessed, and what a
person must fill in.`,
		Example: example(
			"pgconcord import cluster --dsn 'host=dc1n1.example dbname=app user=pgconcord' --output topology.yaml",
			"pgconcord import cluster --dsn service=node1 --dsn service=node2 --dr dr1 --name shop",
		),
		Args: args(cobra.NoArgs, "name nodes with --dsn"),
		RunE: func(cmd *cobra.Command, _ []string) error { return runImportCluster(cmd.Context(), a, o) },
	}
	o.connect.register(cmd.Flags(), 30*time.Second)
	fs := cmd.Flags()
	fs.StringArrayVar(&o.dsns, "dsn", nil, "connection string of a node; repeatable. A password is better kept in ~/.pgpass: process arguments are seen by every user of this machine")
	fs.StringSliceVar(&o.dr, "dr", nil, "datacenter of the draft that stands by for the others; repeatable")
	fs.StringVar(&o.name, "name", "", "name of the cluster; without it the group's, or the database's")
	fs.StringVar(&o.flavour, "flavor", "", "read every node as this flavour instead of what is found there")
	fs.StringVarP(&o.output, "output", "o", "", "file for the topology instead of standard output")
	return cmd
}

func runImportCluster(ctx context.Context, a *app, o importClusterOptions) error {
	if len(o.dsns) == 0 {
		return usagef("name at least one node with --dsn")
	}
	session, err := o.connect.settings()
	if err != nil {
		return err
	}
	seen, missed, err := survey.Look(ctx, o.dsns, catalog.Settings{Session: session, Flavour: catalog.Flavour(o.flavour)})
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(seen.DSN) == 0 {
		a.missed("no node could be read, so there is nothing to draft")
		for _, m := range missed {
			a.missed(m)
		}
		a.lacks("import cluster", missed)
		return nil
	}
	seen.DR = o.dr
	if o.name != "" {
		seen.Name = o.name
	}
	d, err := survey.Make(seen)
	if err != nil {
		return err
	}
	if err := a.keepTopology(o.output, false, d.YAML); err != nil {
		return err
	}
	gaps := append(missed, d.Incomplete...)
	for _, g := range gaps {
		a.missed(g)
	}
	if !a.flags.quiet {
		for _, n := range d.Notes {
			fmt.Fprintf(a.stderr, "pgconcord: note: %s\n", n)
		}
	}
	a.lacks("import cluster", gaps)
	return nil
}
