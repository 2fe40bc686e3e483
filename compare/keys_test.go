package compare_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// A recheck of keys that are asked for, and on some of the nodes, answers for
// these and no others.
func askedKeys(t *testing.T, nodes []*lab.Node) {
	execAll(t, nodes, `CREATE TABLE acc (id int, kind text, v text, PRIMARY KEY (id, kind)); INSERT INTO acc SELECT g, 'k', 'v' || g FROM generate_series(1, 100) g;
		CREATE TABLE num (id numeric PRIMARY KEY, v int); INSERT INTO num SELECT g, g FROM generate_series(1, 20) g; CREATE TABLE sack (v text); INSERT INTO sack VALUES ('x')`)
	execAll(t, nodes[1:], "UPDATE acc SET v = 'other' WHERE id IN (7, 9, 11); UPDATE num SET v = 0 WHERE id = 3; INSERT INTO sack VALUES ('y')")
	top := static(nodes)
	req := compare.Request{Topology: top, Static: true, Tables: []string{"acc", "num", "sack"}}
	first := run(t, req)
	require.Len(t, found(first, compare.Persistent), 5)
	execAll(t, nodes[1:], "UPDATE acc SET v = 'v7' WHERE id = 7; UPDATE acc SET v = 'late' WHERE id = 50")
	key := func(table string, values ...string) compare.AskedKey {
		return compare.AskedKey{Table: table, Values: values, At: "list:1:1"}
	}
	t.Run("only what was asked for", func(t *testing.T) {
		named := compare.AskedKey{DataSet: "reference", Table: "public.acc", Columns: []string{"kind", "id"}, Values: []string{"k", "007"}, At: "list:1:1"}
		r, err := compare.Recheck(t.Context(), req, first, []compare.AskedKey{named, key("acc", "7", "k"), key("acc", "5", "k"), key("acc", "1000", "k")})
		require.NoError(t, err)
		require.Len(t, r.Tables, 1)
		x := r.Tables[0]
		require.Equal(t, compare.Match, x.Verdict, summary(r))
		require.Equal(t, compare.Counts{Suspect: 3, Cleared: 3}, x.Counts)
		require.Equal(t, "3 keys asked for", x.Scope)
		said := fmt.Sprint(x.Notes)
		require.Contains(t, said, "read again: only the 3 keys asked for")
		require.Contains(t, said, "2 of the keys asked for not among the differences (3) that the earlier result lists")
		require.Contains(t, said, "1 of the keys on none of the nodes")
		for _, c := range x.Nodes {
			require.Equal(t, int64(2), c.Rows, "what was read")
			require.Empty(t, c.Digest)
		}
		// What is rechecked of that later is still about those keys.
		again, err := compare.Recheck(t.Context(), req, r, nil)
		require.NoError(t, err)
		require.Empty(t, again.Tables)
	})
	t.Run("still different, and one that differs since", func(t *testing.T) {
		r, err := compare.Recheck(t.Context(), req, first, []compare.AskedKey{key("acc", "9", "k"), key("acc", "50", "k"), key("num", "3"), key("num", "4")})
		require.NoError(t, err)
		require.Equal(t, []string{"public.acc(50, k) changed ", "public.acc(9, k) changed ", "public.num(3) changed "}, found(r, compare.Persistent), summary(r))
		again, err := compare.Recheck(t.Context(), req, r, nil)
		require.NoError(t, err)
		require.Equal(t, "2 keys asked for", again.Tables[0].Scope, "it stays what the earlier one was about")
	})
	// A key may be written in another way than a row has it.
	t.Run("as rows have them", func(t *testing.T) {
		r, err := compare.Recheck(t.Context(), req, first, []compare.AskedKey{key("num", "3.0"), key("num", "4.0"), key("num", "400")})
		require.NoError(t, err)
		require.Equal(t, []string{"public.num(3) changed "}, found(r, compare.Persistent), summary(r))
		require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "2 keys that rows have in another form")
		require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "1 of the keys on none of the nodes")
		execAll(t, nodes, "CREATE EXTENSION IF NOT EXISTS citext")
		for i, c := range []struct{ typ, held, asked string }{
			{"numeric(10,2)", "1.50", "1.5"}, {"character(6)", "'abc'", "abc"}, {"citext", "'A'", "a"}, {"interval", "'1 mon'", "30 days"}, {"float8", "'-0'", "0"},
		} {
			table := fmt.Sprintf("held%d", i)
			execAll(t, nodes, fmt.Sprintf("CREATE TABLE %[1]s (id %[2]s, n int, v int, PRIMARY KEY (id, n)); INSERT INTO %[1]s VALUES (%[3]s, 1, 1), (%[3]s, 2, 1)", table, c.typ, c.held))
			execAll(t, nodes[1:], fmt.Sprintf("UPDATE %s SET v = 2 WHERE n = 1", table))
			only := req
			only.Tables = []string{table}
			all := run(t, only)
			r, err := compare.Recheck(t.Context(), only, all, []compare.AskedKey{key(table, c.asked, "1")})
			require.NoError(t, err)
			require.Equal(t, found(all, compare.Persistent), found(r, compare.Persistent), "%s: %s", c.typ, summary(r))
			r, err = compare.Recheck(t.Context(), only, all, []compare.AskedKey{key(table, c.asked, "2")})
			require.NoError(t, err)
			require.Equal(t, compare.Match, r.Verdict, "%s: %s", c.typ, summary(r))
		}
		execAll(t, nodes, "ALTER TABLE held1 ALTER id TYPE character(8)") // and in a result that is older than the column's type
		only := req
		only.Tables = []string{"held1"}
		old := run(t, only)
		execAll(t, nodes, "ALTER TABLE held1 ALTER id TYPE character(9)")
		r, err = compare.Recheck(t.Context(), only, old, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"public.held1(abc      , 1) changed "}, found(r, compare.Persistent), summary(r))
		execAll(t, nodes, "DROP TABLE held0, held1, held2, held3, held4")
		value := req
		value.Mode = compare.Value
		inValue := run(t, value)
		r, err = compare.Recheck(t.Context(), value, inValue, []compare.AskedKey{key("num", "3.0")})
		require.NoError(t, err)
		require.Equal(t, []string{"public.num(3) changed "}, found(r, compare.Persistent), summary(r))
	})
	// What a key is one node alone may know: where its column has another type there, or
	// its enum another label.
	t.Run("keys that another node alone can hold", func(t *testing.T) {
		for i, c := range []struct {
			here, there   string
			onlyThere     string
			asked, listed string
		}{
			{"int", "bigint", "99999999999", "99999999999", "99999999999"}, {"bigint", "int", "5", "5", "5"}, {"int", "text", "007", "007", "007"}, {"text", "int", "7", "007", "7"},
			{"mood", "mood", "sad", "sad", "sad"}, {"int", "text", "many", "many", "many"},
		} {
			table := fmt.Sprintf("wide%d", i)
			if i == 4 {
				execAll(t, nodes[:1], "CREATE TYPE mood AS ENUM ('fine')")
				execAll(t, nodes[1:], "CREATE TYPE mood AS ENUM ('fine', 'sad')")
			}
			execAll(t, nodes[:1], fmt.Sprintf("CREATE TABLE %s (id %s PRIMARY KEY)", table, c.here))
			execAll(t, nodes[1:], fmt.Sprintf("CREATE TABLE %[1]s (id %[2]s PRIMARY KEY); INSERT INTO %[1]s VALUES ('%[3]s')", table, c.there, c.onlyThere))
			only := req
			only.Tables = []string{table}
			r, err := compare.Recheck(t.Context(), only, run(t, only), []compare.AskedKey{key(table, c.asked)})
			require.NoError(t, err, c)
			require.Equal(t, []string{"public." + table + "(" + c.listed + ") missing "}, found(r, compare.Persistent), "%v: %s", c, summary(r))
			require.Equal(t, "1 key asked for", r.Tables[0].Scope, c)
		}
		only := req
		only.Tables = []string{"wide4"}
		_, err := compare.Recheck(t.Context(), only, run(t, only), []compare.AskedKey{key("wide4", "glad")})
		require.ErrorContains(t, err, `invalid input value for enum public.mood: "glad" (column id of the key of public.wide4)`)
		only.Tables = []string{"wide2"}
		r, err := compare.Recheck(t.Context(), only, run(t, only), []compare.AskedKey{key("wide2", "008")})
		require.NoError(t, err)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "1 of the keys on none of the nodes")
	})
	t.Run("rows without a key by their digest", func(t *testing.T) {
		digest := tableOf(t, first, "sack").Diffs[0].Key[0]
		r, err := compare.Recheck(t.Context(), req, first, []compare.AskedKey{{Table: "sack", Columns: []string{"row_digest"}, Values: []string{digest}}})
		require.NoError(t, err)
		require.Equal(t, compare.Different, r.Verdict, summary(r))
		_, err = compare.Recheck(t.Context(), req, first, []compare.AskedKey{key("sack", "x")})
		require.ErrorContains(t, err, `list:1:1: "x" is no digest of a row`)
	})
	t.Run("what is no key is said, all of it at once", func(t *testing.T) {
		at := func(k compare.AskedKey, at ...string) compare.AskedKey {
			k.At, k.ValuesAt = at[0], at
			return k
		}
		_, err := compare.Recheck(t.Context(), req, first, []compare.AskedKey{
			at(key("acc", "1"), "list:1:1"), at(key("acc", "x", "k"), "list:2:2", "list:2:6"), key("acc", "3", "k"), at(key("acc", "99999999999", "k"), "list:4:2", "list:4:9"),
			{Table: "acc", Columns: []string{"id", "sort"}, Values: []string{"1", "2"}, At: "list:5:1"}, at(key("num", "1e"), "list:6:1")})
		var wrong *compare.RequestError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, `list:1:1: public.acc has a key of 2 (id, kind), and this one has 1
list:5:1: public.acc has a key of 2 (id, kind), and this one names id, sort
list:2:2: invalid input syntax for type integer: "x" (column id of the key of public.acc)
list:4:2: value "99999999999" is out of range for type integer (column id of the key of public.acc)
list:6:1: invalid input syntax for type numeric: "1e" (column id of the key of public.num)`, wrong.Problem)
		for text, k := range map[string]compare.AskedKey{
			"which table it is a key of is not said, and there are 3": key("", "1"),
			"the earlier result has no table none":                    key("none", "1"),
			"the earlier result has no table second: acc":             {DataSet: "second", Table: "acc", Values: []string{"1", "k"}},
		} {
			_, err := compare.Recheck(t.Context(), req, first, []compare.AskedKey{k})
			require.ErrorContains(t, err, text)
		}
		// The columns' names tell which table it is.
		r, err := compare.Recheck(t.Context(), req, first, []compare.AskedKey{{Columns: []string{"id", "kind"}, Values: []string{"9", "k"}}})
		require.NoError(t, err)
		require.Equal(t, "acc", r.Tables[0].Name)
	})
	t.Run("keys of other tables are counted", func(t *testing.T) {
		only := req
		only.Tables = []string{"num"}
		r, err := compare.Recheck(t.Context(), only, first, []compare.AskedKey{key("acc", "9", "k"), key("num", "3")})
		require.NoError(t, err)
		require.Len(t, r.Tables, 1)
		require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "1 of the keys in the list of other tables")
	})
	t.Run("some of the nodes", func(t *testing.T) {
		three := static(append(nodes[:2:2], nodes[0]))
		third := three.Nodes[nodes[0].Name]
		three.Nodes["third"] = third
		three.Reference.Replicas = []string{nodes[0].Name, nodes[1].Name, "third"}
		wide := req
		wide.Topology = three
		all := run(t, wide)
		wide.Nodes = []string{nodes[0].Name, "third"}
		r, err := compare.Recheck(t.Context(), wide, all, nil)
		require.NoError(t, err)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		for _, x := range r.Tables {
			require.Contains(t, x.Scope, "on n1, third")
			require.Contains(t, fmt.Sprint(x.Notes), "not read again: n2")
			require.Len(t, x.Nodes, 2)
		}
		wide.Nodes = []string{"n1"}
		r, err = compare.Recheck(t.Context(), wide, all, nil)
		require.NoError(t, err)
		require.Equal(t, compare.Incomplete, r.Verdict, "one node is no comparison")
	})
}
