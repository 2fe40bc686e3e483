package compare

import (
	"context"
	"slices"
)

// plan lists what is to be read, or in a later attempt whether that is still
// the same.
func (d *detection) plan(ctx context.Context) error {
	if len(d.pieces) == 1 && d.pieces[0].relation == d.t.qualified() && (!d.again || d.pieces[0].by != "") {
		return nil
	}
	listed, err := d.list(ctx)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(d.pieces, listed, func(a, b *piece) bool { return a.relation == b.relation && a.by == b.by && a.only == b.only })
	if d.pieces != nil && same {
		for i, p := range listed {
			d.pieces[i].size = p.size
		}
		return nil
	}
	d.pieces = listed
	for _, p := range listed {
		p.pending = []Range{p.whole()}
		if p.by == byKeys && d.steps[byKeys] == 0 {
			span := float64(p.max) - float64(p.min) + 1
			d.steps[byKeys] = max(minKeys, int64(min(span*float64(d.first())/float64(max(p.size, 1)), 1<<62)))
		}
	}
	if d.steps[byPages] == 0 {
		d.steps[byPages] = d.first()
		here := d.t.on[d.node]
		if rate := d.r.req.MaxRate; rate > 0 && here.pages > 0 {
			perPage := max(here.estimate()/float64(here.pages), 1)
			d.steps[byPages] = min(d.steps[byPages], max(1, int64(float64(rate)*5/perPage)))
		}
	}
	if len(d.chunks) > 0 {
		if d.again {
			return d.void("it is read in parts")
		}
		return d.void("its partitions are others")
	}
	return nil
}

// resume takes over what an earlier run read, as far as it was read by the same
// statement and in parts that can be gone on with.
func (d *detection) resume(ctx context.Context) error {
	if err := d.plan(ctx); err != nil {
		return err
	}
	records := d.r.req.Ledger.chunks(d.t, d.node)
	if len(records) == 0 {
		return nil
	}
	if slices.ContainsFunc(d.pieces, func(p *piece) bool { return p.finer && records[0].Range.By != "" }) {
		d.again = true // as it was then
		if err := d.plan(ctx); err != nil {
			return err
		}
	}
	done := map[string][]Range{}
	for _, c := range records {
		i := slices.IndexFunc(d.pieces, func(p *piece) bool { return p.relation == c.Relation && p.by == c.Range.By })
		parts, err := decodeParts(c.Parts)
		if i < 0 || err != nil || c.Statement != d.hash() {
			return d.void("what an earlier run read was read otherwise")
		}
		d.add(chunk{relation: c.Relation, file: c.File, part: c.Range, snapshot: c.Snapshot, rows: c.Rows}, parts, c.Bytes)
		d.r.resumed(d.t, d.node, c.Rows)
		done[c.Relation] = append(done[c.Relation], c.Range)
	}
	d.resumed = len(d.chunks)
	for _, p := range d.pieces {
		if len(done[p.relation]) > 0 {
			p.pending = without(p.whole(), done[p.relation])
		}
	}
	return nil
}

// record is a chunk as the ledger keeps it.
func (d *detection) record(c chunk, out Output) chunkRecord {
	if d.r.req.Ledger == nil {
		return chunkRecord{}
	}
	return chunkRecord{Table: d.t.label(), Node: d.node, Relation: c.relation, File: c.file, Range: c.part, Statement: d.hash(), Snapshot: c.snapshot,
		Rows: out.Rows, Bytes: out.Bytes, Took: out.Took, Parts: encodeParts(out.parts)}
}
