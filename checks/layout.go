package checks

import (
	"github.com/pgconcord/pgconcord/schema"
)

// Layout returns the layout rules of a plan, the house's own among them, as
// checks, and what they say of it as findings: a finding for every violation,
// and one for every rule that nothing breaks.
func Layout(plan *schema.Plan) ([]Check, []Finding) {
	var known []Check
	var out []Finding
	bySubject := map[string]bool{}
	severity := map[string]schema.Severity{}
	for _, r := range plan.Rules {
		known = append(known, ofRule(r))
		severity[r.Name] = r.Severity
	}
	for _, v := range plan.Violations {
		bySubject[v.Rule] = true
		out = append(out, Finding{Check: v.Rule, Status: Fail, Severity: severity[v.Rule], Subject: Subject{Object: v.Subject}, Message: v.Message,
			Found: v.Found, Expected: v.Expect, HowRead: "the plan", Pos: v.Pos, Related: v.Related})
	}
	for _, r := range plan.Rules {
		switch {
		case !r.Enabled:
			out = append(out, Finding{Check: r.Name, Status: Skipped, Severity: r.Severity, Message: "switched off by the house's policy"})
		case !bySubject[r.Name]:
			out = append(out, Finding{Check: r.Name, Status: Pass, Severity: r.Severity, Message: "nothing in the plan breaks it"})
		}
	}
	Sort(out)
	return known, out
}

// ofRule is a layout rule as a check.
func ofRule(r schema.Rule) Check {
	return Check{Name: r.Name, Title: r.Title, Why: r.Why, Remedy: r.Remedy, Source: r.Source, Severity: r.Severity, Needs: NeedsPlan}
}
