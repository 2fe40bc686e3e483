package compare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

func TestExtremes(t *testing.T) {
	nodes := pairOf(t, lab.Options{})

	// The last byte of 64 MB counts.
	t.Run("64 MB in one value", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE big (id int PRIMARY KEY, v bytea); ALTER TABLE big ALTER v SET STORAGE EXTERNAL; INSERT INTO big VALUES (1, 'small'), (2, convert_to(repeat('a', 67108864), 'UTF8'))")
		execAll(t, nodes[1:], "UPDATE big SET v = set_byte(v, 67108863, 98) WHERE id = 2")
		x := tableOf(t, run(t, compare.Request{Topology: static(nodes), Static: true, Tables: []string{"big"}}), "big")
		require.Equal(t, compare.Different, x.Verdict, "%v", x.Reasons)
		require.Equal(t, int64(1), x.Counts.Persistent)
		require.Equal(t, []string{"2"}, x.Diffs[0].Key)
		require.Less(t, len(*x.Diffs[0].Versions[0].Values["v"]), 2000, "evidence holds no 64 MB")
		execAll(t, nodes, "DROP TABLE big")
	})

	// The same letters in two encodings are the same text.
	t.Run("databases of two encodings", func(t *testing.T) {
		top := &schema.Topology{Name: "encodings", Nodes: map[string]schema.Node{}}
		for i, n := range nodes {
			encoding := []string{"UTF8", "LATIN1"}[i]
			require.NoError(t, n.Exec(t.Context(), "CREATE DATABASE letters TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING '"+encoding+"'"))
			top.Nodes[n.Name] = schema.Node{DSN: strings.Replace(n.DSN(), "dbname="+lab.Database, "dbname=letters", 1)}
			top.Reference.Replicas = append(top.Reference.Replicas, n.Name)
			sql := "CREATE TABLE letters (id text PRIMARY KEY, v text); INSERT INTO letters VALUES ('ä', 'é'), ('ö', 'ß'), ('u', 'ü')"
			if i == 1 {
				sql += "; UPDATE letters SET v = 'è' WHERE id = 'ä'"
			}
			execIn(t, top.Nodes[n.Name].DSN, sql)
		}
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true}), "letters")
		require.Contains(t, strings.Join(x.Notes, " "), "different encodings", "%+v", x)
		require.Equal(t, compare.Different, x.Verdict, "%v", x.Reasons)
		require.Equal(t, compare.Counts{Suspect: 1, Persistent: 1}, x.Counts)
		require.Equal(t, []string{"ä"}, x.Diffs[0].Key)
		execIn(t, top.Nodes[nodes[0].Name].DSN, "INSERT INTO letters VALUES ('Ж', 'no LATIN1')")
		x = tableOf(t, run(t, compare.Request{Topology: top, Static: true}), "letters")
		require.Equal(t, compare.Counts{Suspect: 2, Persistent: 2}, x.Counts, "%v", x.Reasons)
		execIn(t, top.Nodes[nodes[0].Name].DSN, "DELETE FROM letters WHERE id = 'Ж'")
		for _, n := range nodes {
			execIn(t, top.Nodes[n.Name].DSN, "UPDATE letters SET v = 'e'")
		}
		require.Equal(t, compare.Match, tableOf(t, run(t, compare.Request{Topology: top, Static: true}), "letters").Verdict)

		// é is shorter than zz in one of them, and not in the other.
		for _, n := range nodes {
			execIn(t, top.Nodes[n.Name].DSN, `CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TABLE pairs1 (id int PRIMARY KEY, v jsonb); INSERT INTO pairs1 VALUES (1, '{"é": 1, "zz": 2}');
				CREATE TABLE pairs2 (id int PRIMARY KEY, v hstore[]); INSERT INTO pairs2 VALUES (1, ARRAY['é=>1, zz=>2'::hstore]); CREATE TABLE cases (id int PRIMARY KEY, v citext); INSERT INTO cases VALUES (1, 'É')`)
		}
		for _, mode := range []compare.Mode{compare.Exact, compare.Strong, compare.Value} {
			for _, table := range []string{"pairs1", "pairs2"} {
				x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Mode: mode, Tables: []string{table}}), table)
				require.Equal(t, compare.Incomplete, x.Verdict, "%s %s: %v", table, mode, x)
				require.Contains(t, strings.Join(x.Reasons, " "), "goes by the bytes of its letters")
			}
		}
		r := run(t, compare.Request{Topology: top, Static: true, Mode: compare.Value, ExcludeColumns: []string{"pairs1.v", "pairs2.v"}})
		require.Equal(t, compare.Match, tableOf(t, r, "letters").Verdict, summary(r))
		require.Contains(t, strings.Join(tableOf(t, r, "cases").Reasons, " "), "other letters as the same whatever their case")
		for i, n := range nodes { // both in the encoding that is not UTF-8
			other := strings.Replace(top.Nodes[n.Name].DSN, "dbname=letters", "dbname=latin", 1)
			require.NoError(t, n.Exec(t.Context(), "CREATE DATABASE latin TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'LATIN1'"))
			execIn(t, other, fmt.Sprintf("CREATE EXTENSION citext; CREATE TABLE cases (id int PRIMARY KEY, v citext, w jsonb); INSERT INTO cases VALUES (1, '%s', '{\"é\": 1, \"zz\": 2}')", []string{"eÉ", "Eé"}[i]))
			top.Nodes[n.Name] = schema.Node{DSN: other}
		}
		x = tableOf(t, run(t, compare.Request{Topology: top, Static: true, Mode: compare.Value}), "cases")
		require.Equal(t, compare.Counts{Suspect: 1, Persistent: 1}, x.Counts, "%v", x.Reasons)
		for _, n := range nodes {
			execIn(t, top.Nodes[n.Name].DSN, "UPDATE cases SET v = replace(v::text, 'é', 'É')")
		}
		require.Equal(t, compare.Match, run(t, compare.Request{Topology: top, Static: true, Mode: compare.Value}).Verdict)
	})

	// Which letters are the same whatever their case is a matter of a database's locale.
	t.Run("case in two locales", func(t *testing.T) {
		top := &schema.Topology{Name: "locales", Nodes: map[string]schema.Node{}}
		for i, n := range nodes {
			locale := []string{"C", "C.UTF-8"}[i]
			require.NoError(t, n.Exec(t.Context(), "CREATE DATABASE locales TEMPLATE template0 LC_COLLATE '"+locale+"' LC_CTYPE '"+locale+"' ENCODING 'UTF8'"))
			top.Nodes[n.Name] = schema.Node{DSN: strings.Replace(n.DSN(), "dbname="+lab.Database, "dbname=locales", 1)}
			top.Reference.Replicas = append(top.Reference.Replicas, n.Name)
			execIn(t, top.Nodes[n.Name].DSN, "CREATE EXTENSION citext; CREATE TABLE letters (id int PRIMARY KEY, v citext); INSERT INTO letters VALUES (1, 'ÄB'), (2, 'x'); CREATE TABLE plain (id int PRIMARY KEY, v text); INSERT INTO plain VALUES (1, 'Ä')")
		}
		require.Equal(t, compare.Match, run(t, compare.Request{Topology: top, Static: true}).Verdict)
		r := run(t, compare.Request{Topology: top, Static: true, Mode: compare.Value})
		require.Equal(t, compare.Match, tableOf(t, r, "plain").Verdict, summary(r))
		x := tableOf(t, r, "letters")
		require.Equal(t, compare.Incomplete, x.Verdict, x)
		require.Contains(t, strings.Join(x.Reasons, " "), "locales")
		r = run(t, compare.Request{Topology: top, Static: true, Mode: compare.Value, ExcludeColumns: []string{"letters.v"}})
		require.Equal(t, compare.Match, r.Verdict, summary(r))
	})
}

// execIn runs statements in another database than the lab's.
func execIn(t *testing.T, dsn, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn+" client_encoding=UTF8")
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close(t.Context())) }()
	_, err = c.Exec(t.Context(), sql)
	require.NoError(t, err)
}
