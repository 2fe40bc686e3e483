package compare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// What a replication set leaves out, of rows by a filter or of columns by a
// list, need not be equal; what it carries must be.
func TestFiltersOfReplicationSets(t *testing.T) {
	server, err := lab.FindServer(t.Context(), true)
	lab.Need(t, err)
	nodes := pairOf(t, lab.Options{PGBin: server.Bin, Config: []string{"shared_preload_libraries = 'pglogical'", "wal_level = logical", "track_commit_timestamp = on", "autovacuum = off"}})
	for _, n := range nodes {
		require.NoError(t, n.Exec(t.Context(), fmt.Sprintf(`CREATE EXTENSION IF NOT EXISTS pglogical; SELECT pglogical.create_node('%s', '%s');
			SELECT pglogical.create_replication_set(s) FROM unnest('{ref,more,other}'::text[]) s`, n.Name, strings.ReplaceAll(n.DSN(), "'", "''"))))
	}
	for _, table := range []string{"rows_in", "columns_in", "either", "two_filters", "two_lists", "unlike", "unlike_columns"} {
		execAll(t, nodes, fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, region text, v int, note text); INSERT INTO %[1]s SELECT g, CASE g %% 2 WHEN 0 THEN 'eu' ELSE 'us' END, g, 'n' || g FROM generate_series(1, 500) g", table))
		// Beyond the filter and the list nothing is the same, in number either.
		execAll(t, nodes[1:], fmt.Sprintf("UPDATE %s SET note = 'x' || id; DELETE FROM %[1]s WHERE region = 'us' AND id > 100; UPDATE %[1]s SET v = -v WHERE region = 'us'", table))
	}
	add := func(nodes []*lab.Node, set, table, columns, filter string) {
		t.Helper()
		if columns == "" {
			columns = "NULL"
		} else {
			columns = "'{" + columns + "}'"
		}
		if filter == "" {
			filter = "NULL"
		} else {
			filter = "$$" + filter + "$$"
		}
		execAll(t, nodes, fmt.Sprintf("SELECT pglogical.replication_set_add_table('%s', '%s', false, %s, %s)", set, table, columns, filter))
	}
	const eu, us = "region = 'eu'", "region = 'us'"
	add(nodes, "ref", "rows_in", "", eu)
	execAll(t, nodes[1:], "UPDATE rows_in SET note = 'n' || id")
	add(nodes, "ref", "columns_in", "id,region", "")
	execAll(t, nodes, "DELETE FROM columns_in WHERE region = 'us' AND id > 100")
	add(nodes, "ref", "either", "id,region,v", eu)
	add(nodes, "ref", "two_filters", "", "")
	add(nodes, "more", "two_filters", "", eu)
	add(nodes, "ref", "two_lists", "", "")
	add(nodes, "more", "two_lists", "id,region", "")
	add(nodes[:1], "ref", "unlike", "", eu)
	add(nodes[1:], "ref", "unlike", "", us)
	add(nodes[:1], "ref", "unlike_columns", "id,v", "")
	add(nodes[1:], "ref", "unlike_columns", "id,region", "")
	top := static(nodes)
	top.Reference.ReplicationSets = []string{"ref", "more"}

	for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
		r := run(t, compare.Request{Topology: top, Static: true, Mode: mode})
		for table, rows := range map[string]int64{"rows_in": 250, "columns_in": 300, "either": 250} {
			x := tableOf(t, r, table)
			require.Equal(t, compare.Match, x.Verdict, "%s: %v %v", table, x.Reasons, x.Counts)
			require.Equal(t, rows, x.Nodes[0].Rows, table)
			require.Equal(t, rows, x.Nodes[1].Rows, table)
		}
		require.Equal(t, []string{"id", "region"}, tableOf(t, r, "columns_in").Columns)
		require.Equal(t, []string{"note: not in the replication sets' column list"}, tableOf(t, r, "either").Left)
		require.Contains(t, tableOf(t, r, "either").Where, "region")
		for table, why := range map[string]string{"two_filters": "several replication sets", "two_lists": "several replication sets", "unlike": "different row filters", "unlike_columns": "different column lists"} {
			x := tableOf(t, r, table)
			require.Equal(t, compare.Incomplete, x.Verdict, table)
			require.Contains(t, fmt.Sprint(x.Reasons), why, table)
		}
	}
	// Real differences within what is carried, each on its own.
	execAll(t, nodes[1:], "UPDATE rows_in SET v = 0 WHERE id = 10; DELETE FROM rows_in WHERE id = 12; UPDATE rows_in SET region = 'us' WHERE id = 14; UPDATE columns_in SET region = NULL WHERE id = 7; UPDATE either SET v = NULL WHERE id = 500")
	r := run(t, compare.Request{Topology: top, Static: true})
	keys := func(table string) (out []string) {
		for _, d := range tableOf(t, r, table).Diffs {
			out = append(out, d.Key[0])
		}
		return out
	}
	require.Equal(t, []string{"10", "12", "14"}, keys("rows_in"), "14 left the filter on one node")
	require.Equal(t, []string{"7"}, keys("columns_in"))
	require.Equal(t, []string{"500"}, keys("either"))

	t.Run("where goes on top of the filter", func(t *testing.T) {
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"rows_in"}, Where: "id > 10 OR id < 5"}), "rows_in")
		require.Equal(t, int64(2), x.Counts.Persistent, x)
		require.Equal(t, int64(247), x.Nodes[0].Rows, "of 250 the rows 6, 8 and 10 are left out")
	})
	t.Run("a key column left out leaves a multiset", func(t *testing.T) {
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"columns_in"}, ExcludeColumns: []string{"public.columns_in.id"}}), "columns_in")
		require.Empty(t, x.Key)
		require.Equal(t, []string{"region"}, x.Columns)
		require.Equal(t, compare.Different, x.Verdict, x)
		require.Equal(t, int64(2), x.Counts.Persistent, "one us less, one NULL more")
	})
	t.Run("a set of the plan that is nowhere", func(t *testing.T) {
		top := static(nodes)
		top.Reference.ReplicationSets = []string{"ref", "nowhere"}
		r := run(t, compare.Request{Topology: top, Static: true, Tables: []string{"either"}, Where: "id < 400"})
		require.Equal(t, compare.Match, r.Tables[0].Verdict, summary(r))
		require.Equal(t, compare.Incomplete, r.Verdict)
		require.Contains(t, fmt.Sprint(r.Reasons), "nowhere")
	})
}

// A slow table is read in many statements, and each but the last is followed by
// the wait that MaxRate asks for; what was read stays the same.
func TestMaxRateChangesNothing(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	execAll(t, nodes, "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT g, 'v' || g FROM generate_series(1, 3000) g; ANALYZE a")
	execAll(t, nodes[1:], "UPDATE a SET v = 'other' WHERE id = 2999")
	req := compare.Request{Topology: static(nodes), Static: true, ChunkPages: 1}
	free := tableOf(t, run(t, req), "a")
	req.MaxRate = 10_000
	slow := tableOf(t, run(t, req), "a")
	require.Greater(t, slow.Nodes[0].Chunks, 1)
	require.Equal(t, free.Counts, slow.Counts)
	for i := range slow.Nodes {
		require.Equal(t, free.Nodes[i].Rows, slow.Nodes[i].Rows)
		require.Equal(t, free.Nodes[i].Digest, slow.Nodes[i].Digest)
	}
}
