package compare

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two runs that share the tables of one tell of it alike, and what is ahead of it
// shrinks to nothing, whatever was estimated, resumed, thrown away or read twice.
func TestProgressOfARun(t *testing.T) {
	var last Event
	on := func(rows float64) map[string]*table { return map[string]*table{"n1": {rows: rows}, "n2": {rows: rows}} }
	tasks := []*task{{dataSet: "a", schema: "s", name: "one", on: on(500)}, {dataSet: "a", schema: "s", name: "two", on: on(100)}, {dataSet: "a", schema: "s", name: "three", on: on(50)}}
	r := &run{req: Request{Progress: func(e Event) { last = e }}, tally: &tally{}}
	mate := &run{req: r.req, tally: r.tally}
	both := []string{"n1", "n2"}
	r.expect(tasks)

	r.scanning(tasks[0], both)
	require.Equal(t, Event{Phase: "scan", Table: "a: s.one", TablesTotal: 3, RowsTotal: 1000, RunRowsTotal: 1300}, last)
	r.advance(tasks[0], "n1", 400)
	mate.scanning(tasks[1], both)
	mate.resumed(tasks[1], "n1", 30)
	require.Equal(t, Event{Phase: "scan", Table: "a: s.two", Node: "n1", TablesTotal: 3, Rows: 30, Resumed: 30, RowsTotal: 200, RunRows: 400, RunRowsTotal: 1270}, last)
	mate.advance(tasks[1], "n1", 60)
	require.Equal(t, Event{Phase: "scan", Table: "a: s.two", Node: "n1", TablesTotal: 3, Rows: 90, Resumed: 30, RowsTotal: 200, RunRows: 460, RunRowsTotal: 1270}, last)
	mate.resumed(tasks[1], "n1", -30) // it cannot be gone on with
	mate.advance(tasks[1], "n1", -60)
	require.Equal(t, Event{Phase: "scan", Table: "a: s.two", Node: "n1", TablesTotal: 3, RowsTotal: 200, RunRows: 400, RunRowsTotal: 1300}, last)
	mate.resumed(tasks[1], "n1", 10)
	mate.scanning(tasks[1], both) // anew, by another digest
	require.Equal(t, Event{Phase: "scan", Table: "a: s.two", TablesTotal: 3, RowsTotal: 200, RunRows: 400, RunRowsTotal: 1300}, last)
	mate.resumed(tasks[1], "n1", 10)
	mate.advance(tasks[1], "n2", 80) // fewer than was estimated
	mate.settleAccount(tasks[1])
	mate.ended(tasks[1])
	require.Equal(t, Event{Phase: PhaseDone, Table: "a: s.two", TablesDone: 1, TablesTotal: 3, RunRows: 480, RunRowsTotal: 1180}, last)
	r.advance(tasks[0], "n2", 800) // more
	r.settleAccount(tasks[0])
	r.ended(tasks[0])
	mate.settleAccount(tasks[2]) // out of the ledger, or one that cannot be compared
	mate.ended(tasks[2])
	require.Equal(t, Event{Phase: PhaseDone, Table: "a: s.three", TablesDone: 3, TablesTotal: 3, RunRows: 1280, RunRowsTotal: 1280}, last)
}
