package compare

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// state is a row as one node has it at one look.
type state struct {
	version
	at      *time.Time
	origins [2]*int64 // largest and smallest: a row without a key may be several
	relaxed string    // digest of what mode value compares
	values  []*string
}

// looked is one look at some keys on all nodes: per node, by key.
type looked []map[string]state

// look reads keys on all nodes at once.
func lookAt(ctx context.Context, sessions []*cluster.Session, qs []statements, keys [][]string, values bool) (looked, error) {
	out := make(looked, len(sessions))
	all := ctx
	g, ctx := errgroup.WithContext(ctx)
	for i, s := range sessions {
		g.Go(func() error {
			out[i] = map[string]state{}
			return withKeys(ctx, s, qs[i], keys, func(keys [][]string) error {
				begin := time.Now()
				return timed(s, begin, readTable(ctx, s, qs[i], "read suspect rows again", func(ctx context.Context, tx pgx.Tx) error {
					var err error
					out[i], err = pickNode(ctx, tx, qs[i], keys, values, "")
					return err
				}))
			})
		})
	}
	if err := g.Wait(); err != nil {
		return out, err
	}
	return out, out.proveGone(all, sessions, qs, keys)
}

// lookInParts reads rows without a key in a table that no one statement has the
// time for.
func lookInParts(ctx context.Context, ds []*detection, keys [][]string, values bool) (looked, error) {
	out := make(looked, len(ds))
	g, ctx := errgroup.WithContext(ctx)
	for i, d := range ds {
		out[i] = map[string]state{}
		g.Go(func() error {
			return d.inParts(ctx, func(ctx context.Context, from querier, q statements, condition string) error {
				part, err := pickNode(ctx, from, q, keys, values, condition)
				for key, more := range part {
					if err != nil {
						break
					}
					if st, ok := out[i][key]; ok {
						more, err = st.and(more)
					}
					out[i][key] = more
				}
				return err
			})
		})
	}
	return out, g.Wait()
}

// and adds up equal rows without a key of two parts.
func (s state) and(o state) (state, error) {
	var err error
	if s.version, err = s.version.and(o.version); err != nil {
		return s, err
	}
	if s.at == nil || o.at != nil && o.at.After(*s.at) {
		s.at = o.at
	}
	for i, x := range o.origins {
		if old := s.origins[i]; old == nil || x != nil && (i == 0 && *x > *old || i == 1 && *x < *old) {
			s.origins[i] = x
		}
	}
	return s, nil
}

// origin returns the id of the only origin that is known.
func (s state) origin() *int64 {
	if s.origins[0] != nil && *s.origins[0] == *s.origins[1] {
		return s.origins[0]
	}
	return nil
}

func pickNode(ctx context.Context, from querier, q statements, keys [][]string, values bool, condition string) (map[string]state, error) {
	args := keyArrays(keys, max(len(q.shape.key), 1))
	if condition != "" {
		args = append([]any{pgx.QueryExecModeDescribeExec}, args...) // not used again
	}
	asked := map[string]bool{}
	for _, k := range keys {
		asked[strings.Join(k, sep)] = true
	}
	rows, err := from.Query(ctx, q.pick(values, condition), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]state{}
	for rows.Next() {
		var st state
		k := make([]string, len(q.shape.key))
		dest := []any{&st.digest, &st.count, &st.xmin, &st.at, &st.origins[0], &st.origins[1]}
		for i := range k {
			dest = append(dest, &k[i])
		}
		if values {
			dest = append(dest, &st.relaxed)
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
			if old, twice := out[key]; twice && old.version != st.version {
				return nil, twoRows(k)
			}
			out[key] = st
		}
	}
	return out, rows.Err()
}

// nowhere reports whether no node has a key.
func (l looked) nowhere(key string) bool {
	for _, node := range l {
		if _, ok := node[key]; ok {
			return false
		}
	}
	return true
}

// versions returns what every node holds of a key.
func (l looked) versions(key string) []version {
	out := make([]version, len(l))
	for i, node := range l {
		out[i] = node[key].version
	}
	return out
}

// How many suspects are read again at once: few where their values are kept.
const (
	recheckBatch  = 5000
	evidenceBatch = 500
	keylessBatch  = 100_000 // every one of them is a read of the whole table
)

// rechecker settles what became of suspects.
type rechecker struct {
	look     func(ctx context.Context, keys [][]string, values bool) (looked, error)
	vanished func(ctx context.Context, batch []suspect, now looked) error                    // fails where what was seen is there and not found
	fickle   func(ctx context.Context, keys [][]string, now looked) (map[string]bool, error) // those that only a condition makes differ; nil where there is none
	distrust func()                                                                          // says that there are some
	fence    func(context.Context) (Fence, error)
	rounds   int
	counts   *Counts
	evidence func() bool // whether values are still wanted
	found    func(key []string, status Status, l looked)
	keyless  bool
	settled  func()                            // after every batch
	first    func(keys [][]string, now looked) // what the first look saw; may be nil

	// For rows without a key, any number of which is looked at in one pass.
	cut   func()     // counts a difference that is not listed
	room  func() int // how many more may be listed
	pass  func(ctx context.Context, bad []int64, visit visitor) error
	bare  func(ctx context.Context, bad []int64, visit visitor) error // a pass without the condition; nil where there is none
	whole func(context.Context, func() error) error                   // runs what makes a pass, again where that may help
	mask  int64                                                       // of hash buckets
	nodes int
}

func (r *rechecker) batch() int {
	switch {
	case r.evidence():
		return evidenceBatch
	case r.keyless:
		return keylessBatch
	}
	return recheckBatch
}

// settle reads suspects again behind a fence that was taken after they had been
// seen to differ: equal ones are cleared, and those that still differ and are
// the very same row versions on every node are persistent, since whatever any
// node held at the first look was applied on every other before the second; see
// judge for rows that a node has not. Others are looked at again behind the next
// fence. All suspects share a fence:
// their number does not depend on that of the suspects.
func (r *rechecker) settle(ctx context.Context, suspects *spool) error {
	for round := 0; suspects.count > 0; round++ {
		fence, err := r.fence(ctx)
		if err != nil {
			return err
		}
		moving := &spool{}
		defer moving.close()
		if r.keyless && r.mask > 0 && suspects.count > onePass {
			buckets, ordered, err := suspects.buckets(r.mask)
			if err != nil {
				return err
			}
			if ordered {
				if err := r.inPasses(ctx, suspects, buckets, fence.Passed, round, moving); err != nil {
					return err
				}
				suspects = moving
				continue
			}
		}
		if err := suspects.batches(r.batch, func(batch []suspect) error {
			defer r.settled()
			return r.again(ctx, batch, fence.Passed, round, moving)
		}); err != nil {
			return err
		}
		suspects = moving
	}
	return nil
}

// again looks at a batch. Without a fence nothing can be told of what still
// differs.
func (r *rechecker) again(ctx context.Context, batch []suspect, fenced bool, round int, moving *spool) error {
	keys := make([][]string, len(batch))
	for i, s := range batch {
		keys[i] = s.key
	}
	now, err := r.look(ctx, keys, r.evidence())
	if err != nil {
		return err
	}
	if r.vanished != nil && !r.keyless {
		if err := r.vanished(ctx, batch, now); err != nil {
			return err
		}
	}
	if round == 0 && r.first != nil {
		r.first(keys, now)
	}
	var fickle map[string]bool
	if r.fickle != nil { // else it is not asked for, and each suspect is judged once
		var lacking [][]string
		for _, s := range batch {
			versions := now.versions(strings.Join(s.key, sep))
			if status, _ := r.judge(s, versions, fenced, round); status == Persistent && (r.keyless || slices.Contains(versions, version{})) {
				lacking = append(lacking, s.key)
			}
		}
		if len(lacking) > 0 {
			if fickle, err = r.fickle(ctx, lacking, now); err != nil {
				return err
			}
		}
	}
	for _, s := range batch {
		k := strings.Join(s.key, sep)
		status, next := r.judge(s, now.versions(k), fenced, round)
		if fickle[k] {
			status = Unverified
			r.distrust()
		}
		switch r.count(status); status {
		case Cleared:
		case "":
			if err := moving.add(next); err != nil {
				return err
			}
		default:
			r.found(s.key, status, now)
		}
	}
	return nil
}

// judge says what became of a suspect, by what the nodes hold of it now; "": it
// is to be looked at again, and next is what to remember of it.
//
// Two row versions that differ and rest from one look to the next are persistent:
// each had been written when it was first seen, and both were applied on both
// nodes since. That a row is not there has no version: it may have come and been
// deleted between two looks at that node, and the delete may not have got to
// another node when that one was looked at, a moment before. Behind one more fence
// it has, so rows that are missing somewhere, and numbers of equal rows, must rest
// for one look more.
func (r *rechecker) judge(s suspect, now []version, fenced bool, round int) (status Status, next suspect) {
	twice := r.keyless || slices.ContainsFunc(now, func(v version) bool { return v.digest == "" })
	next = suspect{key: s.key, seen: now}
	if slices.Equal(now, s.seen) {
		next.rested = s.rested + 1
	}
	switch {
	case agreeing(now):
		return Cleared, next
	case !fenced || slices.ContainsFunc(now, version.foreign):
		return Unverified, next
	case next.rested > 1 || next.rested == 1 && !twice:
		return Persistent, next
	case next.rested == 0 && round >= r.rounds:
		return Volatile, next
	}
	return "", next
}

// foreign reports whether a row is one of another server, whose version is not
// known: nothing says that it rests, and no fence waits for it. postgres_fdw gives
// 0 for its xmin, which no row of a server's own has; other wrappers fail.
func (v version) foreign() bool { return strings.HasPrefix(v.xmin, "0 ") }

func (r *rechecker) count(s Status) {
	switch s {
	case Cleared:
		r.counts.Cleared++
	case Unverified:
		r.counts.Unverified++
	case Persistent:
		r.counts.Persistent++
	case Volatile:
		r.counts.Volatile++
	}
}
