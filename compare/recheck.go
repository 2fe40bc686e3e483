package compare

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// state is a row as one node has it at one look.
type state struct {
	digest string
	count  int64
	xmin   string
	at     *time.Time
	origin *int64
	values []*string
}

// equalTo reports whether two nodes hold the same.
func (s state) equalTo(o state) bool { return s.digest == o.digest && s.count == o.count }

// unchanged reports whether one node holds the very version it held before.
func (s state) unchanged(o state) bool { return s.equalTo(o) && s.xmin == o.xmin }

// looked is one look at some keys on all nodes: per node, by key.
type looked []map[string]state

// look reads keys on all nodes at once.
func lookAt(ctx context.Context, sessions []*cluster.Session, qs []statements, keys [][]string, values bool) (looked, error) {
	out := make(looked, len(sessions))
	all := ctx
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range sessions {
		g.Go(func() error {
			return s.Read(ctx, "read suspect rows again", func(ctx context.Context, tx pgx.Tx) error {
				var err error
				out[i], err = pickNode(ctx, tx, qs[i], keys, values)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return out, err
	}
	return out, out.proveGone(all, sessions, qs, keys)
}

func pickNode(ctx context.Context, tx pgx.Tx, q statements, keys [][]string, values bool) (map[string]state, error) {
	args := keyArrays(keys, max(len(q.shape.key), 1))
	asked := map[string]bool{}
	for _, k := range keys {
		asked[strings.Join(k, sep)] = true
	}
	rows, err := tx.Query(ctx, q.pick(values), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]state{}
	for rows.Next() {
		var st state
		k := make([]string, len(q.shape.key))
		dest := []any{&st.digest, &st.count, &st.xmin, &st.at, &st.origin}
		for i := range k {
			dest = append(dest, &k[i])
		}
		if values {
			st.values = make([]*string, len(q.shape.columns))
			for i := range st.values {
				dest = append(dest, &st.values[i])
			}
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		key := strings.Join(k, sep)
		if q.keyless() {
			key = st.digest
		}
		// The server's equality may be wider than the text's (case, scale,
		// accents): such a row is another key.
		if asked[key] {
			// One row comes twice when the server takes two asked keys as equal.
			if old, twice := out[key]; twice && !old.unchanged(st) {
				return nil, twoRows(k)
			}
			out[key] = st
		}
	}
	return out, rows.Err()
}

// agree reports whether all nodes hold the same for a key.
func (l looked) agree(key string) bool {
	for _, node := range l[1:] {
		if !node[key].equalTo(l[0][key]) {
			return false
		}
	}
	return true
}

// still reports whether every node holds what it held at the earlier look.
func (l looked) still(earlier looked, key string) bool {
	for i, node := range l {
		if !node[key].unchanged(earlier[i][key]) {
			return false
		}
	}
	return true
}

// recheckBatch is how many suspects are read again at once.
const recheckBatch = 500

// rechecker settles what became of suspects.
type rechecker struct {
	sessions []*cluster.Session
	qs       []statements
	fence    func(context.Context) (Fence, error)
	rounds   int
	counts   *Counts
	evidence func() bool // whether values are still wanted
	found    func(key []string, status Status, l looked)
}

// settle reads suspects behind a fence, twice: equal ones are cleared, and only
// those that differ and were the very same rows at both looks are persistent.
// Between the looks lies a fence that was taken after the first, so whatever any
// node held at the first look was applied on every other before the second.
func (r *rechecker) settle(ctx context.Context, keys [][]string) error {
	fence, err := r.fence(ctx)
	if err != nil {
		return err
	}
	if !fence.Passed {
		return r.unverified(ctx, keys)
	}
	before, err := lookAt(ctx, r.sessions, r.qs, keys, false)
	if err != nil {
		return err
	}
	keys = r.drop(before, keys)
	for round := 0; len(keys) > 0; round++ {
		if fence, err = r.fence(ctx); err != nil {
			return err
		}
		if !fence.Passed {
			return r.unverified(ctx, keys)
		}
		now, err := lookAt(ctx, r.sessions, r.qs, keys, r.evidence())
		if err != nil {
			return err
		}
		keys = r.drop(now, keys)
		var moving [][]string
		for _, k := range keys {
			if now.still(before, strings.Join(k, sep)) {
				r.counts.Persistent++
				r.found(k, Persistent, now)
			} else {
				moving = append(moving, k)
			}
		}
		if round+1 >= r.rounds {
			for _, k := range moving {
				r.counts.Volatile++
				r.found(k, Volatile, now)
			}
			return nil
		}
		keys, before = moving, now
	}
	return nil
}

// drop counts the keys on which all nodes agree now, and returns the others.
func (r *rechecker) drop(l looked, keys [][]string) [][]string {
	return slices.DeleteFunc(slices.Clone(keys), func(k []string) bool {
		if l.agree(strings.Join(k, sep)) {
			r.counts.Cleared++
			return true
		}
		return false
	})
}

// unverified looks once, without a fence: what is equal now is cleared, of the
// rest nothing can be told.
func (r *rechecker) unverified(ctx context.Context, keys [][]string) error {
	now, err := lookAt(ctx, r.sessions, r.qs, keys, r.evidence())
	if err != nil {
		return err
	}
	for _, k := range r.drop(now, keys) {
		r.counts.Unverified++
		r.found(k, Unverified, now)
	}
	return nil
}
