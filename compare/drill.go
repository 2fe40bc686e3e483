package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// How many buckets rows are fetched of at once: ranges come by an index, for hash
// buckets all of the table is read.
const (
	rangesAtOnce = 200
	hashedAtOnce = 20_000
)

// bucketRows is a bucket as one node sent it: what it holds per key text; for
// rows without a key the digest is the key.
type bucketRows struct {
	bucket int64
	rows   map[string]version
}

// sep parts the texts of a key's columns; texts in PostgreSQL cannot hold it.
const sep = "\x00"

// visitor is called for one bucket after the other, in their order, with what each
// node holds of it.
type visitor func(bucket int64, held []map[string]version) error

// unequalInto returns the visitor that hands over the keys on which nodes differ.
func unequalInto(add func(suspect) error) visitor {
	return func(_ int64, held []map[string]version) error {
		for _, k := range unequal(held) {
			seen := make([]version, len(held))
			for i, rows := range held {
				seen[i] = rows[k]
			}
			if err := add(suspect{key: strings.Split(k, sep), seen: seen}); err != nil {
				return err
			}
		}
		return nil
	}
}

// drillWhole reads keys and digests of the rows in some buckets in one statement
// a node, from all of them at once, and shows them bucket by bucket. It holds one
// bucket a node in memory.
func drillWhole(ctx context.Context, sessions []*cluster.Session, qs []statements, bad []int64, visit visitor) error {
	return together(ctx, len(sessions), visit, func(ctx context.Context, i int, out chan<- bucketRows) error {
		s, begin := sessions[i], time.Now()
		return timed(s, begin, readTable(ctx, s, qs[i], "read differing rows", func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, drillSettings); err != nil {
				return err
			}
			g := grouping{out: out, keyless: qs[i].keyless()}
			err := fetch(ctx, tx, qs[i], bad, "", func(bucket int64, key string, v version) error { return g.add(ctx, bucket, key, v) })
			if err != nil {
				return err
			}
			return g.send(ctx)
		}))
	})
}

// drillParts does the same with a table that no one statement has the time for.
// Of each node it holds a bucket, and beside that a few MB, in memory, and the
// rows in a temporary file.
func drillParts(ctx context.Context, ds []*detection, bad []int64, visit visitor) error {
	return together(ctx, len(ds), visit, func(ctx context.Context, i int, out chan<- bucketRows) error {
		all := &runs{}
		defer all.rows.close()
		err := ds[i].inParts(ctx, func(ctx context.Context, from querier, q statements, condition string) error {
			begin := all.rows.at()
			err := fetch(ctx, from, q, bad, condition, all.add)
			if err != nil {
				all.rows.rewind(begin)
				return err
			}
			all.end()
			return nil
		})
		if err != nil {
			return err
		}
		return all.send(ctx, ds[i].q.keyless(), out)
	})
}

// together shows what nodes send, each in the order of buckets, bucket by bucket.
func together(ctx context.Context, nodes int, visit visitor, from func(ctx context.Context, node int, out chan<- bucketRows) error) error {
	g, ctx := errgroup.WithContext(ctx)
	streams := make([]chan bucketRows, nodes)
	for i := range streams {
		streams[i] = make(chan bucketRows, 1)
		g.Go(func() error {
			defer close(streams[i])
			return from(ctx, i, streams[i])
		})
	}
	g.Go(func() error {
		heads := make([]bucketRows, len(streams))
		open := make([]bool, len(streams))
		next := func(i int) {
			select {
			case heads[i], open[i] = <-streams[i]:
			case <-ctx.Done():
				open[i] = false
			}
		}
		for i := range streams {
			next(i)
		}
		for {
			first, any := int64(0), false
			for i := range heads {
				if open[i] && (!any || heads[i].bucket < first) {
					first, any = heads[i].bucket, true
				}
			}
			if !any || ctx.Err() != nil {
				return ctx.Err()
			}
			var group []map[string]version
			for i := range heads {
				if open[i] && heads[i].bucket == first {
					group = append(group, heads[i].rows)
				} else {
					group = append(group, nil)
				}
			}
			if err := visit(first, group); err != nil {
				return err
			}
			for i := range heads {
				if open[i] && heads[i].bucket == first {
					next(i)
				}
			}
		}
	})
	return g.Wait()
}

// unequal returns the keys that are not the same on all nodes, sorted.
func unequal(group []map[string]version) []string {
	seen := map[string]bool{}
	for _, rows := range group {
		for k := range rows {
			if seen[k] {
				continue
			}
			for _, other := range group {
				if !other[k].equalTo(rows[k]) {
					seen[k] = true
					break
				}
			}
		}
	}
	out := make([]string, 0, len(seen))
	for k := range seen {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// twoRows is the error of a node on which two rows share a key: by the key
// alone nothing can be told of them.
func twoRows(key []string) error {
	return fmt.Errorf("there are two rows with the key (%s): the unique index is damaged", strings.Join(key, ", "))
}

// fetch reads the rows in some buckets that meet a condition, in the order of
// buckets.
func fetch(ctx context.Context, from querier, q statements, bad []int64, condition string, add func(bucket int64, key string, v version) error) error {
	rows, err := from.Query(ctx, q.drill(bad, condition), pgx.QueryExecModeDescribeExec) // long, and not used again
	if err != nil {
		return err
	}
	defer rows.Close()
	var b int64
	var v version
	keys := make([]string, len(q.shape.key))
	dest := []any{&b, &v.count, &v.digest, &v.xmin}
	for i := range keys {
		dest = append(dest, &keys[i])
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		key := v.digest
		if !q.keyless() {
			key = strings.Join(keys, sep)
		}
		if err := add(b, key, v); err != nil {
			return err
		}
	}
	return rows.Err()
}
