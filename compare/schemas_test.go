package compare_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/majors"
)

// What PostgreSQL 18 has and no server before.
func TestSchemasOf18(t *testing.T) {
	nodes := pairOf(t, lab.Options{PGBin: majors.Need(t, 18)})
	execAll(t, nodes, `CREATE TABLE loose (a int, v int); INSERT INTO loose VALUES (NULL, 1), (NULL, 2), (3, 3), (4, 4); ALTER TABLE loose ADD CONSTRAINT later NOT NULL a NOT VALID; CREATE UNIQUE INDEX ON loose (a);
		CREATE EXTENSION btree_gist; CREATE TABLE booked (id int, at daterange, v int, PRIMARY KEY (id, at WITHOUT OVERLAPS));
		INSERT INTO booked VALUES (1, '[2020-01-01,2020-02-01)', 1), (1, '[2020-02-01,2020-03-01)', 1), (2, '[2020-01-01,2021-02-01)', 1);
		CREATE TABLE derived (id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v * 2)); INSERT INTO derived SELECT g, g FROM generate_series(1, 100) g`)
	r := run(t, compare.Request{Topology: static(nodes), Static: true})
	require.Equal(t, compare.Match, r.Verdict, summary(r))
	execAll(t, nodes[1:], `DELETE FROM loose WHERE v = 1; UPDATE booked SET v = 2 WHERE id = 2; DELETE FROM booked WHERE at = '[2020-01-01,2020-02-01)'; INSERT INTO booked VALUES (1, '[2020-01-01,2020-01-15)', 1);
		ALTER TABLE derived ALTER g SET EXPRESSION AS (v * 2 + id / 100)`)
	for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
		r := run(t, compare.Request{Topology: static(nodes), Static: true, Mode: mode})
		require.Equal(t, compare.Counts{Suspect: 1, Persistent: 1}, tableOf(t, r, "loose").Counts, "a constraint that is not validated does not make a key: %s", summary(r))
		booked := tableOf(t, r, "booked")
		require.Equal(t, compare.Counts{Suspect: 3, Persistent: 3}, booked.Counts, summary(r))
		for _, d := range booked.Diffs {
			require.NotContains(t, d.Cause, "written in another form", "ranges that overlap are not equal")
		}
		require.Equal(t, compare.Counts{Suspect: 1, Persistent: 1}, tableOf(t, r, "derived").Counts, summary(r))
	}
}

// Schemas in which the same name does not mean the same, or a row is not where it
// seems to be.
func TestSchemas(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off"}})
	top := static(nodes)
	one := single(top)
	modes := []compare.Mode{compare.Exact, compare.Strong, compare.Value}

	t.Run("a key of a domain over an enum", func(t *testing.T) {
		execAll(t, nodes, `CREATE TYPE phase AS ENUM ('new', 'old', 'gone'); CREATE DOMAIN phase_of AS phase; CREATE DOMAIN phase_of_it AS phase_of; CREATE TABLE phases (k phase_of_it PRIMARY KEY, v int);
			INSERT INTO phases VALUES ('new', 1), ('old', 1), ('gone', 1)`)
		execAll(t, nodes[1:], "UPDATE phases SET v = 2 WHERE k::phase = 'new'; DELETE FROM phases WHERE k::phase = 'old'")
		for _, mode := range modes {
			x := one(t, "phases", compare.Request{Mode: mode})
			require.Equal(t, compare.Counts{Suspect: 2, Persistent: 2}, x.Counts, "%s: %v", mode, x.Reasons)
		}
	})
	t.Run("an extension in the server's own schema", func(t *testing.T) {
		execAll(t, nodes, "CREATE EXTENSION citext SCHEMA pg_catalog; CREATE EXTENSION hstore SCHEMA pg_catalog; CREATE TABLE cased (id citext PRIMARY KEY, v citext, h hstore); INSERT INTO cased VALUES ('a', 'x', 'a=>1'), ('b', 'y', 'b=>2')")
		execAll(t, nodes[1:], "UPDATE cased SET v = 'X' WHERE id = 'a'; UPDATE cased SET h = 'b=>3' WHERE id = 'b'")
		require.Equal(t, compare.Counts{Suspect: 2, Persistent: 2}, one(t, "cased", compare.Request{}).Counts)
		x := one(t, "cased", compare.Request{Mode: compare.Value})
		require.Equal(t, compare.Counts{Suspect: 1, Persistent: 1}, x.Counts, "case does not count: %v", x.Diffs)
	})
	t.Run("types of one name that are not of one kind", func(t *testing.T) {
		execEach(t, nodes, func(i int) string {
			return []string{"CREATE TYPE colour AS ENUM ('', 'red'); CREATE TABLE colours (id int PRIMARY KEY, v colour); INSERT INTO colours VALUES (1, '')",
				"CREATE TYPE colour AS (a int); CREATE TABLE colours (id int PRIMARY KEY, v colour); INSERT INTO colours VALUES (1, NULL)"}[i]
		})
		for _, mode := range modes {
			x := one(t, "colours", compare.Request{Mode: mode})
			require.Equal(t, compare.Different, x.Verdict, "%s: %v", mode, x)
			require.Contains(t, fmt.Sprint(x.Notes), "different types")
		}
	})
	t.Run("attributes in another order", func(t *testing.T) {
		execEach(t, nodes, func(i int) string {
			return []string{"CREATE TYPE place AS (x int, y int)", "CREATE TYPE place AS (gone int, y int, x int); ALTER TYPE place DROP ATTRIBUTE gone"}[i] + `; CREATE DOMAIN spot AS place;
				CREATE TABLE placed1 (id int PRIMARY KEY, v place); CREATE TABLE placed2 (id int PRIMARY KEY, v place[]); CREATE TABLE placed3 (id int PRIMARY KEY, v spot);
				INSERT INTO placed1 VALUES (1, '(1,2)'); INSERT INTO placed2 VALUES (1, '{"(1,2)"}'); INSERT INTO placed3 VALUES (1, '(1,2)')`
		})
		for _, table := range []string{"placed1", "placed2", "placed3"} {
			x := one(t, table, compare.Request{})
			require.Equal(t, compare.Incomplete, x.Verdict, "x is 1 here and 2 there")
			require.Contains(t, fmt.Sprint(x.Reasons), "n1 x, y, n2 y, x")
			require.Equal(t, compare.Match, one(t, table, compare.Request{ExcludeColumns: []string{"v"}}).Verdict)
		}
	})
	// Such a partition's rows are not the table's any more: who reads it does not see them.
	t.Run("a partition whose detaching was broken off", func(t *testing.T) {
		execAll(t, nodes, `CREATE TABLE days (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id); CREATE TABLE days1 PARTITION OF days FOR VALUES FROM (0) TO (1000);
			CREATE TABLE days2 PARTITION OF days FOR VALUES FROM (1000) TO (100000); INSERT INTO days SELECT g, repeat('x', 500) FROM generate_series(500, 2000) g`)
		held, err := nodes[0].Connect(t.Context())
		require.NoError(t, err)
		defer func() { _ = held.Close(context.Background()) }()
		_, err = held.Exec(t.Context(), "BEGIN; SELECT count(*) FROM days")
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- nodes[0].Exec(t.Context(), "ALTER TABLE days DETACH PARTITION days1 CONCURRENTLY") }()
		require.Eventually(t, func() bool {
			n, err := nodes[0].Scalar(t.Context(), "SELECT count(pg_cancel_backend(a.pid))::text FROM pg_inherits JOIN pg_stat_activity a ON a.query LIKE 'ALTER TABLE days DETACH%' AND a.wait_event_type = 'Lock' WHERE inhdetachpending")
			return err == nil && n == "1"
		}, time.Minute, 10*time.Millisecond)
		require.ErrorContains(t, <-ended, "canceling statement")
		_, err = held.Exec(t.Context(), "COMMIT")
		require.NoError(t, err)
		n, err := nodes[0].Scalar(t.Context(), "SELECT count(*)::text FROM days")
		require.NoError(t, err)
		require.Equal(t, "1001", n)
		for _, pages := range []int{0, 4} {
			x := one(t, "days", compare.Request{ChunkPages: pages})
			require.Equal(t, compare.Different, x.Verdict, "%d: %v", pages, x)
			require.Equal(t, int64(500), x.Counts.Persistent, x.Reasons)
		}
		x := one(t, "days1", compare.Request{}) // by itself it is as it was
		require.Equal(t, compare.Match, x.Verdict, "%v", x)
		require.Equal(t, int64(500), x.Nodes[0].Rows)
	})
}
