package reports_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
)

// night is the report of a day in November, with some answers by subject.
func night(day int, answers map[string]checks.Status) *reports.Report {
	in := sampleInput()
	in.Started = time.Date(2026, 11, day, 2, 0, 0, 0, time.UTC)
	in.Finished = in.Started.Add(time.Hour)
	in.RunID = fmt.Sprintf("%016d", day)
	in.Comparison, in.Findings = nil, nil
	for subject, status := range answers {
		in.Findings = append(in.Findings, checks.Finding{Check: "lag/bytes", Status: status, Subject: checks.Subject{Node: subject}, Message: "lag"})
	}
	return reports.New("report", in)
}

func TestHistory(t *testing.T) {
	earlier := []*reports.Report{
		night(10, map[string]checks.Status{"dc1n1": checks.Fail, "dc1n2": checks.Fail, "dr1n1": checks.Fail, "dc2n2": checks.Fail}),
		night(11, map[string]checks.Status{"dc1n1": checks.Pass, "dc1n2": checks.Fail, "dr1n1": checks.Unknown, "dc2n2": checks.Fail}),
		night(13, map[string]checks.Status{"dc1n1": checks.Fail, "dc1n2": checks.Fail, "dr1n1": checks.Fail, "dc2n2": checks.Fail}),
	}
	now := night(15, map[string]checks.Status{"dc1n1": checks.Fail, "dc1n2": checks.Pass, "dr1n1": checks.Fail, "dc2n1": checks.Fail, "dc2n2": checks.Unknown})
	now.Compare(earlier, []string{"x.json: not a report"})
	h := now.History
	print := func(node string) string {
		return checks.Finding{Check: "lag/bytes", Subject: checks.Subject{Node: node}}.Fingerprint()
	}
	require.Equal(t, []string{print("dc2n1")}, h.New)
	since := map[string]int{}
	for _, p := range h.Persisting {
		since[p.Fingerprint] = p.FirstSeen.Day()
	}
	require.Equal(t, map[string]int{print("dc1n1"): 13, print("dr1n1"): 10}, since, "a pass ends the row of failures, an unknown does not")
	resolved := map[string]bool{}
	for _, r := range h.Resolved {
		resolved[r.Subject] = r.Known
	}
	require.Equal(t, map[string]bool{"dc1n2": true, "dc2n2": false}, resolved, "what could not be told is not known to be mended")
	require.Equal(t, []string{"2026-11-12", "2026-11-14"}, h.Missing)
	require.Len(t, h.Runs, 4)
	require.NoError(t, reports.Validate(render(t, "json", now, reports.Options{})))
	golden(t, "history.txt", render(t, "text", now, reports.Options{}))
	golden(t, "history.html", render(t, "html", now, reports.Options{}))
}

func TestLoadAndConsistent(t *testing.T) {
	for name, r := range samples() {
		data := render(t, "json", r, reports.Options{})
		again, err := reports.Load(data)
		require.NoError(t, err, name)
		require.NoError(t, again.Consistent(), name)
		require.Equal(t, string(data), string(render(t, "json", again, reports.Options{})), "a report survives being read")
	}
	again, err := reports.Load(render(t, "json", samples()["everything"], reports.Options{}))
	require.NoError(t, err)
	again.Verdict = reports.OK
	require.ErrorContains(t, again.Consistent(), "should be findings")
	for bad, want := range map[string]string{"": "empty", "{": "cut off", "[1]": "not a report", `{"a": 1}`: "no schema_version", "hello": "no JSON",
		`{"schema_version": "2.1", "tool": {"name": "pgconcord"}}`: "reads 1.x"} {
		_, err := reports.Load([]byte(bad))
		require.ErrorContains(t, err, want, bad)
	}
}

func TestBaseline(t *testing.T) {
	old := night(1, map[string]checks.Status{"dc1n1": checks.Fail, "dc1n2": checks.Pass, "dr1n2": checks.Fail})
	r := night(2, map[string]checks.Status{"dc1n1": checks.Fail, "dc1n2": checks.Pass})
	r.ApplyBaseline(old)
	require.Equal(t, reports.OK, r.Verdict, "what failed in the baseline does not count")
	require.Equal(t, 1, r.Summary.Known)
	require.NoError(t, r.Consistent())
	r = night(2, map[string]checks.Status{"dc1n1": checks.Fail, "dc1n2": checks.Fail})
	r.ApplyBaseline(old)
	require.Equal(t, reports.Findings, r.Verdict, "a pass that turned into a failure is new")
	r = night(2, map[string]checks.Status{"dc1n1": checks.Fail, "dr1n2": checks.Unknown})
	r.ApplyBaseline(old)
	require.Equal(t, reports.Incomplete, r.Verdict, "no baseline makes an answer of what could not be told")
	require.NoError(t, reports.Validate(render(t, "json", r, reports.Options{})))
}

func TestProfiles(t *testing.T) {
	known := map[string]bool{}
	for _, c := range checks.All() {
		known[c.Name] = true
	}
	require.Equal(t, []string{"bdr-worldwide", "general", "pgd-join"}, reports.ProfileNames())
	for _, name := range reports.ProfileNames() {
		data, ok := reports.BuiltinProfile(name)
		require.True(t, ok)
		p, err := reports.LoadProfile(name, data, func(r string) bool { return known[r] })
		require.NoError(t, err)
		require.Equal(t, name, p.Name)
	}
	source := `name: "x", title: "X", version: "1", controls: [
		{id: "passed", title: "t", rules: ["a/pass"]}, {id: "failed", title: "t", rules: ["a/pass", "a/fail", "a/unknown"]},
		{id: "open", title: "t", rules: ["a/pass", "a/unknown"]}, {id: "not run", title: "t", rules: ["a/pass", "a/absent"]},
		{id: "waived", title: "t", rules: ["a/pass", "a/waived"]}, {id: "none", title: "t", rules: ["a/skipped"]}, {id: "rows", title: "t", rules: ["rows/match"]}]`
	p, err := reports.LoadProfile("x.cue", []byte(source), func(r string) bool { return true })
	require.NoError(t, err)
	in := reports.Input{Profile: p, Comparison: &compare.Result{Verdict: compare.Match, Tables: []compare.Table{{Verdict: compare.Match}}}}
	for _, s := range []checks.Status{checks.Pass, checks.Fail, checks.Unknown, checks.Waived, checks.Skipped} {
		in.Findings = append(in.Findings, checks.Finding{Check: "a/" + string(s), Status: s})
	}
	r := reports.New("report", in)
	got := map[string]reports.ControlState{}
	for _, c := range r.Profile.Controls {
		got[c.ID] = c.State
	}
	require.Equal(t, map[string]reports.ControlState{"passed": "passed", "failed": "failed", "open": "inconclusive", "not run": "inconclusive",
		"waived": "waived", "none": "not applicable", "rows": "passed"}, got)
	require.NoError(t, reports.Validate(render(t, "json", r, reports.Options{})))
	for _, bad := range []string{`name: "x"`, `nothing`, `name: "x", title: "t", version: "1", controls: []`} {
		_, err := reports.LoadProfile("bad.cue", []byte(bad), func(string) bool { return true })
		require.Error(t, err, bad)
	}
	_, err = reports.LoadProfile("x.cue", []byte(source), func(r string) bool { return r != "a/absent" })
	require.ErrorContains(t, err, `no rule "a/absent"`)
}

// Rows of a table differ since the first report of the unbroken row; a night in
// which it could not be told breaks none, a match does.
func TestHistoryOfRows(t *testing.T) {
	of := func(day int, verdict compare.Verdict) *reports.Report {
		r := night(day, map[string]checks.Status{"dc1n1": checks.Pass})
		table := compare.Table{DataSet: "first", Schema: "public", Name: "accounts", Verdict: verdict}
		r.Comparison = &compare.Result{Verdict: verdict, Tables: []compare.Table{table}}
		return r
	}
	now := of(16, compare.Different)
	now.Compare([]*reports.Report{of(11, compare.Different), of(12, compare.Match), of(13, compare.Different), of(14, compare.Incomplete), of(15, compare.Different)}, nil)
	require.Len(t, now.History.Oldest, 1)
	require.Equal(t, 13, now.History.Oldest[0].FirstDiffered.Day())
	require.Equal(t, 16, now.History.Oldest[0].Compared.Day())
	require.Contains(t, string(render(t, "text", now, reports.Options{})), "public.accounts (first): rows differ since 2026-11-13")
	short := of(18, compare.Incomplete)
	short.Compare([]*reports.Report{of(17, compare.Match)}, nil)
	require.Contains(t, string(render(t, "text", short, reports.Options{Width: 140})), "public.accounts (first): not compared in full in this run, last on 2026-11-17")
	require.Contains(t, string(render(t, "html", short, reports.Options{})), "Not compared in full in this run")
	mended := of(17, compare.Match)
	mended.Compare([]*reports.Report{of(16, compare.Different)}, nil)
	require.Nil(t, mended.History.Oldest[0].FirstDiffered)
}
