package compare

import (
	"context"
	"fmt"
	"time"
)

// Where one statement has not the time for all of a table, the scan reads it in
// parts in whatever way there is. A drill into hash buckets and a look at rows
// without a key read all of it again, and then in parts, too: one after the other
// in one snapshot of the node, so that each row is in one of them, wherever the
// table's writers put it meanwhile. A part that runs into the statement timeout is
// followed by smaller ones.

// tidPages is how many pages one statement reads on a server that cannot read a
// range of them, before PostgreSQL 14, by a list of all places in them: some 300 a
// page, of which most hold no row. That is some four times as slow as a range. But
// it needs no key, and misses no row of which a damaged key is NULL.
const tidPages = 2048

// places returns the condition of a range of pages on such a server. A page holds
// no more line pointers than MaxHeapTuplesPerPage of htup_details.h says. Places
// beyond the table's end are passed over (nodeTidscan.c).
func (p *piece) places(r Range) string {
	last := fmt.Sprint(r.To - 1)
	if r.Last { // as it is now: the snapshot's rows lie before
		last = "pg_relation_size(" + literal(p.relation) + "::regclass) / current_setting('block_size')::int8 - 1"
	}
	return fmt.Sprintf("t.ctid = ANY (ARRAY(SELECT tidin(textout(concat('(', pgconcord_p, ',', pgconcord_i, ')'))) FROM generate_series(%d, %s) pgconcord_p, generate_series(1, (current_setting('block_size')::int4 - 24) / 28) pgconcord_i))",
		r.From, last)
}

// condition returns the SQL of a part of a piece, "" for all.
func (d *detection) condition(p *piece, part Range) string {
	if p.byTID {
		return p.places(part)
	}
	return part.condition(d.shape)
}

// inParts has fn read every part of the table in one snapshot. What fn has read
// when it fails is of no use; it may be called again for a smaller part of the same,
// and after an error for all of them.
func (d *detection) inParts(ctx context.Context, fn func(ctx context.Context, from querier, q statements, condition string) error) error {
	d.again = true
	if err := d.plan(ctx); err != nil {
		return err
	}
	g := d.group()
	g.Settings, g.Several = drillSettings, false
	job := Job{Node: d.node, Table: d.t.qualified(), Group: g}
	l := &lane{session: d.survey.session, main: true, node: d.node}
	if err := l.lead(ctx, &group{}, job); err != nil {
		return err
	}
	defer l.end()
	whole, read, begun := int64(0), int64(0), time.Now()
	for _, p := range d.pieces {
		whole += p.length(p.whole())
	}
	for {
		p, part, ok := d.next(1)
		if !ok {
			return nil
		}
		if err := d.r.ease(ctx, l.session, job); err != nil {
			return err
		}
		begin := time.Now()
		err := l.attempt(ctx, d.keeps(p), func(ctx context.Context) error {
			return fn(ctx, l.session.Conn, d.q.reading(p), d.condition(p, part))
		})
		if err != nil {
			err = d.missed(p, part, d.epoch, timed(l.session, begin, l.wrap("read "+job.Table+" in parts", err)))
			if err != nil {
				return err
			}
			continue
		}
		// How many rows the server read is not known, only those that were sought.
		rows := int64(d.t.on[d.node].estimate() * float64(p.length(part)) / float64(max(whole, 1)))
		d.adapt(p, part, Output{Took: time.Since(begin), Rows: rows})
		read += rows
		if d.left() {
			if err := d.r.throttle(ctx, read, time.Since(begun)); err != nil {
				return err
			}
		}
	}
}
