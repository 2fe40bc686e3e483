package main

import (
	"time"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

// reportInput fills what every report of a plan has in common.
func (a *app) reportInput(plan *schema.Plan, files []string, started time.Time) reports.Input {
	return reports.Input{Version: a.version, RunID: a.runID, Started: started, Finished: a.now(), Inputs: files,
		InputDigest: plan.Digest, FailOn: a.flags.threshold(), Topology: plan.Topology}
}

// judgePlan turns what the layout rules say into findings, a pass for every
// rule that nothing breaks.
func judgePlan(plan *schema.Plan) ([]checks.Check, []checks.Finding) {
	var known []checks.Check
	var out []checks.Finding
	broken := map[string]bool{}
	severity := map[string]schema.Severity{}
	for _, r := range plan.Rules {
		severity[r.Name] = r.Severity
	}
	for _, v := range plan.Violations {
		broken[v.Rule] = true
		out = append(out, checks.Finding{Check: v.Rule, Status: checks.Fail, Severity: severity[v.Rule], Subject: checks.Subject{Object: v.Subject},
			Message: v.Message, Found: v.Found, Expected: v.Expect, Pos: v.Pos, Related: v.Related})
	}
	for _, r := range plan.Rules {
		known = append(known, checks.Check{Name: r.Name, Title: r.Title, Why: r.Why, Remedy: r.Remedy, Source: r.Source, Severity: r.Severity, Needs: checks.NeedsPlan})
		switch {
		case broken[r.Name]:
		case !r.Enabled:
			out = append(out, checks.Finding{Check: r.Name, Status: checks.Skipped, Severity: r.Severity, Message: "switched off by the house's policy"})
		default:
			out = append(out, checks.Finding{Check: r.Name, Status: checks.Pass, Severity: r.Severity, Message: "nothing in the plan breaks it"})
		}
	}
	return known, out
}
