package compare

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// An index may lack rows that its table has: after an upgrade of the collation
// library, for one. The scan reads the table; ranges of an integer key and keys
// that are looked at again are found by the index. What one of them saw and the
// other does not is no difference, nor is it gone: nothing can be told of it.

// damaged is the error of a node on which a row is not found by its key.
func damaged(node string, what string) error {
	return fmt.Errorf("node %s: %s in the table and not found by its key: the index is damaged, and has to be built anew (REINDEX)", node, what)
}

// vanished fails when a row that the drill saw is not found by its key any more,
// and still there: the very version in the same place.
func (r *inspection) vanished(ctx context.Context, batch []suspect, now looked) error {
	for i, n := range r.nodes {
		seen, tids := map[string]bool{}, []string{}
		for _, s := range batch {
			k := strings.Join(s.key, sep)
			if _, found := now[i][k]; found || s.seen == nil || s.seen[i].digest == "" {
				continue
			}
			if _, tid, ok := strings.Cut(s.seen[i].xmin, " "); ok {
				seen[s.seen[i].xmin+sep+k] = true
				tids = append(tids, tid)
			}
		}
		if len(tids) == 0 {
			continue
		}
		q := r.statements(r.t, r.s, n, r.m, r.b)
		keys := ""
		for i := range r.s.key {
			keys += fmt.Sprintf(", k%d", i+1)
		}
		sql := "SELECT x" + keys + " FROM (" + q.rows(true, "t.ctid = ANY ($1::text[]::tid[])", q.xmin) + ") r"
		err := r.persist(ctx, []string{n}, func() error {
			return r.surveys[n].session.Read(ctx, "look for rows in their places", func(ctx context.Context, tx pgx.Tx) error {
				rows, err := tx.Query(ctx, sql, tids)
				if err != nil {
					return err
				}
				defer rows.Close()
				texts := make([]string, 1+len(r.s.key))
				dest := make([]any, len(texts))
				for i := range texts {
					dest[i] = &texts[i]
				}
				for rows.Next() {
					if err := rows.Scan(dest...); err != nil {
						return err
					}
					if seen[strings.Join(texts, sep)] {
						return damaged(n, "the row with the key ("+strings.Join(texts[1:], ", ")+") is")
					}
				}
				return rows.Err()
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// check returns a visitor that notes in which of some ranges a node's index does
// not give what the scan of its table saw.
func (r *inspection) check(bad []int64, visit visitor) visitor {
	if r.odd == nil {
		r.odd = make([]map[int64]bool, len(r.nodes))
	}
	for i := range r.odd {
		if r.odd[i] == nil {
			r.odd[i] = map[int64]bool{}
		}
		for _, b := range bad { // one of which the index gives nothing is not visited
			if _, some := r.scans[i].parts[b]; some {
				r.odd[i][b] = true
			}
		}
	}
	return func(bucket int64, held []map[string]version) error {
		for i := range held {
			p, err := partOf(held[i], r.m.lanes)
			if err != nil {
				return err
			}
			if old, some := r.scans[i].parts[bucket]; some && p == old || !some && p.rows == 0 {
				delete(r.odd[i], bucket)
			} else {
				r.odd[i][bucket] = true
			}
		}
		return visit(bucket, held)
	}
}

// partOf adds up the digests of rows with a key.
func partOf(rows map[string]version, lanes int) (p part, err error) {
	var hi, lo [4]uint64
	for _, v := range rows {
		for lane, rest := 0, v.digest; lane < lanes; lane++ {
			var text string
			text, rest, _ = strings.Cut(rest, ".")
			n, err := strconv.ParseUint(text, 16, 64)
			if err != nil {
				return p, fmt.Errorf("the digest %q of a row is none", v.digest)
			}
			var carry uint64
			lo[lane], carry = bits.Add64(lo[lane], n, 0)
			hi[lane] += uint64(int64(n)>>63) + carry
		}
		p.rows += v.count
	}
	var sums []byte
	for lane := range lanes {
		sums = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(sums, hi[lane]), lo[lane])
	}
	p.sums = string(sums)
	return p, nil
}

// proveIndex fails when the index of an integer key does not have all rows of
// ranges that differ. Where it gave what the scan saw it does. Where it did not
// and a row has changed since, that is taken for the reason, or all of the ranges
// in which a row had changed would have to be read in the table; where none has,
// rows were deleted, or the index lacks some: then the table tells.
func (r *inspection) proveIndex(ctx context.Context) error {
	for i, odd := range r.odd {
		for chunk := range slices.Chunk(slices.Sorted(maps.Keys(odd)), rangesAtOnce) {
			err := r.persist(ctx, r.nodes[i:i+1], func() error { return r.proveRanges(ctx, r.nodes[i], r.scans[i], chunk) })
			if timedOut(err) {
				r.notes.add(r.nodes[i] + ": whether the index of the key has all rows of the table was not seen: that ran into the statement timeout")
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *inspection) proveRanges(ctx context.Context, node string, scan scanned, bad []int64) error {
	q := r.statements(r.t, r.s, node, r.m, r.b)
	parts := func(ctx context.Context, tx pgx.Tx, q statements, condition string) (map[int64]part, error) {
		out := Output{parts: map[int64]part{}}
		err := read(ctx, tx, Job{SQL: q.scan(condition), Lanes: q.method.lanes}, &out)
		return out.parts, err
	}
	within := func(ranges []int64) statements {
		in := q
		in.from = q.buckets.ranges(ranges, q.shape, q.from)
		return in
	}
	bucket := q.buckets.expression(q.shape, q.mode, q.method, "", q.charset)
	lost := false
	s := r.surveys[node].session
	begin := time.Now()
	err := timed(s, begin, s.Read(ctx, "compare the index of the key with its table", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, drillSettings+", set_config('enable_seqscan', 'off', true)"); err != nil {
			return err
		}
		index, err := parts(ctx, tx, within(bad), "")
		if err != nil {
			return err
		}
		odd := slices.DeleteFunc(slices.Clone(bad), func(b int64) bool { return index[b] == scan.parts[b] })
		if len(odd) > 0 && r.t.on[node].versions {
			in := within(odd)
			rows, err := tx.Query(ctx, "SELECT DISTINCT "+bucket+" FROM "+in.from+in.filter(fmt.Sprintf("age(t.xmin) <= age('%d'::xid)", uint32(scan.since))), pgx.QueryExecModeExec)
			if err != nil {
				return err
			}
			young, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err != nil {
				return err
			}
			odd = slices.DeleteFunc(odd, func(b int64) bool { return slices.Contains(young, b) })
		}
		if len(odd) == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, "SELECT set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true), set_config('enable_bitmapscan', 'off', true)"); err != nil {
			return err
		}
		values := strings.Trim(strings.ReplaceAll(fmt.Sprint(odd), " ", "), ("), "[]")
		table, err := parts(ctx, tx, q, bucket+" IN (VALUES ("+values+"))")
		for _, b := range odd {
			lost = lost || table[b] != index[b]
		}
		return err
	}))
	if err == nil && lost {
		return damaged(node, "rows are")
	}
	return err
}
