package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// piece is a relation that detection reads for a table: the table itself, or
// one of its partitions.
type piece struct {
	relation string // qualified
	only     bool   // without what inherits from it
	by       string // how it is cut: see Range
	why      string // it is not cut
	finer    bool   // it may be cut once it ran into the timeout: see detection.again
	byTID    bool   // pages are read by listing their rows' places: see tidPages
	size     int64  // pages, when it was listed
	min, max int64  // of the keys, when it is cut by them
	pending  []Range
}

// whole is all of the piece.
func (p *piece) whole() Range {
	switch p.by {
	case byPages:
		return Range{By: byPages, Last: true}
	case byKeys:
		return Range{By: byKeys, From: math.MinInt64, Last: true}
	}
	return Range{Last: true}
}

// The ways in which a relation is cut.
const (
	byPages = "pages"
	byKeys  = "keys"
)

// condition returns the SQL of a range, "" for all.
func (r Range) condition(s *shape) string {
	from, to := "", ""
	switch r.By {
	case byPages:
		if r.From > 0 {
			from = fmt.Sprintf("t.ctid >= '(%d,0)'::tid", r.From)
		}
		if !r.Last {
			to = fmt.Sprintf("t.ctid < '(%d,0)'::tid", r.To)
		}
	case byKeys:
		k := "t." + ident(s.key[0].name)
		if r.From > math.MinInt64 {
			from = fmt.Sprintf("%s >= (%d)::int8", k, r.From)
		}
		if !r.Last {
			to = fmt.Sprintf("%s < (%d)::int8", k, r.To)
		}
	}
	if from != "" && to != "" {
		return from + " AND " + to
	}
	return from + to
}

// String names the range in ids.
func (r Range) String() string {
	from, to := fmt.Sprint(r.From), fmt.Sprint(r.To)
	if r.Last {
		to = ""
	}
	if r.From == math.MinInt64 {
		from = ""
	}
	return r.By + "[" + from + "," + to + ")"
}

// cut takes a chunk of about a size off a range.
func (p *piece) cut(r Range, size int64) (chunk Range, rest []Range) {
	from, end := r.From, p.size
	switch r.By {
	case byPages:
	case byKeys:
		from, end = max(from, p.min), p.max
	default:
		return r, nil
	}
	// The last one has no end: the table may have grown.
	to := from + size
	if to < from || r.Last && to >= end || !r.Last && to >= r.To {
		return r, nil
	}
	rest = []Range{{By: r.By, From: to, To: r.To, Last: r.Last}}
	return Range{By: r.By, From: r.From, To: to}, rest
}

// length is about how much a range holds, in pages or keys.
func (p *piece) length(r Range) int64 {
	from, to := r.From, r.To
	if r.Last {
		to = p.size
		if r.By == byKeys {
			to = p.max
		}
	}
	if r.By == byKeys {
		from = max(from, p.min)
	}
	if n := to - from; n >= 0 || to < from {
		return max(n, 0)
	}
	return math.MaxInt64 // of keys from one end of their type to the other
}

// tiles reports whether ranges are a whole, without gaps and without overlaps.
func tiles(whole Range, parts []Range) bool {
	parts = slices.SortedFunc(slices.Values(parts), func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	at := whole.From
	for i, r := range parts {
		if r.By != whole.By || r.From != at || r.Last != (i == len(parts)-1) {
			return false
		}
		at = r.To
	}
	return len(parts) > 0
}

// without returns the parts of a whole that none of some disjoint ranges holds.
func without(whole Range, done []Range) []Range {
	done = slices.SortedFunc(slices.Values(done), func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	var out []Range
	at := whole.From
	for _, d := range done {
		if d.From > at {
			out = append(out, Range{By: whole.By, From: at, To: d.From})
		}
		if d.Last {
			return out
		}
		at = d.To
	}
	return append(out, Range{By: whole.By, From: at, Last: true})
}

// leaf is a partition that holds rows.
type leaf struct {
	qualified string
	kind      string
	pages     int64
	plain     bool // may be read by itself, as it is
}

// partitions lists the leaves below a partitioned table, at every level, without
// those that are being detached: who reads the table does not see them any more.
// Before PostgreSQL 14 nothing tells of that, and nothing is detached so.
func partitions(ctx context.Context, tx querier, root string) ([]leaf, error) {
	rows, err := tx.Query(ctx, `WITH RECURSIVE tree AS (
			SELECT c.oid, c.relkind, c.relnamespace, c.relname, c.relrowsecurity FROM pg_class c WHERE c.oid = to_regclass($1)
			UNION ALL SELECT c.oid, c.relkind, c.relnamespace, c.relname, c.relrowsecurity FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid JOIN pg_class c ON c.oid = i.inhrelid
				WHERE tree.relkind = 'p' AND to_json(i) ->> 'inhdetachpending' IS DISTINCT FROM 'true')
		SELECT n.nspname, t.relname, t.relkind::text, coalesce(pg_relation_size(t.oid), 0) / current_setting('block_size')::int8,
			has_table_privilege(t.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') AND NOT t.relrowsecurity
		FROM tree t JOIN pg_namespace n ON n.oid = t.relnamespace WHERE t.relkind <> 'p' ORDER BY 1, 2`, root)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l leaf, err error) {
		var schema, name string
		err = row.Scan(&schema, &name, &l.kind, &l.pages, &l.plain)
		l.qualified = qualified(schema, name)
		return l, err
	})
}

// pieces lists what is read of a table on a node. Partitions are read by
// themselves when the table is big and the role may; then a chunk is a range of
// pages, or of keys where the server cannot read a range of pages.
func (d *detection) list(ctx context.Context) ([]*piece, error) {
	v, here := d.survey, d.t.on[d.node]
	table := d.t.qualified()
	alone := &piece{relation: table, only: here.kind == "r", size: here.pages}
	var out []*piece
	if here.kind == "p" && !here.rowSecurity && d.big(here.pages) {
		leaves, err := d.leaves(ctx, v.session, table)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(leaves, func(l leaf) bool { return l.kind != "r" || !l.plain }) {
			for _, l := range leaves {
				out = append(out, &piece{relation: l.qualified, only: true, size: l.pages})
			}
		}
	}
	if len(out) == 0 {
		out = append(out, alone)
	}
	for _, p := range out {
		switch {
		case !p.only && !d.big(p.size):
		case !p.only:
			p.why = ", since not all of its partitions are tables that the role may read by themselves"
		case here.versions && v.version >= 140000:
			p.by = byPages
		case here.versions && d.again:
			p.by, p.byTID = byPages, true
		case here.versions && d.spread.known && d.big(p.size):
			p.by, p.min, p.max = byKeys, d.spread.min, d.spread.max
		case !here.versions:
			p.why = ", since the role may not read ctid and xmin of it (GRANT SELECT (ctid, xmin), or SELECT on all of it)"
		}
		p.finer = p.by == "" && !d.again && (p.only && here.versions || !p.only && !d.big(p.size) && !here.rowSecurity)
	}
	return out, nil
}

// big reports whether something of so many pages is cut.
func (d *detection) big(pages int64) bool { return d.again || pages > d.first() }

func (d *detection) leaves(ctx context.Context, s *cluster.Session, table string) (out []leaf, err error) {
	err = s.Read(ctx, "list the partitions", func(ctx context.Context, tx pgx.Tx) error {
		out, err = partitions(ctx, tx, table)
		return err
	})
	return out, err
}

// errPartitions says that the list of partitions is not that of the snapshot.
var errPartitions = errors.New("partitions of the table were attached or detached meanwhile")

func samePartitions(ctx context.Context, tx querier, g Group) error {
	all, err := partitions(ctx, tx, g.Root)
	if err != nil {
		return err
	}
	var leaves []string
	for _, l := range all {
		leaves = append(leaves, l.qualified)
	}
	if !slices.Equal(slices.Sorted(slices.Values(leaves)), slices.Sorted(slices.Values(g.Relations[1:]))) {
		return errPartitions
	}
	return nil
}
