package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A table that was read in several snapshots was not read as it was at one
// moment. For every key one of these holds at the last snapshot, S:
//
//   - The key has a row that every earlier snapshot saw too: this very version.
//     A version stays where it is as long as the relation is not rewritten, so
//     it was read exactly once.
//   - The key has a version that some earlier snapshot did not see. So its xmin
//     was not over at the first snapshot and is not older than that one's xmin;
//     that is so for subtransactions, prepared transactions and standbys too.
//     Whatever was read of the key says nothing: it may have moved from pages
//     to be read to pages that had been, or been read twice.
//   - The key has no row any more. What was read of it, if anything, was there
//     when it was read.
//
// So one pass over the whole table in S selects the keys of the second kind, and
// they are looked at again like any key that differs. What was read of all other
// keys was true at one snapshot of the table, at the first or later.
//
// The pass compares 32-bit transaction ids by their age, which old frozen ones
// can look young to: that only costs a look. Young ones cannot look old as long
// as fewer than 2^31 transactions lie between.

// maxAge is how many transactions may lie between two snapshots of one table.
const maxAge = 1_000_000_000

// errAgain ends an attempt after which another one gets on.
var errAgain = errors.New("read in another attempt")

// snapshots returns those that the chunks were read in.
func (d *detection) snapshots() (out []Snapshot) {
	for _, c := range d.chunks {
		if !slices.ContainsFunc(out, c.snapshot.same) {
			out = append(out, c.snapshot)
		}
	}
	return out
}

// oldest returns the xmin of the first snapshot.
func (d *detection) oldest() int64 {
	x := d.chunks[0].snapshot.XMin
	for _, c := range d.chunks {
		x = min(x, c.snapshot.XMin)
	}
	return x
}

// unfollowed says why rows cannot be followed from one snapshot to another, ""
// when they can.
func (d *detection) unfollowed() string {
	switch {
	case len(d.shape.key) == 0:
		return "rows without a key cannot be followed from one snapshot to another"
	case !d.t.on[d.node].versions:
		return "the role may not read the rows' versions, by which they are followed from one snapshot to another"
	}
	return ""
}

// conflict says why an output cannot be put together with what was read before.
func (d *detection) conflict(relation string, out Output) string {
	for _, c := range d.chunks {
		if c.snapshot.same(out.Snapshot) {
			continue
		}
		switch {
		case c.snapshot.Server != out.Snapshot.Server:
			return "the server was restarted, crashed, was promoted or is another one"
		case out.Snapshot.XMin-c.snapshot.XMin > maxAge || c.snapshot.XMin-out.Snapshot.XMin > maxAge:
			return "too many transactions lie between what was read before and now"
		case c.relation == relation && c.file != out.File:
			return "the table was rewritten, truncated, replaced or altered"
		}
	}
	return ""
}

// void throws away what was read so far.
func (d *detection) void(why string) error {
	d.note(fmt.Sprintf("%s: read anew from the beginning, since %s", d.node, why))
	for i, c := range d.chunks {
		if i < d.resumed {
			d.r.resumed(d.t, d.node, -c.rows)
		} else {
			d.r.advance(d.t, d.node, -c.rows)
		}
	}
	d.epoch++
	d.chunks, d.parts, d.moved, d.rows, d.resumed = nil, map[int64]part{}, moved{}, 0, 0
	for _, p := range d.pieces {
		p.pending = []Range{p.whole()}
	}
	return d.r.req.Ledger.void(d.t, d.node)
}

// sweep finds the keys of which what was read says nothing. All of it must be
// of one snapshot, not older than any that was read.
func (d *detection) sweep(ctx context.Context, g Group) error {
	d.mu.Lock()
	for _, p := range d.pieces {
		p.pending = []Range{p.whole()}
	}
	d.moved, d.swept = moved{}, nil
	d.mu.Unlock()
	err := d.work(ctx, g, true)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.pieces {
		p.pending = nil
	}
	if err != nil && len(d.chunks) == 0 { // all was thrown away
		for _, p := range d.pieces {
			p.pending = []Range{p.whole()}
		}
	}
	return err
}

// inOrder refuses a pass that was not of one snapshot, or of one older than what
// was read.
func (d *detection) inOrder(s Snapshot) error {
	if d.swept == nil {
		d.swept = &s
	}
	if !d.swept.same(s) {
		return errAgain
	}
	for _, c := range d.chunks {
		if !c.snapshot.same(s) && c.snapshot.At.After(s.At) {
			return errAgain
		}
	}
	return nil
}
