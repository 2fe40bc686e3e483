package compare

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bounds that fetch a bucket's rows must hold exactly the keys that the
// scan puts into it, which divides and truncates as Go does.
func TestBoundsHoldTheBucket(t *testing.T) {
	for _, width := range []int64{16, 1000, math.MaxInt64 / 2, math.MaxInt64} {
		b := buckets{width: width}
		for _, k := range []int64{0, 1, -1, 2, -2, 999, 1000, 1001, -999, -1000, -1001, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, math.MaxInt64 / 2, math.MinInt64 / 2} {
			own := k / width
			for _, n := range []int64{own - 1, own, own + 1} {
				if n > math.MaxInt64/width || n < math.MinInt64/width {
					continue // no key is in that bucket
				}
				lo, hi := parse(t, b, n)
				require.Equal(t, n == own, lo <= k && k <= hi, "width %d, key %d, bucket %d: %d to %d", width, k, n, lo, hi)
			}
		}
	}
}

func parse(t *testing.T, b buckets, n int64) (lo, hi int64) {
	t.Helper()
	l, h := b.bounds(n)
	read := func(s string) int64 {
		var v, d int64
		c, _ := fmt.Sscanf(s, "(%d)::int8 - %d", &v, &d)
		if c == 2 {
			return v - d
		}
		if c, _ = fmt.Sscanf(s, "(%d)::int8 + %d", &v, &d); c == 2 {
			return v + d
		}
		if c == 0 {
			_, err := fmt.Sscanf(s, "%d", &v)
			require.NoError(t, err, s)
		}
		return v
	}
	return read(l), read(h)
}

func TestBucketsFitTheKey(t *testing.T) {
	id := &shape{key: []compared{{name: "id", base: "bigint"}}}
	dense := newBuckets(id, spread{known: true, min: 1, max: 1_000_000, rows: 1e6}, 1000)
	require.Equal(t, buckets{width: 1000}, dense)
	sparse := newBuckets(id, spread{known: true, min: 1, max: math.MaxInt64, rows: 1e6}, 1000)
	require.Equal(t, buckets{count: 1024}, sparse, "keys far apart are cut by their hash")
	text := newBuckets(id, spread{rows: 3}, 1000)
	require.Equal(t, buckets{count: 1}, text)
	wide := newBuckets(id, spread{known: true, min: math.MinInt64, max: math.MaxInt64, rows: 1e19}, 1000)
	require.Positive(t, wide.width)
}
