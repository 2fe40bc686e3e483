package compare

import (
	"fmt"
	"slices"
	"strings"
)

// buckets cut a table into parts that hold the same keys on every node,
// whatever its physical or its sort order there.
type buckets struct {
	// width > 0: bucket = key / width, for a key of one integer column whose
	// values lie densely; the primary key's index finds the rows of a bucket.
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
}

// maxBuckets bounds what one node sends for a scan: about 50 bytes a bucket.
const maxBuckets = 1 << 17

// newBuckets chooses buckets of about the wanted number of rows.
func newBuckets(s *shape, sp spread, perBucket int) buckets {
	rows := max(sp.rows, 1)
	n := min(max(rows/float64(perBucket), 1), maxBuckets)
	if span := float64(sp.max) - float64(sp.min) + 1; sp.known && rows >= span/8 {
		w := max(int64(span/n), int64(perBucket), 16)
		return buckets{width: w}
	}
	count := int64(1)
	for float64(count) < n {
		count *= 2
	}
	return buckets{count: count}
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
		// Truncates towards zero, and cannot overflow.
		return fmt.Sprintf("(t.%s / %d::int8)", ident(s.key[0].name), b.width)
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
	// Beyond the type's range a side is open; a product that wraps shows it.
	at := func(v int64, move, open string) string {
		if p := v * b.width; p/b.width == v {
			return fmt.Sprintf("(%d)::int8%s", p, move)
		}
		return open
	}
	switch {
	case n > 0:
		return at(n, "", "(9223372036854775807)::int8"), at(n+1, " - 1", "(9223372036854775807)::int8")
	case n < 0:
		return at(n-1, " + 1", "(-9223372036854775808)::int8"), at(n, "", "(-9223372036854775808)::int8")
	}
	return fmt.Sprintf("(%d)::int8", -b.width+1), fmt.Sprintf("(%d)::int8", b.width-1)
}
