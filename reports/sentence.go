package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
)

// sentence says the verdict in plain words, what is known to be wrong first.
// It claims no more than was looked at.
func sentence(r *Report) string {
	name := r.Cluster
	if name == "" {
		name = "the cluster"
	}
	switch r.Command {
	case "validate":
		name = "the plan of " + name
	case "verify":
		name = "the evidence"
	}
	if strings.HasPrefix(name, "the ") { // a name of the user's is left as it is
		name = "T" + name[1:]
	}
	if r.Joiner != "" {
		name += " after " + r.Joiner + " joined"
	}
	var wrong, open []string
	s := r.Summary
	if s.Fail > 0 {
		wrong = append(wrong, failures(s))
	}
	t := r.tally()
	if t.persistent > 0 || t.different > 0 {
		wrong = append(wrong, fmt.Sprintf("%s in %d of %s", plural(t.persistent, "row differs", "rows differ"), t.different, plural(t.tables, "table", "tables"))+r.onJoiner(t.persistent))
	}
	if s.Unknown > 0 {
		open = append(open, plural(s.Unknown, "answer", "answers")+" could not be had"+r.unreached())
	}
	if t.incomplete > 0 {
		open = append(open, fmt.Sprintf("%d of %s could not be compared in full", t.incomplete, plural(t.tables, "table", "tables")))
	}
	if r.Comparison != nil {
		if len(r.Comparison.Tables) == 0 {
			open = append(open, "no table was compared")
		}
		open = append(open, shortList(r.Comparison.Reasons, 2)...)
	}
	open = append(open, shortList(r.Incomplete, 3)...)
	fresh := ""
	if s.Known > 0 || t.known > 0 {
		fresh = "new "
	}
	var b strings.Builder
	switch {
	case r.Verdict == Findings:
		fmt.Fprintf(&b, "%s is not as it should be: %s", name, strings.Join(wrong, "; "))
	case r.Verdict == Incomplete && len(wrong) > 0:
		fmt.Fprintf(&b, "%s could not be judged in full, and shows %s", name, strings.Join(wrong, "; "))
	case r.Verdict == Incomplete && s.Pass+t.tables > 0:
		fmt.Fprintf(&b, "%s could not be judged in full; nothing %swrong was found in what was looked at", name, fresh)
	case r.Verdict == Incomplete:
		fmt.Fprintf(&b, "%s could not be judged", name)
	case len(wrong) > 0:
		fmt.Fprintf(&b, "%s passes, with %s below the threshold (%s)", name, strings.Join(wrong, "; "), r.FailOn)
	case r.Joiner != "" && t.tables > 0 && t.known == 0:
		fmt.Fprintf(&b, "%s: %s holds what the other replicas hold, and no fault was found in what was looked at (%s)", name, r.Joiner, r.scope(t))
	case len(r.Findings) == 0:
		fmt.Fprintf(&b, "%s: no %sdifference found in what was compared (%s)", name, fresh, r.scope(t))
	default:
		fmt.Fprintf(&b, "%s: no %sfault found in what was looked at (%s)", name, fresh, r.scope(t))
	}
	if len(open) > 0 {
		fmt.Fprintf(&b, ". Not told: %s", strings.Join(open, "; "))
	}
	if s.Known > 0 {
		fmt.Fprintf(&b, ". %s not counted", plural(s.Known, "failure of the baseline is", "failures of the baseline are"))
	}
	if t.known > 0 {
		fmt.Fprintf(&b, ". %s not counted", plural(t.known, "row that differs as in the baseline is", "rows that differ as in the baseline are"))
	}
	if s.Waived > 0 {
		fmt.Fprintf(&b, ". %s", plural(s.Waived, "failure is waived", "failures are waived"))
	}
	b.WriteByte('.')
	return b.String()
}

// onJoiner says how much of what differs is the joiner's, and its join's.
func (r *Report) onJoiner(counted int64) string {
	if r.Joiner == "" {
		return ""
	}
	listed, alone, joinTime := explained(r.Comparison, r.Joiner)
	if listed == 0 {
		return ""
	}
	all := func(n int) string {
		switch {
		case int64(n) == counted:
			return "all"
		case n == 0 && int64(listed) == counted:
			return "none"
		}
		return fmt.Sprintf("%d of %d listed", n, listed)
	}
	return fmt.Sprintf(", %s on %s alone, %s explained by its join", all(alone), r.Joiner, all(joinTime))
}

// shortList keeps the first of a list and counts the rest.
func shortList(in []string, limit int) []string {
	if len(in) <= limit {
		return in
	}
	return append(slices.Clone(in[:limit]), fmt.Sprintf("%d more", len(in)-limit))
}

// failures renders "3 failures (2 errors, 1 warning)".
func failures(s Summary) string {
	var parts []string
	if s.Errors > 0 {
		parts = append(parts, plural(s.Errors, "error", "errors"))
	}
	if s.Warnings > 0 {
		parts = append(parts, plural(s.Warnings, "warning", "warnings"))
	}
	if s.Infos > 0 {
		parts = append(parts, plural(s.Infos, "remark", "remarks"))
	}
	return strings.Join(parts, ", ")
}

// unreached names the nodes that did not answer, a few of them.
func (r *Report) unreached() string {
	var names []string
	for _, n := range r.Nodes {
		if !n.Reached {
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + listed(names, 4) + " did not answer)"
}

// scope says how much an "ok" rests on.
func (r *Report) scope(t tally) string {
	var parts []string
	if n := len(r.Rules); n > 0 {
		parts = append(parts, plural(n, "rule", "rules"))
	}
	reached := 0
	for _, n := range r.Nodes {
		reached += boolRank(n.Reached)
	}
	if reached > 0 {
		parts = append(parts, plural(reached, "node", "nodes"))
	}
	if t.tables > 0 {
		parts = append(parts, plural(t.tables, "table", "tables"), grouped(t.rows)+" rows read")
	}
	return strings.Join(parts, ", ")
}

// tally sums up a comparison.
type tally struct {
	tables, different, incomplete   int
	persistent, cleared, unverified int64
	volatile                        int64
	rows                            int64 // read on all nodes together
	known                           int64 // differing rows of the baseline, counted nowhere else
}

func (r *Report) tally() tally {
	var t tally
	if r.Comparison == nil {
		return t
	}
	for _, tab := range r.Comparison.Tables {
		t.tables++
		switch tab.Verdict {
		case compare.Different:
			t.different += boolRank(!onlyKnown(tab))
		case compare.Match:
		default:
			t.incomplete++
		}
		known := knownRows(tab)
		t.known += known
		t.persistent += max(0, tab.Counts.Persistent-known)
		t.cleared += tab.Counts.Cleared
		t.volatile += tab.Counts.Volatile
		t.unverified += tab.Counts.Unverified
		for _, n := range tab.Nodes {
			t.rows += n.Rows
		}
	}
	return t
}

// listed joins names, at most limit of them, and counts the rest.
func listed(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
}

func plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(int64(n)) + " " + many
}

// grouped renders 1234567 as 1,234,567.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// statusRank orders statuses in the order a reader wants them.
func statusRank(s checks.Status) int {
	switch s {
	case checks.Fail:
		return 0
	case checks.Unknown:
		return 1
	case checks.Waived:
		return 2
	case checks.Pass:
		return 3
	case checks.Skipped:
		return 4
	}
	return 1
}
