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

// How many buckets one statement fetches rows of: ranges come by an index, for
// hash buckets each statement reads the whole table.
const (
	drillRanges = 200
	drillHashed = 20_000
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
			if err := add(suspect{strings.Split(k, sep), seen}); err != nil {
				return err
			}
		}
		return nil
	}
}

// drillChunk reads keys and digests of the rows in differing buckets from all
// nodes at once, and shows them bucket by bucket. It holds one bucket a node in
// memory.
func drillChunk(ctx context.Context, sessions []*cluster.Session, qs []statements, bad []int64, visit visitor) error {
	g, ctx := errgroup.WithContext(ctx)
	streams := make([]chan bucketRows, len(sessions))
	for i, s := range sessions {
		streams[i] = make(chan bucketRows, 1)
		g.Go(func() error {
			defer close(streams[i])
			begin := time.Now()
			return timed(s, begin, s.Read(ctx, "read differing rows", func(ctx context.Context, tx pgx.Tx) error {
				return fetch(ctx, tx, qs[i], bad, streams[i])
			}))
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

func fetch(ctx context.Context, tx pgx.Tx, q statements, bad []int64, out chan<- bucketRows) error {
	if _, err := tx.Exec(ctx, drillSettings); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, q.drill(bad))
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
	current := bucketRows{}
	send := func() error {
		if current.rows == nil {
			return nil
		}
		select {
		case out <- current:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if current.rows == nil || current.bucket != b {
			if err := send(); err != nil {
				return err
			}
			current = bucketRows{bucket: b, rows: map[string]version{}}
		}
		if q.keyless() {
			current.rows[v.digest] = v
		} else {
			k := strings.Join(keys, sep)
			if _, twice := current.rows[k]; twice {
				return twoRows(keys)
			}
			current.rows[k] = v
		}
	}
	if rows.Err() != nil {
		return rows.Err()
	}
	return send()
}
