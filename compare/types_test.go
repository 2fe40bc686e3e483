package compare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/majors"
	"github.com/pgconcord/pgconcord/schema"
)

// static is a plan of servers that nothing replicates.
func static(nodes []*lab.Node) *schema.Topology {
	top := &schema.Topology{Name: "static", Nodes: map[string]schema.Node{}}
	for _, n := range nodes {
		top.Nodes[n.Name] = schema.Node{DSN: n.DSN()}
		top.Reference.Replicas = append(top.Reference.Replicas, n.Name)
	}
	return top
}

// single returns what compares one table of a topology between whose nodes nothing
// replicates.
func single(top *schema.Topology) func(t *testing.T, table string, req compare.Request) compare.Table {
	return func(t *testing.T, table string, req compare.Request) compare.Table {
		t.Helper()
		req.Topology, req.Static, req.Tables = top, true, []string{table}
		return tableOf(t, run(t, req), table)
	}
}

type typeCase struct {
	name   string
	setup  string
	since  int // PostgreSQL major
	values []string
	equal  []string
}

// types lists, per type, values that are all different: in mode exact each is
// told from each other, and from NULL. Where equal is set, its values are all the
// same in mode value.
var types = []typeCase{
	{name: "smallint", values: []string{"0", "1", "-1", "32767", "-32768"}},
	{name: "integer", values: []string{"0", "1", "-1", "2147483647", "-2147483648"}},
	{name: "bigint", values: []string{"0", "1", "-1", "2", "4294967296", "8589934592", "4294967297", "8589934593", "9223372036854775807", "-9223372036854775808"}},
	{name: "numeric", values: []string{"0", "5.25", "-5.25", "1.5", "1.50", "1.500", "'NaN'", "1e20", "-1e20", "10000", "1", "-1", "0.0001", "100000000", "0.0", "0.00", "-0.5", "0.5", "1e-16383", "123456789012345678901234567890.123456789", "-123456789012345678901234567890.123456789", "repeat('9', 131072)::numeric"}, equal: []string{"1.5", "1.50", "1.500"}},
	{name: "numeric(20,4)", values: []string{"0", "5.25", "-5.25", "0.0001", "-0.0001", "'NaN'", "1", "-1", "10000", "-10000", "100000000", "5.2501", "9999999999999999.9999", "-9999999999999999.9999"}},
	{name: "real", values: []string{"0", "'-0'", "0.1", "0.10000001", "'NaN'", "'Infinity'", "'-Infinity'", "1e-30"}, equal: []string{"0", "'-0'"}},
	{name: "double precision", values: []string{"0", "'-0'", "0.1", "0.10000000000000002", "'NaN'", "'Infinity'", "'-Infinity'", "123456789.12345678", "123456789.12345679"}, equal: []string{"0", "'-0'"}},
	{name: "money", values: []string{"'0'", "'1234.56'", "'-1234.56'", "'0.01'"}},
	{name: "text", values: []string{"''", "' '", "'a'", "'A'", "'a '", "'NULL'", "'ä'", "'a' || chr(776)", "repeat('x', 100000)", "repeat('x', 99999) || 'y'"}},
	{name: "varchar(20)", values: []string{"''", "'a'", "'a '", "'A'"}},
	{name: "character(5)", values: []string{"''", "'a'", "'A'", "'ab'"}},
	{name: "bpchar", values: []string{"'a'", "'a '", "'a  '"}, equal: []string{"'a'", "'a '", "'a  '"}},
	{name: "name", values: []string{"'a'", "'A'", "''"}},
	{name: `"char"`, values: []string{"'a'", "'b'", "''", `(-1)::"char"`, `(-128)::"char"`}},
	{name: `"char"[]`, values: []string{"'{}'", "'{a}'", "'{{a}}'", "'{NULL}'", `ARRAY[(-1)::"char"]`, `ARRAY[(-128)::"char"]`, `ARRAY[(-128)::"char", 'a']`}},
	{name: "citext", setup: "CREATE EXTENSION citext", values: []string{"''", "'a'", "'A'", "'ä'"}, equal: []string{"'a'", "'A'"}},
	{name: "bytea", values: []string{`''`, `'\x00'`, `'\x0000'`, `'\x5c'`, `'\x61'`, `convert_to(repeat('x', 1000000), 'UTF8')`, `convert_to(repeat('x', 999999) || 'y', 'UTF8')`}},
	{name: "boolean", values: []string{"true", "false"}},
	{name: "date", values: []string{"'2000-01-01'", "'2000-01-02'", "'infinity'", "'-infinity'", "'0001-01-01 BC'", "'0001-01-01'"}},
	{name: "time", values: []string{"'00:00'", "'24:00'", "'12:00:00.000001'", "'12:00:00.000002'"}},
	{name: "timetz", values: []string{"'12:00+00'", "'13:00+01'", "'12:00+01'"}},
	{name: "timestamp", values: []string{"'1900-01-01'", "'1899-12-31 23:59:59.999999'", "'1900-01-01 00:00:00.000001'", "'1900-01-01 00:00:00.000002'", "'2172-01-01'", "'2172-01-01 00:00:00.000001'", "'2171-12-31 23:59:59.999999'", "'2171-12-31 23:59:59.999998'", "'9999-12-31'", "'9999-12-31 00:00:00.000001'", "'2000-01-01 00:35:47.483648'", "'2000-01-01'", "'2000-01-01 00:00:00.000001'", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'2026-06-01 12:00'",
		"'2000-01-01 01:11:34.967296'", "'2000-01-01 01:11:34.967297'"}}, // 2^32 µs and one more: a fold of the halves is blind to it
	{name: "timestamptz", values: []string{"'1900-01-01Z'", "'1899-12-31 23:59:59.999999Z'", "'1900-01-01 00:00:00.000001Z'", "'2172-01-01Z'", "'2171-12-31 23:59:59.999999Z'", "'2171-12-31 23:59:59.999998Z'", "'9999-12-31Z'", "'9999-12-31 00:00:00.000001Z'", "'2000-01-01 00:35:47.483648Z'", "'294276-12-31 23:59:59.999999Z'", "'2000-01-01Z'", "'2000-01-01 00:00:00.000001Z'", "'infinity'", "'-infinity'", "'0044-03-15Z BC'", "'2026-06-01 12:00Z'", "'2026-06-01 13:00Z'",
		"'2000-01-01 01:11:34.967296Z'", "'2000-01-01 01:11:34.967297Z'", "'1999-12-31 22:48:25.032703Z'", "'1999-12-31 22:48:25.032704Z'", "'1999-12-31 22:48:25.032705Z'", "'1999-12-31 23:59:59.999999Z'"}},
	{name: "interval", values: []string{"'1 mon'", "'30 days'", "'720 hours'", "'1 day'", "'24 hours'", "'-1 day'", "'1 mon -1 day'", "'0.000001 s'"}},
	{name: "uuid", values: []string{"'00000000-0000-0000-0000-000000000000'", "'00000000-0000-0000-0000-000000000001'", "'f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f'"}},
	{name: "inet", values: []string{"'10.0.0.1'", "'10.0.0.1/8'", "'10.0.0.1/9'", "'::1'", "'::10.0.0.1'"}},
	{name: "cidr", values: []string{"'10.0.0.0/8'", "'10.0.0.0/9'", "'::/0'"}},
	{name: "macaddr", values: []string{"'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"}},
	{name: "macaddr8", values: []string{"'08:00:2b:01:02:03:04:05'", "'08:00:2b:01:02:03:04:06'"}},
	{name: "json", values: []string{`'{"a":1}'`, `'{"a": 1}'`, `'{"a":1,"a":1}'`, `'[1]'`, `'null'`}, equal: []string{`'{"a":1}'`, `'{"a": 1}'`, `'{"a":1,"a":1}'`}},
	{name: "jsonb", values: []string{`'{"a":1}'`, `'{"a":-1}'`, `'[1]'`, `'[[1]]'`, `'[[[1]]]'`, `'[[1],[2]]'`, `'[[[[1]]],[2]]'`, `'{"a":1.0}'`, `'null'`, `'"null"'`, `'{}'`, `'[]'`}},
	{name: "xml", values: []string{"'<a/>'", "'<a></a>'", "'<a> </a>'"}},
	{name: "integer[]", values: []string{"'{}'", "'{1,2}'", "'{{1,2}}'", "'{{1},{2}}'", "'[0:1]={1,2}'", "'{NULL}'", "'{1,NULL}'"}},
	{name: "real[]", values: []string{"'{0.1}'", "'{0.10000001}'", "'{-0}'", "'{0}'"}},
	{name: "text[]", values: []string{"'{}'", `'{""}'`, "'{NULL}'", `'{"NULL"}'`, `'{"a,b"}'`, "'{a,b}'"}},
	{name: "numeric[]", values: []string{"'{1.0}'", "'{1.00}'", "'{-1.0}'"}},
	{name: "jsonb[]", values: []string{`ARRAY['{"a":1}'::jsonb]`, `ARRAY['{"a":-1}'::jsonb]`}},
	{name: "int4range", values: []string{"'empty'", "'[1,5)'", "'[1,)'", "'(,5)'", "'(,)'"}},
	{name: "tstzrange", values: []string{"'[2000-01-01Z,2001-01-01Z)'", "'[2000-01-01Z,2001-01-01Z]'", "'(2000-01-01Z,2001-01-01Z)'"}},
	{name: "int4multirange", since: 14, values: []string{"'{}'", "'{[1,2)}'", "'{[1,2),[4,5)}'"}},
	{name: "mood", setup: "CREATE TYPE mood AS ENUM ('', 'sad', 'ok')", values: []string{"''", "'sad'", "'ok'"}},
	{name: "mood[]", values: []string{"'{sad}'", "'{ok}'", "'{sad,ok}'"}},
	{name: "pair", setup: "CREATE TYPE pair AS (a int, b text)", values: []string{"ROW(1,'x')", "ROW(NULL,NULL)", "ROW(NULL,'')", "ROW(1,NULL)", "ROW(1,'')"}},
	{name: "pair[]", values: []string{"ARRAY[ROW(1,'x')::pair]", "ARRAY[ROW(1,NULL)::pair]", "ARRAY[NULL::pair]"}},
	{name: "positive", setup: "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)", values: []string{"1", "2", "2147483647"}},
	{name: "code", setup: "CREATE DOMAIN code AS varchar(10)", values: []string{"''", "'a'", "'A'"}},
	{name: "whole", setup: "CREATE DOMAIN whole AS pair", values: []string{"ROW(1,'x')", "ROW(NULL,NULL)"}},
	{name: "bit(3)", values: []string{"'101'", "'000'", "'001'"}},
	{name: "varbit", values: []string{"''", "'0'", "'00'", "'1'"}},
	{name: "point", values: []string{"'(0,0)'", "'(-0,0)'", "'(0.1,0.2)'", "'(0.1,0.20000000000000004)'"}},
	{name: "line", values: []string{"'{1,2,3}'", "'{1,2,4}'"}},
	{name: "lseg", values: []string{"'[(0,0),(1,1)]'", "'[(1,1),(0,0)]'"}},
	{name: "box", values: []string{"'(1,1),(0,0)'", "'(1,2),(0,0)'"}},
	{name: "path", values: []string{"'[(0,0),(1,1)]'", "'((0,0),(1,1))'"}},
	{name: "polygon", values: []string{"'((0,0),(1,1),(1,0))'", "'((0,0),(1,0),(1,1))'"}},
	{name: "circle", values: []string{"'<(0,0),1>'", "'<(0,0),2>'"}},
	{name: "tsvector", values: []string{"''", "'cat'", "'cat:1'", "'cat:1A'"}},
	{name: "regproc", values: []string{"0", "'abs(integer)'::regprocedure", "'abs(real)'::regprocedure", "'now'"}},
	{name: "regproc[]", values: []string{"'{}'", "'{now}'", "ARRAY['abs(integer)'::regprocedure::regproc]", "ARRAY['abs(real)'::regprocedure::regproc]"}},
	{name: "regoper", values: []string{"0", "'+(integer,integer)'::regoperator", "'+(real,real)'::regoperator"}},
	{name: "tsquery", values: []string{"''", "'a & b'", "'a | b'"}},
	{name: "hstore", setup: "CREATE EXTENSION hstore", values: []string{"''", "'a=>1'", "'a=>NULL'", `'a=>"NULL"'`}},
	{name: "ltree", setup: "CREATE EXTENSION ltree", values: []string{"''", "'a'", "'a.b'"}},
	{name: "oid", values: []string{"0", "1", "4294967295"}},
	{name: "regclass", values: []string{"'pg_class'", "'pg_type'", "0"}},
	{name: "pg_lsn", values: []string{"'0/0'", "'0/1'", "'1/0'"}},
	{name: "xid", values: []string{"'0'", "'1'"}},
	{name: "jsonpath", since: 12, values: []string{"'$.a'", "'$.b'"}},
}

func execAll(t *testing.T, nodes []*lab.Node, sql string) {
	t.Helper()
	execEach(t, nodes, func(int) string { return sql })
}

// execEach runs SQL of its own on each node, on all at once.
func execEach(t *testing.T, nodes []*lab.Node, sql func(node int) string) {
	t.Helper()
	var all errgroup.Group
	for i, n := range nodes {
		all.Go(func() error { return n.Exec(t.Context(), sql(i)) })
	}
	require.NoError(t, all.Wait())
}

// pairOf starts two servers for a test.
func pairOf(t *testing.T, opt lab.Options) []*lab.Node {
	t.Helper()
	nodes, stop, err := lab.Servers(t.Context(), 2, opt)
	lab.Need(t, err)
	t.Cleanup(func() { _ = stop() })
	return nodes
}

func tableOf(t *testing.T, r *compare.Result, name string) compare.Table {
	t.Helper()
	for _, x := range r.Tables {
		if x.Name == name {
			return x
		}
	}
	require.Fail(t, "no result for table "+name)
	return compare.Table{}
}

func TestTypes(t *testing.T) { testTypes(t, pairOf(t, lab.Options{}), 0) }

// The same on the oldest and the newest majors, and across them.
func TestTypesOnMajors(t *testing.T) {
	for _, pair := range [][2]int{{11, 11}, {13, 13}, {17, 17}, {18, 18}, {11, 17}} {
		t.Run(fmt.Sprint(pair), func(t *testing.T) {
			var nodes []*lab.Node
			for i, major := range pair {
				n, stop, err := lab.Servers(t.Context(), 1, lab.Options{PGBin: majors.Need(t, major)})
				lab.Need(t, err)
				t.Cleanup(func() { _ = stop() })
				n[0].Name = fmt.Sprintf("n%d", i+1)
				nodes = append(nodes, n[0])
			}
			testTypes(t, nodes, pair[0])
			if pair[0] < 12 && pair[1] >= 12 {
				t.Run("what is not written alike within types", func(t *testing.T) { testUnlikeWithin(t, nodes) })
			}
		})
	}
}

// What holds floats or "char" and has no binary form that is the same on all nodes is not
// said to differ because of how they are written.
func testUnlikeWithin(t *testing.T, nodes []*lab.Node) {
	execAll(t, nodes, `CREATE TYPE letter AS (name text, c "char"); CREATE DOMAIN initial AS "char"; CREATE DOMAIN initials AS "char"[]; CREATE TYPE place AS (name text, x double precision); CREATE TYPE span AS RANGE (subtype = double precision); CREATE DOMAIN ratio AS real; CREATE DOMAIN deep AS place; CREATE EXTENSION cube; CREATE TABLE of_row (p point)`)
	cases := []struct{ typ, value, within string }{
		{"place", "ROW('a', 0.1)", "floats"}, {"place[]", "ARRAY[ROW('a', 0.1)::place]", "floats"}, {"deep", "ROW('a', 0.1)", "floats"}, {"span", "'[0.1,0.3]'", "floats"},
		{"ratio[]", "'{0.1}'", "floats"}, {"cube", "'(0.1,0.3)'", "floats"}, {"of_row", "ROW('(0.1,0.2)')", "floats"}, {"ratio", "0.1", ""}, {"circle[]", "ARRAY['<(0.1,0.2),0.3>'::circle]", ""},
		{"letter", `ROW('a', (-1)::"char")`, `"char"`}, {"initial[]", `ARRAY[(-1)::"char"]::initial[]`, `"char"`}, {"letter[]", `ARRAY[ROW('a', (-1)::"char")::letter]`, `"char"`},
		{"initial", `(-1)::"char"`, ""}, {"initials", `ARRAY[(-1)::"char"]`, ""}}
	var tables []string
	for i, c := range cases {
		table := fmt.Sprintf("within%d", i)
		tables = append(tables, table)
		execAll(t, nodes, fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, v %s); INSERT INTO %[1]s VALUES (1, %[3]s)", table, c.typ, c.value))
	}
	for _, mode := range []compare.Mode{compare.Exact, compare.Strong, compare.Value} {
		r := run(t, compare.Request{Topology: static(nodes), Static: true, Mode: mode, Tables: tables})
		for i, c := range cases {
			x := tableOf(t, r, tables[i])
			if c.within == "" {
				require.Equal(t, compare.Match, x.Verdict, "%s: %v", c.typ, x)
				continue
			}
			require.Equal(t, compare.Incomplete, x.Verdict, "%s: %v", c.typ, x)
			require.Contains(t, fmt.Sprint(x.Reasons), "column v holds "+c.within+" within its type")
		}
	}
	r := run(t, compare.Request{Topology: static(nodes), Static: true, Tables: tables, ExcludeColumns: []string{"v"}})
	require.Equal(t, compare.Match, r.Verdict, summary(r))

	// By the binary form of a key no row is found: they are compared without it.
	execAll(t, nodes, `CREATE TABLE keyed1 (k double precision PRIMARY KEY, v int); CREATE TABLE keyed2 (k "char"[] PRIMARY KEY, v int);
		INSERT INTO keyed1 VALUES (0.1, 1), (0.2, 2); INSERT INTO keyed2 VALUES (ARRAY[(-1)::"char"], 1), ('{a}', 2)`)
	execAll(t, nodes[1:], "UPDATE keyed1 SET v = 3 WHERE v = 2; UPDATE keyed2 SET v = 3 WHERE v = 2")
	r = run(t, compare.Request{Topology: static(nodes), Static: true, Tables: []string{"keyed1", "keyed2"}})
	for _, x := range r.Tables {
		require.Equal(t, compare.Counts{Suspect: 2, Persistent: 2}, x.Counts, summary(r))
	}
}

// Every type is compared in two tables: in one both servers hold the same
// values, in the other the rows hold every pair of different values.
func testTypes(t *testing.T, nodes []*lab.Node, major int) {
	types := slices.DeleteFunc(slices.Clone(types), func(ty typeCase) bool { return major > 0 && major < ty.since })
	// Hostile defaults of the role and the database, on one server only.
	require.NoError(t, nodes[1].Exec(t.Context(), "ALTER DATABASE "+lab.Database+" SET timezone = 'Asia/Kolkata'; ALTER DATABASE "+lab.Database+` SET datestyle = 'German, DMY';
		ALTER DATABASE `+lab.Database+" SET intervalstyle = 'sql_standard'; ALTER ROLE postgres SET bytea_output = 'escape'; ALTER ROLE postgres SET extra_float_digits = 0; ALTER ROLE postgres SET search_path = 'public'; ALTER ROLE postgres SET lc_monetary = 'C'"))
	var sql strings.Builder
	for i, ty := range types {
		if ty.setup != "" {
			fmt.Fprintf(&sql, "%s;\n", ty.setup)
		}
		fmt.Fprintf(&sql, "CREATE TABLE same%[1]d (id int PRIMARY KEY, v %[2]s); CREATE TABLE diff%[1]d (id int PRIMARY KEY, v %[2]s); CREATE TABLE eq%[1]d (id int PRIMARY KEY, v %[2]s); CREATE TABLE chain%[1]d (id int PRIMARY KEY, a text, i int, v %[2]s, z text);\n", i, ty.name)
		for j, v := range append(ty.values, "NULL") {
			fmt.Fprintf(&sql, "INSERT INTO same%d VALUES (%d, %s);\n", i, j, v)
		}
	}
	execAll(t, nodes, sql.String())
	execEach(t, nodes, func(n int) string {
		var sql strings.Builder
		for i, ty := range types {
			values := append(slices.Clone(ty.values), "NULL")
			for a := range values { // every pair of them
				for b := range values {
					if a != b {
						fmt.Fprintf(&sql, "INSERT INTO diff%d VALUES (%d, %s);\n", i, a*len(values)+b, values[[2]int{a, b}[n]])
					}
				}
			}
			// Whatever the value is, NULL among them, it hides no other column.
			for j, v := range values {
				fmt.Fprintf(&sql, "INSERT INTO chain%d VALUES (%d, '%d', %d, %s, '%d');\n", i, j, n*(j%2), n*((j+1)%2), v, n*(j%2))
			}
			for j := range ty.equal {
				fmt.Fprintf(&sql, "INSERT INTO eq%d VALUES (%d, %s);\n", i, j, ty.equal[(j+n)%len(ty.equal)])
			}
		}
		return sql.String()
	})
	for _, mode := range []compare.Mode{compare.Exact, compare.Strong, compare.Value} {
		t.Run(string(mode), func(t *testing.T) {
			r := run(t, compare.Request{Topology: static(nodes), Static: true, Mode: mode})
			for i, ty := range types {
				same := tableOf(t, r, fmt.Sprintf("same%d", i))
				require.Equal(t, compare.Match, same.Verdict, "%s: %v", ty.name, same)
				require.Equal(t, int64(len(ty.values)+1), same.Nodes[0].Rows)
				chain := tableOf(t, r, fmt.Sprintf("chain%d", i))
				require.Equal(t, int64(len(ty.values)+1), chain.Counts.Persistent, "%s: %v", ty.name, chain)
				diff := tableOf(t, r, fmt.Sprintf("diff%d", i))
				equal := tableOf(t, r, fmt.Sprintf("eq%d", i))
				if mode == compare.Value {
					require.Equal(t, compare.Match, equal.Verdict, "%s: %v", ty.name, equal)
					if ty.equal != nil {
						continue // some of its different values are equal now
					}
				} else if ty.equal != nil {
					require.Equal(t, int64(len(ty.equal)), equal.Counts.Persistent, "%s: %v", ty.name, equal)
				}
				require.Equal(t, int64(len(ty.values)*(len(ty.values)+1)), diff.Counts.Persistent, "%s: %v %v", ty.name, diff.Counts, diff.Reasons)
				for _, d := range diff.Diffs {
					require.Equal(t, []string{"v"}, d.Columns, ty.name)
				}
			}
		})
	}
}
