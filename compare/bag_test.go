package compare_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// Rows without a key of which very many differ are counted truly, and those that
// are listed are read with their values, whether they are looked at in passes or
// one by one.
func TestManyRowsWithoutKey(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off"}})
	execAll(t, nodes, "CREATE TABLE bag (id int, v text); INSERT INTO bag SELECT g % 9000, 'v' || g % 9000 FROM generate_series(1, 10000) g; ANALYZE bag")
	execAll(t, nodes[1:], "UPDATE bag SET v = 'other' WHERE id < 1000; DELETE FROM bag WHERE id BETWEEN 2000 AND 4000; INSERT INTO bag SELECT g, 'v' || g FROM generate_series(5000, 5600) g")
	for _, c := range []struct {
		mode    compare.Mode
		sample  int
		buckets int
		pages   int // of a chunk
	}{{compare.Exact, 20, 50, 0}, {compare.Exact, 5000, 50, 0}, {compare.Strong, 700, 50, 0}, {compare.Exact, 100, 1 << 20, 0}, {compare.Exact, 20, 50, 8}, {compare.Strong, 700, 50, 8}, {compare.Exact, 100, 1 << 20, 8}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			r := run(t, compare.Request{Topology: static(nodes), Static: true, Mode: c.mode, SampleLimit: c.sample, BucketRows: c.buckets, ChunkPages: c.pages})
			x := tableOf(t, r, "bag")
			// Each changed row is one here and, where ids are alike, one there.
			want := int64(1000 + 1000 + 2001 + 601)
			require.Equal(t, compare.Different, x.Verdict)
			require.Equal(t, compare.Counts{Suspect: want, Persistent: want}, x.Counts)
			require.Len(t, x.Diffs, min(c.sample, int(want)))
			require.Equal(t, want-int64(len(x.Diffs)), x.Cut)
			for _, d := range x.Diffs {
				seen := 0
				for _, v := range d.Versions {
					if v.Exists {
						seen++
						require.Contains(t, v.Values, "v", d)
					}
				}
				require.Positive(t, seen)
			}
		})
	}
}
