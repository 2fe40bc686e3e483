package compare_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// Which tables, and which of their rows, belong to a data set.
func TestTablesOfSets(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	of := func(sets ...string) *compare.Result {
		top := static(nodes)
		top.Reference.ReplicationSets = sets
		return run(t, compare.Request{Topology: top, Static: true})
	}
	t.Run("partitions in the sets of two data sets", func(t *testing.T) {
		execAll(t, nodes, `CREATE TABLE acc (region text, id int, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
			CREATE TABLE acc_eu PARTITION OF acc FOR VALUES IN ('eu'); CREATE TABLE acc_us PARTITION OF acc FOR VALUES IN ('us');
			INSERT INTO acc SELECT 'eu', g FROM generate_series(1, 10) g; CREATE PUBLICATION eu FOR TABLE acc_eu; CREATE PUBLICATION us FOR TABLE acc_us`)
		execAll(t, nodes[1:], "INSERT INTO acc VALUES ('us', 1)") // which holds the other data set, too
		r := of("eu")
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.Equal(t, "acc_eu", r.Tables[0].Name)
		require.Len(t, r.Tables, 1)
		r = of("eu", "us")
		require.Equal(t, []string{"public.acc(us, 1) missing "}, found(r, compare.Persistent), summary(r))
		require.Len(t, r.Tables, 1)
	})
	t.Run("a partition here, and its table there", func(t *testing.T) {
		execAll(t, nodes, `CREATE TABLE pr (r text, id int, v int, PRIMARY KEY (r, id)) PARTITION BY LIST (r); CREATE TABLE pr_a PARTITION OF pr FOR VALUES IN ('a'); CREATE TABLE pr_b PARTITION OF pr DEFAULT;
			INSERT INTO pr SELECT r, g, g FROM generate_series(1, 20) g, unnest('{a,b}'::text[]) r`)
		execAll(t, nodes[:1], "CREATE PUBLICATION part FOR TABLE pr WHERE (id > 10) WITH (publish_via_partition_root = true)")
		execAll(t, nodes[1:], "CREATE PUBLICATION part FOR TABLE pr_a WHERE (id > 10); UPDATE pr SET v = 0 WHERE id IN (3, 14)")
		r := of("part")
		require.Equal(t, []string{"public.pr(a, 14) changed ", "public.pr(b, 14) changed ", "public.pr_a(a, 14) changed "}, found(r, compare.Persistent), summary(r))
		require.Contains(t, summary(r), "not all partitions of the table are in the replication sets of reference on n2")
		require.NotContains(t, summary(r), "is in no replication set")
	})
	t.Run("what replicates the server is no table of a set", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE own (id int PRIMARY KEY); CREATE SCHEMA pglogical; CREATE TABLE pglogical.queue (id int PRIMARY KEY); CREATE PUBLICATION everything FOR ALL TABLES")
		defer execAll(t, nodes, "DROP SCHEMA pglogical CASCADE; DROP PUBLICATION everything")
		execAll(t, nodes[1:], "INSERT INTO pglogical.queue VALUES (1)")
		require.NotContains(t, summary(of("everything")), "queue")
	})
	t.Run("a filter beside all of its schema", func(t *testing.T) {
		execAll(t, nodes, `CREATE SCHEMA whole; CREATE TABLE whole.t (id int PRIMARY KEY, v int); INSERT INTO whole.t SELECT g, g FROM generate_series(1, 10) g;
			CREATE PUBLICATION all_of_it FOR TABLE whole.t WHERE (id > 5), TABLES IN SCHEMA whole; CREATE PUBLICATION some_of_it FOR TABLE whole.t WHERE (id > 5)`)
		execAll(t, nodes[1:], "UPDATE whole.t SET v = 0 WHERE id = 2")
		require.Equal(t, compare.Match, of("some_of_it").Verdict)
		require.Equal(t, []string{"whole.t(2) changed "}, found(of("all_of_it"), compare.Persistent))
	})
}
