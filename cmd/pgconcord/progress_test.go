package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
)

func TestProgressLine(t *testing.T) {
	var p pace
	at := time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC)
	show := func(after time.Duration, e compare.Event) string {
		e.TablesDone, e.TablesTotal = 1, 3
		p.note(e, at.Add(after))
		return progressLine(e, p)
	}
	const table = "first: public.accounts"
	require.Equal(t, "1 of 3 tables compared; scan "+table+", 5000 of about 20000 rows",
		show(0, compare.Event{Phase: "scan", Table: table, Rows: 5000, RowsTotal: 20000}), "5000 of them came out of a ledger")
	require.Equal(t, "1 of 3 tables compared; scan "+table+", 10000 of about 20000 rows, 500 rows/s, about 20s left",
		show(10*time.Second, compare.Event{Phase: "scan", Table: table, Node: "n1", Rows: 10000, RowsTotal: 20000}))
	require.Equal(t, "1 of 3 tables compared; wait: n1 has 9 sessions at work, more than 5 "+table+", 10000 of about 20000 rows, 250 rows/s, about 40s left",
		show(20*time.Second, compare.Event{Phase: "wait: n1 has 9 sessions at work, more than 5", Table: table, Node: "n1", Rows: 10000, RowsTotal: 20000}))
	require.Equal(t, "1 of 3 tables compared; scan "+table+", 21000 of about 20000 rows, 533 rows/s",
		show(30*time.Second, compare.Event{Phase: "scan", Table: table, Rows: 21000, RowsTotal: 20000}), "an estimate may be too low")
	require.Equal(t, "1 of 3 tables compared; fence "+table, show(31*time.Second, compare.Event{Phase: "fence", Table: table}))
	require.Equal(t, "1 of 3 tables compared; recheck "+table+", 0 of about 100 rows", show(32*time.Second, compare.Event{Phase: "recheck", Table: table, RowsTotal: 100}))
	require.Equal(t, "1 of 3 tables compared; recheck "+table+", 50 of about 100 rows, 25 rows/s, about 2s left", show(34*time.Second, compare.Event{Phase: "recheck", Table: table, Rows: 50, RowsTotal: 100}))
}
