package compare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// buckets chooses how to cut the table, from the estimates of all nodes and,
// for an integer key, its smallest and largest value on any of them.
func (r *run) buckets(ctx context.Context, t *task, s *shape, nodes []string) (buckets, spread, error) {
	sp := spread{known: ranged(s)}
	for _, n := range nodes {
		sp.rows = max(sp.rows, t.on[n].estimate())
	}
	if few := r.small(t, nodes) && sp.rows <= smallRows; !sp.known || few {
		sp.known = false // its smallest and largest key are not worth a look
		return newBuckets(s, sp, r.req.BucketRows), sp, nil
	}
	found := make([]spread, len(nodes))
	err := r.persist(ctx, nodes, func() error {
		g, gctx := errgroup.WithContext(ctx)
		for i, n := range nodes {
			g.Go(func() error {
				v := r.surveys[n]
				k := "t." + ident(s.key[0].name)
				q := newStatements(t, v, s, native, r.req.Mode, "", buckets{})
				return v.session.Read(gctx, "read the smallest and largest key", func(ctx context.Context, tx pgx.Tx) error {
					var lo, hi *int64
					var correlation float64
					err := tx.QueryRow(ctx, fmt.Sprintf("SELECT min(%s)::int8, max(%s)::int8, coalesce((SELECT max(abs(correlation)) FROM pg_stats WHERE schemaname = $1 AND tablename = $2 AND attname = $3), 1)::float8 FROM %s", k, k, q.from),
						t.schema, t.name, s.key[0].name).Scan(&lo, &hi, &correlation)
					if err == nil && lo != nil {
						found[i] = spread{known: true, min: *lo, max: *hi, shuffled: correlation < shuffledBelow}
					}
					return err
				})
			})
		}
		return g.Wait()
	})
	if err != nil {
		return buckets{}, sp, err
	}
	first := true
	for _, f := range found {
		if f.known {
			if first {
				sp.min, sp.max, first = f.min, f.max, false
			}
			sp.min, sp.max, sp.shuffled = min(sp.min, f.min), max(sp.max, f.max), sp.shuffled || f.shuffled
		}
	}
	if first {
		sp.known = false
	}
	return newBuckets(s, sp, r.req.BucketRows), sp, nil
}

// readOrigins reads the names of every node's origins once.
func (r *run) readOrigins(ctx context.Context, nodes []string) error {
	for _, n := range nodes {
		if r.origins[n] != nil {
			continue
		}
		v := r.surveys[n]
		err := v.session.Read(ctx, "read the replication origins", func(ctx context.Context, tx pgx.Tx) error {
			var err error
			r.origins[n], err = originNames(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// difference builds the report of one key from the last look at it.
func (r *run) difference(key []string, status Status, l looked, nodes []string, s *shape) Difference {
	d := Difference{Key: key, Status: status, Versions: make([]RowVersion, len(nodes))}
	k := strings.Join(key, sep)
	differs := map[int]bool{}
	var first []*string
	seen := false
	for i, n := range nodes {
		st, ok := l[i][k]
		v := RowVersion{Node: n, Exists: ok}
		if ok {
			v.Hash, v.CommitAt, v.Relaxed = st.digest, st.at, st.relaxed
			if len(s.key) == 0 {
				v.Count = st.count
			}
			v.Origin, v.OriginRaw = r.fencer.resolveOrigin(r.surveys[n], r.origins[n], st.origin())
			if st.at == nil {
				v.Origin, v.OriginRaw = "", "" // frozen: the id is not to be trusted
			}
			if seen {
				for c := range st.values {
					if !sameText(first[c], st.values[c]) {
						differs[c] = true
					}
				}
			} else {
				first, seen = st.values, true
			}
		}
		d.Versions[i] = v
	}
	whole := len(s.key) == 0 // the row's content is its identity
	for _, v := range d.Versions {
		whole = whole || !v.Exists // all of it differs from nothing
	}
	if whole {
		for c := range first {
			differs[c] = true
		}
	}
	for _, c := range slices.Sorted(maps.Keys(differs)) {
		name := s.columns[c].name
		if !whole {
			d.Columns = append(d.Columns, name)
		}
		for i := range nodes {
			if st, ok := l[i][k]; ok && st.values != nil {
				if d.Versions[i].Values == nil {
					d.Versions[i].Values = map[string]*string{}
				}
				d.Versions[i].Values[name] = st.values[c]
			}
		}
	}
	r.req.Policy.Decide(&d)
	return d
}

func sameText(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
