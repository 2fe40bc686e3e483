package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/internal/archive"
	"github.com/pgconcord/pgconcord/reports"
)

type reportOptions struct {
	checkOptions
	rows    rowFlags
	within  time.Duration
	history string
	profile string
	key     string
	noRows  bool
}

func newReportCmd(a *app) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [TOPOLOGY]",
		Short: "The nightly report: plan, health, backups, rows, against the last one",
		Long: `Judges the plan and the running cluster, lists what every backup may be used
for, and compares all shards and reference data. With --within the tables that
were compared longest ago come first, and what was not reached is incomplete.

With --history the record is added to a directory, chained to the one before,
and the report says what is new, resolved or persisting, and which nights are
missing. 'pgconcord verify DIR' checks such a directory.`,
		Example: example(
			"pgconcord report topology.yaml --history /var/lib/pgconcord --output report.html",
			"pgconcord report topology.yaml --within 2h --profile bdr-worldwide --output report.html --output pgconcord.prom",
		),
	}
	cmd.Args, cmd.RunE = a.oneTopology(func(cmd *cobra.Command, file string) error {
		o.file = file
		return runReport(cmd.Context(), a, o)
	})
	o.live.register(cmd.Flags(), 10*time.Minute)
	o.rows.register(cmd.Flags(), "values")
	fs := cmd.Flags()
	fs.StringVar(&o.facts, "facts", "", "judge the facts in this file instead of asking the nodes")
	fs.BoolVar(&o.noRows, "no-rows", false, "leave the comparison out")
	fs.DurationVar(&o.within, "within", 0, "time for the whole run: when it is over the comparison ends with what was reached; 0 is as long as it takes")
	fs.StringVar(&o.history, "history", "", "directory of earlier reports, to compare with and to add to")
	fs.StringVar(&o.profile, "profile", "", "compliance profile: a CUE file, or one of ours (general, bdr-worldwide, pgd-join)")
	fs.StringVar(&o.key, "sign-key", "", "with --history: Ed25519 private key (PEM) to sign the chain with")
	return cmd
}

func runReport(ctx context.Context, a *app, o reportOptions) error {
	began := time.Now() // whatever clock the report tells
	redact, err := o.rows.export.check(a)
	if err != nil {
		return err
	}
	if o.key != "" && o.history == "" {
		return usagef("--sign-key belongs to --history")
	}
	request, err := o.rows.request(o.connect)
	if err != nil {
		return err
	}
	profile, err := a.loadProfile(o.profile)
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
	past, err := openHistory(o.history, plan.Topology.Name, "report")
	if err != nil {
		return err
	}
	judged, err := a.judge(ctx, plan, o.checkOptions, checks.Nightly)
	if err != nil {
		return err
	}
	in := a.reportInput(plan, []string{o.file}, started)
	judged.into(&in)
	in.Profile = profile
	if ctx.Err() == nil && !o.noRows {
		request.Topology = plan.Topology
		if in.Comparison, err = a.compareWithin(ctx, request, began, o.within, past.reports); err != nil && ctx.Err() == nil {
			return err
		}
	}
	in.Finished = a.now()
	in.Interrupted = ctx.Err() != nil
	r := reports.New("report", in)
	r.ApplyBaseline(baseline)
	r.Redact(redact)
	var kept error
	if o.history != "" {
		r.Compare(past.reports, past.unreadable)
		kept = a.keep(r, o)
	}
	// A night whose record cannot be kept is told all the same.
	return errors.Join(kept, a.publishRows(r, o.rows.export))
}

// keep adds the record to the history directory.
func (a *app) keep(r *reports.Report, o reportOptions) error {
	format, err := reports.FormatByName("json")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := format.Write(&b, r, reports.Options{}); err != nil {
		return err
	}
	entry, err := archive.Append(o.history, r.Finished, r.RunID, b.Bytes())
	if err != nil {
		return fmt.Errorf("--history %s: the report was not added: %w", o.history, cause(err))
	}
	a.log.Info("added to the history", "file", entry.File, "sha256", entry.SHA256)
	if o.key != "" {
		if err := archive.Sign(o.history, o.key); err != nil {
			return fmt.Errorf("--sign-key %s: %w", o.key, err)
		}
	}
	return nil
}
