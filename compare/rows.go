package compare

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// table compares one task.
func (r *run) table(ctx context.Context, t *task) Table {
	s := align(r.req, t, r.unlike())
	r.notes = &notes{}
	out := Table{Schema: t.schema, Name: t.name, DataSet: t.dataSet, Key: names(s.key), Columns: names(s.columns), Left: s.left, Where: r.where(t),
		Notes: append(t.notes, s.notes...), Reasons: append(t.reasons, s.reasons...)}
	for _, n := range t.nodes {
		if why, ok := t.absent[n]; ok {
			out.Reasons = append(out.Reasons, why)
			out.Nodes = append(out.Nodes, Coverage{Node: n, Error: why})
		}
	}
	nodes := slices.Sorted(maps.Keys(t.on))
	switch {
	case len(t.nodes) < 2:
		out.Reasons = append(out.Reasons, "only one node is to be compared")
	case len(nodes) < 2:
		out.Reasons = append(out.Reasons, "fewer than two nodes could be read")
	case len(s.reasons) == 0 && len(t.reasons) == 0:
		if err := r.rows(ctx, t, s, nodes, &out); err != nil {
			out.Reasons = append(out.Reasons, err.Error())
		}
	}
	if waited := r.pauses.here; waited >= time.Second {
		r.notes.add(fmt.Sprintf("waited %s for load or lag to pass", waited.Round(time.Second)))
	}
	r.pauses.here = 0
	out.Notes = append(out.Notes, r.notes.all()...)
	slices.SortFunc(out.Nodes, func(a, b Coverage) int { return cmp.Compare(a.Node, b.Node) })
	out.judge()
	return out
}

// stands reports whether a table that a ledger holds is what would be compared
// now: the same nodes, key, columns and rows. A node that only does not answer
// now takes nothing from what it said then.
func (r *run) stands(t *task, old Table) bool {
	var nodes []string
	for _, c := range old.Nodes {
		nodes = append(nodes, c.Node)
	}
	for n := range t.absent {
		if r.surveys[n] != nil {
			return false
		}
	}
	if !slices.Equal(nodes, t.nodes) || len(t.reasons) > 0 {
		return false
	}
	if len(t.on) < 2 {
		return true
	}
	s := align(r.req, t, r.unlike())
	return len(s.reasons) == 0 && slices.Equal(names(s.key), old.Key) && slices.Equal(names(s.columns), old.Columns) &&
		slices.Equal(s.left, old.Left) && r.where(t) == old.Where
}

// where returns the condition that rows of a task must meet; empty: none.
func (r *run) where(t *task) string {
	return strings.Join(slices.DeleteFunc([]string{t.where, r.req.Where}, func(w string) bool { return w == "" }), " AND ")
}

// judge derives the table's verdict from its counts and reasons.
func (out *Table) judge() {
	if n := out.Counts.Unverified; n > 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("%s could not be verified behind a fence", counted(n, "suspect key")))
	}
	if n := out.Counts.Volatile; n > 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("%s went on changing while read", counted(n, "suspect key")))
	}
	out.Verdict = Match
	if len(out.Reasons) > 0 {
		out.Verdict = Incomplete
	}
	if out.Counts.Persistent > 0 {
		out.Verdict = Different
	}
}

// counted returns "1 key" or "2 keys".
func counted[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// rows scans, drills and settles one table on the nodes that have it.
func (r *run) rows(ctx context.Context, t *task, s *shape, nodes []string, out *Table) error {
	m, note, err := r.choose(ctx, s, nodes)
	if err != nil {
		return err
	}
	r.notes.add(note)
	if err := r.rest(ctx, t, nodes); err != nil {
		return err
	}
	b, sp, err := r.buckets(ctx, t, s, nodes)
	if err != nil {
		return err
	}
	p, begun := r.req.Ledger.planned(t)
	switch {
	case begun && (p.Method == m.name || p.Method == with256.name) && (p.Width == 0 || ranged(s)) && p.Width+p.Count > 0 && p.Width&(p.Width-1) == 0:
		// An earlier run began it: with other buckets nothing of it would be of use.
		if p.Method != m.name {
			m = with256
			r.notes.add(cannotNative)
		}
		b = buckets{width: p.Width, count: p.Count}
	default:
		if err := r.req.Ledger.plan(t, m, b); err != nil {
			return err
		}
	}
	all := r.scan(ctx, t, s, nodes, m, b, sp)
	if m.name == native.name && slices.ContainsFunc(all, func(s scanned) bool { return cannotCompute(s.err) }) {
		// A value that one of the native functions does not take.
		m = with256
		r.notes.add(cannotNative)
		if err := r.req.Ledger.plan(t, m, b); err != nil {
			return err
		}
		all = r.scan(ctx, t, s, nodes, m, b, sp)
	}
	out.Digest = m.name
	if len(s.key) == 0 {
		out.RowForm = m.form(s.columns, r.req.Mode)
	}
	var ok []string
	var good []scanned
	for i, n := range nodes {
		out.Nodes = append(out.Nodes, all[i].coverage)
		if all[i].err != nil {
			out.Reasons = append(out.Reasons, all[i].err.Error())
			continue
		}
		ok, good = append(ok, n), append(good, all[i])
	}
	if ctx.Err() != nil && len(out.Reasons) == 0 {
		return ctx.Err()
	}
	if len(good) < 2 {
		return nil
	}
	largest := 0
	var moved moved
	for _, g := range good {
		largest = max(largest, len(g.parts))
		moved.join(g.moved)
	}
	out.Miss = min(1, float64(largest)*float64(len(good)-1)*m.missBound())
	var again map[int64]bool
	if moved.keys == nil {
		again = moved.buckets // too many keys to look at each
	}
	bad := differing(good, again)
	// Keys in those buckets are read anyway.
	maps.DeleteFunc(moved.keys, func(_ string, bucket int64) bool { _, found := slices.BinarySearch(bad, bucket); return found })
	if len(bad) == 0 && len(moved.keys) == 0 {
		return nil
	}
	x := r.inspect(t, s, ok, m, b, sp)
	x.scans = good
	// A read of all that took so long, or was not to be one statement, is not tried as one.
	x.inParts = slices.ContainsFunc(good, func(g scanned) bool { return g.cut || g.coverage.Took > r.req.Settings.StatementTimeout/2 })
	return x.suspects(ctx, bad, slices.Sorted(maps.Keys(moved.keys)), out)
}

const cannotNative = "the native digest cannot be computed of every value: compared by SHA-256"

// scan reads the table on all nodes at once.
func (r *run) scan(ctx context.Context, t *task, s *shape, nodes []string, m method, b buckets, sp spread) []scanned {
	all := make([]scanned, len(nodes))
	r.scanning(t, nodes)
	var wg sync.WaitGroup
	for i, n := range nodes {
		d := r.detection(t, s, n, m, b, sp)
		wg.Go(func() { all[i] = r.detect(ctx, d) })
	}
	wg.Wait()
	return all
}

func (r *run) detection(t *task, s *shape, node string, m method, b buckets, sp spread) *detection {
	return &detection{r: r, t: t, shape: s, node: node, survey: r.surveys[node], spread: sp, note: r.notes.add, q: r.statements(t, s, node, m, b), steps: map[string]int64{}}
}

func (r *run) statements(t *task, s *shape, node string, m method, b buckets) statements {
	return newStatements(t, r.surveys[node], s, m, r.req.Mode, r.req.Where, b)
}
