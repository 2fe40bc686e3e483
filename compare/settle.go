package compare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// suspects drills into differing buckets and settles the keys found.
func (r *run) suspects(ctx context.Context, t *task, s *shape, nodes []string, m method, b buckets, bad []int64, moved []string, out *Table) error {
	r.event("drill", t, "", 0, 0)
	found := &spool{}
	defer found.close()
	size := drillHashed
	if b.width > 0 {
		size = drillRanges
	}
	for chunk := range slices.Chunk(bad, size) {
		if err := r.drill(ctx, t, s, nodes, m, b, chunk, found); err != nil {
			return err
		}
	}
	for _, k := range moved {
		if err := found.add(suspect{key: strings.Split(k, sep)}); err != nil {
			return err
		}
	}
	return r.settle(ctx, t, s, nodes, m, b, found, out, nil)
}

// drill reads some differing buckets. A statement that runs into its timeout is
// followed by two that read half of them each.
func (r *run) drill(ctx context.Context, t *task, s *shape, nodes []string, m method, b buckets, bad []int64, found *spool) error {
	begin := found.at()
	err := r.persist(ctx, nodes, func() error {
		sessions, qs := r.readers(t, s, nodes, m, b)
		err := drillChunk(ctx, sessions, qs, bad, unequalInto(found.add))
		if err != nil {
			found.rewind(begin)
		}
		return err
	})
	if !timedOut(err) {
		return err
	}
	// Half of the ranges is half of the work; half of the hash buckets only saves
	// what is sent.
	half := len(bad) / 2
	if b.width == 0 && len(bad) <= drillHashed/8 {
		return wholeTable(err)
	}
	if half == 0 {
		return err
	}
	if err = r.drill(ctx, t, s, nodes, m, b, bad[:half], found); err == nil {
		err = r.drill(ctx, t, s, nodes, m, b, bad[half:], found)
	}
	return err
}

// look reads suspects again, in two halves when a statement ran into its
// timeout.
func (r *run) look(ctx context.Context, t *task, s *shape, nodes []string, m method, b buckets, keys [][]string, values bool) (l looked, err error) {
	err = r.persist(ctx, nodes, func() error {
		sessions, qs := r.readers(t, s, nodes, m, b)
		l, err = lookAt(ctx, sessions, qs, keys, values)
		return err
	})
	if timedOut(err) && len(s.key) == 0 {
		return l, wholeTable(err) // however few they are
	}
	if half := len(keys) / 2; half > 0 && timedOut(err) {
		if l, err = r.look(ctx, t, s, nodes, m, b, keys[:half], values); err != nil {
			return nil, err
		}
		more, err := r.look(ctx, t, s, nodes, m, b, keys[half:], values)
		if err != nil {
			return nil, err
		}
		for i := range l {
			maps.Copy(l[i], more[i])
		}
	}
	return l, err
}

// settle finds out what became of suspects; first is told what the first look at
// them saw.
func (r *run) settle(ctx context.Context, t *task, s *shape, nodes []string, m method, b buckets, suspects *spool, out *Table, first func([][]string, looked)) error {
	out.Counts.Suspect = suspects.count
	if err := r.persist(ctx, nodes, func() error { return r.readOrigins(ctx, nodes) }); err != nil {
		out.Counts.Unverified = suspects.count
		return err
	}
	// One that is not known by its version may have changed and changed back.
	blind := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return t.on[n].versions })
	check := &rechecker{rounds: r.req.Rounds, counts: &out.Counts, keyless: len(s.key) == 0, first: first,
		look: func(ctx context.Context, keys [][]string, values bool) (looked, error) {
			return r.look(ctx, t, s, nodes, m, b, keys, values)
		},
		fence: func(ctx context.Context) (f Fence, err error) {
			r.event("fence", t, "", 0, 0)
			err = r.persist(ctx, slices.Collect(maps.Keys(r.surveys)), func() error {
				f, err = r.fencer.wait(ctx, t, nodes)
				return err
			})
			f.Passed = f.Passed && len(blind) == 0
			return f, err
		},
		evidence: func() bool { return len(out.Diffs) < r.req.SampleLimit },
		cut:      func() { out.Cut++ },
		room:     func() int { return max(0, r.req.SampleLimit-len(out.Diffs)) },
		pass: func(ctx context.Context, bad []int64, visit visitor) error {
			sessions, qs := r.readers(t, s, nodes, m, b)
			return drillChunk(ctx, sessions, qs, bad, visit)
		},
		persist: func(fn func() error) error { return r.persist(ctx, nodes, fn) },
		mask:    b.mask(), nodes: len(nodes),
		found: func(key []string, status Status, l looked) {
			if len(out.Diffs) >= r.req.SampleLimit {
				out.Cut++
				return
			}
			out.Diffs = append(out.Diffs, r.difference(key, status, l, nodes, s))
		},
		settled: func() { r.event("recheck", t, "", out.Counts.settled(), suspects.count) }}
	err := check.settle(ctx, suspects)
	sessions, qs := r.readers(t, s, nodes, m, b)
	r.lacking(ctx, sessions, qs, out)
	out.Counts.Unverified += suspects.count - out.Counts.settled() // when the recheck broke off
	if len(blind) > 0 && out.Counts.Unverified > 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("the role may not read ctid and xmin of the table on %s, by which a row that rests is told from one that changes: GRANT SELECT (ctid, xmin) ON %s, or SELECT on all of it",
			strings.Join(blind, ", "), t.qualified()))
	}
	slices.SortFunc(out.Diffs, func(a, b Difference) int { return slices.Compare(a.Key, b.Key) })
	return err
}

// settled returns how many suspects it is known of what became of them.
func (c Counts) settled() int64 { return c.Cleared + c.Volatile + c.Unverified + c.Persistent }

// readers returns the nodes' sessions, and the statements for each.
func (r *run) readers(t *task, s *shape, nodes []string, m method, b buckets) (sessions []*cluster.Session, qs []statements) {
	for _, n := range nodes {
		sessions = append(sessions, r.surveys[n].session)
		qs = append(qs, newStatements(t, r.surveys[n], s, m, r.req.Mode, r.req.Where, b))
	}
	return sessions, qs
}
