package compare_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// The causes that are told by looking at the data, not at commit timestamps.
func TestCausesFromTheData(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	execAll(t, nodes, "CREATE TABLE moved (id int PRIMARY KEY, region text, v int); CREATE TABLE emptied (id int PRIMARY KEY); CREATE TABLE written (id int PRIMARY KEY, n numeric, j json, region text DEFAULT 'eu')")
	execAll(t, nodes, "INSERT INTO moved SELECT g, 'eu', g FROM generate_series(1, 100) g; INSERT INTO emptied SELECT generate_series(1, 5)")
	execAll(t, nodes[:1], `INSERT INTO written VALUES (1, 1.50, '{"a": "\u0000"}'), (2, 2, '{}'), (3, 3, NULL)`)
	execAll(t, nodes[1:], `INSERT INTO written VALUES (1, 1.5, '{"a": "\u0000"}'), (2, -2, '{}'), (3, 3.0, NULL); UPDATE moved SET region = 'us' WHERE id = 7; DELETE FROM moved WHERE id = 8; TRUNCATE emptied`)
	causes := func(table, where string) map[string]string {
		x := tableOf(t, run(t, compare.Request{Topology: static(nodes), Static: true, Where: where, Tables: []string{table}}), table)
		require.Equal(t, compare.Different, x.Verdict, x.Reasons)
		out := map[string]string{}
		for _, d := range x.Diffs {
			out[d.Key[0]] = d.Cause
		}
		return out
	}
	moved := causes("moved", "region = 'eu'")
	require.Len(t, moved, 2)
	require.Contains(t, moved["7"], compare.CauseFiltered+": n2 has the row")
	require.NotContains(t, moved["8"], compare.CauseFiltered)

	emptied := causes("emptied", "")
	require.Len(t, emptied, 5)
	require.Contains(t, emptied["3"], compare.CauseTruncate+": the table of n2")
	require.NotContains(t, causes("moved", "")["8"], compare.CauseTruncate)

	written := causes("written", "")
	require.Contains(t, written["1"], compare.CauseRepresentation+": ")
	require.NotContains(t, written["2"], compare.CauseRepresentation)
	require.Contains(t, written["3"], compare.CauseRepresentation+": ")

	t.Run("nothing that meets a condition is not an empty table", func(t *testing.T) {
		execAll(t, nodes[1:], "UPDATE moved SET region = 'eu'; DELETE FROM moved WHERE id > 90")
		for key, cause := range causes("moved", "id > 90") {
			require.NotContains(t, cause, compare.CauseTruncate, key)
		}
	})
	t.Run("keys in another form", func(t *testing.T) { testKeyForms(t, nodes) })
	t.Run("equal rows in different numbers", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE bag (v text); INSERT INTO bag VALUES ('a'), ('b'), ('b'), ('c')")
		execAll(t, nodes[1:], "INSERT INTO bag VALUES ('a'); DELETE FROM bag WHERE v = 'b'; INSERT INTO bag VALUES ('b')")
		req := compare.Request{Topology: static(nodes), Static: true, Tables: []string{"bag"}, Policy: compare.Policy{Rule: compare.BySource, Sources: []string{"n1"}}}
		x := tableOf(t, run(t, req), "bag")
		require.Len(t, x.Diffs, 2)
		for _, d := range x.Diffs {
			require.NotContains(t, d.Cause, compare.CauseRepresentation)
			if *d.Versions[0].Values["v"] == "a" {
				require.Contains(t, d.Cause, compare.CauseMissedDelete+": n2 has")
				require.Equal(t, compare.Extra, d.Kind)
			} else {
				require.Contains(t, d.Cause, compare.CauseMissedInsert+": n2 has")
				require.Equal(t, compare.Missing, d.Kind)
			}
		}
	})
}
