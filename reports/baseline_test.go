package reports_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
)

// A differing key is the baseline's only as long as nothing about it changed:
// not on any node, nor in how it was compared. Every doubt makes it count.
func TestBaselineOfRows(t *testing.T) {
	result := func() *compare.Result {
		d := compare.Difference{Key: []string{"7"}, Kind: compare.Changed, Status: compare.Persistent, Minority: []string{"c"},
			Versions: []compare.RowVersion{{Node: "a", Exists: true, Hash: "11"}, {Node: "b", Exists: true, Hash: "11"}, {Node: "c", Exists: true, Hash: "22"}}}
		return &compare.Result{Verdict: compare.Different, Mode: compare.Exact, Tables: []compare.Table{{Schema: "public", Name: "t", DataSet: "first", Verdict: compare.Different,
			Key: []string{"id"}, Columns: []string{"id", "v"}, Digest: "native-chain-64", Counts: compare.Counts{Persistent: 1}, Diffs: []compare.Difference{d}}}}
	}
	report := func(c *compare.Result) *reports.Report {
		return reports.New("compare", reports.Input{Version: "1.0.0", Topology: sampleTopology(), Comparison: c, RunID: "1"})
	}
	read := func(r *reports.Report) *reports.Report { // as from a file
		old, err := reports.Load(render(t, "json", r, reports.Options{}))
		require.NoError(t, err)
		return old
	}
	same := report(result())
	same.ApplyBaseline(read(report(result())))
	require.Equal(t, reports.OK, same.Verdict)
	require.Equal(t, compare.Different, same.Comparison.Tables[0].Verdict, "the table still differs, and says so")
	require.Equal(t, "bdr-worldwide: no new difference found in what was compared (1 table, 0 rows read). 1 row that differs as in the baseline is not counted.", same.Sentence)
	require.NoError(t, same.Consistent())
	require.NoError(t, reports.Validate(render(t, "json", same, reports.Options{})))
	require.NotContains(t, string(render(t, "junit", same, reports.Options{})), "<failure")
	require.NotContains(t, string(render(t, "sarif", same, reports.Options{})), `"ruleId": "rows/differ"`)

	values := report(result())
	values.Redact(reports.RedactValues)
	same = report(result())
	same.ApplyBaseline(read(values))
	require.Equal(t, reports.OK, same.Verdict, "values are not needed to tell rows apart")
	same.Redact(reports.RedactAll)
	require.NoError(t, same.Consistent(), "nor are keys, once told")

	for name, change := range map[string]func(*compare.Result){
		"the row changed on a node":   func(c *compare.Result) { c.Tables[0].Diffs[0].Versions[0].Hash = "33" },
		"the row is gone from a node": func(c *compare.Result) { c.Tables[0].Diffs[0].Versions[2].Exists = false },
		"a node holds it once more":   func(c *compare.Result) { c.Tables[0].Diffs[0].Versions[2].Count = 2 },
		"a node more": func(c *compare.Result) {
			v := &c.Tables[0].Diffs[0].Versions
			*v = append(*v, compare.RowVersion{Node: "d", Exists: true, Hash: "11"})
		},
		"another key":                         func(c *compare.Result) { c.Tables[0].Diffs[0].Key = []string{"8"} },
		"another table":                       func(c *compare.Result) { c.Tables[0].Name = "u" },
		"another data set":                    func(c *compare.Result) { c.Tables[0].DataSet = "second" },
		"other columns":                       func(c *compare.Result) { c.Tables[0].Columns = []string{"id", "w"} },
		"another mode":                        func(c *compare.Result) { c.Mode = compare.Value },
		"another digest":                      func(c *compare.Result) { c.Tables[0].Digest = "sha256" },
		"another condition":                   func(c *compare.Result) { c.Tables[0].Where = "id < 9" },
		"no hash to go by":                    func(c *compare.Result) { c.Tables[0].Diffs[0].Versions[1].Hash = "" },
		"one more that is counted, not shown": func(c *compare.Result) { c.Tables[0].Counts.Persistent = 2 },
		"one more": func(c *compare.Result) {
			d := c.Tables[0].Diffs[0]
			d.Key = []string{"9"}
			c.Tables[0].Diffs, c.Tables[0].Counts.Persistent = append(c.Tables[0].Diffs, d), 2
		},
	} {
		c := result()
		change(c)
		r := report(c)
		r.ApplyBaseline(read(report(result())))
		require.Equal(t, reports.Findings, r.Verdict, name)
		require.NoError(t, r.Consistent(), name)
		if name != "another mode" && name != "no hash to go by" {
			require.Contains(t, r.Sentence, "1 row differs in 1 of 1 table", name)
		}
	}

	hidden := report(result())
	hidden.Redact(reports.RedactAll)
	r := report(result())
	r.ApplyBaseline(read(hidden))
	require.Equal(t, reports.Findings, r.Verdict, "hidden keys prove nothing")

	open := result()
	open.Verdict, open.Tables = compare.Incomplete, append(open.Tables, compare.Table{Schema: "public", Name: "u", Verdict: compare.Incomplete})
	open.Tables[0].Verdict = compare.Different
	r = report(open)
	r.ApplyBaseline(read(report(result())))
	require.Equal(t, reports.Incomplete, r.Verdict, "what could not be told stays so")
	require.Contains(t, r.Sentence, "nothing new wrong was found")
}
