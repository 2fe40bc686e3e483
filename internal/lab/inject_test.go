package lab

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInjectionsStayOnTheirNode(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	for _, c := range []struct{ node, other, table string }{
		{"dc1n2", "dr1n2", "ref.currency"}, {"dr1n2", "dc1n1", "ref.product"},
		{"dr1n1", "dc1n1", "shard1.customer"}, {"dc1n1", "dc1n2", "shard1.entry"}, {"dc2n2", "dr1n2", "shard2.device"},
	} {
		var rows []Row
		before := len(contents(t, l.Node(c.node), c.table))
		for i, fault := range []Fault{StaleRow, MissingRow, ExtraRow} {
			row, err := l.Inject(ctx, c.node, fault, c.table)
			require.NoError(t, err)
			rows = append(rows, row)
			require.NoError(t, l.Barrier(ctx))
			require.Len(t, differing(t, l.Node(c.node), l.Node(c.other), c.table), i+1, "%s %s", fault, row)
			require.Equal(t, before+[]int{0, -1, 0}[i], len(contents(t, l.Node(c.node), c.table)), "%s %s", fault, row)
		}
		for i, row := range rows {
			require.NoError(t, l.Mend(ctx, c.node, c.other, row))
			require.Len(t, differing(t, l.Node(c.node), l.Node(c.other), c.table), 2-i, "%s", row)
		}
	}
	require.NoError(t, l.Barrier(ctx))
	equalEverywhere(t, l)
}

func TestDisabledEdgeLags(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	require.NoError(t, l.DisableEdge(ctx, "dc1n1", "dr1n2"))
	requireLag(ctx, t, l, "f")
	require.NoError(t, l.EnableEdge(ctx, "dc1n1", "dr1n2"))
	requireNoLag(ctx, t, l)
}

func TestStalledEdgeLagsWhileItsWalsenderSeemsWell(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	require.NoError(t, l.Stall(ctx, "dc1n1", "dr1n2"))
	requireLag(ctx, t, l, "t")
	require.NoError(t, l.Resume(ctx, "dc1n1", "dr1n2"))
	requireNoLag(ctx, t, l)
}

func TestCutEdgeLags(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	require.NoError(t, l.Cut(ctx, "dc1n1", "dr1n2"))
	requireLag(ctx, t, l, "f")
	require.NoError(t, l.Resume(ctx, "dc1n1", "dr1n2"))
	requireNoLag(ctx, t, l)
	v, err := l.Node("dr1n2").Scalar(ctx, "SELECT count(*) FROM pglogical.node_interface WHERE if_name = '"+proxyInterface+"'")
	require.NoError(t, err)
	require.Equal(t, "0", v, "no trace of the proxy is left")
}

const (
	touch = "UPDATE ref.currency SET updated_at = clock_timestamp() WHERE code = 'C03'"
	look  = "SELECT updated_at FROM ref.currency WHERE code = 'C03'"
)

// requireLag writes on dc1n1 and finds it everywhere but on dr1n2.
func requireLag(ctx context.Context, t *testing.T, l *Lab, slotActive string) {
	t.Helper()
	require.NoError(t, l.Node("dc1n1").Exec(ctx, touch))
	require.NoError(t, l.Barrier(ctx))
	want, err := l.Node("dc1n1").Scalar(ctx, look)
	require.NoError(t, err)
	for _, n := range l.Nodes() {
		v, err := n.Scalar(ctx, look)
		require.NoError(t, err)
		require.Equal(t, n.Name != "dr1n2", v == want, n.Name)
	}
	v, err := l.Node("dc1n1").Rows(ctx, "SELECT active, confirmed_flush_lsn < pg_current_wal_flush_lsn() FROM pg_replication_slots WHERE slot_name = $1", l.Slot("dc1n1", "dr1n2"))
	require.NoError(t, err)
	require.Equal(t, [][]string{{slotActive, "t"}}, v)
}

func requireNoLag(ctx context.Context, t *testing.T, l *Lab) {
	t.Helper()
	require.NoError(t, l.Barrier(ctx))
	require.Empty(t, differing(t, l.Node("dc1n1"), l.Node("dr1n2"), "ref.currency"))
}

func TestBarrierWaitsForAStalledApplyAndObeysItsContext(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	conn, err := l.Node("dr1n2").Connect(ctx)
	require.NoError(t, err)
	defer closeSoon(conn)
	_, err = conn.Exec(ctx, "BEGIN; LOCK TABLE ref.currency IN SHARE MODE")
	require.NoError(t, err)
	require.NoError(t, l.Node("dc1n1").Exec(ctx, touch))
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	err = l.Barrier(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "dc1n1")
	_, err = conn.Exec(ctx, "ROLLBACK")
	require.NoError(t, err)
	requireNoLag(ctx, t, l)
}

func TestNodeDownAndBack(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	for name, end := range map[string]func(*Node) error{
		"dc2n2": (*Node).Crash,
		"dc1n2": func(n *Node) error { return n.Stop(ctx) },
	} {
		n := l.Node(name)
		port := n.Port
		require.NoError(t, end(n))
		require.False(t, n.Running())
		_, err := n.Connect(ctx)
		require.Error(t, err)
		require.NoError(t, l.Node("dc1n1").Exec(ctx, touch))
		require.NoError(t, l.Barrier(ctx), "a node that is down is passed over")
		require.NoError(t, n.Start(ctx))
		require.Equal(t, port, n.Port)
	}
	require.NoError(t, l.Settle(ctx))
	require.NoError(t, l.Barrier(ctx))
	equalEverywhere(t, l)
}
