package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
)

// A table had its turn when it was compared in full or cut short; not when its
// turn did not come, nor when a node was down.
func TestLastTurn(t *testing.T) {
	night := func(day int, tables ...compare.Table) *reports.Report {
		return &reports.Report{Finished: time.Date(2026, 11, day, 2, 0, 0, 0, time.UTC), Comparison: &compare.Result{Tables: tables}}
	}
	table := func(name string, v compare.Verdict, reasons ...string) compare.Table {
		return compare.Table{DataSet: "first", Schema: "public", Name: name, Verdict: v, Reasons: reasons}
	}
	last := lastTurn([]*reports.Report{
		night(1, table("a", compare.Match), table("b", compare.Different), table("huge", compare.Match)),
		night(2, table("b", compare.Match), table("huge", compare.Incomplete, notFinished+"2h0m0s", "canceled"), table("a", compare.Incomplete, notReached+"2h0m0s")),
		night(3, table("a", compare.Incomplete, "node dr1n1: unreachable")),
		{Finished: time.Date(2026, 11, 4, 2, 0, 0, 0, time.UTC)}, // a night without a comparison
	})
	day := func(name string) int { return time.UnixMicro(last[work{"first", "public", name}]).UTC().Day() }
	require.Equal(t, 1, day("a"))
	require.Equal(t, 2, day("b"))
	require.Equal(t, 2, day("huge"))
	require.Zero(t, last[work{"first", "public", "new"}])
	require.Zero(t, last[work{"second", "public", "a"}], "another data set's table of that name")
}

// What was not reached is listed once, and nothing that was told gets lost.
func TestAddUnreached(t *testing.T) {
	result := &compare.Result{Verdict: compare.Match, Reasons: []string{"interrupted after 1 of 3 tables"}, Tables: []compare.Table{
		{DataSet: "first", Schema: "public", Name: "a", Verdict: compare.Match},
		{DataSet: "first", Schema: "public", Name: "b", Verdict: compare.Incomplete, Unfinished: true, Reasons: []string{"context deadline exceeded"}}}}
	due := []work{{"first", "public", "a"}, {"first", "public", "b"}, {"second", "public", "a"}}
	addUnreached(result, due, 2*time.Hour)
	require.Equal(t, compare.Incomplete, result.Verdict)
	require.Equal(t, []string{"the time of --within 2h0m0s was over after 1 of 3 tables"}, result.Reasons)
	require.Len(t, result.Tables, 3)
	require.Empty(t, result.Tables[0].Reasons)
	require.Equal(t, []string{"not finished within 2h0m0s", "context deadline exceeded"}, result.Tables[1].Reasons)
	require.Equal(t, "second", result.Tables[2].DataSet)
	require.Equal(t, []string{"not reached within 2h0m0s"}, result.Tables[2].Reasons)

	differ := &compare.Result{Verdict: compare.Different, Tables: []compare.Table{{DataSet: "first", Schema: "public", Name: "a", Verdict: compare.Different}}}
	addUnreached(differ, due, time.Minute)
	require.Equal(t, compare.Different, differ.Verdict, "a known difference stays one")
	require.Len(t, differ.Tables, 3)
}
