package compare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// suspects drills into differing buckets and settles the keys found.
func (r *inspection) suspects(ctx context.Context, bad []int64, moved []string, out *Table) error {
	r.event("drill", r.t, "", 0, 0)
	found := &spool{}
	defer found.close()
	size, drill := hashedAtOnce, r.drillHashed
	if r.b.width > 0 {
		size, drill = rangesAtOnce, r.drillRanges
	}
	for chunk := range slices.Chunk(bad, size) {
		if err := drill(ctx, chunk, found); err != nil {
			return err
		}
	}
	for _, k := range moved {
		if err := found.add(suspect{key: strings.Split(k, sep)}); err != nil {
			return err
		}
	}
	if err := r.proveIndex(ctx); err != nil {
		return err
	}
	return r.settle(ctx, found, out, nil)
}

// drillHashed reads some hash buckets that differ.
func (r *inspection) drillHashed(ctx context.Context, bad []int64, found *spool) error {
	begin := found.at()
	return r.whole(ctx, func() error {
		found.rewind(begin)
		return r.pass(ctx, bad, unequalInto(found.add))
	})
}

// pass shows some hash buckets, for which all of the table is read.
func (r *inspection) pass(ctx context.Context, bad []int64, visit visitor) error {
	if r.inParts {
		return drillParts(ctx, r.parts(), bad, visit)
	}
	sessions, qs := r.readers()
	return drillWhole(ctx, sessions, qs, bad, visit)
}

// drillRanges reads some ranges of keys that differ. A statement that runs into
// its timeout is followed by two that read half of them each.
func (r *inspection) drillRanges(ctx context.Context, bad []int64, found *spool) error {
	begin := found.at()
	err := r.persist(ctx, r.nodes, func() error {
		found.rewind(begin)
		sessions, qs := r.readers()
		return drillWhole(ctx, sessions, qs, bad, r.check(bad, unequalInto(found.add)))
	})
	half := len(bad) / 2
	if !timedOut(err) || half == 0 {
		return err
	}
	found.rewind(begin)
	if err = r.drillRanges(ctx, bad[:half], found); err == nil {
		err = r.drillRanges(ctx, bad[half:], found)
	}
	return err
}

// look reads suspects again: those with a key by it, in two halves when a
// statement ran into its timeout, and those without in all of the table.
func (r *inspection) look(ctx context.Context, keys [][]string, values bool) (l looked, err error) {
	read := func() error {
		sessions, qs := r.readers()
		l, err = lookAt(ctx, sessions, qs, keys, values)
		return err
	}
	if len(r.s.key) == 0 {
		err = r.whole(ctx, func() error {
			if r.inParts {
				l, err = lookInParts(ctx, r.parts(), keys, values)
				return err
			}
			return read()
		})
		return l, err
	}
	err = r.persist(ctx, r.nodes, read)
	if half := len(keys) / 2; half > 0 && timedOut(err) {
		if l, err = r.look(ctx, keys[:half], values); err != nil {
			return nil, err
		}
		more, err := r.look(ctx, keys[half:], values)
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
func (r *inspection) settle(ctx context.Context, suspects *spool, out *Table, first func([][]string, looked)) error {
	t, s, nodes := r.t, r.s, r.nodes
	out.Counts.Suspect = suspects.count
	if err := r.persist(ctx, nodes, func() error { return r.readOrigins(ctx, nodes) }); err != nil {
		out.Counts.Unverified = suspects.count
		return err
	}
	// One that is not known by its version may have changed and changed back.
	blind := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return t.on[n].versions })
	check := &rechecker{rounds: r.req.Rounds, counts: &out.Counts, keyless: len(s.key) == 0, first: first,
		look: r.look, vanished: r.vanished,
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
		pass:     r.pass, whole: r.whole, mask: r.b.mask(), nodes: len(nodes),
		found: func(key []string, status Status, l looked) {
			if len(out.Diffs) >= r.req.SampleLimit {
				out.Cut++
				return
			}
			out.Diffs = append(out.Diffs, r.difference(key, status, l, nodes, s))
		},
		settled: func() { r.event("recheck", t, "", out.Counts.settled(), suspects.count) }}
	if r.where(t) != "" {
		check.fickle, check.bare = r.fickle, r.bareOf().pass
		check.distrust = func() { r.distrust(out) }
	}
	err := check.settle(ctx, suspects)
	sessions, qs := r.readers()
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
