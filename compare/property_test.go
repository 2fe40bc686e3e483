package compare_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

func differingKeys(a, b map[string]string) []string {
	out := []string{}
	for k, v := range a {
		if b[k] != v {
			out = append(out, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// Whatever the tables and the differences are, the comparer finds the keys that
// a plain comparison of all rows finds, and no others. PGCONCORD_TEST_SEED
// repeats a failure, PGCONCORD_TEST_TIME (a duration) looks for more.
func TestRandomTables(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PGCONCORD_TEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	rounds, until := 3, time.Time{}
	if s := os.Getenv("PGCONCORD_TEST_TIME"); s != "" {
		d, err := time.ParseDuration(s)
		require.NoError(t, err)
		rounds, until = 1<<30, time.Now().Add(d)
	}
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off", "fsync = off"}})
	setup := ""
	for _, ty := range types {
		if strings.HasPrefix(ty.setup, "CREATE TYPE") || strings.HasPrefix(ty.setup, "CREATE DOMAIN") {
			setup += ty.setup + ";"
		}
	}
	execAll(t, nodes, setup)
	tables, keys := 0, 0
	for round := 0; round < rounds && (until.IsZero() || time.Now().Before(until)); round++ {
		r := rand.New(rand.NewPCG(seed, 0))
		var made []*randomTable
		var drop strings.Builder
		for i := range 10 {
			x := newRandomTable(r, fmt.Sprintf("t%d", i))
			made = append(made, x)
			rows := make([][]string, []int{0, 3, 40, 150}[r.IntN(4)])
			for j := range rows {
				rows[j] = x.row(r, j)
			}
			require.NoError(t, nodes[0].Exec(t.Context(), x.ddl(r)+";"+x.insert(rows)), "seed %d", seed)
			require.NoError(t, nodes[1].Exec(t.Context(), x.ddl(r)+";"+x.insert(x.diverge(r, rows))), "seed %d", seed)
			fmt.Fprintf(&drop, "DROP TABLE %s;", x.name)
		}
		if r.IntN(2) == 0 {
			execAll(t, nodes, "ANALYZE")
		}
		bucketRows, chunkPages := []int{0, 1, 7}[r.IntN(3)], []int{0, 1}[r.IntN(2)]
		for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
			result := run(t, compare.Request{Topology: static(nodes), Static: true, Mode: mode, BucketRows: bucketRows, ChunkPages: chunkPages})
			for _, x := range made {
				want := differingKeys(x.content(t, nodes[0]), x.content(t, nodes[1]))
				got := tableOf(t, result, x.name)
				about := fmt.Sprintf("PGCONCORD_TEST_SEED=%d, mode %s, %s\n%v %v %v", seed, mode, x.ddl(r), got.Counts, got.Reasons, got.Notes)
				require.Empty(t, got.Reasons, about)
				require.Equal(t, int64(len(want)), got.Counts.Persistent, about)
				require.Equal(t, len(want) == 0, got.Verdict == compare.Match, about)
				if len(x.key) > 0 {
					found := []string{}
					for _, d := range got.Diffs {
						found = append(found, strings.Join(d.Key, "\x00"))
					}
					slices.Sort(found)
					require.Equal(t, want, found, about)
				}
				tables++
				keys += len(want)
			}
		}
		execAll(t, nodes, drop.String())
		seed++
	}
	t.Log(tables, "comparisons of tables,", keys, "differing keys, up to seed", seed-1)
	require.Positive(t, keys)
}
