package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// detection reads one table on one node: it cuts it into jobs, has a runner run
// them, and puts what they give together. What was read in one snapshot is
// consistent by itself. When it took several, a row may have moved between them
// from a part that was still to be read to one that had been: see moved.go.
type detection struct {
	r      *run
	t      *task
	shape  *shape
	node   string
	survey *survey
	q      statements
	spread spread
	note   func(string)
	again  bool // one statement has not the time for all: it is cut however small it is, in any way there is

	mu      sync.Mutex
	pieces  []*piece
	steps   map[string]int64 // size of the next chunk, by how it is cut
	gauged  bool             // how long all would take was seen
	chunks  []chunk
	parts   map[int64]part
	moved   moved
	swept   *Snapshot // of the pass that found them
	epoch   int       // rises when what was read is thrown away
	rows    int64
	bytes   int64
	resumed int // chunks out of the ledger
	attempt int
	began   time.Time
	taken   int64 // rows that this process read
}

// chunk is a job that is done.
type chunk struct {
	relation string
	file     string
	part     Range
	snapshot Snapshot
	rows     int64
}

func (r *run) detect(ctx context.Context, d *detection) scanned {
	d.began, d.parts = time.Now(), map[int64]part{}
	err := d.resume(ctx)
	if err == nil {
		err = d.all(ctx)
	}
	if err == nil {
		err = d.complete()
	}
	out := scanned{parts: d.parts, moved: d.moved, cut: len(d.chunks) > len(d.pieces), err: err, coverage: Coverage{Node: d.node, Rows: d.rows, Bytes: d.bytes, Buckets: len(d.parts), Chunks: len(d.chunks), Took: time.Since(d.began)}}
	if len(d.chunks) > 0 {
		out.since = d.oldest()
	}
	c := &out.coverage
	for i, ch := range d.chunks { // what was true when the first of them was read is what holds for all
		if s := ch.snapshot; i == 0 || s.At.Before(c.At) {
			c.LSN, c.At = s.LSN, s.At
		}
	}
	if n := len(d.snapshots()); n > 1 {
		c.Snapshots = n
	}
	if d.resumed > 0 {
		d.note(fmt.Sprintf("%s: %d of its %d chunks were read by an earlier run and taken from its ledger", d.node, d.resumed, len(d.chunks)))
	}
	if err != nil {
		c.Error = err.Error()
		return out
	}
	c.Digest = total(out.parts, d.q.method.lanes)
	return out
}

// complete proves that the chunks are the whole table, each part of it once.
func (d *detection) complete() error {
	for _, p := range d.pieces {
		var parts []Range
		for _, c := range d.chunks {
			if c.relation == p.relation {
				parts = append(parts, c.part)
			}
		}
		if !tiles(p.whole(), parts) {
			return fmt.Errorf("node %s: the chunks read of %s are not all of it, each once", d.node, p.relation)
		}
	}
	return nil
}

// all reads the table, again and again where something came between.
func (d *detection) all(ctx context.Context) error {
	for failures, last := 0, 0; ; {
		err := d.try(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if len(d.chunks) > last {
			failures = 0 // it got on
		}
		last = len(d.chunks)
		failures++
		again, why := d.r.transient(err)
		if !again {
			return err
		}
		if failures >= maxAttempts || d.attempt >= 100 {
			return fmt.Errorf("given up after %d attempts: %w", failures, err)
		}
		if why != "" {
			d.note(fmt.Sprintf("%s: read on after %s", d.node, why))
		}
		if err := d.r.mend(ctx, d.node, failures); err != nil {
			return err
		}
	}
}

// try reads what is still to be read in one attempt.
func (d *detection) try(ctx context.Context) error {
	d.attempt++
	if err := d.plan(ctx); err != nil {
		return err
	}
	pending := slices.ContainsFunc(d.pieces, func(p *piece) bool { return len(p.pending) > 0 })
	if why := d.unfollowed(); why != "" && pending && len(d.chunks) > 0 {
		if err := d.void(why); err != nil {
			return err
		}
	}
	if !pending && len(d.snapshots()) < 2 {
		return nil
	}
	if err := d.gauge(ctx); err != nil {
		return err
	}
	g := d.group()
	defer d.r.runner.End(g.ID)
	if err := d.work(ctx, g, false); err != nil {
		return err
	}
	if len(d.snapshots()) < 2 {
		return nil
	}
	return d.sweep(ctx, g)
}

func (d *detection) group() Group {
	g := Group{ID: fmt.Sprintf("%s @%s #%d", d.t.label(), d.node, d.attempt), Label: d.t.label(), Settings: scanSettings(d.survey.version, d.q.buckets.number(d.spread))}
	if table := d.t.qualified(); d.pieces[0].relation != table || len(d.pieces) > 1 {
		g.Root, g.Relations = table, []string{table}
	}
	chunks := int64(0)
	for _, p := range d.pieces {
		g.Relations = append(g.Relations, p.relation)
		g.Below = !p.only && d.t.on[d.node].kind == "p" // then it is the only one
		for _, r := range p.pending {
			chunks += 1 + p.length(r)/max(d.steps[p.by], 1)
		}
	}
	g.Several = chunks > 2 && d.r.runner.Width(d.node) > 1
	return g
}

// work runs jobs until nothing is left to read, or one of them fails; then those
// under way are still finished.
func (d *detection) work(ctx context.Context, g Group, moved bool) error {
	workers := 1
	if g.Several {
		workers = d.r.runner.Width(d.node)
	}
	var all errgroup.Group
	failed := false
	begin := d.epoch
	for range workers {
		all.Go(func() error {
			for {
				d.mu.Lock()
				if failed || moved && d.epoch != begin {
					d.mu.Unlock()
					return nil
				}
				p, part, ok := d.next(workers) // takes it: from here on it is read or given back
				epoch := d.epoch
				var j Job
				if ok {
					j = d.job(g, p, part, moved)
				}
				d.mu.Unlock()
				if !ok {
					return nil
				}
				out, err := d.r.runner.Run(ctx, j)
				if err == nil {
					err = d.done(ctx, p, part, out, epoch, moved)
				} else {
					err = d.missed(p, part, epoch, err)
				}
				if err != nil {
					d.mu.Lock()
					failed = true
					d.mu.Unlock()
					return err
				}
			}
		})
	}
	return all.Wait()
}

func (d *detection) job(g Group, p *piece, part Range, moved bool) Job {
	q := d.q.reading(p)
	j := Job{ID: fmt.Sprintf("%s @%s %s %s", d.t.label(), d.node, p.relation, part), Node: d.node, Table: qualified(d.t.schema, d.t.name), Group: g, Relation: p.relation,
		Range: part, Lanes: q.method.lanes, Savepoint: d.keeps(p), Moved: moved}
	if moved {
		j.ID, j.Keys, j.SQL = "moved "+j.ID, len(d.shape.key), q.moved(d.condition(p, part), d.oldest())
		return j
	}
	j.SQL = q.scan(d.condition(p, part))
	return j
}

// done takes a job's output.
func (d *detection) done(ctx context.Context, p *piece, part Range, out Output, epoch int, moved bool) error {
	d.mu.Lock()
	if epoch != d.epoch {
		d.mu.Unlock()
		return nil // of what was thrown away meanwhile
	}
	d.adapt(p, part, out)
	if why := d.conflict(p.relation, out); why != "" {
		err := d.void(why)
		d.mu.Unlock()
		if moved && err == nil {
			err = errAgain
		}
		return err
	}
	if moved {
		defer d.mu.Unlock()
		d.moved.join(out.moved)
		return d.inOrder(out.Snapshot)
	}
	ch := chunk{relation: p.relation, file: out.File, part: part, snapshot: out.Snapshot, rows: out.Rows}
	err := d.r.req.Ledger.chunk(d.record(ch, out))
	if err == nil {
		d.add(ch, out.parts, out.Bytes)
		d.taken += out.Rows
	}
	rows, took := d.taken, time.Since(d.began)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	d.r.advance(d.t, d.node, out.Rows)
	if !d.left() {
		return nil
	}
	return d.r.throttle(ctx, rows, took)
}

func (d *detection) left() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.pieces, func(p *piece) bool { return len(p.pending) > 0 })
}

// add counts a chunk.
func (d *detection) add(c chunk, parts map[int64]part, bytes int64) {
	d.chunks = append(d.chunks, c)
	addParts(d.parts, parts)
	d.rows += c.rows
	d.bytes += bytes
}

// hash tells whether a chunk of an earlier run was read by the statement, and
// from among the relations, that would be read now.
func (d *detection) hash() string {
	h := sha256.New()
	fmt.Fprintln(h, d.q.scan(""))
	for _, p := range d.pieces {
		fmt.Fprintln(h, p.relation, p.by)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
