package compare_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// Beyond its limits a run waits, before a table and within it, and says so.
func TestGentle(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off"}})
	execAll(t, nodes, pagesOfMoves)
	request := func() compare.Request {
		return compare.Request{Topology: static(nodes), Static: true, ChunkPages: 10, MaxConnections: 1}
	}
	// busy puts two sessions to work on n1, which end with the returned function.
	busy := func() (end func()) {
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 {
			conn, err := nodes[0].Connect(ctx)
			require.NoError(t, err)
			all.Go(func() { _, _ = conn.Exec(ctx, "SELECT pg_sleep(600)"); _ = conn.Close(context.WithoutCancel(ctx)) })
		}
		require.Eventually(t, func() bool {
			n, err := nodes[0].Scalar(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)'")
			return err == nil && n == "2"
		}, 30*time.Second, 10*time.Millisecond)
		return func() {
			cancel()
			all.Wait()
			require.Eventually(t, func() bool {
				n, err := nodes[0].Scalar(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(600)'")
				return err == nil && n == "0"
			}, 30*time.Second, 10*time.Millisecond)
		}
	}
	// waits runs a request, calls an end at the first wait, and returns the waits.
	waits := func(req compare.Request, begin func(compare.Event), end func()) (*compare.Result, []compare.Event) {
		var mu sync.Mutex
		var seen []compare.Event
		req.Progress = func(e compare.Event) {
			if begin != nil {
				begin(e)
			}
			if !strings.HasPrefix(e.Phase, "wait: ") {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if seen = append(seen, e); len(seen) == 1 && end != nil {
				end()
			}
		}
		return run(t, req), seen
	}

	t.Run("sessions at work", func(t *testing.T) {
		req := request()
		req.MaxActive = 1
		r, seen := waits(req, nil, busy())
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.NotEmpty(t, seen)
		require.Equal(t, "wait: n1 has 2 sessions at work, more than 1", seen[0].Phase)
		require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "for load or lag to pass")
		r, seen = waits(req, nil, nil)
		require.Empty(t, seen)
		require.Empty(t, r.Tables[0].Notes)
	})
	t.Run("sessions at work that the role may not see", func(t *testing.T) {
		execAll(t, nodes, "CREATE ROLE plain LOGIN; GRANT pg_read_all_data TO plain")
		req := request()
		req.MaxActive = 1
		for _, n := range nodes {
			req.Topology.Nodes[n.Name] = schema.Node{DSN: strings.Replace(n.DSN(), "user="+lab.Superuser, "user=plain", 1)}
		}
		end := busy()
		defer end()
		r, seen := waits(req, nil, nil)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.Empty(t, seen)
		require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "n1: how many sessions are at work was not seen")
	})
	t.Run("before a table, over a session that was ended", func(t *testing.T) {
		req := request()
		req.MaxActive = 100
		execAll(t, nodes[:1], "CREATE TABLE next_one (id int PRIMARY KEY); INSERT INTO next_one VALUES (1)")
		execAll(t, nodes[1:], "CREATE TABLE next_one (id int PRIMARY KEY); INSERT INTO next_one VALUES (1)")
		defer execAll(t, nodes, "DROP TABLE next_one")
		compare.SetRetryPause(t, time.Millisecond)
		var once sync.Once
		r, _ := waits(req, func(e compare.Event) {
			if e.TablesDone == 1 {
				once.Do(func() {
					execAll(t, nodes[:1], "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgconcord'")
				})
			}
		}, nil)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
	})
	t.Run("within a table", func(t *testing.T) {
		req := request()
		req.MaxActive = 1
		var once sync.Once
		var end func()
		r, seen := waits(req, func(e compare.Event) {
			if e.Phase == "scan" && e.Node == "n1" {
				once.Do(func() { end = busy() })
			}
		}, func() { end() })
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.NotEmpty(t, seen)
		require.Positive(t, seen[0].Rows, "some chunks were read")
		require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "for load or lag to pass")
		require.Zero(t, r.Tables[0].Nodes[0].Snapshots, "the snapshot was kept")
	})
	t.Run("the time for waiting is used up", func(t *testing.T) {
		end := busy()
		defer end()
		req := request()
		req.MaxActive, req.MaxPause = 1, 50*time.Millisecond
		r, seen := waits(req, nil, nil)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.NotEmpty(t, seen)
		require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "went on although the time for waiting was used up: n1 has 2 sessions at work, more than 1")
	})
	t.Run("lag", func(t *testing.T) {
		config, err := pgconn.ParseConfig(nodes[1].DSN())
		require.NoError(t, err)
		config.RuntimeParams["replication"] = "database"
		conn, err := pgconn.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "CREATE_REPLICATION_SLOT behind TEMPORARY LOGICAL pgoutput").ReadAll()
		require.NoError(t, err)
		execAll(t, nodes, "CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
		req := request()
		req.Tables, req.MaxLag = []string{"moves"}, 100_000
		r, seen := waits(req, nil, func() { require.NoError(t, conn.Close(t.Context())) })
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.NotEmpty(t, seen)
		require.Contains(t, seen[0].Phase, "bytes ahead of a subscriber, more than 100000")
		require.Contains(t, seen[0].Phase, "n2 is ")
	})
	t.Run("rows a second", func(t *testing.T) {
		// Chunks are cut so that no wait between them is long.
		req := request()
		req.ChunkPages, req.MaxRate, req.Tables = 1<<16, 300, []string{"moves"}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var once sync.Once
		req.Progress = func(e compare.Event) {
			if e.Phase == "scan" && e.Rows > 0 {
				once.Do(func() { require.LessOrEqual(t, e.Rows, int64(2*(300*5+50))); cancel() })
			}
		}
		r, err := compare.Run(ctx, req)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, compare.Incomplete, r.Tables[0].Verdict)
	})
}
