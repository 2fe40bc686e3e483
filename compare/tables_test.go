package compare_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// Small tables are compared several at once, over no more connections than were
// allowed, and their results are those of one after the other.
func TestTablesAtOnce(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off"}})
	execAll(t, nodes, `DO $$ BEGIN
		FOR i IN 1..40 LOOP
			EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, v text); INSERT INTO t%1$s SELECT g, ''v'' || g FROM generate_series(1, 50) g', to_char(i, 'FM00'));
		END LOOP; END $$;
		CREATE TABLE t20big (id int PRIMARY KEY, v text); INSERT INTO t20big SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g; ANALYZE`)
	execAll(t, nodes[1:], "UPDATE t07 SET v = 'x' WHERE id = 3; DELETE FROM t33 WHERE id = 9; UPDATE t20big SET v = 'y' WHERE id = 15000; DROP TABLE t40")
	request := func(connections int) compare.Request {
		return compare.Request{Topology: static(nodes), Static: true, MaxConnections: connections, ChunkPages: 64}
	}
	told := func(r *compare.Result) string {
		var b strings.Builder
		for _, x := range r.Tables {
			fmt.Fprintln(&b, x.Name, x.Verdict, x.Reasons, x.Counts)
			for _, d := range x.Diffs {
				fmt.Fprintln(&b, d.Key, d.Kind)
			}
			for _, c := range x.Nodes {
				fmt.Fprintln(&b, c.Node, c.Rows, c.Digest)
			}
		}
		return b.String()
	}
	one := run(t, request(1))
	require.Equal(t, []string{"public.t07(3) changed ", "public.t20big(15000) changed ", "public.t33(9) missing "}, found(one, compare.Persistent))
	require.Equal(t, compare.Incomplete, tableOf(t, one, "t40").Verdict)

	most := func(t *testing.T, fn func()) (most int) {
		ctx, stop := context.WithCancel(t.Context())
		var watch sync.WaitGroup
		watch.Go(func() {
			conn, err := nodes[0].Connect(ctx)
			if err != nil {
				return
			}
			defer conn.Close(context.WithoutCancel(ctx))
			for n := 0; ctx.Err() == nil; most = max(most, n) {
				_ = conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgconcord'").Scan(&n)
			}
		})
		fn()
		stop()
		watch.Wait()
		return most
	}
	compare.SetFirstChunk(t, 64, 8)
	for connections, pages := range map[int]int{2: 64, 3: 0} { // 0: as the command has it
		var r *compare.Result
		req := request(connections)
		req.ChunkPages = pages
		seen := most(t, func() { r = run(t, req) })
		require.Equal(t, told(one), told(r))
		require.LessOrEqual(t, seen, connections)
		require.Greater(t, seen, 1, "they were compared at once")
	}
	t.Run("a node that gives one connection alone", func(t *testing.T) {
		execAll(t, nodes, "CREATE ROLE modest LOGIN CONNECTION LIMIT 1; GRANT pg_read_all_data TO modest")
		req := request(3)
		for _, n := range nodes {
			req.Topology.Nodes[n.Name] = schema.Node{DSN: strings.Replace(n.DSN(), "user="+lab.Superuser, "user=modest", 1)}
		}
		require.Equal(t, told(one), told(run(t, req)))
	})
	t.Run("broken off and resumed", func(t *testing.T) {
		req := request(3)
		file := filepath.Join(t.TempDir(), "ledger")
		var err error
		req.Ledger, err = compare.OpenLedger(file, req, false)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		broken := req
		broken.Progress = func(e compare.Event) {
			if e.TablesDone >= 12 {
				cancel()
			}
		}
		r, err := compare.Run(ctx, broken)
		require.ErrorIs(t, err, context.Canceled)
		require.NotEqual(t, compare.Match, r.Verdict)
		require.GreaterOrEqual(t, len(r.Tables), 12)
		require.Less(t, len(r.Tables), 30)
		for _, x := range r.Tables {
			require.Equal(t, x.Verdict == compare.Incomplete, x.Unfinished, x)
		}
		require.NoError(t, req.Ledger.Close())
		req.Ledger, err = compare.OpenLedger(file, req, true)
		require.NoError(t, err)
		begin := time.Now()
		resumed := run(t, req)
		require.Equal(t, told(one), told(resumed))
		old := 0
		for _, x := range resumed.Tables {
			for _, c := range x.Nodes {
				if c.Error == "" && c.At.Before(begin) {
					old++
				}
			}
		}
		require.GreaterOrEqual(t, old, 24, "what was finished is taken from the ledger")
		require.NoError(t, req.Ledger.Close())
	})
}
