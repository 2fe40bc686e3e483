package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
)

type validateOptions struct {
	files    []string
	plan     planFlags
	waivers  waiverFlags
	baseline baselineFlags
}

func newValidateCmd(a *app) *cobra.Command {
	var o validateOptions
	cmd := &cobra.Command{
		Use:   "validate [TOPOLOGY]...",
		Short: "Judge the plan alone; no database is contacted",
		Long: `Judges a topology by every layout rule and by the house's own, without
contacting anything. TOPOLOGY is CUE, YAML or JSON, or - for standard input;
several files are merged into one plan.`,
		Example: example(
			"pgconcord validate topology.yaml",
			"pgconcord validate topology.yaml --fail-on warning",
			"pgconcord validate topology.yaml --format json --output plan.json",
		),
	}
	cmd.Args, cmd.RunE = a.someTopologies(func(cmd *cobra.Command, files []string) error {
		o.files = files
		return runValidate(cmd.Context(), a, o)
	})
	o.plan.register(cmd.Flags())
	o.waivers.register(cmd.Flags())
	o.baseline.register(cmd.Flags())
	return cmd
}

func runValidate(ctx context.Context, a *app, o validateOptions) error {
	started := a.now()
	baseline, err := o.baseline.load(a)
	if err != nil {
		return err
	}
	plan, err := a.loadPlan(ctx, o.files, o.plan)
	if err != nil {
		return a.publishUnjudged(err, o.files, started)
	}
	waivers, err := a.loadWaivers(o.waivers, o.files)
	if err != nil {
		return err
	}
	known, findings := checks.Layout(plan)
	known, findings = a.waive(waivers, plan, known, findings)
	in := a.reportInput(plan, o.files, started)
	in.Checks, in.Findings = known, findings
	r := reports.New("validate", in)
	r.ApplyBaseline(baseline)
	return a.publish(r)
}
