package compare

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// buckets cut a table into parts that hold the same keys on every node,
// whatever its physical or its sort order there.
type buckets struct {
	// width > 0: bucket = key / width, rounded down, for a key of one integer
	// column whose values lie densely; the primary key's index finds the rows of a
	// bucket. A power of two: the server shifts faster than it divides.
	width int64
	// else bucket = hash of the key (of the whole row, when there is no key),
	// modulo a power of two.
	count int64
}

// spread of an integer key over all nodes.
type spread struct {
	known    bool
	min, max int64
	rows     float64 // estimated, of the largest node
	shuffled bool    // the rows of some node lie in another order than the key's
}

// shuffledBelow is the correlation of key and place, by the server's
// statistics, below which rows count as shuffled.
const shuffledBelow = 0.5

// maxBuckets bounds what one node sends for a scan: about 50 bytes a bucket.
const maxBuckets = 1 << 17

// newBuckets chooses buckets of about the wanted number of rows.
func newBuckets(s *shape, sp spread, perBucket int) buckets {
	rows := max(sp.rows, 1)
	if sp.shuffled {
		// Every chunk holds rows of every bucket, and every row is of another one than
		// the row before: half as many fit the processor's cache and the network better.
		perBucket *= 2
	}
	n := min(max(rows/float64(perBucket), 1), maxBuckets)
	if span := float64(sp.max) - float64(sp.min) + 1; sp.known && rows >= span/8 {
		wanted := min(max(span/n, float64(perBucket), 16), 1<<62)
		return buckets{width: 1 << uint(math.Ceil(math.Log2(wanted)))}
	}
	count := int64(1)
	for float64(count) < n {
		count *= 2
	}
	return buckets{count: count}
}

// number estimates how many buckets there are.
func (b buckets) number(sp spread) int64 {
	if b.width > 0 {
		return int64((float64(sp.max)-float64(sp.min))/float64(b.width)) + 2
	}
	return b.count
}

func (b buckets) mask() int64 { return b.count - 1 }

// ranged reports whether the key can be cut into ranges at all.
func ranged(s *shape) bool {
	return len(s.key) == 1 && slices.Contains([]string{"smallint", "integer", "bigint"}, s.key[0].base)
}

// expression returns the SQL of the bucket; "" when it must be taken from the
// digest of the row by the caller.
func (b buckets) expression(s *shape, mode Mode, m method, rowHash, charset string) string {
	switch {
	case b.width > 0:
		return fmt.Sprintf("(t.%s::int8 >> %d)", ident(s.key[0].name), bits.TrailingZeros64(uint64(b.width)))
	case len(s.key) == 0 && m.lanes == 1:
		return fmt.Sprintf("(%s & %d)", rowHash, b.mask())
	case len(s.key) == 0:
		return ""
	case m.lanes == 1:
		return fmt.Sprintf("(%s & %d)", chain(s.key, mode), b.mask())
	}
	return fmt.Sprintf("(('x' || substr(%s, 1, 16))::bit(64)::int8 & %d)", m.inner(s.key, mode, charset), b.mask())
}

// hashed returns the join that limits a query of rows r to hash buckets. A join
// to VALUES is hashed by the server; an array would be searched linearly.
func hashed(bad []int64) string {
	values := make([]string, len(bad))
	for i, n := range bad {
		values[i] = fmt.Sprintf("(%d::int8)", n)
	}
	return "JOIN (VALUES " + strings.Join(values, ", ") + ") bad (b) ON bad.b = r.b"
}

// ranges limits a FROM clause with table t to the key ranges of buckets, which
// must be sorted; neighbours become one range.
func (b buckets) ranges(bad []int64, s *shape, from string) string {
	var values []string
	for i := 0; i < len(bad); {
		j := i
		for j+1 < len(bad) && bad[j+1] == bad[j]+1 {
			j++
		}
		lo, _ := b.bounds(bad[i])
		_, hi := b.bounds(bad[j])
		values = append(values, "("+lo+", "+hi+")")
		i = j + 1
	}
	k := "t." + ident(s.key[0].name)
	return "(VALUES " + strings.Join(values, ", ") + ") pgconcord_r (pgconcord_lo, pgconcord_hi) JOIN " + from +
		" ON " + k + " >= pgconcord_lo AND " + k + " <= pgconcord_hi"
}

// bounds returns the smallest and largest key of a bucket as SQL.
func (b buckets) bounds(n int64) (lo, hi string) {
	first := n * b.width // of a key that exists: in the type's range, and so is the last
	return fmt.Sprintf("(%d)::int8", first), fmt.Sprintf("(%d)::int8", first+(b.width-1))
}
