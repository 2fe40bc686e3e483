package compare_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// What reads all of a table again once it is scanned, and does not end within
// the statement timeout, is read in parts of one snapshot.
func TestInParts(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off", "track_commit_timestamp = on"}})
	// slow makes those statements that match a pattern, which must not match itself,
	// take longer than the timeout on any machine: every seventh row takes a millisecond.
	slow := func(table, statements string) compare.Request {
		return compare.Request{Topology: static(nodes), Static: true, Tables: []string{table}, BucketRows: 50,
			Where:    "current_query() !~ '" + statements + "' OR abs(n) % 7 > 0 OR pg_sleep(0.001)::text = ''",
			Settings: cluster.Settings{ConnectTimeout: 10 * time.Second, StatementTimeout: 400 * time.Millisecond}}
	}
	const (
		drills = "[O]RDER BY r.b"
		looks  = "[J]OIN unnest"
		all    = "[S]ELECT"
		none   = "[n]othing"
	)
	const rows = "INSERT INTO %s SELECT md5(g::text)::uuid, g, 'v' || g || repeat('.', 200) FROM generate_series(1, 3000) g; ANALYZE"
	execAll(t, nodes, "CREATE TABLE uuids (id uuid PRIMARY KEY, n int, v text);"+fmt.Sprintf(rows, "uuids"))
	execAll(t, nodes, "CREATE TABLE bag (id uuid, n int, v text);"+fmt.Sprintf(rows, "bag")+"; INSERT INTO bag SELECT * FROM bag WHERE n <= 500")
	execAll(t, nodes, `CREATE TABLE parts (id uuid, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n); CREATE TABLE low PARTITION OF parts FOR VALUES FROM (-10) TO (1000);
		CREATE TABLE mid PARTITION OF parts FOR VALUES FROM (1000) TO (2000) PARTITION BY LIST (n); CREATE TABLE mid1 PARTITION OF mid FOR VALUES IN (1501); CREATE TABLE mid2 PARTITION OF mid DEFAULT;
		CREATE TABLE high PARTITION OF parts DEFAULT;`+fmt.Sprintf(rows, "parts"))
	var want []string
	for _, n := range []string{"1", "1501", "2999", "-1"} {
		key, err := nodes[0].Scalar(t.Context(), "SELECT md5($1)::uuid", n)
		require.NoError(t, err)
		want = append(want, key)
	}
	for _, table := range []string{"uuids", "bag", "parts"} {
		execAll(t, nodes[1:], fmt.Sprintf("UPDATE %[1]s SET v = 'other' WHERE n IN (1, 2999); DELETE FROM %[1]s WHERE n = 1501; INSERT INTO %[1]s VALUES (md5('-1')::uuid, -1, 'more')", table))
	}
	// keys lists what differs, and that nothing else did at any time.
	keys := func(t *testing.T, x compare.Table) (out []string) {
		t.Helper()
		require.Equal(t, compare.Different, x.Verdict, "%v %v %v", x.Reasons, x.Notes, x.Counts)
		require.Equal(t, compare.Counts{Suspect: x.Counts.Persistent, Persistent: x.Counts.Persistent}, x.Counts, "%v", x.Notes)
		for _, d := range x.Diffs {
			out = append(out, d.Key[0])
		}
		return out
	}
	for name, c := range map[string]struct {
		table, statements string
		pages             int // chunks of the scan
		noted             bool
		mode              compare.Mode
	}{
		"the drill alone is slow":             {"uuids", drills, 0, true, compare.Exact},
		"the scan is slow, too":               {"uuids", all, 0, true, compare.Strong},
		"the scan was in parts":               {"uuids", none, 4, false, compare.Strong},
		"partitions, the drill alone is slow": {"parts", drills, 0, true, compare.Strong},
		"partitions, the scan is slow, too":   {"parts", all, 0, true, compare.Exact},
		"partitions, the scan was in parts":   {"parts", none, 4, false, compare.Exact},
	} {
		t.Run(name, func(t *testing.T) {
			req := slow(c.table, c.statements)
			req.ChunkPages, req.Mode = c.pages, c.mode
			x := tableOf(t, run(t, req), c.table)
			require.ElementsMatch(t, want, keys(t, x))
			if c.noted {
				require.Contains(t, fmt.Sprint(x.Notes), "ran into its timeout")
			}
		})
	}
	for name, c := range map[string]struct {
		statements string
		pages      int
	}{"the drill alone is slow": {"[G]ROUP BY r.b", 0}, "the look alone is slow": {looks, 0}, "both are in parts": {none, 4}, "all are slow": {all, 0}} {
		t.Run("without a key, "+name, func(t *testing.T) {
			req := slow("bag", c.statements)
			req.ChunkPages = c.pages
			x := tableOf(t, run(t, req), "bag")
			keys(t, x)
			var seen []string
			for _, d := range x.Diffs {
				for _, v := range d.Versions {
					if v.Exists {
						require.NotNil(t, v.CommitAt, d)
						require.Equal(t, "local", v.OriginRaw, d)
						seen = append(seen, fmt.Sprintf("%s %d %s", v.Node, v.Count, *v.Values["n"]))
					}
				}
			}
			// Rows of n = 1 are two, far from each other; a changed row is one here and one there.
			require.ElementsMatch(t, []string{"n1 2 1", "n2 2 1", "n1 1 2999", "n2 1 2999", "n1 1 1501", "n2 1 -1"}, seen)
		})
	}
	t.Run("resumed, after a scan that was cut since one statement had not the time", func(t *testing.T) {
		req, file := slow("parts", all), filepath.Join(t.TempDir(), "ledger")
		req.MaxConnections = 1
		read := interrupted(t, req, file, false, 2).Tables[0].Nodes
		x := tableOf(t, interrupted(t, req, file, true, 0), "parts")
		require.ElementsMatch(t, want, keys(t, x))
		for i, c := range x.Nodes {
			require.Equal(t, int64(3000), c.Rows)
			require.GreaterOrEqual(t, read[i].Chunks, 2)
			require.Contains(t, x.Notes, fmt.Sprintf("%s: %d of its %d chunks were read by an earlier run and taken from its ledger", c.Node, read[i].Chunks, c.Chunks))
		}
		require.NotContains(t, fmt.Sprint(x.Notes), "read anew")
	})
	columnsOnly := func() *schema.Topology {
		execAll(t, nodes, "REVOKE ALL ON uuids, bag, parts FROM pgconcord; GRANT SELECT (id, n, v) ON uuids, bag, parts TO pgconcord")
		as := &schema.Topology{Nodes: map[string]schema.Node{}}
		for _, n := range nodes {
			as.Nodes[n.Name] = schema.Node{DSN: n.ReaderDSN()}
			as.Reference.Replicas = append(as.Reference.Replicas, n.Name)
		}
		return as
	}
	t.Run("while rows move from page to page", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		defer writers.Wait()
		defer cancel()
		for _, n := range nodes {
			writers.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					for _, table := range []string{"uuids", "bag", "parts"} {
						_ = n.Exec(ctx, fmt.Sprintf("UPDATE %s SET v = v WHERE n %% 40 = %d AND n NOT IN (1, 1501, 2999, -1)", table, i%40))
						_ = n.Exec(ctx, "VACUUM "+table)
					}
				}
			})
		}
		for _, table := range []string{"uuids", "bag", "parts"} {
			req := slow(table, none)
			req.BucketRows = 1 << 20 // one bucket: a drill sees all rows
			req.ChunkPages = 1
			x := tableOf(t, run(t, req), table)
			require.Len(t, keys(t, x), map[bool]int{true: 6, false: 4}[table == "bag"], "%v", x)
		}
		// Seen by their columns alone they rest or change, which nobody can tell.
		as := columnsOnly()
		for range 3 {
			for _, table := range []string{"uuids", "bag", "parts"} {
				req := slow(table, none)
				req.Topology, req.ChunkPages = as, 1
				x := tableOf(t, run(t, req), table)
				differ := map[bool]int64{true: 6, false: 4}[table == "bag"]
				require.Equal(t, compare.Counts{Suspect: differ, Unverified: differ}, x.Counts, "%v", x)
				require.Equal(t, compare.Incomplete, x.Verdict)
			}
		}
	})
	t.Run("a role that may read columns alone", func(t *testing.T) {
		as := columnsOnly()
		for table, c := range map[string]struct {
			statement string
			suspects  int64
		}{"uuids": {drills, 4}, "bag": {looks, 6}} {
			req := slow(table, none)
			req.Topology = as
			req.ChunkPages = 4
			x := tableOf(t, run(t, req), table)
			require.Equal(t, compare.Counts{Suspect: c.suspects, Unverified: c.suspects}, x.Counts, "%v", x)
			req = slow(table, c.statement)
			req.Topology = as
			x = tableOf(t, run(t, req), table)
			require.Equal(t, compare.Incomplete, x.Verdict, "%v", x)
			require.Contains(t, fmt.Sprint(x.Reasons), "it cannot be read in smaller parts, since the role may not read ctid and xmin of it (GRANT SELECT (ctid, xmin), or SELECT on all of it): give it more time, --statement-timeout")
		}
		execAll(t, nodes, "GRANT SELECT (ctid, xmin) ON uuids, bag TO pgconcord")
		for _, table := range []string{"uuids", "bag"} {
			req := slow(table, none)
			req.Topology, req.ChunkPages = as, 4
			x := tableOf(t, run(t, req), table)
			require.Len(t, keys(t, x), map[bool]int{true: 6, false: 4}[table == "bag"], "%v", x)
		}
	})
}
