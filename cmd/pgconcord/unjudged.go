package main

import (
	"errors"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

// What is said of a plan that no rule could judge.
var (
	unreadable = checks.Check{Name: "plan/readable", Title: "The files are a topology", Severity: schema.Error, Needs: checks.NeedsPlan,
		Why:    "what cannot be read was not judged: no rule has seen this plan",
		Remedy: "Mend the place that is named."}
	brokenRule = checks.Check{Name: "plan/rules-evaluate", Title: "Every house rule can be evaluated", Severity: schema.Error, Needs: checks.NeedsPlan,
		Why:    "a rule that breaks says nothing, which must not be taken for a pass",
		Remedy: "Mend the rule, or switch it off with enabled: false."}
)

// forMachines are the formats that show a fault at its place. The others say
// nothing of a run that came to no verdict; people read standard error.
var forMachines = []string{"json", "sarif", "github", "gitlab", "junit"}

// publishUnjudged writes, beside what is said on standard error, why a plan
// could not be judged, in the formats that a pull request shows at the lines
// concerned. It returns the error, which decides how the command ends.
func (a *app) publishUnjudged(err error, files []string, started time.Time) error {
	findings := unjudged(err)
	if len(findings) == 0 {
		return err
	}
	all := a.flags.outputs.list
	a.flags.outputs.list = slices.DeleteFunc(slices.Clone(all), func(o output) bool { return !slices.Contains(forMachines, o.format) })
	defer func() { a.flags.outputs.list = all }()
	if len(a.flags.outputs.list) == 0 {
		return err
	}
	r := reports.New("validate", reports.Input{Version: a.version, RunID: a.runID, Started: started, Finished: a.now(), Inputs: files, FailOn: a.flags.threshold(),
		Checks: []checks.Check{unreadable, brokenRule}, Findings: findings, Incomplete: []string{"no rule has judged the plan: it could not be read, or a house rule could not be evaluated"}})
	r.Verdict, r.Sentence = reports.Incomplete, "The plan was not judged: it could not be read, or a house rule could not be evaluated."
	a.failure = err
	if failed := a.publish(r); failed != nil {
		err = errors.Join(err, failed)
	}
	a.report = nil // the error says how the command ends
	return err
}

// unjudged makes findings of what kept a plan from being judged.
func unjudged(err error) []checks.Finding {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []checks.Finding
		for _, e := range many.Unwrap() {
			out = append(out, unjudged(e)...)
		}
		return out
	}
	var out []checks.Finding
	add := func(c checks.Check, object, message string, pos schema.Position) {
		out = append(out, checks.Finding{Check: c.Name, Status: checks.Fail, Severity: c.Severity, Subject: checks.Subject{Object: object},
			Message: message, HowRead: "the plan", Pos: pos})
	}
	var input *schema.InputError
	var broken *schema.BrokenRuleError
	switch {
	case errors.As(err, &input):
		for _, p := range input.Problems {
			m := p.Message
			if p.Remedy != "" {
				m += " (" + p.Remedy + ")"
			}
			add(unreadable, "", m, p.Pos)
		}
	case errors.As(err, &broken):
		add(brokenRule, broken.Rule, broken.Message, broken.Pos)
	}
	return out
}
