package compare_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// Ways in which a difference could go unseen.
func TestNoWrongMatch(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off"}})
	top := static(nodes)
	one := single(top)

	// A key's text must name the row again when it is read anew: the SQL names of
	// these types mean a length of one, and "char" has no text of all majors.
	t.Run("keys of types with a length", func(t *testing.T) {
		for i, c := range []struct{ typ, a, b, c string }{
			{"character(6)", "'abc'", "'abd'", "'b'"},
			{"bpchar", "'abc'", "'abd'", "'b'"},
			{"bit(3)", "'101'", "'111'", "'001'"},
			{"varbit", "'101'", "'1'", "''"},
			{`"char"`, "'a'", "'9'", "''"},
			{"char(3)[]", "'{abc,d}'", "'{ab}'", "'{}'"},
			{"bit(3)[]", "'{101}'", "'{111}'", "'{}'"},
			{`"char"[]`, "'{a,b}'", "'{1}'", "'{}'"},
			{"varchar(3)", "'abc'", "'ab'", "''"},
			{"numeric(6,2)", "1.50", "100", "0"},
			{"interval(0)", "'1 mon'", "'1 day'", "'0'"},
			{"timestamptz(0)", "'2000-01-01Z'", "'infinity'", "'0044-03-15Z BC'"},
			{"money", "'1.5'", "'-2000'", "'0'"},
			{"bytea", `'\x00'`, `'\x5c'`, `''`},
			{"double precision", "0.1", "'NaN'", "'-Infinity'"},
			{"real", "0.1", "16777216", "0"},
			{"oid", "0", "4294967295", "7"},
			{"boolean", "true", "false", "NULL"},
			{"date[]", "'{2000-01-01}'", "'{}'", "'{NULL}'"},
			{"name", "'abc'", "'ab'", "''"},
			{"jsonb", `'{"a":1}'`, "'null'", "'[]'"},
			{"inet", "'10.0.0.1'", "'10.0.0.1/8'", "'::1'"},
			{"int4range", "'[1,5)'", "'empty'", "'(,)'"},
			{"regproc", "'abs(integer)'::regprocedure", "'abs(real)'::regprocedure", "'now'"},
		} {
			table := fmt.Sprintf("key%d", i)
			execAll(t, nodes, fmt.Sprintf("CREATE TABLE %[1]s (k %[2]s PRIMARY KEY, v int); INSERT INTO %[1]s SELECT k, 1 FROM (VALUES (%[3]s::%[2]s), (%[4]s), (%[5]s)) v (k) WHERE k IS NOT NULL", table, c.typ, c.a, c.b, c.c))
			execAll(t, nodes[1:], fmt.Sprintf("UPDATE %s SET v = 2 WHERE k = %s::%s; DELETE FROM %[1]s WHERE k = %[4]s", table, c.a, c.typ, c.b))
			for _, mode := range []compare.Mode{compare.Exact, compare.Strong, compare.Value} {
				x := one(t, table, compare.Request{Mode: mode})
				require.Equal(t, compare.Different, x.Verdict, "%s %s: %v %v", c.typ, mode, x.Counts, x.Reasons)
				require.Equal(t, int64(2), x.Counts.Persistent, "%s %s: %v", c.typ, mode, x.Counts)
			}
		}
	})
	t.Run("a table of which no column is left", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE nothing (a int)")
		execAll(t, nodes[:1], "INSERT INTO nothing VALUES (1)")
		x := one(t, "nothing", compare.Request{ExcludeColumns: []string{"a"}})
		require.Equal(t, compare.Incomplete, x.Verdict, x)
		require.Contains(t, fmt.Sprint(x.Reasons), "no column is left")
	})
	t.Run("two rows of one key under a damaged index", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE twice (k text PRIMARY KEY, v int); INSERT INTO twice VALUES ('a', 1), ('b', 2)")
		execAll(t, nodes[1:], `UPDATE pg_index SET indisunique = false WHERE indexrelid = 'twice_pkey'::regclass;
			INSERT INTO twice VALUES ('a', 1); UPDATE pg_index SET indisunique = true WHERE indexrelid = 'twice_pkey'::regclass`)
		for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
			x := one(t, "twice", compare.Request{Mode: mode})
			require.NotEqual(t, x.Nodes[0].Rows, x.Nodes[1].Rows)
			require.Equal(t, compare.Incomplete, x.Verdict, x)
			require.Contains(t, fmt.Sprint(x.Reasons), "n2")
			require.Contains(t, fmt.Sprint(x.Reasons), "two rows with the key (a)")
		}
	})
	t.Run("NULL in a column that the catalog calls NOT NULL", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE damaged (id int PRIMARY KEY, a text, v int); INSERT INTO damaged VALUES (1, NULL, 0), (2, 'x', 0)")
		execAll(t, nodes[1:], "UPDATE damaged SET v = 1 WHERE id = 1")
		execAll(t, nodes, "UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'damaged'::regclass AND attname = 'a'")
		for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
			x := one(t, "damaged", compare.Request{Mode: mode})
			require.NotEqual(t, compare.Match, x.Verdict, x)
		}
	})
	t.Run("NULL against false in a boolean that the catalog calls NOT NULL", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE flags (id int PRIMARY KEY, b boolean); INSERT INTO flags VALUES (1, NULL), (2, true)")
		execAll(t, nodes[1:], "UPDATE flags SET b = false WHERE id = 1")
		execAll(t, nodes, "UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'flags'::regclass AND attname = 'b'")
		for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
			x := one(t, "flags", compare.Request{Mode: mode})
			require.Equal(t, compare.Different, x.Verdict, x)
			require.Equal(t, []string{"1"}, x.Diffs[0].Key)
		}
	})
	// x::text goes through a cast where somebody made one, of the server's own types
	// too, and such a cast may give whatever it likes.
	t.Run("a user's cast to text", func(t *testing.T) {
		execAll(t, nodes, `CREATE FUNCTION vague(numeric) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'about ' || pg_catalog.numeric_out(round($1))::text $$;
			CREATE CAST (numeric AS text) WITH FUNCTION vague(numeric);
			CREATE FUNCTION vague(int[]) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''some''::text'; CREATE CAST (int[] AS text) WITH FUNCTION vague(int[]);
			CREATE TABLE casts (id int PRIMARY KEY, n numeric, a int[]); INSERT INTO casts SELECT g, g, ARRAY[g] FROM generate_series(1, 10) g`)
		defer execAll(t, nodes, "DROP CAST IF EXISTS (numeric AS text); DROP CAST IF EXISTS (int[] AS text)")
		execAll(t, nodes[1:], "UPDATE casts SET n = 3.01 WHERE id = 3; UPDATE casts SET a = '{0}' WHERE id = 5")
		differing := func() {
			t.Helper()
			for _, mode := range []compare.Mode{compare.Exact, compare.Strong, compare.Value} {
				x := one(t, "casts", compare.Request{Mode: mode})
				require.Equal(t, compare.Different, x.Verdict, "%s: %v %v", mode, x.Counts, x.Reasons)
				require.Equal(t, int64(2), x.Counts.Persistent, "%s: %v", mode, x)
			}
		}
		differing()
		execAll(t, nodes[1:], "DROP CAST (numeric AS text); DROP CAST (int[] AS text)")
		differing()
	})
	// What stands for an object's name must not depend on how a node quotes names.
	t.Run("names of objects where a node quotes all identifiers", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE objects (id int PRIMARY KEY, c regclass, r regrole); INSERT INTO objects VALUES (1, 'pg_class', 'postgres'), (2, 'objects', 'postgres')")
		execAll(t, nodes[1:], "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET quote_all_identifiers = on', current_database()); END $$")
		defer execAll(t, nodes[1:], "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET quote_all_identifiers', current_database()); END $$")
		require.Equal(t, compare.Match, one(t, "objects", compare.Request{}).Verdict)
	})
	t.Run("a value that a native function does not take", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE earliest (id int PRIMARY KEY, at timestamptz); INSERT INTO earliest VALUES (1, '4714-11-24 00:00:00+00 BC'), (2, '2026-01-01Z'), (3, '4714-11-24 00:00:00.000002+00 BC')")
		x := one(t, "earliest", compare.Request{})
		require.Equal(t, compare.Match, x.Verdict, x)
		execAll(t, nodes[1:], "UPDATE earliest SET at = '4714-11-24 00:00:00.000001+00 BC' WHERE id = 1")
		x = one(t, "earliest", compare.Request{})
		require.Equal(t, compare.Different, x.Verdict, x)
		require.Equal(t, []string{"1"}, x.Diffs[0].Key)
		t.Log(x.Digest, x.Notes)
	})
	t.Run("a role that may read columns alone", func(t *testing.T) {
		execAll(t, nodes, `CREATE TABLE narrow (id int PRIMARY KEY, v int); INSERT INTO narrow SELECT g, g FROM generate_series(1, 5000) g; CREATE TABLE bare (v int); INSERT INTO bare SELECT * FROM generate_series(1, 100);
			ANALYZE narrow; REVOKE ALL ON narrow, bare FROM pgconcord; GRANT SELECT (id, v) ON narrow TO pgconcord; GRANT SELECT (v) ON bare TO pgconcord`)
		as := static(nodes)
		for _, n := range nodes {
			as.Nodes[n.Name] = schema.Node{DSN: n.ReaderDSN()}
		}
		req := compare.Request{Topology: as, Static: true, Tables: []string{"narrow", "bare"}, ChunkPages: 8}
		r := run(t, req)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		execAll(t, nodes[1:], "UPDATE narrow SET v = 0 WHERE id = 7; DELETE FROM bare WHERE v = 3")
		r = run(t, req)
		require.Equal(t, compare.Incomplete, r.Verdict, "a row that may have changed and changed back is not said to differ: %s", summary(r))
		require.Equal(t, []string{"public.bare(" + tableOf(t, r, "bare").Diffs[0].Key[0] + ") missing ", "public.narrow(7) changed "}, found(r, compare.Unverified))
		require.Contains(t, fmt.Sprint(tableOf(t, r, "narrow").Reasons), "GRANT SELECT (ctid, xmin) ON")
		execAll(t, nodes, "GRANT SELECT (ctid, xmin) ON narrow, bare TO pgconcord")
		r = run(t, req)
		require.Len(t, found(r, compare.Persistent), 2, summary(r))
		require.Greater(t, tableOf(t, r, "narrow").Nodes[0].Chunks, 1)
	})
	t.Run("the ledger's word on a table that has changed since", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE grows (id int PRIMARY KEY, v int); INSERT INTO grows VALUES (1, 1)")
		req := compare.Request{Topology: top, Static: true, Tables: []string{"grows"}}
		file := filepath.Join(t.TempDir(), "ledger")
		var err error
		req.Ledger, err = compare.OpenLedger(file, req, false)
		require.NoError(t, err)
		require.Equal(t, compare.Match, run(t, req).Verdict)
		require.NoError(t, req.Ledger.Close())
		execAll(t, nodes, "ALTER TABLE grows ADD w int")
		execAll(t, nodes[1:], "UPDATE grows SET w = 1")
		req.Ledger, err = compare.OpenLedger(file, req, true)
		require.NoError(t, err)
		r := run(t, req)
		require.Equal(t, compare.Different, r.Verdict, summary(r))
		require.NoError(t, req.Ledger.Close())
	})
	t.Run("the ledger's word on a table whose name reads like another's", func(t *testing.T) {
		execAll(t, nodes, `CREATE SCHEMA "a.b"; CREATE SCHEMA a; CREATE TABLE "a.b".c (id int PRIMARY KEY, v int); CREATE TABLE a."b.c" (id int PRIMARY KEY, v int);
			INSERT INTO "a.b".c VALUES (1, 1); INSERT INTO a."b.c" VALUES (1, 1)`)
		execAll(t, nodes[1:], `UPDATE a."b.c" SET v = 2`)
		req := compare.Request{Topology: top, Static: true, Tables: []string{"a.b.c"}}
		file := filepath.Join(t.TempDir(), "ledger")
		var err error
		req.Ledger, err = compare.OpenLedger(file, req, false)
		require.NoError(t, err)
		// Broken off between the two.
		ctx, cancel := context.WithCancel(t.Context())
		broken := req
		broken.MaxConnections = 1
		broken.Rank = func(_, schema, _ string) int64 { return int64(len(schema)) * -1 }
		broken.Progress = func(e compare.Event) {
			if e.TablesDone == 1 {
				cancel()
			}
		}
		_, err = compare.Run(ctx, broken)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, req.Ledger.Close())
		req.Ledger, err = compare.OpenLedger(file, req, true)
		require.NoError(t, err)
		r := run(t, req)
		require.Len(t, r.Tables, 2)
		require.Equal(t, compare.Match, tableOf(t, r, "c").Verdict, summary(r))
		require.Equal(t, compare.Different, tableOf(t, r, "b.c").Verdict, summary(r))
		require.NoError(t, req.Ledger.Close())
	})
}

// Ways in which nodes could be said to differ that do not.
func TestNoFalseAlarm(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	top := static(nodes)
	t.Run("a table that is partitioned here and has heirs there", func(t *testing.T) {
		execAll(t, nodes[:1], "CREATE TABLE log (id int, v int) PARTITION BY RANGE (id); CREATE TABLE log1 PARTITION OF log FOR VALUES FROM (0) TO (100)")
		execAll(t, nodes[1:], "CREATE TABLE log (id int, v int); CREATE TABLE log1 (CHECK (id BETWEEN 0 AND 99)) INHERITS (log)")
		execAll(t, nodes, "INSERT INTO log1 VALUES (1, 1)")
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"log"}}), "log")
		require.Equal(t, compare.Incomplete, x.Verdict, x)
		require.Contains(t, fmt.Sprint(x.Reasons), "partitioned on n1 and has tables that inherit from it on n2")
	})
	t.Run("a key that is none on another node", func(t *testing.T) {
		execAll(t, nodes, "CREATE TYPE kind AS ENUM ('a', 'b', 'd')")
		execAll(t, nodes[:1], "ALTER TYPE kind ADD VALUE 'c'")
		execAll(t, nodes[:1], "CREATE TABLE widened (id int, k kind, v int, PRIMARY KEY (id, k)); INSERT INTO widened VALUES (7, 'c', 1)")
		execAll(t, nodes[1:], "CREATE TABLE widened (id bigint, k kind, v int, PRIMARY KEY (id, k)); INSERT INTO widened VALUES (5000000000, 'b', 1)")
		execAll(t, nodes, "INSERT INTO widened SELECT g, 'a', 1 FROM generate_series(1, 50) g; UPDATE widened SET v = 2 WHERE id = 9; INSERT INTO widened VALUES (8, 'd', 1)")
		execAll(t, nodes[1:], "UPDATE widened SET v = 3 WHERE id = 9")
		req := compare.Request{Topology: top, Static: true, Tables: []string{"widened"}}
		r := run(t, req)
		require.Equal(t, []string{"public.widened(5000000000, b) missing ", "public.widened(7, c) missing ", "public.widened(9, a) changed "}, found(r, compare.Persistent), summary(r))
		require.Empty(t, r.Tables[0].Reasons)
		again, err := compare.Recheck(t.Context(), req, r, nil)
		require.NoError(t, err)
		require.Equal(t, found(r, compare.Persistent), found(again, compare.Persistent), summary(again))
		execAll(t, nodes, "DELETE FROM widened WHERE id IN (7, 9, 5000000000)")
		again, err = compare.Recheck(t.Context(), req, r, nil)
		require.NoError(t, err)
		require.Equal(t, compare.Match, again.Verdict, summary(again))
	})
	t.Run("a column to leave out that is nowhere", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE stamps (id int PRIMARY KEY, updated_at timestamptz DEFAULT clock_timestamp()); INSERT INTO stamps VALUES (1)")
		for _, column := range []string{"updatd_at", "stamp.updated_at", "other.stamps.updated_at"} {
			_, err := compare.Run(t.Context(), compare.Request{Topology: top, Static: true, Tables: []string{"stamps"}, ExcludeColumns: []string{"updated_at", column}})
			var wrong *compare.RequestError
			require.ErrorAs(t, err, &wrong, column)
			require.Contains(t, err.Error(), column)
		}
		for _, column := range []string{"updated_at", "stamps.updated_at", "public.stamps.updated_at"} {
			require.Equal(t, compare.Match, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"stamps"}, ExcludeColumns: []string{column}}).Verdict)
		}
	})
	t.Run("a condition that is not about the row alone", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE asks (id int PRIMARY KEY, v int); INSERT INTO asks SELECT g, 0 FROM generate_series(1, 10) g; CREATE TABLE limits (n int); INSERT INTO limits VALUES (5)")
		execAll(t, nodes[1:], "UPDATE limits SET n = 8; UPDATE asks SET v = 1 WHERE id = 1; DELETE FROM asks WHERE id = 2")
		where := "id < (SELECT n FROM public.limits)"
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"asks"}, Where: where}), "asks")
		require.Equal(t, compare.Counts{Suspect: 5, Persistent: 2, Unverified: 3}, x.Counts, x)
		require.Contains(t, fmt.Sprint(x.Reasons), "it is not about the row alone")
		x = tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"asks"}, Where: where + " AND id > 2"}), "asks")
		require.Equal(t, compare.Incomplete, x.Verdict, x)
	})
	t.Run("a partition that is a foreign table", func(t *testing.T) {
		execAll(t, nodes, `CREATE TABLE away (id int NOT NULL, v text) PARTITION BY RANGE (id); CREATE TABLE away_mid PARTITION OF away FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
			CREATE TABLE near PARTITION OF away_mid FOR VALUES FROM (0) TO (10); INSERT INTO near VALUES (1, 'one')`)
		execAll(t, nodes[:1], `CREATE TABLE "Far" PARTITION OF away_mid FOR VALUES FROM (10) TO (20); INSERT INTO "Far" VALUES (11, 'far')`)
		execAll(t, nodes[1:], `CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE "Far" PARTITION OF away_mid FOR VALUES FROM (10) TO (20) SERVER files OPTIONS (program 'echo 11,far', format 'csv')`)
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"away"}}), "away")
		require.Equal(t, compare.Match, x.Verdict, x)
		require.Contains(t, x.Notes, `partition "public"."Far" is a foreign table on n2: its rows are those of another server, and read from there`)
		require.NotContains(t, fmt.Sprint(x.Notes), "on n1:")
		execAll(t, nodes[1:], `ALTER FOREIGN TABLE "Far" OPTIONS (SET program 'echo 11,other')`)
		x = tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"away"}}), "away")
		require.Equal(t, compare.Incomplete, x.Verdict, x)
		require.Contains(t, fmt.Sprint(x.Reasons), "system column")
		execAll(t, nodes[1:], fmt.Sprintf(`DROP FOREIGN TABLE "Far"; CREATE TABLE held (id int, v text); INSERT INTO held VALUES (11, 'other');
			CREATE EXTENSION postgres_fdw; CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '%d', dbname '%s');
			CREATE USER MAPPING FOR CURRENT_USER SERVER here OPTIONS (user '%s', password_required 'false'); CREATE FOREIGN TABLE "Far" PARTITION OF away_mid FOR VALUES FROM (10) TO (20) SERVER here OPTIONS (table_name 'held')`,
			nodes[1].Port, lab.Database, lab.Superuser))
		execAll(t, nodes[:1], "UPDATE near SET v = 'uno'")
		x = tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"away"}}), "away")
		require.Equal(t, compare.Counts{Suspect: 4, Persistent: 3, Unverified: 1}, x.Counts, "a row of another server has no version: %v", x.Reasons)
	})
	// For each way in which rows without a key are looked at: listed, or counted in
	// passes, in one statement or in parts.
	t.Run("and rows without a key", func(t *testing.T) {
		one := single(top)
		execAll(t, nodes, `CREATE TABLE bag_asks (id int, v int); INSERT INTO bag_asks SELECT g, 0 FROM generate_series(1, 6000) g; CREATE TABLE bounds (n int); INSERT INTO bounds VALUES (5000);
			CREATE TABLE bag_few (id int, v int); INSERT INTO bag_few SELECT g % 2, 0 FROM generate_series(1, 10) g; ANALYZE bag_asks`)
		execAll(t, nodes[1:], "UPDATE bounds SET n = 6500; UPDATE bag_asks SET v = 1 WHERE id = 1; DELETE FROM bag_asks WHERE id = 2")
		for _, c := range []struct{ sample, pages int }{{20, 0}, {2000, 0}, {20, 2}, {2000, 2}} {
			req := compare.Request{Where: "id < (SELECT n FROM public.bounds)", SampleLimit: c.sample, ChunkPages: c.pages, BucketRows: 50}
			x := one(t, "bag_asks", req)
			require.Equal(t, compare.Counts{Suspect: 1004, Persistent: 3, Unverified: 1001}, x.Counts, c)
			require.Contains(t, fmt.Sprint(x.Reasons), "not about these alone")
			require.Equal(t, int64(1004), x.Cut+int64(len(x.Diffs)))
			req.Where += " AND id > 2"
			x = one(t, "bag_asks", req)
			require.Equal(t, compare.Incomplete, x.Verdict, c)
			require.Zero(t, x.Counts.Persistent)
			req.Where = "id < 5000" // the row alone
			x = one(t, "bag_asks", req)
			require.Equal(t, compare.Counts{Suspect: 3, Persistent: 3}, x.Counts, c)
			require.Empty(t, x.Reasons)
		}
		// Of equal rows some meet the condition: their number is no difference, also when
		// it is another number.
		x := one(t, "bag_few", compare.Request{Where: fmt.Sprintf("ctid < CASE current_setting('port') WHEN '%d' THEN '(0,5)' ELSE '(0,7)' END::tid", nodes[0].Port)})
		require.Equal(t, compare.Counts{Suspect: 2, Unverified: 2}, x.Counts, x)
	})
	t.Run("a session that the server ends because it waits for another node", func(t *testing.T) {
		compare.SetRetryPause(t, time.Millisecond)
		execAll(t, nodes, "CREATE TABLE slow (id int PRIMARY KEY, v int); INSERT INTO slow SELECT g, g FROM generate_series(1, 400) g; ANALYZE slow")
		execAll(t, nodes[1:], "UPDATE slow SET v = 0 WHERE id = 5; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET idle_session_timeout = 300', current_database()); END $$")
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"slow"},
			Where: fmt.Sprintf("current_setting('port') = '%d' OR pg_sleep(0.003)::text = ''", nodes[1].Port)}), "slow")
		require.Equal(t, compare.Different, x.Verdict, x)
		require.Equal(t, int64(1), x.Counts.Persistent)
	})
}

// A recheck says match of nothing that the earlier result had not settled.
func TestRecheckKeepsDoubts(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	execAll(t, nodes, "CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a VALUES (1, 1), (2, 2)")
	execAll(t, nodes[1:], "UPDATE a SET v = 3 WHERE id = 1")
	req := compare.Request{Topology: static(nodes), Static: true}
	first := run(t, req)
	require.Equal(t, compare.Different, first.Verdict)
	execAll(t, nodes[1:], "UPDATE a SET v = 1 WHERE id = 1")
	for name, c := range map[string]struct {
		change func(*compare.Result)
		why    string
	}{
		"":                              {func(*compare.Result) {}, ""},
		"reasons of the whole":          {func(r *compare.Result) { r.Reasons = []string{"interrupted after 1 of 2 tables"} }, "interrupted after 1 of 2"},
		"reasons of a whole of nothing": {func(r *compare.Result) { r.Tables, r.Reasons = nil, []string{"first: none of its nodes"} }, "first: none"},
		"keys counted and not listed":   {func(r *compare.Result) { r.Tables[0].Counts.Unverified = 7 }, "7 more differences"},
		"a node that was not there":     {func(r *compare.Result) { r.Tables[0].Nodes = r.Tables[0].Nodes[:1] }, "had not read n2"},
		"other columns":                 {func(r *compare.Result) { r.Tables[0].Columns = []string{"id"} }, "columns"},
		"another mode":                  {func(r *compare.Result) { r.Mode = compare.Value }, "mode"},
		"other rows":                    {func(r *compare.Result) { r.Tables[0].Where = "id > 1" }, "other rows"},
	} {
		t.Run(name, func(t *testing.T) {
			old := *first
			old.Tables = append([]compare.Table{}, first.Tables...)
			c.change(&old)
			r, err := compare.Recheck(t.Context(), req, &old, nil)
			require.NoError(t, err)
			if c.why == "" {
				require.Equal(t, compare.Match, r.Verdict, summary(r))
				return
			}
			require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
			require.Contains(t, summary(r), c.why)
		})
	}
}

// A row that is in the table and not in the index of its key is neither said to be
// missing nor taken for one that is nowhere.
func TestDamagedIndex(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off"}})
	hidden := func(table, sql string) {
		execAll(t, nodes[1:], fmt.Sprintf("UPDATE pg_index SET indisready = false WHERE indexrelid = '%s_pkey'::regclass", table))
		execAll(t, nodes[1:], sql)
		execAll(t, nodes[1:], fmt.Sprintf("UPDATE pg_index SET indisready = true WHERE indexrelid = '%s_pkey'::regclass", table))
	}
	for _, typ := range []string{"int", "text"} {
		for name, c := range map[string]struct{ both, sql string }{
			"extra":   {"%[2]s <> '77'", "INSERT INTO %s VALUES ('77', 'v77')"},
			"changed": {"%[2]s <> '77'", "INSERT INTO %s VALUES ('77', 'other')"},
		} {
			t.Run(typ+" "+name, func(t *testing.T) {
				table := typ + name
				execAll(t, nodes, fmt.Sprintf("CREATE TABLE %s (id %s PRIMARY KEY, v text); INSERT INTO %[1]s SELECT g::text::%[2]s, 'v' || g FROM generate_series(1, 30000) g WHERE g <> 77; ANALYZE %[1]s", table, typ))
				if name == "changed" {
					execAll(t, nodes[:1], fmt.Sprintf("INSERT INTO %s VALUES ('77', 'v77')", table))
				}
				hidden(table, fmt.Sprintf(c.sql, table))
				for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
					x := tableOf(t, run(t, compare.Request{Topology: static(nodes), Static: true, Tables: []string{table}, Mode: mode}), table)
					require.Equal(t, compare.Incomplete, x.Verdict, "%v %v", x.Counts, x.Diffs)
					require.Contains(t, fmt.Sprint(x.Reasons), "node n2: ")
					require.Contains(t, fmt.Sprint(x.Reasons), "in the table and not found by its key")
					require.Zero(t, x.Counts.Persistent)
				}
			})
		}
	}
	// What is deleted in the meantime is no damage.
	execAll(t, nodes, "CREATE TABLE busy (id int PRIMARY KEY, v text); INSERT INTO busy SELECT g, 'v' || g FROM generate_series(1, 30000) g; ANALYZE busy")
	execAll(t, nodes[1:], "DELETE FROM busy WHERE id = 500; UPDATE busy SET v = 'other' WHERE id IN (900, 15000)")
	req := compare.Request{Topology: static(nodes), Static: true, Tables: []string{"busy"}}
	req.Progress = func(e compare.Event) {
		if e.Phase == "drill" {
			execAll(t, nodes, "DELETE FROM busy WHERE id BETWEEN 400 AND 600; UPDATE busy SET v = 'new' WHERE id = 900")
		}
	}
	x := tableOf(t, run(t, req), "busy")
	require.Equal(t, compare.Different, x.Verdict, x)
	require.Empty(t, x.Reasons)
	require.Equal(t, []string{"15000"}, x.Diffs[0].Key)
	require.Len(t, x.Diffs, 1)
}
