package reports_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
)

// An audit's sentence is about the node that joined, and claims "all" only of
// what is listed.
func TestSentenceOfAnAudit(t *testing.T) {
	stale := compare.Difference{Key: []string{"7"}, Kind: compare.Changed, Status: compare.Persistent, Minority: []string{"dr1n1"}, Cause: compare.CauseJoin + ": …"}
	other := stale
	other.Minority, other.Cause = []string{"dc1n1"}, ""
	for name, c := range map[string]struct {
		verdict compare.Verdict
		diffs   []compare.Difference
		counted int64
		want    string
	}{
		"clean":        {compare.Match, nil, 0, "bdr-worldwide after dr1n1 joined: dr1n1 holds what the other replicas hold, and no fault was found in what was looked at (1 table, 20 rows read)."},
		"all its own":  {compare.Different, []compare.Difference{stale, stale}, 2, "bdr-worldwide after dr1n1 joined is not as it should be: 2 rows differ in 1 of 1 table, all on dr1n1 alone, all explained by its join."},
		"another's":    {compare.Different, []compare.Difference{stale, other}, 2, "bdr-worldwide after dr1n1 joined is not as it should be: 2 rows differ in 1 of 1 table, 1 of 2 listed on dr1n1 alone, 1 of 2 listed explained by its join."},
		"no join's":    {compare.Different, []compare.Difference{other}, 1, "bdr-worldwide after dr1n1 joined is not as it should be: 1 row differs in 1 of 1 table, none on dr1n1 alone, none explained by its join."},
		"not all told": {compare.Different, []compare.Difference{stale}, 9, "bdr-worldwide after dr1n1 joined is not as it should be: 9 rows differ in 1 of 1 table, 1 of 1 listed on dr1n1 alone, 1 of 1 listed explained by its join."},
		"open":         {compare.Incomplete, nil, 0, "bdr-worldwide after dr1n1 joined could not be judged in full; nothing wrong was found in what was looked at. Not told: 1 of 1 table could not be compared in full."},
	} {
		in := reports.Input{Topology: sampleTopology(), Joiner: "dr1n1", Comparison: &compare.Result{Verdict: c.verdict, Tables: []compare.Table{{Schema: "public", Name: "t", Verdict: c.verdict,
			Nodes: []compare.Coverage{{Node: "dc1n1", Rows: 10}, {Node: "dr1n1", Rows: 10}}, Counts: compare.Counts{Persistent: c.counted}, Diffs: c.diffs}}}}
		r := reports.New("audit", in)
		require.Equal(t, c.want, r.Sentence, name)
		require.Equal(t, "dr1n1", r.Joiner)
		require.NoError(t, r.Consistent(), name)
	}
}
