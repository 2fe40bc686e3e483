package main

import (
	"context"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

// work is one table of one data set.
type work struct{ set, schema, name string }

func (w work) table() string { return w.schema + "." + w.name }

// compareWithin compares table by table, those first that were compared longest
// ago, until the time is over; what was not reached is incomplete. Without a
// limit, or when the nodes name no tables, all is compared at once.
func (a *app) compareWithin(ctx context.Context, request compare.Request, within time.Duration, facts *catalog.Cluster, past []*reports.Report) (*compare.Result, error) {
	todo := tablesOf(request.Topology, facts)
	if within <= 0 || len(todo) == 0 {
		return a.compare(ctx, request)
	}
	oldestFirst(todo, past)
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var total *compare.Result
	for i, w := range todo {
		if limited.Err() != nil {
			total = addUnreached(total, todo[i:], within)
			break
		}
		one := request
		one.Shards, one.Tables = []string{w.set}, []string{w.table()}
		result, err := a.compare(limited, one)
		switch {
		case ctx.Err() != nil:
			return total, err
		case limited.Err() != nil && result == nil:
			total = addUnreached(total, []work{w}, within)
		case err != nil:
			return total, err
		default:
			total = merge(total, result)
		}
	}
	return total, nil
}

// tablesOf lists the tables that any node has in the sets of a data set.
func tablesOf(t *schema.Topology, facts *catalog.Cluster) []work {
	var out []work
	if facts == nil {
		return nil
	}
	for set, d := range t.DataSets() {
		for _, node := range d.Replicas {
			n := facts.Nodes[node]
			if n.Facts == nil {
				continue
			}
			for _, s := range n.Facts.Sets {
				if !slices.Contains(d.ReplicationSets, s.Name) {
					continue
				}
				for _, table := range s.Tables {
					if w := (work{set, table.Schema, table.Name}); !slices.Contains(out, w) {
						out = append(out, w)
					}
				}
			}
		}
	}
	return out
}

// oldestFirst orders tables by when they were last compared in full.
func oldestFirst(todo []work, past []*reports.Report) {
	when := map[work]int64{}
	for _, r := range past {
		if r.Comparison == nil {
			continue
		}
		for _, t := range r.Comparison.Tables {
			if t.Verdict != compare.Incomplete {
				when[work{t.DataSet, t.Schema, t.Name}] = r.Finished.UnixMicro()
			}
		}
	}
	slices.SortFunc(todo, func(a, b work) int {
		if d := when[a] - when[b]; d != 0 {
			return int(max(-1, min(1, d)))
		}
		return slices.Compare([]string{a.set, a.table()}, []string{b.set, b.table()})
	})
}

func addUnreached(total *compare.Result, left []work, within time.Duration) *compare.Result {
	out := &compare.Result{Verdict: compare.Incomplete}
	for _, w := range left {
		out.Tables = append(out.Tables, compare.Table{Schema: w.schema, Name: w.name, DataSet: w.set, Verdict: compare.Incomplete,
			Reasons: []string{"not reached within " + within.String()}})
	}
	return merge(total, out)
}

// merge adds a result to another; the whole is what the worst table is.
func merge(total, more *compare.Result) *compare.Result {
	if total == nil {
		return more
	}
	if more.Finished.After(total.Finished) {
		total.Finished = more.Finished
	}
	total.Tables = append(total.Tables, more.Tables...)
	for _, why := range more.Reasons {
		if !slices.Contains(total.Reasons, why) {
			total.Reasons = append(total.Reasons, why)
		}
	}
	if more.Fence.Needed {
		passed := more.Fence.Passed && (total.Fence.Passed || !total.Fence.Needed)
		total.Fence = compare.Fence{Needed: true, Passed: passed, Edges: append(total.Fence.Edges, more.Fence.Edges...)}
	}
	switch {
	case total.Verdict == compare.Different || more.Verdict == compare.Different:
		total.Verdict = compare.Different
	case total.Verdict == compare.Incomplete || more.Verdict == compare.Incomplete:
		total.Verdict = compare.Incomplete
	}
	return total
}
