package compare

import (
	"container/heap"
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// runs are the rows of some buckets that a node sent part after part, each part
// in the order of buckets. They go to a temporary file; merged they are in that
// order all together, with one row a part and one bucket in memory.
type runs struct {
	rows spool
	ends []int64 // of each part
}

// mergeMemory is what the buffers of all parts of a node have together.
const mergeMemory = 8 << 20

// add keeps a row of the part under way.
func (r *runs) add(b int64, key string, v version) error {
	return r.rows.add(suspect{key: []string{strconv.FormatInt(b, 36), key}, seen: []version{v}})
}

// end ends the part under way.
func (r *runs) end() { r.ends = append(r.ends, r.rows.at().size) }

// sorted is a part of which the first row that was not yet taken is known.
type sorted struct {
	from   *spoolReader
	bucket int64
	key    string
	held   version
}

// next takes the next row; false: there is none.
func (x *sorted) next() (bool, error) {
	s, ok, err := x.from.peek()
	if err != nil || !ok {
		return false, err
	}
	x.from.take()
	x.key, x.held = s.key[1], s.seen[0]
	x.bucket, err = strconv.ParseInt(s.key[0], 36, 64)
	return true, err
}

// byBucket is a heap of runs.
type byBucket []*sorted

func (h byBucket) Len() int           { return len(h) }
func (h byBucket) Less(i, j int) bool { return h[i].bucket < h[j].bucket }
func (h byBucket) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byBucket) Push(x any)        { *h = append(*h, x.(*sorted)) }
func (h *byBucket) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// send hands over what the node holds, bucket by bucket.
func (r *runs) send(ctx context.Context, keyless bool, out chan<- bucketRows) error {
	var h byBucket
	buffer := min(max(mergeMemory/max(len(r.ends), 1), 512), 1<<16)
	begin := int64(0)
	for _, end := range r.ends {
		x := &sorted{from: r.rows.section(begin, end, buffer)}
		begin = end
		ok, err := x.next()
		if err != nil {
			return err
		}
		if ok {
			h = append(h, x)
		}
	}
	heap.Init(&h)
	g := grouping{out: out, keyless: keyless}
	for len(h) > 0 {
		x := h[0]
		if err := g.add(ctx, x.bucket, x.key, x.held); err != nil {
			return err
		}
		switch ok, err := x.next(); {
		case err != nil:
			return err
		case ok:
			heap.Fix(&h, 0)
		default:
			heap.Pop(&h)
		}
	}
	return g.send(ctx)
}

// grouping puts rows in the order of buckets together by bucket.
type grouping struct {
	out     chan<- bucketRows
	keyless bool
	current bucketRows
}

func (g *grouping) add(ctx context.Context, bucket int64, key string, v version) error {
	if g.current.rows == nil || g.current.bucket != bucket {
		if err := g.send(ctx); err != nil {
			return err
		}
		g.current = bucketRows{bucket: bucket, rows: map[string]version{}}
	}
	old, twice := g.current.rows[key]
	switch {
	case !twice:
	case !g.keyless:
		return twoRows(strings.Split(key, sep))
	default:
		var err error
		if v, err = old.and(v); err != nil {
			return err
		}
	}
	g.current.rows[key] = v
	return nil
}

// send hands over the bucket under way.
func (g *grouping) send(ctx context.Context) error {
	if g.current.rows == nil {
		return nil
	}
	select {
	case g.out <- g.current:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// and adds up equal rows without a key of two parts, as one statement for both
// would have: see manyXmin.
func (v version) and(o version) (version, error) {
	a, b := strings.Fields(v.xmin), strings.Fields(o.xmin)
	if len(a) != 3 || len(b) != 3 {
		return v, fmt.Errorf("%q and %q are not the first, the last and the sum of transaction ids", v.xmin, o.xmin)
	}
	sum, more := new(big.Int), new(big.Int)
	_, ok := sum.SetString(a[2], 10)
	if _, too := more.SetString(b[2], 10); !ok || !too {
		return v, fmt.Errorf("%q and %q are no sums of transaction ids", a[2], b[2])
	}
	v.count += o.count
	v.xmin = strings.Join([]string{min(a[0], b[0]), max(a[1], b[1]), sum.Add(sum, more).String()}, " ")
	return v, nil
}
