package reports

import (
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
)

// History puts a report beside the earlier ones of the same cluster and
// command.
type History struct {
	Since      string         `json:"since,omitempty"` // the run id of the report it is compared with
	New        []string       `json:"new"`             // fingerprints that failed now and not then
	Persisting []Persisting   `json:"persisting"`      // that failed then too
	Resolved   []Resolved     `json:"resolved"`        // that failed then and pass, or are gone, now
	Missing    []string       `json:"missing"`         // days without a report, 2026-11-20
	Unreadable []string       `json:"unreadable"`      // files that are no report, and why
	Runs       []RunSummary   `json:"runs"`            // earlier ones and this, oldest first
	Oldest     []TableHistory `json:"tables"`          // when each table was last compared in full
}

// Persisting is a failure that was there before.
type Persisting struct {
	Fingerprint string    `json:"fingerprint"`
	FirstSeen   time.Time `json:"first_seen"`
}

// Resolved is a failure of the last report that is no longer one. Known tells
// whether it was judged again; false means that nobody could tell.
type Resolved struct {
	Fingerprint string    `json:"fingerprint"`
	Check       string    `json:"check"`
	Subject     string    `json:"subject"`
	Message     string    `json:"message"`
	FirstSeen   time.Time `json:"first_seen"`
	Known       bool      `json:"known"`
}

// RunSummary is a point of the trend.
type RunSummary struct {
	RunID     string    `json:"run_id"`
	Finished  time.Time `json:"finished"`
	Verdict   Verdict   `json:"verdict"`
	Errors    int       `json:"errors"`
	Warnings  int       `json:"warnings"`
	Unknown   int       `json:"unknown"`
	Differing int64     `json:"rows_differing"`
	MaxLag    *int64    `json:"max_lag_bytes,omitempty"`
}

// TableHistory is when a table was last compared in full.
type TableHistory struct {
	DataSet  string     `json:"data_set"`
	Table    string     `json:"table"`
	Compared *time.Time `json:"compared,omitempty"` // nil: never
	// FirstDiffered is the first report of the unbroken row, up to the newest, in
	// which rows of the table differ; nil when they do not. A night in which it
	// could not be told breaks no row.
	FirstDiffered *time.Time `json:"first_differed,omitempty"`
}

// summaryOf is a report as a point of the trend.
func summaryOf(r *Report) RunSummary {
	s := RunSummary{RunID: r.RunID, Finished: r.Finished, Verdict: r.Verdict, Errors: r.Summary.Errors, Warnings: r.Summary.Warnings,
		Unknown: r.Summary.Unknown, Differing: r.tally().persistent}
	for _, e := range r.Edges {
		if e.LagBytes != nil && (s.MaxLag == nil || *e.LagBytes > *s.MaxLag) {
			lag := *e.LagBytes
			s.MaxLag = &lag
		}
	}
	return s
}

// Compare sets a report beside earlier ones, given oldest first. A finding that
// fails now and failed in the last report persists, with the first report of
// the unbroken row as first seen. Reports of other clusters or commands must
// have been left out.
func (r *Report) Compare(earlier []*Report, unreadable []string) {
	h := &History{New: []string{}, Persisting: []Persisting{}, Resolved: []Resolved{}, Missing: missingDays(earlier, r), Unreadable: append([]string{}, unreadable...),
		Runs: []RunSummary{}, Oldest: []TableHistory{}}
	for _, e := range append(slices.Clone(earlier), r) {
		h.Runs = append(h.Runs, summaryOf(e))
	}
	if n := len(earlier); n > 0 {
		last := earlier[n-1]
		h.Since = last.RunID
		first := firstSeen(earlier)
		now := map[string]checks.Status{}
		for _, f := range r.Findings {
			now[f.Fingerprint] = f.Status
			switch since, was := first[f.Fingerprint]; {
			case f.Status != checks.Fail:
			case was:
				h.Persisting = append(h.Persisting, Persisting{f.Fingerprint, since})
			default:
				h.New = append(h.New, f.Fingerprint)
			}
		}
		for _, f := range last.Findings {
			if status := now[f.Fingerprint]; f.Status == checks.Fail && status != checks.Fail {
				h.Resolved = append(h.Resolved, Resolved{Fingerprint: f.Fingerprint, Check: f.Check, Subject: f.Subject.String(), Message: f.Message,
					FirstSeen: first[f.Fingerprint], Known: judgedNow(r, f, status)})
			}
		}
	}
	h.Oldest = lastCompared(append(slices.Clone(earlier), r))
	r.History = h
}

// judgedNow reports whether the absence of a failure means that it is gone: the
// same subject got another answer, or its check answered on that node and had
// nothing to say against it.
func judgedNow(r *Report, old Finding, status checks.Status) bool {
	if status != "" {
		return status != checks.Unknown
	}
	answered := false
	for _, f := range r.Findings {
		if f.Check != old.Check {
			continue
		}
		if f.Status == checks.Unknown && (f.Subject.Node == old.Subject.Node || f.Subject.Node == "") {
			return false
		}
		answered = true
	}
	return answered
}

// firstSeen is, for every failure of the last report, the time of the first
// report of the unbroken row of reports that have it.
func firstSeen(earlier []*Report) map[string]time.Time {
	out := map[string]time.Time{}
	for _, r := range earlier {
		now := map[string]time.Time{}
		for _, f := range r.Findings {
			switch since, was := out[f.Fingerprint]; {
			case f.Status == checks.Unknown && was: // not told is not mended
				now[f.Fingerprint] = since
			case f.Status != checks.Fail:
			case was:
				now[f.Fingerprint] = since
			default:
				now[f.Fingerprint] = r.Finished
			}
		}
		out = now
	}
	return out
}

// missingDays lists the days between the first report and this one that have
// none.
func missingDays(earlier []*Report, r *Report) []string {
	out := []string{}
	if len(earlier) == 0 {
		return out
	}
	have := map[string]bool{}
	for _, e := range append(slices.Clone(earlier), r) {
		have[e.Started.UTC().Format(time.DateOnly)] = true
	}
	day := earlier[0].Started.UTC().Truncate(24 * time.Hour)
	for ; !day.After(r.Started.UTC()); day = day.AddDate(0, 0, 1) {
		if d := day.Format(time.DateOnly); !have[d] {
			out = append(out, d)
		}
	}
	return out
}

// since is when a failure was first seen, "" when it is new or nobody knows.
func (r *Report) since(fingerprint string) string {
	if r.History == nil {
		return ""
	}
	for _, p := range r.History.Persisting {
		if p.Fingerprint == fingerprint {
			return stamp(p.FirstSeen)
		}
	}
	if slices.Contains(r.History.New, fingerprint) {
		return "in this run"
	}
	return ""
}

// lastCompared is when each table that any report knows was last compared in
// full, oldest first, those that never were before all.
func lastCompared(all []*Report) []TableHistory {
	type key struct{ set, table string }
	when, differed := map[key]*time.Time{}, map[key]*time.Time{}
	for _, r := range all {
		if r.Comparison == nil {
			continue
		}
		for _, t := range r.Comparison.Tables {
			k := key{t.DataSet, tableName(t)}
			switch {
			case t.Verdict == compare.Match:
				delete(differed, k)
			case t.Verdict == compare.Different && differed[k] == nil:
				at := r.Finished
				differed[k] = &at
			}
			if t.Verdict == "incomplete" {
				if _, ok := when[k]; !ok {
					when[k] = nil
				}
				continue
			}
			at := r.Finished
			when[k] = &at
		}
	}
	out := []TableHistory{}
	for k, at := range when {
		out = append(out, TableHistory{k.set, k.table, at, differed[k]})
	}
	slices.SortFunc(out, func(a, b TableHistory) int {
		at := func(t TableHistory) int64 {
			if t.Compared == nil {
				return 0
			}
			return t.Compared.UnixMicro()
		}
		if d := at(a) - at(b); d != 0 {
			return int(max(-1, min(1, d)))
		}
		return compareStrings(a.DataSet, b.DataSet, a.Table, b.Table)
	})
	return out
}

// notComparedNow lists the tables that the newest run did not compare in full.
func notComparedNow(h *History) []TableHistory {
	var now time.Time
	if n := len(h.Runs); n > 0 {
		now = h.Runs[n-1].Finished
	}
	return slices.DeleteFunc(slices.Clone(h.Oldest), func(t TableHistory) bool { return t.Compared != nil && !t.Compared.Before(now) })
}

// differsSince is when rows of a table were first found to differ, "" when the
// history does not tell.
func (r *Report) differsSince(t compare.Table) string {
	if r.History == nil || t.Verdict != compare.Different {
		return ""
	}
	for _, h := range r.History.Oldest {
		if h.DataSet == t.DataSet && h.Table == tableName(t) && h.FirstDiffered != nil {
			return stamp(*h.FirstDiffered)
		}
	}
	return ""
}
