package reports_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
)

// What is taken out of a report is nowhere in it.
func TestRedactionLeavesNothing(t *testing.T) {
	report := func() *reports.Report {
		in := sampleInput()
		value := "the-value"
		in.Comparison = &compare.Result{Verdict: compare.Different, Mode: compare.Exact, Tables: []compare.Table{{Schema: "public", Name: "t", DataSet: "first", Verdict: compare.Different, Key: []string{"id"},
			Reasons: []string{
				"node n2: read differing rows: failed: there are two rows with the key (the-key): the unique index is damaged",
				"node n2: the row with the key (the-key) is in the table and not found by its key: the index is damaged, and has to be built anew (REINDEX)",
				"the key (the-key, (x)) differs between the nodes, and is not found again by its text",
				`node n2: read suspect rows again: failed: ERROR: invalid input value for enum public.mood: "the-value" (SQLSTATE 22P02)`},
			Notes: []string{"n1: said"},
			Nodes: []compare.Coverage{{Node: "n1"}, {Node: "n2", Error: `node n2: compare: failed: ERROR: invalid input syntax for type integer: "the-value" (SQLSTATE 22P02)`}},
			Diffs: []compare.Difference{{Key: []string{"the-key"}, Status: compare.Persistent, Kind: compare.Changed, Versions: []compare.RowVersion{
				{Node: "n1", Exists: true, Hash: "1", Values: map[string]*string{"v": &value}}, {Node: "n2", Exists: true, Hash: "2"}}}}}}}
		return reports.New("compare", in)
	}
	text := func(r *reports.Report) string {
		b, err := json.Marshal(r)
		require.NoError(t, err)
		return string(b)
	}
	r := report()
	require.Contains(t, text(r), "the-value")
	r.Redact(reports.RedactValues)
	require.NotContains(t, text(r), "the-value")
	require.Contains(t, text(r), "rows with the key (the-key): the unique index")
	r = report()
	r.Redact(reports.RedactAll)
	require.NotContains(t, text(r), "the-value")
	require.NotContains(t, text(r), "the-key")
	require.Contains(t, text(r), "two rows with a key that was taken out: the unique index is damaged")
	require.Contains(t, text(r), "what the server said may hold a value and was taken out (SQLSTATE 22P02)")

	// Keys that are asked for anew are not those that were hidden before.
	again := report()
	again.RedactAs(r, reports.RedactNone)
	require.NotContains(t, text(again), "the-key")

	// The earlier one's own rows stay as they are, however often.
	keys := func(r *reports.Report) []string { return r.Comparison.Tables[0].Diffs[0].Key }
	for _, what := range []reports.Redaction{reports.RedactNone, reports.RedactValues, reports.RedactAll} {
		same := report()
		same.RunID, same.Redacted = "another", r.Redacted
		same.Comparison.Tables[0].Diffs[0].Key = keys(r)
		same.Redact(what)
		require.Equal(t, keys(r), keys(same))
		require.Equal(t, reports.RedactAll, same.Redacted)
		require.NotContains(t, text(same), "the-value")
	}

	// A key that looks like one that was taken out is a key all the same.
	looks := report()
	looks.Comparison.Tables[0].Diffs[0].Key = []string{"hidden:0123456789ab"}
	looks.Redact(reports.RedactAll)
	require.NotContains(t, text(looks), "0123456789ab\"")
	once := keys(looks)
	looks.Redact(reports.RedactAll)
	require.Equal(t, once, keys(looks))
}
