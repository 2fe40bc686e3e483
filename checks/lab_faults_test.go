package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// about returns the findings on a node or peer, rendered "status check subject".
func about(fs []Finding, node string) (out []string) {
	for _, f := range fs {
		if f.Subject.Node == node || f.Subject.Peer == node {
			out = append(out, fmt.Sprintf("%s %s %s", f.Status, f.Check, f.Subject))
		}
	}
	return out
}

// lookAt changes where a node of the plan is looked for.
func lookAt(plan *schema.Topology, name, dsn string) {
	n := plan.Nodes[name]
	n.DSN = dsn
	plan.Nodes[name] = n
}

// healthyButFor fails when anything but what concerns one node is not well.
func healthyButFor(t *testing.T, fs []Finding, node string) {
	t.Helper()
	for _, f := range fs {
		if f.Status == Pass || f.Status == Skipped || f.Subject.Node == node || f.Subject.Peer == node {
			continue
		}
		if f.Status == Unknown && strings.Contains(f.Message, "node "+node) { // a question about all nodes
			continue
		}
		if strings.Contains(f.Subject.Object, "_to_"+node) { // its slots on the others
			continue
		}
		t.Errorf("%s %s %s: %s", f.Status, f.Check, f.Subject, f.Message)
	}
}

func TestNodeDown(t *testing.T) {
	l := theLab(t)
	plan := labPlan(t, l)
	require.NoError(t, l.Node("dr1n2").Crash())
	t.Cleanup(func() {
		require.NoError(t, l.Node("dr1n2").Start(context.Background()))
		require.NoError(t, l.StartWALReceiver(context.Background(), "barman-dr", "dr1n2"))
		require.NoError(t, l.Settle(context.Background()))
	})
	in := readLab(t, plan, catalog.Settings{})
	require.Equal(t, string(cluster.Unreachable), in.Cluster.Nodes["dr1n2"].Failure.Reason)
	fs := Run(in, Options{})
	healthyButFor(t, fs, "dr1n2")
	require.Contains(t, about(fs, "dr1n2"), "unknown lag/time dc1n1 → dr1n2")
	require.NotContains(t, strings.Join(about(fs, "dr1n2"), "\n"), "pass lag/")
}

// An edge that is switched off while its provider writes: the subscriber lags,
// in bytes and in time, although nothing on it says so.
func TestLaggingEdge(t *testing.T) {
	l := theLab(t)
	require.NoError(t, l.Settle(t.Context()))
	require.NoError(t, l.DisableEdge(t.Context(), "dc1n1", "dc1n2"))
	t.Cleanup(func() { require.NoError(t, l.EnableEdge(context.Background(), "dc1n1", "dc1n2")) })
	plan := labPlan(t, l)
	require.NoError(t, l.Node("dc1n1").Exec(t.Context(), "UPDATE ref.product SET price = price + 1"))
	require.NoError(t, l.Barrier(t.Context()))
	plan.Policy.Lag = schema.LagPolicy{MaxBytes: 100, MaxSeconds: 0} // whatever is outstanding is too much and too old
	in := readLab(t, plan, catalog.Settings{})
	fs := Run(in, Options{Only: []string{"mesh/full", "lag", "slots/inactive"}})
	var got []string
	for _, f := range fs {
		if f.Subject.Node == "dc1n1" && f.Subject.Peer == "dc1n2" || f.Check == "slots/inactive" && f.Status != Pass {
			got = append(got, fmt.Sprintf("%s %s %s", f.Status, f.Check, f.Subject))
		}
	}
	require.Equal(t, []string{
		"fail lag/bytes dc1n1 → dc1n2", "fail lag/failover-target-caught-up dc1n1 → dc1n2: shard first", "fail lag/time dc1n1 → dc1n2", "fail mesh/full dc1n1 → dc1n2",
		"fail slots/inactive dc1n1: slot " + l.Slot("dc1n1", "dc1n2"),
	}, got, lines(fs))
	for _, f := range fs {
		if f.Check == "lag/time" && f.Subject.Peer == "dc1n2" && f.Subject.Node == "dc1n1" {
			require.Contains(t, f.Message, "has applied", "another subscriber is the witness")
		}
	}
}

// Saved facts give the very findings of the live run.
func TestSavedFactsGiveTheSameFindings(t *testing.T) {
	l := theLab(t)
	in := readLab(t, labPlan(t, l), catalog.Settings{})
	var file strings.Builder
	require.NoError(t, in.Cluster.Save(&file))
	again, err := catalog.LoadCluster(strings.NewReader(file.String()))
	require.NoError(t, err)
	saved := in
	saved.Cluster = again
	require.Equal(t, Run(in, Options{}), Run(saved, Options{}))
	require.Equal(t, Run(in, Options{}), Run(in, Options{}), "and twice the same")
}

// as logs in as another role everywhere.
func as(plan *schema.Topology, role string) *schema.Topology {
	for _, name := range plan.NodeNames() {
		lookAt(plan, name, strings.Replace(plan.Nodes[name].DSN, "user="+lab.Reader, "user="+role, 1))
	}
	return plan
}

// reload makes the node read its configuration and waits until it shows.
func reload(t *testing.T, n *lab.Node, timeout string) {
	t.Helper()
	require.NoError(t, n.Exec(context.Background(), "SELECT pg_reload_conf()"))
	require.Eventually(t, func() bool {
		conn, err := n.Connect(context.Background()) // a new one: the postmaster's view
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close(context.Background()) }()
		var is string
		return conn.QueryRow(context.Background(), "SHOW wal_sender_timeout").Scan(&is) == nil && is == timeout
	}, time.Minute, 50*time.Millisecond)
}

// Under the role that Grants makes everything can be told; under a role that
// may only log in nothing that is wrong passes.
func TestRights(t *testing.T) {
	l := theLab(t)
	require.NoError(t, l.Settle(t.Context()))
	everywhere := func(sql string) {
		t.Helper()
		for _, n := range l.Nodes() {
			require.NoError(t, n.Exec(context.Background(), sql))
		}
	}
	grants, err := catalog.Grants(catalog.PGLogical, "watch")
	require.NoError(t, err)
	everywhere("CREATE ROLE bare LOGIN")
	everywhere(grants)
	t.Cleanup(func() { everywhere("DROP OWNED BY watch; DROP ROLE watch; DROP ROLE bare") })
	require.Empty(t, lines(Run(readLab(t, as(labPlan(t, l), "watch"), catalog.Settings{}), Options{})))

	n := l.Node("dc1n1")
	run := func(sql string) { t.Helper(); require.NoError(t, n.Exec(context.Background(), sql)) }
	require.NoError(t, l.DisableEdge(t.Context(), "dc1n1", "dc1n2"))
	t.Cleanup(func() { require.NoError(t, l.EnableEdge(context.Background(), "dc1n1", "dc1n2")) })
	t.Cleanup(func() { reload(t, n, "1min") }) // last of all, after the setting is reset
	for do, undo := range map[string]string{
		"SELECT pg_create_logical_replication_slot('orphan', 'pglogical_output')":     "SELECT pg_drop_replication_slot('orphan')",
		"ALTER SYSTEM SET wal_sender_timeout = '77s'":                                 "ALTER SYSTEM RESET wal_sender_timeout",
		"CREATE TABLE public.local (id int)":                                          "DROP TABLE public.local",
		"CREATE ROLE only_here":                                                       "DROP ROLE only_here",
		"ALTER TABLE ref.product ALTER COLUMN price SET DEFAULT 7":                    "ALTER TABLE ref.product ALTER COLUMN price DROP DEFAULT",
		"SELECT pglogical.replication_set_remove_table('shard1', 'shard1.customer')":  "SELECT pglogical.replication_set_add_table('shard1', 'shard1.customer')",
		"CREATE SEQUENCE public.short MAXVALUE 10; SELECT setval('public.short', 10)": "DROP SEQUENCE public.short",
	} {
		run(do)
		t.Cleanup(func() { run(undo) })
	}
	reload(t, n, "77s")

	worst := func(role string) map[string]Status {
		out := map[string]Status{}
		for _, f := range Run(readLab(t, as(labPlan(t, l), role), catalog.Settings{}), Options{}) {
			key := f.Check + " " + Subject{Node: f.Subject.Node, Peer: f.Subject.Peer}.String()
			rank := []Status{Fail, Unknown, Pass, Skipped}
			if old, ok := out[key]; !ok || slices.Index(rank, f.Status) < slices.Index(rank, old) {
				out[key] = f.Status
			}
		}
		return out
	}
	full, bare := worst("watch"), worst("bare")
	failed := 0
	for _, key := range sortedKeys(full) {
		if full[key] == Fail {
			failed++
			check, _, _ := strings.Cut(key, " ")
			got, ok := bare[key]
			if !ok { // it could not even be told what to look at
				got = bare[check+" "]
			}
			require.Contains(t, []Status{Fail, Unknown}, got, key)
		}
		if full[key] == Pass && strings.HasPrefix(key, "mesh/full") {
			require.Equal(t, Unknown, bare[key], key)
		}
	}
	require.GreaterOrEqual(t, failed, 9, "%v", full)
}

// The tool assigns no transaction id and leaves nothing behind.
func TestReadingChangesNothing(t *testing.T) {
	l := theLab(t)
	plan := labPlan(t, l)
	state := func() string {
		var all []string
		for _, n := range l.Nodes() {
			s, err := n.Scalar(t.Context(), `SELECT pg_snapshot_xmax(pg_current_snapshot()) || ' ' || (SELECT count(*) FROM pg_class) || ' ' || (SELECT count(*) FROM pg_proc) || ' '
				|| (SELECT string_agg(slot_name, ',' ORDER BY 1) FROM pg_replication_slots) || ' ' || (SELECT count(*) FROM pg_db_role_setting) || ' '
				|| (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgconcord')`)
			require.NoError(t, err)
			all = append(all, s)
		}
		return strings.Join(all, "\n")
	}
	require.Eventually(t, func() bool { // autovacuum may take a transaction id of its own
		before := state()
		_ = catalog.Read(t.Context(), plan, catalog.Settings{})
		return state() == before
	}, time.Minute, 100*time.Millisecond)
}

// A node is asked over one connection, and waited for as seldom as can be:
// over an ocean each wait is a tenth of a second.
func TestReadingAsksLittle(t *testing.T) {
	l := theLab(t)
	topology := string(l.Topology())
	var wires []*lab.Wire
	for _, n := range l.Nodes() {
		w, err := n.Wire()
		require.NoError(t, err)
		t.Cleanup(w.Close)
		wires = append(wires, w)
		topology = w.Redirect(topology)
	}
	p, err := schema.Load(t.Context(), []schema.Input{{Name: "lab.yaml", Data: []byte(topology)}}, schema.Options{})
	require.NoError(t, err)
	for name, n := range catalog.Read(t.Context(), p.Topology, catalog.Settings{}).Nodes {
		require.NotNil(t, n.Facts, name)
	}
	for _, w := range wires {
		got := w.Traffic()
		require.Equal(t, 1, got.Connections)
		// Login, settings, clock twice, BEGIN, what is there, all parts, COMMIT.
		require.Equal(t, 8, got.RoundTrips)
		require.InDelta(t, 78, got.Statements, 20)
	}
}
