package compare_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// A key may be equal to another and not the same. In mode exact that is a
// difference on each side, which says what it is; in mode value it is none, as far
// as the mode's rules go.
func testKeyForms(t *testing.T, nodes []*lab.Node) {
	execAll(t, nodes, `CREATE EXTENSION IF NOT EXISTS citext; CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE TABLE of_numeric (k numeric PRIMARY KEY, v int); CREATE TABLE of_citext (k citext PRIMARY KEY, v int); CREATE TABLE of_bpchar (k bpchar PRIMARY KEY, v int);
		CREATE TABLE of_float (k float8 PRIMARY KEY, v int); CREATE TABLE of_two (k numeric, a int DEFAULT 1, v int, PRIMARY KEY (k, a)); CREATE TABLE of_blind (k text COLLATE blind PRIMARY KEY, v int)`)
	forms := []struct {
		table string
		on    [2]string
	}{
		{"of_numeric", [2]string{"1.0", "1.00"}}, {"of_citext", [2]string{"A", "a"}}, {"of_bpchar", [2]string{"a", "a "}},
		{"of_float", [2]string{"0", "-0"}}, {"of_two", [2]string{"1.0", "1.00"}}, {"of_blind", [2]string{"A", "a"}},
	}
	var tables []string
	for _, f := range forms {
		tables = append(tables, f.table)
	}
	execEach(t, nodes, func(n int) string {
		sql := ""
		for _, f := range forms { // and one that both have, and one that is only here
			sql += fmt.Sprintf("INSERT INTO %s (k, v) VALUES ('%s', 1), ('7', 1), ('%d', 1);", f.table, f.on[n], 8+n)
		}
		return sql
	})
	look := func(mode compare.Mode, tables ...string) *compare.Result {
		t.Helper()
		return run(t, compare.Request{Topology: static(nodes), Static: true, Tables: tables, Mode: mode})
	}
	cause := func(x compare.Table, key string) string {
		t.Helper()
		for _, d := range x.Diffs {
			if d.Key[0] == key {
				return d.Cause
			}
		}
		require.Fail(t, "no difference "+key)
		return ""
	}
	exact, value := look(compare.Exact, tables...), look(compare.Value, tables...)
	for _, f := range forms {
		x := tableOf(t, exact, f.table)
		require.Equal(t, compare.Counts{Suspect: 4, Persistent: 4}, x.Counts, summary(exact))
		want, differ := compare.CauseRepresentation+": %s has the row", int64(2)
		if f.table == "of_blind" { // mode value has no rule for it
			want, differ = compare.CauseKeyForm+": %s has a row", 4
		}
		require.Contains(t, cause(x, f.on[0]), fmt.Sprintf(want, "n2"), f.table)
		require.Contains(t, cause(x, f.on[1]), fmt.Sprintf(want, "n1"), f.table)
		require.Empty(t, cause(x, "8")+cause(x, "9"), f.table)
		require.Equal(t, compare.Counts{Suspect: differ, Persistent: differ}, tableOf(t, value, f.table).Counts, summary(value))
	}

	// With another content it is not only the form.
	execAll(t, nodes[1:], "UPDATE of_numeric SET v = 2 WHERE k = 1")
	x := tableOf(t, look(compare.Exact, "of_numeric"), "of_numeric")
	require.Contains(t, cause(x, "1.0"), compare.CauseKeyForm+": n2 has a row")
	require.Contains(t, cause(x, "1.00"), compare.CauseKeyForm+": n1 has a row")
}
