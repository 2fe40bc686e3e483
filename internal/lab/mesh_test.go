package lab

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
)

func TestMeshReplicatesBothWays(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	for _, n := range l.Nodes() {
		require.NoError(t, n.Exec(ctx, "INSERT INTO ref.currency VALUES ($1, 'from here', 1, true, now())", "from "+n.Name))
		for _, set := range l.sets(n.Name)[1:] {
			require.NoError(t, n.Exec(ctx, "INSERT INTO "+set+".device VALUES ('both ways', md5($1)::uuid)", n.Name))
		}
	}
	require.NoError(t, l.Barrier(ctx))
	for _, n := range l.Nodes() {
		v, err := n.Scalar(ctx, "SELECT count(*) FROM ref.currency WHERE name = 'from here'")
		require.NoError(t, err)
		require.Equal(t, "6", v, n.Name)
		for _, set := range l.sets(n.Name)[1:] {
			v, err := n.Scalar(ctx, "SELECT count(*) FROM "+set+".device WHERE tenant = 'both ways'")
			require.NoError(t, err)
			require.Equal(t, "3", v, n.Name)
		}
	}
	equalEverywhere(t, l)
	require.NoError(t, l.Node("dr1n1").Exec(ctx, "DELETE FROM ref.currency WHERE name = 'from here'"))
	require.NoError(t, l.Node("dr1n1").Exec(ctx, "DELETE FROM shard1.device WHERE tenant = 'both ways'"))
	require.NoError(t, l.Node("dr1n2").Exec(ctx, "DELETE FROM shard2.device WHERE tenant = 'both ways'"))
	require.NoError(t, l.Barrier(ctx))
	equalEverywhere(t, l)
}

func TestShardsStayOnTheirNodes(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	ids := map[string]bool{}
	for _, n := range l.Nodes() {
		have, err := n.Scalar(ctx, "SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace WHERE nspname ~ '^(ref|shard.*)$'")
		require.NoError(t, err)
		want := "ref,shard2"
		if slices.Contains([]string{"dc1n1", "dc1n2", "dr1n1"}, n.Name) {
			want = "ref,shard1"
		}
		require.Equal(t, want, have, n.Name)
		subs, err := n.Rows(ctx, "SELECT sub_name, array_to_string(sub_replication_sets, ',') FROM pglogical.subscription ORDER BY 1")
		require.NoError(t, err)
		require.Len(t, subs, 5)
		for _, s := range subs {
			i := slices.IndexFunc(l.Nodes(), func(p *Node) bool { return (edge{p.Name, n.Name}).subscription() == s[0] })
			require.GreaterOrEqual(t, i, 0, s[0])
			if slices.Equal(l.sets(l.Nodes()[i].Name), l.sets(n.Name)) {
				require.Equal(t, want, s[1], s[0])
			} else {
				require.Equal(t, "ref", s[1], s[0])
			}
		}
		id, err := n.Scalar(ctx, "SELECT system_identifier FROM pg_control_system()")
		require.NoError(t, err)
		ids[id] = true
	}
	require.Len(t, ids, 6, "each node has a system identifier of its own")
}

func TestTopologyIsAValidPlan(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	plan, err := schema.Load(ctx, []schema.Input{{Name: "lab.yaml", Data: l.Topology()}}, schema.Options{})
	require.NoError(t, err)
	require.Empty(t, plan.Violations)
	require.Equal(t, slices.Sorted(slices.Values(NodeNames)), plan.Topology.NodeNames())
	require.Equal(t, []string{"ref", "shard1"}, plan.Topology.SetsBetween("dc1n1", "dr1n1"))
	require.Equal(t, l.BarmanConfig("barman-dr"), plan.Topology.Barman["barman-dr"].Config)
	require.Equal(t, l.Node("dr1n2").Address(), plan.Topology.Nodes["dr1n2"].Address())
}

// The reader must see what checks and comparisons ask for, and change nothing.
func TestReaderMayReadAndNothingElse(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	n := l.Node("dc1n1")
	conn, err := pgx.Connect(ctx, n.ReaderDSN())
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, sql := range []string{
		"SELECT * FROM ref.currency", "SELECT * FROM shard1.entry", "SELECT system_identifier FROM pg_control_system()",
		"SELECT * FROM pg_replication_slots", "SELECT * FROM pg_stat_replication", "SELECT * FROM pg_replication_origin_status",
		"SELECT * FROM pglogical.subscription", "SELECT * FROM pglogical.node_interface", "SELECT * FROM pglogical.replication_set_table",
		"SELECT * FROM pglogical.show_subscription_status()", "SELECT pg_current_wal_flush_lsn()", "SELECT pg_last_committed_xact()",
	} {
		rows, err := conn.Query(ctx, sql)
		require.NoError(t, err, sql)
		for rows.Next() {
		}
		require.NoError(t, rows.Err(), sql)
		require.NotZero(t, rows.CommandTag().RowsAffected(), sql)
	}
	for _, sql := range []string{"DELETE FROM ref.currency", "CREATE TABLE ref.mine ()", "CREATE SCHEMA mine"} {
		_, err := conn.Exec(ctx, sql)
		require.ErrorContains(t, err, "permission denied", sql)
	}
}
