package reports

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
)

// Who is right is called by the rule that says so: the nodes that a source of
// truth agrees with are no majority.
func TestWhoIsRight(t *testing.T) {
	d := compare.Difference{Kind: compare.Changed, Status: compare.Persistent, Majority: []string{"a", "b"}}
	for _, c := range []struct {
		policy     compare.Policy
		some, none string
	}{
		{compare.Policy{}, "; majority a, b", "; no majority"},
		{compare.Policy{Rule: compare.ByMajority, TieBreakers: []string{"a"}}, "; majority a, b", "; no majority"},
		{compare.Policy{Rule: compare.ByQuorum, Quorum: 0.6}, "; quorum a, b", "; no quorum"},
		{compare.Policy{Rule: compare.BySource, Sources: []string{"a"}}, "; right by source a, b", "; right by source: nobody"},
		{compare.Policy{Rule: compare.ByNewest, TieBreakers: []string{"a"}}, "; newest a, b", "; newest not known"},
		{compare.Policy{Rule: compare.Undecided}, "; right a, b", ""},
	} {
		d.Majority = []string{"a", "b"}
		require.Equal(t, "changed, persistent"+c.some, differenceText(c.policy.String(), d))
		d.Majority = nil
		require.Equal(t, "changed, persistent"+c.none, differenceText(c.policy.String(), d))
	}
}

// An auditor who adds up an export finds rows that are there counted.
func TestDifferencesCountRows(t *testing.T) {
	versions := []compare.RowVersion{{Node: "a", Exists: true, Hash: "x"}, {Node: "b"}, {Node: "c", Exists: true, Hash: "x", Count: 3}}
	r := &Report{Comparison: &compare.Result{Tables: []compare.Table{{Diffs: []compare.Difference{{Versions: versions}}}}}}
	var counts []int64
	for _, l := range r.Differences() {
		counts = append(counts, l.Count)
	}
	require.Equal(t, []int64{1, 0, 3}, counts)
	require.Zero(t, versions[0].Count, "the report's own evidence is as it was")
}
