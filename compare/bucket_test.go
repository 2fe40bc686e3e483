package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The bounds that fetch a bucket's rows must hold exactly the keys that the
// scan puts into it, which shifts and rounds down.
func TestBoundsHoldTheBucket(t *testing.T) {
	for _, shift := range []int{4, 10, 61, 62} {
		b := buckets{width: 1 << shift}
		for _, k := range []int64{0, 1, -1, 2, -2, 1023, 1024, 1025, -1023, -1024, -1025, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, math.MaxInt64 / 2, math.MinInt64 / 2} {
			own := k >> shift
			for _, n := range []int64{own - 1, own, own + 1} {
				if n > math.MaxInt64>>shift || n < math.MinInt64>>shift {
					continue // no key is in that bucket
				}
				lo, hi := b.bounds(n)
				require.Equal(t, n == own, parse(t, lo) <= k && k <= parse(t, hi), "2^%d, key %d, bucket %d: %s to %s", shift, k, n, lo, hi)
			}
		}
	}
}

func parse(t *testing.T, s string) (v int64) {
	t.Helper()
	_, err := fmt.Sscanf(s, "(%d)::int8", &v)
	require.NoError(t, err, s)
	return v
}

// In the 2^33 s from 1900 on a timestamp's distance from it in seconds, as a
// float, is no other timestamp's: the digest of timestamps is built on that. The
// server turns both, as microseconds from 2000, into floats and subtracts them.
func TestSecondsAreExactFrom1900(t *testing.T) {
	at := func(year int) int64 {
		return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Microseconds()
	}
	begin, end := at(1900), at(2172)
	seconds := func(micros int64) float64 { return (float64(micros) - float64(begin)) / 1e6 }
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 2_000_000 {
		v := begin + rng.Int64N(end-begin)
		if i%4 == 0 {
			v = end - 1 - rng.Int64N(1e9)
		}
		if !(seconds(v) < seconds(v+1)) {
			require.Fail(t, "two timestamps are the same", v)
		}
	}
	require.Less(t, seconds(end), float64(1<<33))
	require.Less(t, float64(max(-begin, end)), float64(1<<53))
}

func TestBucketsFitTheKey(t *testing.T) {
	id := &shape{key: []compared{{name: "id", base: "bigint"}}}
	dense := newBuckets(id, spread{known: true, min: 1, max: 1_000_000, rows: 1e6}, 1000)
	require.Equal(t, buckets{width: 1024}, dense)
	sparse := newBuckets(id, spread{known: true, min: 1, max: math.MaxInt64, rows: 1e6}, 1000)
	require.Equal(t, buckets{count: 1024}, sparse, "keys far apart are cut by their hash")
	shuffled := newBuckets(id, spread{known: true, min: 1, max: 1_000_000, rows: 1e6, shuffled: true}, 1000)
	require.Equal(t, buckets{width: 2048}, shuffled)
	require.InDelta(t, 490, shuffled.number(spread{min: 1, max: 1_000_000}), 1)
	text := newBuckets(id, spread{rows: 3}, 1000)
	require.Equal(t, buckets{count: 1}, text)
	wide := newBuckets(id, spread{known: true, min: math.MinInt64, max: math.MaxInt64, rows: 1e19}, 1000)
	require.Positive(t, wide.width)
	require.Zero(t, wide.width&(wide.width-1), "a power of two")
}
