package main

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
)

// clocked is a progress whose clock stands until it is set.
func clocked() (p *progress, show func(after time.Duration, e compare.Event) string) {
	began := time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC)
	var now time.Time
	p = &progress{now: func() time.Time { return now }, show: func(*step) {}, close: func() {}}
	return p, func(after time.Duration, e compare.Event) string {
		now = began.Add(after)
		p.event(e)
		return p.line()
	}
}

func TestProgressLine(t *testing.T) {
	_, at := clocked()
	show := func(after time.Duration, e compare.Event) string {
		e.TablesDone, e.TablesTotal = 1, 3
		return at(after, e)
	}
	const table = "first: public.accounts"
	require.Equal(t, "1 of 3 tables compared; scan "+table+", 0 of about 20000 rows", show(0, compare.Event{Phase: "scan", Table: table, RowsTotal: 20000}))
	require.Equal(t, "1 of 3 tables compared; scan "+table+", 5000 of about 20000 rows",
		show(time.Second, compare.Event{Phase: "scan", Table: table, Rows: 5000, Resumed: 5000, RowsTotal: 20000}), "5000 of them came out of a ledger")
	require.Equal(t, "1 of 3 tables compared; scan "+table+", 10000 of about 20000 rows, 500 rows/s, about 20s left",
		show(10*time.Second, compare.Event{Phase: "scan", Table: table, Node: "n1", Rows: 10000, Resumed: 5000, RowsTotal: 20000}))
	require.Equal(t, "1 of 3 tables compared; wait: n1 has 9 sessions at work, more than 5 "+table+", 10000 of about 20000 rows, 250 rows/s, about 40s left",
		show(20*time.Second, compare.Event{Phase: "wait: n1 has 9 sessions at work, more than 5", Table: table, Node: "n1", Rows: 10000, Resumed: 5000, RowsTotal: 20000}))
	require.Equal(t, "1 of 3 tables compared; scan "+table+", 21000 of about 20000 rows, 533 rows/s",
		show(30*time.Second, compare.Event{Phase: "scan", Table: table, Rows: 21000, Resumed: 5000, RowsTotal: 20000}), "an estimate may be too low")
	require.Equal(t, "1 of 3 tables compared; fence "+table, show(31*time.Second, compare.Event{Phase: "fence", Table: table}))
	require.Equal(t, "1 of 3 tables compared; recheck "+table+", 0 of about 100 rows", show(32*time.Second, compare.Event{Phase: "recheck", Table: table, RowsTotal: 100}))
	require.Equal(t, "1 of 3 tables compared; recheck "+table+", 50 of about 100 rows, 25 rows/s, about 2s left", show(34*time.Second, compare.Event{Phase: "recheck", Table: table, Rows: 50, RowsTotal: 100}))
}

// What is said of one of two tables at once says nothing of the other.
func TestProgressOfTablesAtOnce(t *testing.T) {
	p, show := clocked()
	var read [2]int64
	scan := func(table int, rows int64) compare.Event {
		read[table] = rows
		return compare.Event{Phase: "scan", Table: []string{"a: public.one", "b: public.two"}[table], TablesTotal: 4,
			Rows: rows, RowsTotal: []int64{40000, 2000}[table], RunRows: read[0] + read[1], RunRowsTotal: 100_000}
	}
	require.Equal(t, "0 of 4 tables compared; scan a: public.one, 0 of about 40000 rows", show(0, scan(0, 0)))
	require.Equal(t, "0 of 4 tables compared; scan a: public.one, 0 of about 40000 rows; scan b: public.two, 0 of about 2000 rows", show(0, scan(1, 0)))
	for s := range int64(10) { // their signs of life alternate
		show(time.Duration(s+1)*time.Second, scan(0, 1000*(s+1)))
		show(time.Duration(s+1)*time.Second, scan(1, 100*(s+1)))
	}
	require.Equal(t, "0 of 4 tables compared, about 1m21s left in all; scan a: public.one, 10000 of about 40000 rows, 1000 rows/s, about 30s left; scan b: public.two, 1000 of about 2000 rows, 100 rows/s, about 10s left",
		p.line())
	fence := scan(1, 1000)
	fence.Phase, fence.Rows, fence.RowsTotal = "fence", 0, 0
	require.Equal(t, "0 of 4 tables compared, about 1m21s left in all; scan a: public.one, 10000 of about 40000 rows, 1000 rows/s, about 30s left; fence b: public.two",
		show(10*time.Second, fence))
	require.Equal(t, "0 of 4 tables, within a: public.one (scan: 10000 of about 40000 rows) and b: public.two (fence)", p.stopped())
	done := compare.Event{Phase: compare.PhaseDone, Table: "b: public.two", TablesDone: 1, TablesTotal: 4, RunRows: 11000, RunRowsTotal: 99000}
	require.Equal(t, "1 of 4 tables compared, about 1m20s left in all; scan a: public.one, 10000 of about 40000 rows, 1000 rows/s, about 30s left", show(10*time.Second, done))
	late := scan(0, 10000) // made before the other was done, and told after it
	late.RunRowsTotal = 99000
	require.Contains(t, show(10*time.Second, late), "1 of 4 tables compared, ")
	require.Contains(t, show(10*time.Second, done), "scan a: public.one", "a table that was never begun here ends nothing")
}

// The time of all tables is told while some have not begun.
func TestProgressOfTheLastTables(t *testing.T) {
	_, show := clocked()
	e := compare.Event{Phase: "scan", Table: "a: public.one", TablesDone: 2, TablesTotal: 3, RowsTotal: 1000, RunRows: 5000, RunRowsTotal: 6000}
	show(0, e)
	e.Rows, e.RunRows = 500, 5500
	require.Equal(t, "2 of 3 tables compared; scan a: public.one, 500 of about 1000 rows, 50 rows/s, about 10s left", show(10*time.Second, e))
}

// Bars come and go with the tables, and none is left to wait for at the end.
func TestProgressBars(t *testing.T) {
	p, show := clocked()
	p.bars(io.Discard)
	for i := range 3 {
		for _, table := range []string{"a", "b"} {
			show(time.Duration(i)*time.Second, compare.Event{Phase: "scan", Table: table, TablesTotal: 3, Rows: int64(i), RowsTotal: 2})
		}
	}
	show(time.Second, compare.Event{Phase: compare.PhaseDone, Table: "a", TablesDone: 1, TablesTotal: 3})
	show(time.Second, compare.Event{Phase: "scan", Table: "c", TablesDone: 1, TablesTotal: 3})
	require.Equal(t, "1 of 3 tables, within b (scan: 2 of about 2 rows) and c (scan)", p.stopped())
}
