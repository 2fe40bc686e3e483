package compare

import (
	"cmp"
	"slices"
)

// order puts the tables that a request ranks lower first; without ranks, and
// among equals, they stay as the plan lists them.
func (r Request) order(tasks []*task) {
	if r.Rank == nil {
		return
	}
	rank := map[*task]int64{}
	for _, t := range tasks {
		rank[t] = r.Rank(t.dataSet, t.schema, t.name)
	}
	slices.SortStableFunc(tasks, func(a, b *task) int { return cmp.Compare(rank[a], rank[b]) })
}
