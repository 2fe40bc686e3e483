package lab

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
)

// The last test of the shared lab, as a member stays one.
func TestJoins(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	j, err := l.JoinUnderLag(ctx)
	require.NoError(t, err)
	require.Equal(t, "dc1n3", j.Joiner)
	stale := func() {
		t.Helper()
		var found []string
		for _, table := range slices.Concat(tablesOf["ref"], tablesOf["shard1"]) {
			for _, key := range differing(t, l.Node(j.Writer), l.Node(j.Joiner), table) {
				found = append(found, table+key)
			}
		}
		var want []string
		for _, r := range j.Stale {
			key := "{" + r.Key[0]
			for _, k := range r.Key[1:] {
				key += "," + k
			}
			want = append(want, r.Table+key+"}")
		}
		require.ElementsMatch(t, want, found)
	}
	stale()
	equalEverywhere(t, l, j.Joiner)

	v, err := l.Node(j.Joiner).Scalar(ctx, "SELECT count(*) FROM pglogical.show_subscription_status() WHERE status = 'replicating'")
	require.NoError(t, err)
	require.Equal(t, "6", v)
	require.NoError(t, l.Node(j.Joiner).Exec(ctx, touch))
	require.NoError(t, l.Barrier(ctx))
	stale()

	require.NoError(t, l.JoinCleanly(ctx, "dc1n4"))
	stale()
	equalEverywhere(t, l, j.Joiner)
	require.Error(t, l.JoinCleanly(ctx, "dc1n4"), "a name is taken once")

	plan, err := schema.Load(ctx, []schema.Input{{Name: "lab.yaml", Data: l.Topology()}}, schema.Options{})
	require.NoError(t, err)
	require.Empty(t, plan.Violations)
	require.Contains(t, plan.Topology.Shards["first"].Replicas, "dc1n3")
	require.Contains(t, plan.Topology.Reference.Replicas, "dc1n4")
}
