package reports_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
)

// An export has a line for every key and node, the same in both forms.
func TestExportDifferences(t *testing.T) {
	r := samples()["everything"]
	want := 0
	for _, table := range r.Comparison.Tables {
		for _, d := range table.Diffs {
			want += len(d.Versions)
		}
	}
	lines, err := r.ExportDifferences("jsonl")
	require.NoError(t, err)
	all := strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n")
	require.Len(t, all, want)
	table, err := r.ExportDifferences("csv")
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, want+1)
	for i, line := range all {
		var l reports.DifferenceLine
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		require.Equal(t, []string{l.DataSet, l.Table, string(l.Key), string(l.Kind), string(l.Status)}, rows[i+1][:5])
		require.Equal(t, l.Node, rows[i+1][6])
		var names map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &names))
		require.Len(t, names, len(rows[0]))
		for _, name := range rows[0] {
			require.Contains(t, names, name)
		}
	}
	require.NotContains(t, string(lines)+string(table), "100.00", "values are in the report alone")
}

// A table without a key tells its rows by their digest, and says how many.
func TestExportWithoutKey(t *testing.T) {
	in := sampleInput()
	in.Comparison = &compare.Result{Verdict: compare.Different, Tables: []compare.Table{{Schema: "public", Name: "bag", DataSet: "first", Verdict: compare.Different,
		Counts: compare.Counts{Persistent: 1}, Diffs: []compare.Difference{{Key: []string{"<&>"}, Kind: compare.Changed, Status: compare.Persistent,
			Versions: []compare.RowVersion{{Node: "a", Exists: true, Count: 2, Hash: "x"}, {Node: "b", Exists: true, Count: 1, Hash: "x", OriginRaw: "raw"}}}}}}}
	r := reports.New("compare", in)
	lines := r.Differences()
	require.Len(t, lines, 2)
	require.Equal(t, `{"row_digest":"<&>"}`, string(lines[0].Key))
	require.Equal(t, int64(2), lines[0].Count)
	require.Equal(t, "raw", lines[1].Origin)
	require.Zero(t, r.Unlisted())
	require.Equal(t, int64(2), samples()["everything"].Unlisted())
}

func TestDifferencesForm(t *testing.T) {
	for name, want := range map[string]string{"a.csv": "csv", "a.JSONL": "jsonl", "a.json": "", "csv": ""} {
		form, err := reports.DifferencesForm(name)
		require.Equal(t, want, form, name)
		require.Equal(t, want == "", err != nil, name)
	}
}

// Suspects that an earlier run settled were not "no suspects".
func TestFencedBefore(t *testing.T) {
	in := sampleInput()
	in.Comparison.Fence = compare.Fence{}
	r := reports.New("compare", in)
	for _, name := range []string{"text", "html"} {
		f, err := reports.FormatByName(name)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, f.Write(&b, r, reports.Options{Width: 200}))
		require.Contains(t, b.String(), "settled by an earlier run")
		require.NotContains(t, b.String(), "No fence was needed")
	}
}
