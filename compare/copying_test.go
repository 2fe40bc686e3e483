package compare_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// A table that pglogical is copying is not fenced by what its subscription
// confirms; for native replication see TestSubscriberOnlyOfNativeReplication.
func TestTableThatPglogicalCopies(t *testing.T) {
	server, err := lab.FindServer(t.Context(), true)
	lab.Need(t, err)
	nodes := pairOf(t, lab.Options{PGBin: server.Bin, Config: []string{"shared_preload_libraries = 'pglogical'", "wal_level = logical", "track_commit_timestamp = on", "wal_receiver_status_interval = 1s", "wal_sender_timeout = 4s"}})
	dsn := func(n *lab.Node) string { return strings.ReplaceAll(n.DSN(), "'", "''") }
	for _, n := range nodes {
		require.NoError(t, n.Exec(t.Context(), fmt.Sprintf("CREATE EXTENSION IF NOT EXISTS pglogical; SELECT pglogical.create_node('%s', '%s'); SELECT pglogical.create_replication_set('ref')", n.Name, dsn(n))))
	}
	execAll(t, nodes, "CREATE TABLE first (id int PRIMARY KEY, v text); CREATE TABLE late (id int PRIMARY KEY, v text); SELECT pglogical.replication_set_add_table('ref', 'first')")
	require.NoError(t, nodes[1].Exec(t.Context(), fmt.Sprintf("SELECT pglogical.create_subscription('n1_to_n2', '%s', '{ref}', false, false)", dsn(nodes[0]))))
	require.Eventually(t, func() bool {
		state, err := nodes[1].Scalar(t.Context(), "SELECT status FROM pglogical.show_subscription_status()")
		return err == nil && state == "replicating"
	}, time.Minute, 50*time.Millisecond)
	execAll(t, nodes[:1], "INSERT INTO first VALUES (1, 'a'), (2, 'b'); INSERT INTO late SELECT g, 'v' FROM generate_series(1, 100) g")
	replicated := func(table, want string) {
		t.Helper()
		require.Eventually(t, func() bool {
			n, err := nodes[1].Scalar(t.Context(), "SELECT count(*)::text FROM "+table)
			return err == nil && n == want
		}, time.Minute, 50*time.Millisecond)
	}
	replicated("first", "2")
	top := static(nodes)
	top.Reference.ReplicationSets = []string{"ref"}
	receiver := top.Nodes[nodes[1].Name]
	receiver.Kind = schema.KindSubscriberOnly
	top.Nodes[nodes[1].Name] = receiver

	held, err := nodes[1].Connect(t.Context())
	require.NoError(t, err)
	defer func() { _ = held.Close(context.Background()) }()
	_, err = held.Exec(t.Context(), "BEGIN; LOCK TABLE late IN SHARE MODE") // readers may read, and the copy waits
	require.NoError(t, err)
	execAll(t, nodes[:1], "SELECT pglogical.replication_set_add_table('ref', 'late', true)")
	require.Eventually(t, func() bool {
		state, err := nodes[1].Scalar(t.Context(), "SELECT coalesce(min(sync_status::text), '') FROM pglogical.local_sync_status WHERE sync_relname = 'late'")
		return err == nil && state != "" && state != "r"
	}, time.Minute, 50*time.Millisecond)
	execAll(t, nodes[1:], "UPDATE first SET v = 'other' WHERE id = 2")
	r := run(t, compare.Request{Topology: top})
	require.Equal(t, compare.Counts{Suspect: 100, Unverified: 100}, tableOf(t, r, "late").Counts, summary(r))
	require.Equal(t, []string{"public.first(2) changed "}, found(r, compare.Persistent), summary(r))
	require.Contains(t, summary(r), "is copying the table")
	_, err = held.Exec(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	replicated("late", "100")
	execAll(t, nodes[1:], "UPDATE late SET v = 'other' WHERE id = 7")
	require.Eventually(t, func() bool {
		execAll(t, nodes[:1], "UPDATE first SET v = v WHERE id = 1") // what is to be applied ends the copy
		state, err := nodes[1].Scalar(t.Context(), "SELECT sync_status::text FROM pglogical.local_sync_status WHERE sync_relname = 'late'")
		return err == nil && (state == "y" || state == "r")
	}, time.Minute, 100*time.Millisecond)
	require.Eventually(t, func() bool {
		return len(found(run(t, compare.Request{Topology: top, Tables: []string{"late"}}), compare.Persistent)) == 1
	}, time.Minute, 100*time.Millisecond)
}
