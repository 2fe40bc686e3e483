package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/schema"
)

// Names under which a comparison appears in formats that know only rules.
const (
	rowsDiffer     = "rows/differ"
	rowsIncomplete = "rows/incomplete"
)

// problem is one line of a format that lists what is wrong and knows nothing
// of tables and rows: a finding that is no pass, or a table that is no match.
type problem struct {
	rule        string
	status      checks.Status
	severity    schema.Severity
	subject     string
	message     string // in one line, with what was found and expected
	pos         schema.Position
	related     []schema.Position
	fingerprint string
	waiver      string // who answers for a waived one
}

// problems lists failures, what could not be told and tables that do not
// match, worst first. Waived failures are part of it when asked for.
func (r *Report) problems(waived bool) []problem {
	var out []problem
	for _, f := range r.Findings {
		if f.Known || f.Status != checks.Fail && f.Status != checks.Unknown && (f.Status != checks.Waived || !waived) {
			continue
		}
		waiver := ""
		if f.Waiver != nil {
			waiver = clean(waiverText(f.Waiver))
		}
		out = append(out, problem{rule: f.Check, waiver: waiver, status: f.Status, severity: f.Severity, subject: clean(f.Subject.String()),
			message: oneLine(f), pos: f.Pos, related: f.Related, fingerprint: f.Fingerprint})
	}
	if r.Comparison != nil {
		for _, t := range r.Comparison.Tables {
			if p, ok := r.tableProblem(t); ok {
				out = append(out, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b problem) int {
		if d := statusRank(a.status) - statusRank(b.status); d != 0 {
			return d
		}
		return b.severity.Rank() - a.severity.Rank()
	})
	return out
}

// oneLine renders subject, message and evidence of a finding.
func oneLine(f Finding) string {
	s := clean(f.Message)
	if subject := clean(f.Subject.String()); subject != "" {
		s = subject + ": " + s
	}
	if f.Found != "" || f.Expected != "" {
		s += fmt.Sprintf(" (found: %s; expected: %s)", orDash(clean(f.Found)), orDash(clean(f.Expected)))
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (r *Report) tableProblem(t compare.Table) (problem, bool) {
	name := clean(tableName(t))
	p := problem{severity: schema.Error, subject: name, pos: r.dataSetPosition(t.DataSet)}
	switch {
	case t.Verdict == compare.Match, onlyKnown(t):
		return problem{}, false
	case t.Verdict == compare.Different:
		p.rule, p.status = rowsDiffer, checks.Fail
		p.message = fmt.Sprintf("%s (%s): %s between %s", name, clean(t.DataSet), plural(t.Counts.Persistent-knownRows(t), "row differs", "rows differ"), strings.Join(coveredNodes(t), ", "))
		if keys := sampleKeys(t, 3); keys != "" {
			p.message += "; " + keys
		}
	default:
		p.rule, p.status = rowsIncomplete, checks.Unknown
		p.message = fmt.Sprintf("%s (%s) was not compared in full: %s", name, clean(t.DataSet), orDash(clean(strings.Join(t.Reasons, "; "))))
	}
	sum := sha256.Sum256([]byte(p.rule + "\x00" + t.DataSet + "\x00" + t.Schema + "\x00" + t.Name))
	p.fingerprint = hex.EncodeToString(sum[:16])
	return p, true
}

func coveredNodes(t compare.Table) []string {
	var out []string
	for _, n := range t.Nodes {
		out = append(out, clean(n.Node))
	}
	return out
}

// sampleKeys names a few differing keys.
func sampleKeys(t compare.Table, limit int) string {
	var keys []string
	for _, d := range t.Diffs {
		if d.Status == compare.Persistent && !d.Known && len(keys) < limit {
			keys = append(keys, clean(keyText(t.Key, d.Key)))
		}
	}
	return strings.Join(keys, "; ")
}

// dataSetPosition is where the plan declares a data set.
func (r *Report) dataSetPosition(name string) schema.Position {
	if r.Plan != nil {
		for _, d := range r.Plan.DataSets {
			if d.Name == name {
				return d.Pos
			}
		}
	}
	return schema.Position{}
}

// problemRules documents the rules of problems that are no checks.
func (r *Report) problemRules() []Rule {
	out := slices.Clone(r.Rules)
	if r.Comparison != nil {
		out = append(out,
			Rule{Name: rowsDiffer, Title: "Nodes that should hold the same rows do", Severity: schema.Error,
				Why:    "Applications get different answers from different nodes, and later changes may conflict or be lost.",
				Remedy: "Look at the differing keys in the report, decide which version is right, and mend the others."},
			Rule{Name: rowsIncomplete, Title: "Every table was compared in full", Severity: schema.Error,
				Why:    "What was not compared may differ.",
				Remedy: "Remove the reason that is given and compare again."})
	}
	return out
}
