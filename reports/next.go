package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
)

// nextSteps lists what to do now, what keeps the verdict open first.
func nextSteps(r *Report, joiner string) []string {
	var out []string
	var down []string
	for _, n := range r.Nodes {
		if !n.Reached {
			down = append(down, n.Name)
		}
	}
	if len(down) > 0 {
		out = append(out, fmt.Sprintf("Bring up %s: what involves it was not judged and not compared. Then run this again.", strings.Join(down, ", ")))
	}
	out = append(out, rowSteps(r.Comparison, joiner)...)
	done := map[string]bool{}
	for _, f := range r.with(checks.Fail) {
		if done[f.Check] {
			continue
		}
		done[f.Check] = true
		n := 0
		for _, g := range r.Findings {
			n += boolRank(g.Check == f.Check && g.Status == checks.Fail)
		}
		out = append(out, fmt.Sprintf("%s (%s): %s", f.Check, plural(n, "finding", "findings"), r.rule(f.Check).Remedy))
	}
	if len(down) == 0 && r.Summary.Unknown > 0 {
		out = append(out, "Remove the reasons for what could not be told (rights of the role, reachability), and run this again.")
	}
	if len(out) == 0 && r.Verdict == OK {
		out = append(out, "Nothing is left to do. Keep this report as the evidence.")
	}
	return out
}

// rowSteps says what to do about tables that do not match.
func rowSteps(c *compare.Result, joiner string) []string {
	if c == nil {
		return nil
	}
	var differ, open []string
	var rows int64
	for _, t := range c.Tables {
		switch t.Verdict {
		case compare.Different:
			if !onlyKnown(t) {
				differ = append(differ, tableName(t))
				rows += t.Counts.Persistent - knownRows(t)
			}
		case compare.Incomplete:
			open = append(open, tableName(t))
		}
	}
	_, alone, joinTime := explained(c, joiner)
	var out []string
	if len(differ) > 0 {
		s := fmt.Sprintf("Mend the %s of %s", plural(rows, "row", "rows"), listed(differ, 6))
		if joiner != "" {
			s += fmt.Sprintf(": on %d of those listed %s alone stands against all others", alone, joiner)
		}
		if joinTime > 0 {
			s += fmt.Sprintf("; %d fit the join-time cause, by which the others' version is most likely the right one", joinTime)
		}
		s += ". Change them on the node that is wrong without replicating the change, then compare these tables again."
		out = append(out, s)
	}
	if len(open) > 0 {
		out = append(out, fmt.Sprintf("Compare again what was not compared in full: %s.", listed(open, 6)))
	}
	return out
}

// explained counts the listed keys that differ for good: all, those in which a
// node stands alone against the others, and those that the join-time cause fits.
func explained(c *compare.Result, node string) (listed, alone, joinTime int) {
	for _, t := range c.Tables {
		for _, d := range t.Diffs {
			if d.Status != compare.Persistent || d.Known {
				continue
			}
			listed++
			alone += boolRank(node != "" && slices.Equal(d.Minority, []string{node}))
			joinTime += boolRank(strings.HasPrefix(d.Cause, compare.CauseJoin))
		}
	}
	return listed, alone, joinTime
}
