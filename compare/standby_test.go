package compare_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// A physical standby is compared with its primary, while it replays.
func TestStandby(t *testing.T) {
	nodes, stop, err := lab.Servers(t.Context(), 1, lab.Options{Config: []string{"autovacuum = off"}})
	lab.Need(t, err)
	t.Cleanup(func() { _ = stop() })
	primary := nodes[0]
	execAll(t, nodes, pagesOfMoves)
	standby, err := primary.Standby(t.Context(), "n2", "max_standby_streaming_delay = 0", "hot_standby = on")
	require.NoError(t, err)
	caughtUp := func() {
		lsn, err := primary.Scalar(t.Context(), "SELECT pg_current_wal_flush_lsn()")
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			done, err := standby.Scalar(t.Context(), "SELECT CASE WHEN pg_last_wal_replay_lsn() >= '"+lsn+"' THEN 'yes' END")
			return err == nil && done == "yes"
		}, 30*time.Second, 10*time.Millisecond)
	}
	caughtUp()
	top := &schema.Topology{Nodes: map[string]schema.Node{}}
	for _, n := range []*lab.Node{primary, standby} {
		top.Nodes[n.Name] = schema.Node{DSN: n.ReaderDSN()}
		top.Reference.Replicas = append(top.Reference.Replicas, n.Name)
	}
	execAll(t, nodes, "GRANT SELECT ON moves TO pgconcord")
	caughtUp()
	req := compare.Request{Topology: top, ChunkPages: 10, MaxConnections: 2}

	t.Run("at rest", func(t *testing.T) {
		r := run(t, req)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.Equal(t, r.Tables[0].Nodes[0].Digest, r.Tables[0].Nodes[1].Digest)
	})
	t.Run("what the scan logs is flushed", func(t *testing.T) {
		lsn := func(what string) string {
			s, err := primary.Scalar(t.Context(), "SELECT "+what)
			require.NoError(t, err)
			return s
		}
		for n := range 3 { // the background writer may write too, and then has flushed all of it
			require.NoError(t, primary.Exec(t.Context(), "UPDATE moves SET v = v || '+' WHERE id % 50 = $1", 10+n))
			caughtUp()
			before := lsn("pg_current_wal_insert_lsn()")
			r := run(t, req)
			require.Equal(t, compare.Match, r.Verdict, summary(r))
			written := lsn("pg_current_wal_insert_lsn()")
			require.NotEqual(t, before, written, "the scan was to prune pages")
			var now []string
			require.Eventually(t, func() bool {
				rows, err := primary.Rows(t.Context(), "SELECT pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn() >= $1::text::pg_lsn", written)
				require.NoError(t, err)
				now = rows[0]
				return now[1] == "true" || now[1] == "t"
			}, time.Minute, 10*time.Millisecond)
			if now[0] == written {
				return
			}
		}
		require.Fail(t, "what the scan had logged was flushed only when somebody else wrote")
	})
	t.Run("it lags behind", func(t *testing.T) {
		require.NoError(t, standby.Exec(t.Context(), "SELECT pg_wal_replay_pause()"))
		execAll(t, nodes, "UPDATE moves SET v = 'later' WHERE id % 100 = 0")
		req := req
		req.FenceTimeout = 200 * time.Millisecond
		r := run(t, req)
		require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
		require.Equal(t, int64(30), r.Tables[0].Counts.Unverified, summary(r))
		require.Contains(t, summary(r), "not replayed within")
		var once sync.Once
		req.FenceTimeout = time.Minute
		req.Progress = func(e compare.Event) {
			if e.Phase == "fence" {
				// What it sets free at once may be in conflict with the statement itself.
				once.Do(func() {
					if err := standby.Exec(t.Context(), "SELECT pg_wal_replay_resume()"); err != nil {
						require.ErrorContains(t, err, "conflict with recovery")
					}
				})
			}
		}
		r = run(t, req)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.Equal(t, int64(30), r.Tables[0].Counts.Cleared)
		require.Contains(t, fmt.Sprintf("%+v", r.Fence.Edges), "Provider:n1 Subscriber:n2")
	})
	t.Run("without its primary", func(t *testing.T) {
		other, stop, err := lab.Servers(t.Context(), 1, lab.Options{})
		require.NoError(t, err)
		defer func() { _ = stop() }()
		execAll(t, other, pagesOfMoves+"; GRANT SELECT ON moves TO pgconcord")
		req := req
		n1 := schema.Node{DSN: other[0].ReaderDSN()}
		req.Topology = &schema.Topology{Nodes: map[string]schema.Node{"n1": n1, "n2": top.Nodes["n2"]}, Reference: top.Reference}
		r := run(t, req)
		require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
		require.Contains(t, summary(r), "its primary")
	})
	t.Run("a standby answers in the place of its primary", func(t *testing.T) {
		compare.SetRetryPause(t, time.Millisecond)
		w := newWire(t, primary.Port)
		req := req
		req.Topology = &schema.Topology{Nodes: map[string]schema.Node{"n1": {DSN: w.dsn()}, "n2": top.Nodes["n2"]}, Reference: top.Reference}
		var once sync.Once
		req.Progress = func(e compare.Event) {
			if e.Phase == "scan" && e.Node == "n1" {
				once.Do(func() {
					w.cut()
					w.lead(standby.Port)
					w.mend()
				})
			}
		}
		r := run(t, req)
		require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
		require.Contains(t, summary(r), "a standby answered")
	})
	t.Run("its primary was a standby once", func(t *testing.T) {
		promoted, err := primary.Standby(t.Context(), "n3")
		require.NoError(t, err)
		require.NoError(t, promoted.Exec(t.Context(), "SELECT pg_promote()"))
		its, err := promoted.Standby(t.Context(), "n4")
		require.NoError(t, err)
		require.NoError(t, its.Exec(t.Context(), "SELECT pg_wal_replay_pause()"))
		execAll(t, []*lab.Node{promoted}, "UPDATE moves SET v = 'on its way' WHERE id = 7")
		req := req
		req.FenceTimeout = 200 * time.Millisecond
		req.Topology = &schema.Topology{Nodes: map[string]schema.Node{"n1": top.Nodes["n1"], "n3": {DSN: promoted.ReaderDSN()}, "n4": {DSN: its.ReaderDSN()}}}
		req.Topology.Reference.Replicas = []string{"n3", "n4"}
		r := run(t, req)
		require.Equal(t, compare.Counts{Suspect: 1, Unverified: 1}, tableOf(t, r, "moves").Counts, summary(r))
		require.Contains(t, summary(r), "not replayed within")
		require.NoError(t, its.Exec(t.Context(), "SELECT pg_wal_replay_resume()"))
		req.FenceTimeout = time.Minute
		r = run(t, req)
		require.Equal(t, compare.Match, r.Verdict, summary(r))
	})
	t.Run("a conflict with recovery", func(t *testing.T) {
		execAll(t, nodes, pagesOfMoves+"; GRANT SELECT ON moves TO pgconcord")
		caughtUp()
		req := req
		req.Tables, req.MaxConnections = []string{"moves"}, 1
		var once sync.Once
		req.Progress = func(e compare.Event) {
			if e.Phase == "scan" && e.Node == "n2" {
				once.Do(func() {
					// Our snapshot there still needs what the vacuum takes away, once the one
					// on the primary does not keep it from that.
					require.Eventually(t, func() bool {
						n, err := primary.Scalar(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgconcord' AND xact_start IS NOT NULL")
						return err == nil && n == "0"
					}, 30*time.Second, 10*time.Millisecond)
					// It may not have begun, and then ends soon.
					freeEarlyPages(t, primary)
					require.Eventually(t, func() bool {
						require.NoError(t, primary.Exec(t.Context(), "VACUUM moves"))
						require.NoError(t, primary.Exec(t.Context(), "UPDATE moves SET v = 'moved' WHERE id = 2700"))
						return page(t, primary, 2700) < 10
					}, 30*time.Second, 10*time.Millisecond)
					caughtUp()
				})
			}
		}
		file := filepath.Join(t.TempDir(), "ledger")
		var err error
		req.Ledger, err = compare.OpenLedger(file, req, false)
		require.NoError(t, err)
		r := run(t, req)
		require.NoError(t, req.Ledger.Close())
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		x := tableOf(t, r, "moves")
		require.Contains(t, fmt.Sprint(x.Notes), "SQLSTATE 40001")
		require.Contains(t, fmt.Sprint(x.Notes), "conflict with recovery")
		require.Equal(t, 2, x.Nodes[1].Snapshots)
	})
}
