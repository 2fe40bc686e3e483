package compare

import (
	"context"
	"math"
	"time"
)

// A range of pages or keys is read through the server's shared buffers page by
// page and drives out of them what others use there. A whole sequential scan of
// a big table uses a small ring of them instead, and was a quarter faster for
// it. So a table is read in one statement where that is no long one.
//
// https://github.com/postgres/postgres/blob/master/src/backend/storage/buffer/README
// (Buffer Ring Replacement Strategy)
var (
	// firstChunk is how many pages the first statement reads of a table that is
	// read in chunks.
	firstChunk int64 = 1 << 16
	// gaugePages are read to see how long all would take, and a quarter of them where
	// that shows that it is not long by far. They are read a second time by the scan.
	gaugePages int64 = 1 << 9
)

const (
	// wholeLimit bounds the statement; half the statement timeout does, too.
	wholeLimit = time.Minute
	// unbounded is the size of a chunk that is all.
	unbounded = math.MaxInt64 / 2
)

func (r Request) first() int64 {
	if n := int64(r.ChunkPages); n > 0 {
		return n
	}
	return firstChunk
}

func (d *detection) first() int64 { return d.r.req.first() }

// gauge chooses the first chunk of a table that is too big to be read at once
// without a look, unless its size was asked for or something is to happen
// between chunks: a small range is read, for its time alone.
func (d *detection) gauge(ctx context.Context) error {
	req := d.r.req
	if req.ChunkPages > 0 || req.MaxRate > 0 || req.MaxLag > 0 || req.MaxActive > 0 || d.gauged || d.again {
		return nil
	}
	var p *piece
	for _, q := range d.pieces {
		if q.by != "" && q.size > firstChunk && len(q.pending) == 1 && q.pending[0] == q.whole() && (p == nil || q.size > p.size) {
			p = q
		}
	}
	if p == nil {
		return nil
	}
	g := d.group()
	g.ID, g.Several = g.ID+" gauge", false
	defer d.r.runner.End(g.ID)
	limit := float64(min(wholeLimit, req.Settings.StatementTimeout/2))
	for _, sample := range []struct {
		pages int64
		limit float64
	}{{max(1, gaugePages/4), limit / 2}, {gaugePages, limit}} {
		part, _ := p.cut(p.whole(), d.steps[p.by]/(firstChunk/sample.pages))
		out, err := d.r.runner.Run(ctx, d.job(g, p, part, false))
		if timedOut(err) {
			break // small chunks will show
		}
		if err != nil {
			return err
		}
		if float64(out.Took)*float64(p.size)/float64(sample.pages) <= sample.limit {
			d.steps[p.by] = unbounded
			break
		}
	}
	d.gauged = true
	return nil
}
