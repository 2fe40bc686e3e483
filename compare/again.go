package compare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/schema"
)

// Decide applies another policy to the evidence of a result, without reading
// any node: majority, minority, kind and likely cause of every listed
// difference are found anew. Verdicts do not change: a difference stays one
// whoever is right.
func (r *Result) Decide(p Policy, t *schema.Topology) error {
	if err := p.check(t); err != nil {
		return err
	}
	if err := r.sound(); err != nil {
		return err
	}
	r.Policy = p.String()
	for i := range r.Tables {
		for j := range r.Tables[i].Diffs {
			p.Decide(&r.Tables[i].Diffs[j])
		}
	}
	return nil
}

// sound refuses evidence that nothing can be decided or read again from: it may
// come from a file.
func (r *Result) sound() error {
	for _, t := range r.Tables {
		for _, d := range t.Diffs {
			switch {
			case len(d.Key) != max(len(t.Key), 1):
				return refuse("the earlier result is damaged: %s.%s has a key of %d columns and a difference with %d values", t.Schema, t.Name, len(t.Key), len(d.Key))
			case len(d.Versions) < 2:
				return refuse("the earlier result is damaged: a difference of %s.%s is of fewer than two nodes", t.Schema, t.Name)
			}
		}
	}
	return nil
}

// Recheck reads the keys that an earlier result lists again, behind fences, and
// nothing else. Rows read keep the earlier result's coverage; what it had cut
// off cannot be rechecked and keeps its table incomplete.
func Recheck(ctx context.Context, req Request, earlier *Result) (*Result, error) {
	if err := earlier.sound(); err != nil {
		return nil, err
	}
	r, tasks, out, err := begin(ctx, req)
	if err != nil {
		return nil, err
	}
	defer r.close()
	req = r.req
	for _, why := range earlier.Reasons {
		out.Reasons = append(out.Reasons, "the earlier result was incomplete: "+why)
	}
	if earlier.Mode != "" && earlier.Mode != req.Mode {
		out.Reasons = append(out.Reasons, fmt.Sprintf("the earlier result was of mode %s, and this one is of mode %s", earlier.Mode, req.Mode))
	}
	for _, old := range earlier.Tables {
		if len(req.Shards) > 0 && !slices.Contains(req.Shards, old.DataSet) || !wanted(req.Tables, &task{schema: old.Schema, name: old.Name}, map[string]bool{}) {
			continue
		}
		if len(old.Diffs) == 0 {
			if old.Verdict != Match {
				old.Reasons = append(slices.Clone(old.Reasons), "the earlier result lists no keys to recheck")
				out.Tables = append(out.Tables, old)
			}
			continue
		}
		i := slices.IndexFunc(tasks, func(t *task) bool { return t.dataSet == old.DataSet && t.schema == old.Schema && t.name == old.Name })
		if i < 0 {
			what := "is not among the tables to be compared any more"
			if len(r.failed) > 0 {
				what = "was not found on the nodes that answered"
			}
			out.Reasons = append(out.Reasons, fmt.Sprintf("%s: %s.%s %s", old.DataSet, old.Schema, old.Name, what))
			continue
		}
		out.Tables = append(out.Tables, r.again(ctx, tasks[i], old))
	}
	out.Fence = r.fencer.report()
	out.Verdict = verdictOf(out)
	if len(out.Tables) == 0 && len(out.Reasons) == 0 {
		out.Verdict = Match // nothing had differed
	}
	out.Finished = time.Now().UTC()
	return out, ctx.Err()
}

func rowsWhere(where string) string {
	if where == "" {
		return "all rows"
	}
	return "rows where " + where
}

// again settles the keys that an earlier result lists of one table.
func (r *run) again(ctx context.Context, t *task, old Table) Table {
	oldest, mixed := r.versions()
	s := align(r.req, t, oldest, mixed)
	nodes := slices.Sorted(maps.Keys(t.on))
	out := old
	out.Key, out.Columns, out.Left = names(s.key), names(s.columns), s.left
	out.Counts, out.Diffs, out.Cut, out.Where = Counts{}, nil, 0, r.where(t)
	out.Reasons = slices.Concat(t.reasons, s.reasons)
	r.notes = &notes{}
	out.Notes = []string{fmt.Sprintf("only the %d keys of an earlier result were read again", len(old.Diffs))}
	for _, n := range t.nodes {
		if why, ok := t.absent[n]; ok {
			out.Reasons = append(out.Reasons, why)
		}
	}
	if more := max(old.Cut, old.Counts.Persistent+old.Counts.Volatile+old.Counts.Unverified-int64(len(old.Diffs))); more > 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("the earlier result had %d more differences, which it does not list", more))
	}
	for _, n := range t.nodes {
		if !slices.ContainsFunc(old.Nodes, func(c Coverage) bool { return c.Node == n }) {
			out.Reasons = append(out.Reasons, "the earlier result had not read "+n)
		}
	}
	if out.Where != old.Where {
		out.Reasons = append(out.Reasons, fmt.Sprintf("the earlier result compared other rows: it was of %s, and this is of %s", rowsWhere(old.Where), rowsWhere(out.Where)))
	}
	lost := slices.DeleteFunc(slices.Clone(old.Columns), func(c string) bool { return slices.Contains(out.Columns, c) })
	for _, c := range lost {
		out.Reasons = append(out.Reasons, fmt.Sprintf("column %s was compared in the earlier result and is not now", c))
	}
	if len(lost) == 0 && !slices.Equal(out.Columns, old.Columns) {
		out.Reasons = append(out.Reasons, "the earlier result compared other columns")
	}
	for _, c := range old.Nodes {
		if c.Error != "" {
			out.Reasons = append(out.Reasons, "the earlier result had not read "+c.Node)
		}
	}
	switch {
	case !slices.Equal(out.Key, old.Key):
		out.Reasons = append(out.Reasons, "the table's key has changed since the earlier result")
	case len(nodes) < 2:
		out.Reasons = append(out.Reasons, "fewer than two nodes could be read")
	case len(t.reasons)+len(s.reasons) == 0:
		m, _, err := r.choose(ctx, s, nodes)
		if err == nil && len(s.key) == 0 && m.name != old.Digest {
			err = fmt.Errorf("rows without a key are told by their digest, which was %s and is %s now", old.Digest, m.name)
		}
		if err == nil {
			out.Digest = m.name
			suspects := &spool{}
			for _, d := range old.Diffs {
				err = errors.Join(err, suspects.add(suspect{key: d.Key}))
			}
			if err == nil {
				err = r.settle(ctx, t, s, nodes, m, buckets{count: 1}, suspects, &out)
			}
			suspects.close()
		}
		if err != nil {
			out.Reasons = append(out.Reasons, err.Error())
		}
	}
	out.Notes = append(out.Notes, r.notes.all()...)
	out.judge()
	return out
}
