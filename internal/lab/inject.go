package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fault is a way in which one row of one node differs from the others.
type Fault string

// The faults that [Lab.Inject] makes.
const (
	StaleRow   Fault = "stale"   // the row has another value than elsewhere
	MissingRow Fault = "missing" // the row is on the other nodes only
	ExtraRow   Fault = "extra"   // the row is on this node only
)

// faultySQL says for one table how its key is told, what makes a row stale, and
// how an extra row comes about. $1 is a number that no other injection of this
// lab has: it picks the row of that rank, or makes a new key.
type faultySQL struct {
	key   []string
	stale string
	extra string
}

var faulty = map[string]faultySQL{
	"ref.currency": {[]string{"code"}, "rate = rate + 1",
		"SELECT 'X' || $1::int, 'Extra', 1, true, now()"},
	"ref.product": {[]string{"id"}, "attributes = NULL, name = name || ' (old)'",
		"SELECT 1000000 + $1::int, 'Extra', 1, NULL::jsonb, false, now()"},
	"customer": {[]string{"id"}, "balance = balance - 1",
		"SELECT 1000000 + $1::int, 'Extra', NULL, 1, NULL::jsonb, NULL::boolean, now()"},
	"entry": {[]string{"account", "seq"}, "amount = amount + 0.01",
		"SELECT 1000000 + $1::int, 1, 1, NULL, now()"},
	"device": {[]string{"tenant", "device"}, "settings = settings || '{\"old\": true}'",
		"SELECT 'tenant-x', md5('extra ' || $1::int)::uuid, NULL, '{}'::jsonb, now()"},
}

func faultyTable(table string) (faultySQL, bool) {
	if shard, name, _ := strings.Cut(table, "."); shard == "shard1" || shard == "shard2" {
		table = name // both have the same tables
	}
	f, ok := faulty[table]
	return f, ok
}

// Inject makes one row of a table ("shard1.entry") differ on one node, under an
// origin of its own so that no other node hears of it, and returns the row. Each
// call takes another row, and none that [Lab.JoinUnderLag] updates.
func (l *Lab) Inject(ctx context.Context, node string, fault Fault, table string) (Row, error) {
	f, ok := faultyTable(table)
	if !ok {
		return Row{}, fmt.Errorf("inject: the lab has no table %q; its tables are like %v", table, slices.Sorted(maps.Keys(faulty)))
	}
	l.mu.Lock()
	l.injected++
	number := l.injected
	l.mu.Unlock()
	n := l.Node(node)
	keys := strings.Join(f.key, ", ")
	// From the end of the key order, where the late updates of a join are not.
	pick := fmt.Sprintf("(%[1]s) = (SELECT %[1]s FROM %[2]s ORDER BY %[3]s DESC OFFSET $1::int LIMIT 1)", keys, table, strings.Join(f.key, " DESC, "))
	var sql string
	switch fault {
	case ExtraRow:
		sql = fmt.Sprintf("INSERT INTO %s %s RETURNING %s", table, f.extra, textOf(f.key))
	case StaleRow:
		sql = fmt.Sprintf("UPDATE %s SET %s WHERE %s RETURNING %s", table, f.stale, pick, textOf(f.key))
	case MissingRow:
		sql = fmt.Sprintf("DELETE FROM %s WHERE %s RETURNING %s", table, pick, textOf(f.key))
	default:
		return Row{}, fmt.Errorf("inject: no fault %q", fault)
	}
	row := Row{Table: table}
	err := n.local1(ctx, sql, &row.Key, number)
	return row, err
}

func textOf(key []string) string { return "ARRAY[" + strings.Join(key, "::text, ") + "::text]" }

// Mend undoes injections: it gives the node the row as the donor has it, or
// none when the donor has none, again for this node only.
func (l *Lab) Mend(ctx context.Context, node, donor string, row Row) error {
	f, ok := faultyTable(row.Table)
	if !ok || len(f.key) != len(row.Key) {
		return fmt.Errorf("mend: the lab has no row %s", row)
	}
	var where []string
	for i, k := range f.key {
		where = append(where, k+"::text = '"+strings.ReplaceAll(row.Key[i], "'", "''")+"'")
	}
	cond := strings.Join(where, " AND ")
	good, err := l.Node(donor).Rows(ctx, fmt.Sprintf("SELECT to_jsonb(t) FROM %s t WHERE %s", row.Table, cond))
	if err != nil {
		return err
	}
	sql := fmt.Sprintf("DELETE FROM %s WHERE %s;", row.Table, cond)
	for _, g := range good {
		sql += fmt.Sprintf("INSERT INTO %[1]s SELECT * FROM jsonb_populate_record(NULL::%[1]s, '%[2]s')", row.Table, strings.ReplaceAll(g[0], "'", "''"))
	}
	return l.Node(node).ExecLocal(ctx, sql)
}
