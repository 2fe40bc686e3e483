package compare

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Few long keys are looked up at once.
func TestBatchesOfLongKeys(t *testing.T) {
	s := &spool{}
	defer s.close()
	for i := range 25 {
		require.NoError(t, s.add(suspect{key: []string{strconv.Itoa(i), strings.Repeat("x", batchMemory/10)}}))
	}
	var sizes []int
	next := 0
	require.NoError(t, s.batches(func() int { return 1000 }, func(batch []suspect) error {
		sizes = append(sizes, len(batch))
		for _, x := range batch {
			require.Equal(t, strconv.Itoa(next), x.key[0])
			next++
		}
		return nil
	}))
	require.Equal(t, []int{10, 10, 5}, sizes)
}

// However rows are spread over parts, and whether they are in memory or in a
// file, each bucket comes once, in order, with all of its rows.
func TestRunsMergeToBuckets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		keyless, pad := round%2 == 0, ""
		if round%10 == 9 {
			pad = strings.Repeat("x", 20_000) // beyond what is kept in memory
		}
		all := &runs{}
		want := map[int64]map[string]version{}
		for part := range r.IntN(40) {
			sent := make([]int64, r.IntN(60))
			for i := range sent {
				sent[i] = r.Int64N(30) - 2
			}
			slices.Sort(sent)
			for i, b := range sent {
				key, v := fmt.Sprint(part, sep, i, pad), version{digest: "d", count: 1, xmin: "7"}
				if keyless {
					x := r.Int64N(1000)
					key = fmt.Sprint("d", b, " ", r.IntN(5))
					v = version{digest: key, count: 1 + r.Int64N(3), xmin: fmt.Sprint(x, " ", x+5, " ", 4_000_000_000+x)}
				}
				require.NoError(t, all.add(b, key, v))
				if want[b] == nil {
					want[b] = map[string]version{}
				}
				if old, ok := want[b][key]; ok {
					var lo, hi, lo2, hi2 string
					var sum, sum2 int64
					_, _ = fmt.Sscan(old.xmin, &lo, &hi, &sum)
					_, _ = fmt.Sscan(v.xmin, &lo2, &hi2, &sum2)
					v.count, v.xmin = v.count+old.count, fmt.Sprint(min(lo, lo2), " ", max(hi, hi2), " ", sum+sum2)
				}
				want[b][key] = v
			}
			if r.IntN(5) == 0 { // ran into its timeout, and is read again
				begin := all.rows.at()
				require.NoError(t, all.add(99, "half", version{}))
				all.rows.rewind(begin)
			}
			all.end()
		}
		out := make(chan bucketRows, 1000)
		require.NoError(t, all.send(context.Background(), keyless, out))
		close(out)
		last := int64(-100)
		for b := range out {
			require.Greater(t, b.bucket, last)
			last = b.bucket
			require.Equal(t, want[b.bucket], b.rows)
			delete(want, b.bucket)
		}
		require.Empty(t, want)
		all.rows.close()
	}
	twice := &runs{}
	for range 2 {
		require.NoError(t, twice.add(3, "a"+sep+"b", version{digest: "d", count: 1, xmin: "7"}))
		twice.end()
	}
	require.ErrorContains(t, twice.send(context.Background(), false, make(chan bucketRows, 9)), "two rows with the key (a, b)")
	require.ErrorContains(t, twice.send(context.Background(), true, make(chan bucketRows, 9)), "not the first")
}
