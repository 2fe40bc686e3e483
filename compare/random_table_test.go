package compare_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/lab"
)

// randomTable is a table of random columns and a random key.
type randomTable struct {
	name    string
	columns []typeCase // of c0, c1, …
	notNull []bool
	key     []string // columns; empty: none
	keyDDL  []string
	keys    func(*rand.Rand, int) []string // SQL literals of the i-th row's key
}

// keyKinds are the ways in which rows are told apart.
var keyKinds = []struct {
	types []string
	value func(*rand.Rand, int) []string
}{
	{nil, nil},
	{[]string{"int"}, func(_ *rand.Rand, i int) []string { return []string{itoa(i)} }},
	{[]string{"smallint"}, func(_ *rand.Rand, i int) []string { return []string{"(" + itoa(i-50) + ")"} }},
	{[]string{"bigint"}, func(_ *rand.Rand, i int) []string { return []string{"(" + itoa(i*3-400) + ")"} }},
	{[]string{"bigint"}, func(r *rand.Rand, i int) []string {
		return []string{fmt.Sprintf("(%d)", (r.Int64()-1<<62)/1000*1000+int64(i))}
	}},
	{[]string{"text"}, func(r *rand.Rand, i int) []string {
		return []string{"'" + []string{"k", "K ", "ä,", "1:x|"}[r.IntN(4)] + itoa(i) + "'"}
	}},
	{[]string{"character(8)"}, func(_ *rand.Rand, i int) []string { return []string{"'" + itoa(i) + "'"} }},
	{[]string{"bit(16)"}, func(_ *rand.Rand, i int) []string { return []string{"(" + itoa(i) + "::bit(16))"} }},
	{[]string{"uuid"}, func(_ *rand.Rand, i int) []string { return []string{"md5('" + itoa(i) + "')::uuid"} }},
	{[]string{"numeric"}, func(_ *rand.Rand, i int) []string { return []string{itoa(i) + ".50"} }},
	{[]string{"timestamptz"}, func(_ *rand.Rand, i int) []string {
		return []string{"('2000-01-01Z'::timestamptz + " + itoa(i-70) + " * interval '2147.483648 s')"}
	}},
	{[]string{"int", "text"}, func(_ *rand.Rand, i int) []string { return []string{itoa(i % 7), "'" + itoa(i/7) + "'"} }},
	{[]string{"date", "boolean", "bigint"}, func(_ *rand.Rand, i int) []string {
		return []string{"('2000-01-01'::date + " + itoa(i%5) + ")", []string{"true", "false"}[i%2], itoa(i)}
	}},
}

func itoa(i int) string { return strconv.Itoa(i) }

func newRandomTable(r *rand.Rand, name string) *randomTable {
	t := &randomTable{name: name}
	kind := keyKinds[r.IntN(len(keyKinds))]
	for i, typ := range kind.types {
		t.key = append(t.key, fmt.Sprintf("k%d", i))
		t.keyDDL = append(t.keyDDL, fmt.Sprintf("k%d %s NOT NULL", i, typ))
	}
	t.keys = kind.value
	for range 1 + r.IntN(8) {
		ty := types[r.IntN(len(types))]
		for slices.Contains([]string{"citext", "hstore", "ltree", "xml"}, ty.name) { // not in every installation
			ty = types[r.IntN(len(types))]
		}
		t.columns = append(t.columns, ty)
		t.notNull = append(t.notNull, r.IntN(3) == 0)
	}
	return t
}

func (t *randomTable) ddl(r *rand.Rand) string {
	cols := slices.Clone(t.keyDDL)
	for i, c := range t.columns {
		null := ""
		if t.notNull[i] {
			null = " NOT NULL"
		}
		cols = append(cols, fmt.Sprintf("c%d %s%s", i, c.name, null))
	}
	r.Shuffle(len(cols), func(i, j int) { cols[i], cols[j] = cols[j], cols[i] }) // each node has its own order
	if len(t.key) > 0 {
		cols = append(cols, "PRIMARY KEY ("+strings.Join(t.key, ", ")+")")
	}
	return fmt.Sprintf("CREATE TABLE %s (%s)", t.name, strings.Join(cols, ", "))
}

func (t *randomTable) value(r *rand.Rand, column int) string {
	if !t.notNull[column] && r.IntN(4) == 0 {
		return "NULL"
	}
	values := t.columns[column].values
	return values[r.IntN(len(values))]
}

// row is the key's literals and then the columns'.
func (t *randomTable) row(r *rand.Rand, i int) []string {
	var row []string
	if t.keys != nil {
		row = t.keys(r, i)
	}
	for c := range t.columns {
		row = append(row, t.value(r, c))
	}
	return row
}

// diverge injects random differences; some of them may give the value that was there.
func (t *randomTable) diverge(r *rand.Rand, rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i := range rows {
		out[i] = slices.Clone(rows[i])
	}
	k := len(t.key)
	for n := range r.IntN(8) {
		if len(out) == 0 {
			break
		}
		i, j, c := r.IntN(len(out)), r.IntN(len(out)), r.IntN(len(t.columns))
		switch r.IntN(6) {
		case 0: // one value
			out[i][k+c] = t.value(r, c)
		case 1: // NULL for whatever is there, and the other way
			if !t.notNull[c] {
				out[i][k+c] = map[bool]string{true: t.columns[c].values[0], false: "NULL"}[out[i][k+c] == "NULL"]
			}
		case 2: // missing
			out = slices.Delete(out, i, i+1)
		case 3: // extra
			out = append(out, t.row(r, 1000+n))
		case 4: // two rows swap a value
			out[i][k+c], out[j][k+c] = out[j][k+c], out[i][k+c]
		case 5: // once more, or two rows swap all of their values
			if k == 0 {
				out = append(out, slices.Clone(out[i]))
			} else {
				a, b := slices.Clone(out[i][k:]), slices.Clone(out[j][k:])
				copy(out[i][k:], b)
				copy(out[j][k:], a)
			}
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (t *randomTable) insert(rows [][]string) string {
	if len(rows) == 0 {
		return ""
	}
	names := slices.Clone(t.key)
	for i := range t.columns {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	var sql strings.Builder
	for i := range rows {
		fmt.Fprintf(&sql, "INSERT INTO %s (%s) VALUES (%s);\n", t.name, strings.Join(names, ", "), strings.Join(rows[i], ", "))
	}
	return sql.String()
}

// content reads the table as an outsider would: per key (or per row, without
// one) the rows and how often they are there, as the texts that the output
// functions give. bpchar's blanks, and what a cast to text hides, are seen.
func (t *randomTable) content(tb testing.TB, n *lab.Node) map[string]string {
	conn, err := n.Connect(tb.Context())
	require.NoError(tb, err)
	defer conn.Close(context.WithoutCancel(tb.Context()))
	_, err = conn.Exec(tb.Context(), "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 3; SET lc_monetary = 'C'; SET search_path = public")
	require.NoError(tb, err)
	names := slices.Clone(t.key)
	for i := range t.columns {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	// The simple protocol: every value comes by its output function.
	result := conn.PgConn().Exec(tb.Context(), "SELECT "+strings.Join(names, ", ")+" FROM "+t.name)
	all, err := result.ReadAll()
	require.NoError(tb, err)
	rows := map[string][]string{}
	for _, row := range all[0].Rows {
		var key, rest []string
		for i, v := range row {
			text := "N"
			if v != nil {
				text = "=" + string(v)
			}
			if i < len(t.key) {
				k := string(v)
				if strings.Contains(t.keyDDL[i], "boolean") { // a cast to text writes it out
					k = map[string]string{"t": "true", "f": "false"}[k]
				}
				key = append(key, k)
			}
			rest = append(rest, text)
		}
		whole := strings.Join(rest, "\x00")
		k := strings.Join(key, "\x00")
		if len(t.key) == 0 {
			k = whole
		}
		rows[k] = append(rows[k], whole)
	}
	out := map[string]string{}
	for k, v := range rows {
		slices.Sort(v)
		out[k] = strings.Join(v, "\x01")
	}
	return out
}

// differingKeys is what a plain comparison finds, sorted.
