package compare_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/standin"
)

// A member of a group that still gets what was written before it joined, or a
// table of it, is not fenced by what its subscriptions confirm.
func testGroup(t *testing.T, l *lab.Lab) {
	ctx := t.Context()
	const node = "dr1n1"
	var rows, changed []string
	for _, table := range []string{"shard1.customer", "shard1.device"} {
		row, err := l.Inject(ctx, node, lab.StaleRow, table)
		require.NoError(t, err)
		rows, changed = append(rows, table), append(changed, fmt.Sprintf("%s changed %s", row, node))
		defer func() { require.NoError(t, l.Mend(ctx, node, "dc1n1", row)) }()
	}
	for _, line := range []string{"3.6.4", "6"} {
		t.Run(line, func(t *testing.T) {
			require.NoError(t, standin.Load(ctx, l, line))
			t.Cleanup(func() { require.NoError(t, standin.Unload(context.Background(), l)) })
			top := plan(t, l)
			for _, n := range l.Nodes() {
				declared := top.Nodes[n.Name]
				declared.DSN = n.DSN()
				top.Nodes[n.Name] = declared
			}
			look := func() *compare.Result {
				t.Helper()
				return run(t, compare.Request{Topology: top, Shards: []string{"first"}, Tables: rows})
			}
			r := look()
			require.Equal(t, changed, found(r, compare.Persistent), summary(r))
			for _, c := range []struct {
				name, sql, undo, why string
				unverified           []string
				lines                []string
			}{
				{"it joins", "INSERT INTO bdr_standin.peer (node_name, state) VALUES ('dr1n1', 'JOINING')", "DELETE FROM bdr_standin.peer", "the node is JOINING in its group", changed, nil},
				{"it may send nothing yet", "INSERT INTO bdr_standin.peer (node_name, state) VALUES ('dr1n1', 'STANDBY')", "DELETE FROM bdr_standin.peer", "", nil, nil},
				{"another node joins", "INSERT INTO bdr_standin.peer (node_name, state) VALUES ('dc2n1', 'JOINING')", "DELETE FROM bdr_standin.peer", "", nil, nil},
				{"it catches up", "INSERT INTO bdr_standin.catchup (node_name, source_name) VALUES ('dr1n1', 'dc1n1')", "DELETE FROM bdr_standin.catchup", "catch-up, in state 30", changed, []string{"6"}},
				{"it has caught up", "INSERT INTO bdr_standin.catchup (node_name, source_name, state) VALUES ('dr1n1', 'dc1n1', 40)", "DELETE FROM bdr_standin.catchup", "", nil, []string{"6"}},
				{"it gets what a lost node wrote", "INSERT INTO bdr_standin.resync (origin, source, target, sync_status) VALUES ('dc2n1', 'dc1n1', 'dr1n1', 'running')", "DELETE FROM bdr_standin.resync", "resynchronisation, in state running", changed, []string{"6"}},
				{"a table is copied", `INSERT INTO pglogical.local_sync_status (sync_kind, sync_subid, sync_nspname, sync_relname, sync_status, sync_statuslsn)
					SELECT 'd', sub_id, 'shard1', 'device', 'd', '0/0' FROM pglogical.subscription WHERE sub_name = 'dc1n1_to_dr1n1'`,
					"DELETE FROM pglogical.local_sync_status WHERE sync_relname = 'device'", "is copying the table", changed[1:], nil},
			} {
				if c.lines != nil && !slices.Contains(c.lines, line) {
					continue
				}
				require.NoError(t, l.Node(node).Exec(ctx, c.sql))
				r := look()
				require.NoError(t, l.Node(node).Exec(ctx, c.undo))
				require.ElementsMatch(t, c.unverified, found(r, compare.Unverified), "%s: %s", c.name, summary(r))
				require.Equal(t, changed[:len(changed)-len(c.unverified)], found(r, compare.Persistent), "%s: %s", c.name, summary(r))
				require.Contains(t, summary(r), c.why, c.name)
			}
			if line == "6" { // what the usual rights do not open
				for _, n := range l.Nodes() {
					require.NoError(t, n.Exec(ctx, "GRANT bdr_read_all_stats TO "+lab.Reader+"; REVOKE SELECT ON bdr.sync_node_requests_summary FROM "+lab.Reader))
					declared := top.Nodes[n.Name]
					declared.DSN = n.ReaderDSN()
					top.Nodes[n.Name] = declared
				}
				r := look()
				require.ElementsMatch(t, changed, found(r, compare.Unverified), summary(r))
				require.Contains(t, summary(r), "whether the node still gets what was written before could not be read: ")
				require.Contains(t, summary(r), "GRANT SELECT ON bdr.sync_node_requests_summary TO")
				for _, n := range l.Nodes() {
					require.NoError(t, n.Exec(ctx, "GRANT SELECT ON bdr.sync_node_requests_summary TO "+lab.Reader))
				}
				r = look()
				require.Equal(t, changed, found(r, compare.Persistent), summary(r))
			}
		})
	}
}
