package reports

import (
	"cmp"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// Input is what a command hands over to [New]. Clock, version and run id come
// from outside, so that the same input gives the same bytes.
type Input struct {
	Version     string // of the tool
	RunID       string
	Started     time.Time
	Finished    time.Time
	Inputs      []string // names of the files read
	InputDigest string
	FailOn      FailOn // "" means FailOnError
	Topology    *schema.Topology
	Cluster     *catalog.Cluster // nil when no node was asked
	Checks      []checks.Check   // documentation of what was judged
	Findings    []checks.Finding
	Comparison  *compare.Result
	Backups     []checks.BackupUse
	Joiner      string   // at a gate and in an audit: the node that joins or joined
	Profile     *Profile // to be answered
	Interrupted bool
	Notes       []string
	Incomplete  []string // what was asked for and not done, beyond unknown findings
}

// New builds the report of a command: the one place where findings are
// counted and the verdict is made.
func New(command string, in Input) *Report {
	r := &Report{
		SchemaVersion: SchemaVersion,
		Command:       command,
		Tool:          Tool{Name: "pgconcord", Version: in.Version},
		RunID:         in.RunID,
		Started:       in.Started.UTC(),
		Finished:      in.Finished.UTC(),
		Inputs:        append([]string{}, in.Inputs...),
		InputDigest:   in.InputDigest,
		FailOn:        cmp.Or(in.FailOn, FailOnError),
		Interrupted:   in.Interrupted,
		Notes:         in.Notes,
		Incomplete:    slices.Clone(in.Incomplete),
		Plan:          newPlan(in.Topology),
		Nodes:         newNodes(in.Topology, in.Cluster),
		Edges:         newEdges(in.Cluster),
		Findings:      []Finding{},
		Rules:         []Rule{},
		Comparison:    knownVerdicts(in.Comparison),
		Backups:       in.Backups,
	}
	if in.Topology != nil {
		r.Cluster = in.Topology.Name
	}
	if command == "audit" {
		r.Joiner = in.Joiner
	}
	sorted := slices.Clone(in.Findings)
	for i := range sorted {
		normalize(&sorted[i])
	}
	checks.Sort(sorted)
	for _, f := range sorted {
		r.Findings = append(r.Findings, Finding{Finding: f, Fingerprint: f.Fingerprint()})
	}
	r.Rules = rulesOf(in.Checks, sorted)
	if in.Interrupted {
		r.Incomplete = append(r.Incomplete, "the run was interrupted before its end")
	}
	if len(r.Findings) == 0 && r.Comparison == nil {
		r.Incomplete = append(r.Incomplete, "nothing was judged")
	}
	r.judge()
	r.Profile = in.Profile.answer(r)
	if command == "audit" || command == "report" {
		r.Next = nextSteps(r, in.Joiner)
	}
	return r
}

// normalize reads a word that is not known as the worse one: neither a status
// nor a severity of the future may soften a verdict of today.
func normalize(f *checks.Finding) {
	switch f.Status {
	case checks.Pass, checks.Fail, checks.Unknown, checks.Skipped, checks.Waived:
	default:
		f.Status = checks.Unknown
	}
	if f.Severity.Rank() == 0 {
		f.Severity = schema.Error
	}
}

// knownVerdicts does the same for the verdicts of a comparison, and writes
// lists that are empty as such.
func knownVerdicts(c *compare.Result) *compare.Result {
	if c == nil {
		return nil
	}
	out := *c
	known(&out.Verdict)
	out.Tables = append([]compare.Table{}, c.Tables...)
	for i := range out.Tables {
		t := &out.Tables[i]
		known(&t.Verdict)
		t.Key, t.Columns = list(t.Key), list(t.Columns)
		t.Nodes = append([]compare.Coverage{}, t.Nodes...)
		t.Diffs = slices.Clone(t.Diffs)
		for j := range t.Diffs {
			d := &t.Diffs[j]
			d.Key, d.Majority, d.Minority = list(d.Key), list(d.Majority), list(d.Minority)
		}
	}
	return &out
}

func known(v *compare.Verdict) {
	if *v != compare.Match && *v != compare.Different {
		*v = compare.Incomplete
	}
}

func list(in []string) []string { return append([]string{}, in...) }

// judge derives summary, verdict and sentence from what the report holds.
func (r *Report) judge() {
	r.Summary = summarize(r.Findings)
	r.Verdict = verdict(r)
	r.Sentence = sentence(r)
}

func summarize(fs []Finding) Summary {
	var s Summary
	for _, f := range fs {
		switch f.Status {
		case checks.Pass:
			s.Pass++
		case checks.Fail:
			if f.Known {
				s.Known++
				continue
			}
			s.Fail++
			switch f.Severity {
			case schema.Warning:
				s.Warnings++
			case schema.Info:
				s.Infos++
			case schema.Error:
				s.Errors++
			}
		case checks.Skipped:
			s.Skipped++
		case checks.Waived:
			s.Waived++
		case checks.Unknown:
			s.Unknown++
		}
	}
	return s
}

// verdict puts what was found before what could not be told: a cluster that is
// known to be wrong is wrong, however much of it was not looked at.
func verdict(r *Report) Verdict {
	worst := r.FailOn
	if worst == FailOnNever { // the exit code is kept at 0; the word is not softened
		worst = FailOnError
	}
	for _, f := range r.Findings {
		if f.Status == checks.Fail && !f.Known && worst.reaches(f.Severity) {
			return Findings
		}
	}
	if r.differs() {
		return Findings
	}
	if r.hasGaps() {
		return Incomplete
	}
	return OK
}

// differs reports whether rows differ that are not the baseline's.
func (r *Report) differs() bool {
	if r.Comparison == nil {
		return false
	}
	different := false
	for _, t := range r.Comparison.Tables {
		if t.Verdict != compare.Different {
			continue
		}
		different = true
		if !onlyKnown(t) {
			return true
		}
	}
	return r.Comparison.Verdict == compare.Different && !different
}

// hasGaps reports whether something that was asked for could not be told. A
// comparison without a table answers nothing.
func (r *Report) hasGaps() bool {
	if r.Summary.Unknown > 0 || len(r.Incomplete) > 0 {
		return true
	}
	c := r.Comparison
	if c == nil {
		return false
	}
	return len(c.Tables) == 0 || len(c.Reasons) > 0 || c.Verdict == compare.Incomplete ||
		slices.ContainsFunc(c.Tables, func(t compare.Table) bool { return t.Verdict == compare.Incomplete })
}

// rulesOf keeps the documentation of the rules that findings name.
func rulesOf(known []checks.Check, fs []checks.Finding) []Rule {
	named := map[string]Rule{}
	for _, f := range fs {
		named[f.Check] = Rule{Name: f.Check, Title: f.Check, Severity: f.Severity}
	}
	for _, c := range known {
		if _, ok := named[c.Name]; ok {
			named[c.Name] = Rule{Name: c.Name, Title: c.Title, Why: c.Why, Remedy: c.Remedy, Source: c.Source, Severity: c.Severity}
		}
	}
	out := []Rule{}
	for _, name := range sortedKeys(named) {
		out = append(out, named[name])
	}
	return out
}

// rule returns the documentation of a rule that the report carries.
func (r *Report) rule(name string) Rule {
	i, ok := slices.BinarySearchFunc(r.Rules, name, func(x Rule, n string) int { return cmp.Compare(x.Name, n) })
	if !ok {
		return Rule{Name: name, Title: name}
	}
	return r.Rules[i]
}

// known returns the failures of the baseline.
func (r *Report) known() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return !f.Known })
}

// with returns the findings of a status, worst severity first.
func (r *Report) with(status checks.Status) []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.Status == status && !f.Known {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return b.Severity.Rank() - a.Severity.Rank() })
	return out
}
