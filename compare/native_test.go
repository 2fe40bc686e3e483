package compare_test

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/majors"
	"github.com/pgconcord/pgconcord/schema"
)

// subscribe makes one server follow the publication of another.
func subscribe(t *testing.T, from, to *lab.Node, options string) {
	t.Helper()
	require.NoError(t, to.Exec(t.Context(), fmt.Sprintf("CREATE SUBSCRIPTION %s_to_%s CONNECTION 'host=127.0.0.1 port=%d dbname=%s user=postgres' PUBLICATION ref WITH (copy_data = false%s)",
		from.Name, to.Name, from.Port, lab.Database, options)))
	require.Eventually(t, func() bool {
		active, err := from.Scalar(t.Context(), "SELECT bool_and(active)::text FROM pg_replication_slots")
		return err == nil && active == "true"
	}, time.Minute, 20*time.Millisecond)
}

// published makes a table of which one row is not the same on both servers.
func published(t *testing.T, nodes []*lab.Node) *schema.Topology {
	t.Helper()
	execAll(t, nodes, "CREATE TABLE product (id int PRIMARY KEY, name text); INSERT INTO product SELECT g, 'p' || g FROM generate_series(1, 1000) g")
	execAll(t, nodes[1:], "UPDATE product SET name = 'stale' WHERE id = 500")
	execAll(t, nodes, "CREATE PUBLICATION ref FOR TABLE product")
	top := static(nodes)
	top.Reference.ReplicationSets = []string{"ref"}
	return top
}

// A node that only receives is fenced by what it receives.
func TestSubscriberOnlyOfNativeReplication(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"wal_level = logical"}})
	top := published(t, nodes)
	subscribe(t, nodes[0], nodes[1], "")
	execAll(t, nodes[:1], "UPDATE product SET name = 'new' WHERE id <= 100")
	product := func() compare.Table { return tableOf(t, run(t, compare.Request{Topology: top}), "product") }

	x := product()
	require.Equal(t, compare.Incomplete, x.Verdict, "a writer by the plan whose changes reach nobody")
	require.Equal(t, int64(1), x.Counts.Unverified)

	receiver := top.Nodes[nodes[1].Name]
	receiver.Kind = schema.KindSubscriberOnly
	top.Nodes[nodes[1].Name] = receiver
	x = product()
	require.Equal(t, compare.Different, x.Verdict, "%v %v", x.Reasons, x.Counts)
	require.Equal(t, int64(1), x.Counts.Persistent)
	require.Equal(t, []string{"500"}, x.Diffs[0].Key)

	execAll(t, nodes[1:], "ALTER SUBSCRIPTION n1_to_n2 DISABLE")
	execAll(t, nodes[:1], "UPDATE product SET name = 'newer' WHERE id <= 10")
	x = product()
	require.Equal(t, compare.Incomplete, x.Verdict)
	require.Equal(t, compare.Counts{Suspect: 11, Unverified: 11}, x.Counts)

	execAll(t, nodes[1:], "ALTER SUBSCRIPTION n1_to_n2 ENABLE; UPDATE product SET name = 'p500' WHERE id = 500")
	x = product()
	require.Equal(t, compare.Match, x.Verdict, "%v %v", x.Reasons, x.Counts)

	t.Run("a provider that falls silent when it is asked for its position", func(t *testing.T) {
		execAll(t, nodes[1:], "UPDATE product SET name = 'stale' WHERE id = 500")
		defer execAll(t, nodes[1:], "UPDATE product SET name = 'p500' WHERE id = 500")
		compare.SetRetryPause(t, time.Millisecond)
		w := newWire(t, nodes[0].Port)
		w.swallow("pg_current_wal_flush_lsn()")
		over := *top
		over.Nodes = maps.Clone(top.Nodes)
		over.Nodes["n1"] = schema.Node{DSN: w.dsn()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := compare.Run(ctx, compare.Request{Topology: &over, Settings: cluster.Settings{ConnectTimeout: 300 * time.Millisecond, StatementTimeout: time.Second}})
		require.NoError(t, err, "it waits for ever")
		x := tableOf(t, r, "product")
		require.Equal(t, compare.Incomplete, x.Verdict, "%v %v", x.Reasons, x.Counts)
		require.Equal(t, compare.Counts{Suspect: 1, Unverified: 1}, x.Counts)
	})
	// The text of an xml is as somebody wrote it; replication passes on what the type gives out.
	t.Run("an xml that declares its encoding", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE letter (id int PRIMARY KEY, x xml)")
		execAll(t, nodes[:1], "ALTER PUBLICATION ref ADD TABLE letter")
		execAll(t, nodes[1:], "ALTER SUBSCRIPTION n1_to_n2 REFRESH PUBLICATION WITH (copy_data = false)")
		execAll(t, nodes[:1], `INSERT INTO letter VALUES (1, '<?xml version="1.0" encoding="UTF-8"?><a>1</a>'), (2, '<?xml version="1.0" standalone="yes"?><a/>')`)
		for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
			x := tableOf(t, run(t, compare.Request{Topology: top, Mode: mode, Tables: []string{"letter"}}), "letter")
			require.Equal(t, compare.Match, x.Verdict, "%v %v", x.Reasons, x.Diffs)
			require.Equal(t, int64(2), x.Nodes[1].Rows)
		}
		execAll(t, nodes[1:], "UPDATE letter SET x = '<a/>' WHERE id = 2")
		defer execAll(t, nodes[1:], `UPDATE letter SET x = '<?xml version="1.0" standalone="yes"?><a/>' WHERE id = 2`)
		x := tableOf(t, run(t, compare.Request{Topology: top, Tables: []string{"letter"}}), "letter")
		require.Equal(t, compare.Counts{Suspect: 1, Persistent: 1}, x.Counts)
	})
	t.Run("a commit that waits for a synchronous standby", func(t *testing.T) { heldCommit(t, nodes, top) })
	t.Run("a table that is still being copied", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE late (id int, v int, PRIMARY KEY (id, v)) PARTITION BY RANGE (id); CREATE TABLE late1 PARTITION OF late FOR VALUES FROM (0) TO (1000)")
		execAll(t, nodes[:1], "INSERT INTO late SELECT g, g FROM generate_series(1, 100) g; ALTER PUBLICATION ref ADD TABLE late")
		held, err := nodes[1].Connect(t.Context())
		require.NoError(t, err)
		defer func() { _ = held.Close(context.Background()) }()
		_, err = held.Exec(t.Context(), "BEGIN; LOCK TABLE late1 IN SHARE MODE") // readers may read, and the copy waits
		require.NoError(t, err)
		execAll(t, nodes[1:], "ALTER SUBSCRIPTION n1_to_n2 REFRESH PUBLICATION")
		late := func() compare.Table {
			return tableOf(t, run(t, compare.Request{Topology: top, Tables: []string{"late", "product"}}), "late")
		}
		x := late()
		require.Equal(t, compare.Incomplete, x.Verdict, "%v %v", x.Reasons, x.Counts)
		require.Equal(t, compare.Counts{Suspect: 100, Unverified: 100}, x.Counts)
		execAll(t, nodes[1:], "UPDATE product SET name = 'other' WHERE id = 9")
		r := run(t, compare.Request{Topology: top})
		require.Equal(t, []string{"public.product(9) changed "}, found(r, compare.Persistent), "the other tables are fenced: %s", summary(r))
		require.Contains(t, summary(r), "is copying the table")
		_, err = held.Exec(t.Context(), "ROLLBACK")
		require.NoError(t, err)
		require.Eventually(t, func() bool { return late().Verdict == compare.Match }, time.Minute, 100*time.Millisecond)
	})
}

// Both ways, as PostgreSQL 16 and later can.
func TestMeshOfNativeReplication(t *testing.T) {
	nodes := pairOf(t, lab.Options{PGBin: majors.Need(t, 17), Config: []string{"wal_level = logical", "track_commit_timestamp = on"}})
	top := published(t, nodes)
	subscribe(t, nodes[0], nodes[1], ", origin = none")
	subscribe(t, nodes[1], nodes[0], ", origin = none")
	for i, n := range nodes {
		require.NoError(t, n.Exec(t.Context(), fmt.Sprintf("UPDATE product SET name = 'by %s' WHERE id %% 10 = %d", n.Name, i+1)))
	}
	x := tableOf(t, run(t, compare.Request{Topology: top}), "product")
	require.Equal(t, compare.Different, x.Verdict, "%v %v", x.Reasons, x.Counts)
	require.Equal(t, int64(0), x.Counts.Unverified+x.Counts.Volatile)
	require.Equal(t, int64(1), x.Counts.Persistent)
	require.Equal(t, []string{"500"}, x.Diffs[0].Key)
	execAll(t, nodes[1:], "UPDATE product SET name = 'p500' WHERE id = 500")
	t.Run("a commit that waits for a synchronous standby", func(t *testing.T) { heldCommit(t, nodes, top) })
}

// heldCommit has a commit wait on the first node, which the second has applied
// meanwhile and nobody sees on the first.
func heldCommit(t *testing.T, nodes []*lab.Node, top *schema.Topology) {
	held, err := nodes[0].Connect(t.Context())
	require.NoError(t, err)
	defer func() { _ = held.Close(context.Background()) }()
	let := func(sql string) {
		execAll(t, nodes[:1], sql)
		execAll(t, nodes[:1], "SELECT pg_reload_conf()")
	}
	defer let("ALTER SYSTEM RESET synchronous_standby_names")
	let("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	var enough atomic.Bool
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && !enough.Load() { // the new setting takes a moment
			_, err = held.Exec(t.Context(), "UPDATE product SET name = name || '+' WHERE id = 3; INSERT INTO product SELECT max(id) + 1, 'held' FROM product")
		}
		ended <- err
	}()
	require.Eventually(t, func() bool {
		n, err := nodes[0].Scalar(t.Context(), "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		return err == nil && n == "1"
	}, time.Minute, 10*time.Millisecond)
	enough.Store(true)
	var x compare.Table
	require.Eventually(t, func() bool {
		x = tableOf(t, run(t, compare.Request{Topology: top, FenceTimeout: 200 * time.Millisecond}), "product")
		return x.Counts.Suspect == 2
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, compare.Counts{Suspect: 2, Unverified: 2}, x.Counts, "%v", x.Diffs)
	let("ALTER SYSTEM RESET synchronous_standby_names")
	require.NoError(t, <-ended)
	r := run(t, compare.Request{Topology: top})
	require.Equal(t, compare.Match, r.Verdict, summary(r))
}
