package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/internal/archive"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

type verifyOptions struct{ path, publicKey, head string }

// evidenceRules are what verify judges by. They are no checks of a cluster.
var evidenceRules = []checks.Check{
	{Name: "evidence/shape", Title: "The report has the published shape", Severity: schema.Error,
		Why: "What has another shape was not written by this tool, or was changed.", Remedy: "Take the report from a copy."},
	{Name: "evidence/consistent", Title: "Verdict, counts and fingerprints follow from what the report holds", Severity: schema.Error,
		Why: "A verdict that does not follow from the findings was not made by this tool.", Remedy: "Take the report from a copy."},
	{Name: "evidence/digest", Title: "The report is byte for byte the one that was recorded", Severity: schema.Error,
		Why: "A changed report is no evidence.", Remedy: "Take the report from a copy, and find out who changed it."},
	{Name: "evidence/chain", Title: "Every report follows the one before it", Severity: schema.Error,
		Why: "A broken chain means that reports were removed, added or moved.", Remedy: "Take the directory from a copy, and find out who changed it."},
	{Name: "evidence/complete", Title: "Every recorded report is there, and nothing else", Severity: schema.Error,
		Why: "A missing report may be the one that matters.", Remedy: "Take the report from a copy; move strays elsewhere."},
	{Name: "evidence/signature", Title: "The manifest carries the operator's signature", Severity: schema.Error,
		Why: "Without it anybody who can write the directory can make a new chain.", Remedy: "Take the directory from a copy, or sign with the right key."},
	{Name: "evidence/nights", Title: "There is a report of every day", Severity: schema.Warning,
		Why: "On days without a report nobody looked.", Remedy: "Find out why the scheduled run did not end on these days."},
}

func newVerifyCmd(a *app) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify REPORT|DIR",
		Short: "Tell whether a report or a history of reports is intact",
		Long: `Recomputes what a report claims: its shape, verdict, counts and fingerprints. For
a directory that 'report --history' wrote it recomputes every digest and the
chain, and names every report that was changed, removed, added or moved.

The chain does not show when its newest end was cut off. Keep the digest that
verify prints elsewhere and give it as --head, or sign with 'report --sign-key'
and verify with --public-key.`,
		Example: example(
			"pgconcord verify report.json",
			"pgconcord verify /var/lib/pgconcord --public-key operator.pem",
		),
		Args: args(cobra.ExactArgs(1), "name a report in JSON or a history directory"),
		RunE: func(cmd *cobra.Command, paths []string) error {
			o.path = paths[0]
			return runVerify(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.publicKey, "public-key", "", "Ed25519 public key (PEM) that the manifest must be signed with")
	cmd.Flags().StringVar(&o.head, "head", "", "digest of the newest entry, as an earlier verify printed it")
	return cmd
}

func runVerify(_ context.Context, a *app, o verifyOptions) error {
	in := reports.Input{Version: a.version, RunID: a.runID, Started: a.now(), Inputs: []string{o.path}, FailOn: a.flags.threshold(), Checks: evidenceRules}
	info, err := os.Stat(o.path)
	switch {
	case err != nil && o.path != "-":
		return fmt.Errorf("verify %s: %w", o.path, cause(err))
	case err == nil && info.IsDir():
		if err := verifyDirectory(&in, o); err != nil {
			return err
		}
	default:
		if o.publicKey != "" || o.head != "" {
			return usagef("--public-key and --head belong to a history directory")
		}
		file, err := a.readInput(o.path)
		if err != nil {
			return err
		}
		if _, err := reports.Load(file.Data); err != nil {
			return fmt.Errorf("%s: %w", o.path, err)
		}
		in.Findings = verifyReport(file.Name, file.Data)
	}
	in.Finished = a.now()
	return a.publish(reports.New("verify", in))
}

// verifyReport judges one record.
func verifyReport(name string, data []byte) []checks.Finding {
	answer := func(rule string, err error, passed string) checks.Finding {
		f := checks.Finding{Check: rule, Status: checks.Pass, Severity: schema.Error, Subject: checks.Subject{Object: filepath.Base(name)}, Message: passed}
		if err != nil {
			f.Status, f.Message = checks.Fail, err.Error()
		}
		return f
	}
	out := []checks.Finding{answer("evidence/shape", reports.Validate(data), "has the shape of schema version "+reports.SchemaVersion)}
	r, err := reports.Load(data)
	if err != nil {
		return out
	}
	return append(out, answer("evidence/consistent", r.Consistent(), "verdict "+string(r.Verdict)+" follows from what it holds"))
}

func verifyDirectory(in *reports.Input, o verifyOptions) error {
	entries, head, faults, err := archive.Verify(o.path)
	if err != nil {
		return fmt.Errorf("verify %s: %w", o.path, err)
	}
	if o.publicKey != "" {
		fault, err := archive.CheckSignature(o.path, o.publicKey)
		if err != nil {
			return fmt.Errorf("--public-key %s: %w", o.publicKey, err)
		}
		if fault != nil {
			faults = append(faults, *fault)
		} else {
			in.Findings = append(in.Findings, checks.Finding{Check: "evidence/signature", Status: checks.Pass, Severity: schema.Error,
				Subject: checks.Subject{Object: archive.Manifest}, Message: "signed by the given key"})
		}
	}
	rule := map[string]string{"chain": "evidence/chain", "order": "evidence/chain", "digest": "evidence/digest", "missing": "evidence/complete",
		"stray": "evidence/complete", "signature": "evidence/signature"}
	faulty := map[string]bool{}
	for _, f := range faults {
		faulty[f.File] = true
		in.Findings = append(in.Findings, checks.Finding{Check: rule[f.Kind], Status: checks.Fail, Severity: schema.Error, Subject: checks.Subject{Object: f.File},
			Message: f.Text, Pos: schema.Position{File: filepath.Join(o.path, archive.Manifest), Line: f.Line, Column: min(1, f.Line)}})
	}
	if o.head != "" && o.head != head {
		in.Findings = append(in.Findings, checks.Finding{Check: "evidence/chain", Status: checks.Fail, Severity: schema.Error, Subject: checks.Subject{Object: archive.Manifest},
			Message: "the newest entry is not the one that was noted", Found: head, Expected: o.head})
	}
	var good []*reports.Report
	for _, e := range entries {
		if faulty[e.File] {
			continue
		}
		data, err := os.ReadFile(filepath.Join(o.path, e.File))
		if err != nil {
			return fmt.Errorf("verify %s: %w", e.File, cause(err))
		}
		in.Findings = append(in.Findings, checks.Finding{Check: "evidence/digest", Status: checks.Pass, Severity: schema.Error,
			Subject: checks.Subject{Object: e.File}, Message: "unchanged, and follows the one before it"})
		in.Findings = append(in.Findings, verifyReport(e.File, data)...)
		if r, err := reports.Load(data); err == nil {
			good = append(good, r)
		}
	}
	for _, day := range reports.MissingDays(good) {
		in.Findings = append(in.Findings, checks.Finding{Check: "evidence/nights", Status: checks.Fail, Severity: schema.Warning,
			Subject: checks.Subject{Object: day}, Message: "there is no report of this day"})
	}
	in.Notes = append(in.Notes, fmt.Sprintf("%d reports; the digest of the newest entry is %s", len(entries), head))
	return nil
}
