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

const pagesOfMoves = `DROP TABLE IF EXISTS moves; CREATE TABLE moves (id int PRIMARY KEY, v text, pad text);
	INSERT INTO moves SELECT g, 'v' || g, repeat('x', 200) FROM generate_series(1, 3000) g; ANALYZE moves`

// freeEarlyPages makes room in the first pages, where updated rows then go.
func freeEarlyPages(t *testing.T, n *lab.Node) {
	t.Helper()
	require.NoError(t, n.Exec(t.Context(), "DELETE FROM moves WHERE id <= 200"))
	require.NoError(t, n.Exec(t.Context(), "VACUUM moves"))
}

// page returns the page of a row.
func page(t *testing.T, n *lab.Node, id int) (p int) {
	t.Helper()
	s, err := n.Scalar(t.Context(), "SELECT ctid FROM moves WHERE id = $1", id)
	require.NoError(t, err)
	_, err = fmt.Sscanf(s, "(%d,", &p)
	require.NoError(t, err)
	return p
}

func interrupted(t *testing.T, req compare.Request, file string, resume bool, chunks int) *compare.Result {
	t.Helper()
	var err error
	req.Ledger, err = compare.OpenLedger(file, req, resume)
	require.NoError(t, err)
	defer func() { require.NoError(t, req.Ledger.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var both sync.WaitGroup
	both.Add(2)
	var mu sync.Mutex
	seen := map[string]int{}
	req.Progress = func(e compare.Event) {
		if chunks == 0 || e.Phase != "scan" || e.Node == "" {
			return
		}
		mu.Lock()
		seen[e.Node]++
		reached := seen[e.Node] == chunks
		mu.Unlock()
		if reached { // the other node gets as far before the run is ended
			both.Done()
			both.Wait()
			cancel()
		}
	}
	r, err := compare.Run(ctx, req)
	if chunks > 0 {
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, compare.Incomplete, r.Verdict)
		for _, c := range r.Tables[0].Nodes {
			require.Positive(t, c.Rows, "the table under way is listed with what was read of it")
			require.NotEmpty(t, c.Error)
		}
		return r
	}
	require.NoError(t, err)
	return r
}

// What happens between two snapshots of one table hides no difference.
func TestSeveralSnapshots(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off", "max_prepared_transactions = 5"}})
	request := func(connections int) compare.Request {
		return compare.Request{Topology: static(nodes), Static: true, Tables: []string{"moves"}, ChunkPages: 10, MaxConnections: connections}
	}
	for name, c := range map[string]struct {
		setup   string
		between func(t *testing.T)
		verdict compare.Verdict
		keys    []string
		notes   string
	}{
		"nothing": {between: func(*testing.T) {}, verdict: compare.Match, notes: "taken from its ledger"},
		"a row moves from pages to be read to pages that were": {between: func(t *testing.T) {
			for i, n := range nodes {
				freeEarlyPages(t, n)
				require.NoError(t, n.Exec(t.Context(), "UPDATE moves SET v = $1 WHERE id = 2700", fmt.Sprint("moved on ", i)))
				require.Less(t, page(t, n, 2700), 10)
			}
		}, verdict: compare.Different, keys: []string{"2700"}},
		"in a subtransaction and a prepared transaction": {between: func(t *testing.T) {
			for i, n := range nodes {
				require.NoError(t, n.Exec(t.Context(), fmt.Sprintf(`DO $$ BEGIN
					BEGIN UPDATE moves SET v = 'sub %d' WHERE id = 2701; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$`, i)))
				require.NoError(t, n.Exec(t.Context(), "COMMIT PREPARED 'open'"))
				require.Less(t, page(t, n, 2701), 10)
				require.Less(t, page(t, n, 2702), 10)
			}
		}, setup: "prepared", verdict: compare.Different, keys: []string{"2701", "2702"}},
		"rows read twice cancel": {between: func(t *testing.T) { // a becomes b here and b becomes a there
			for i, n := range nodes {
				require.NoError(t, n.Exec(t.Context(), "UPDATE moves SET v = $1 WHERE id = 250", []string{"b", "a"}[i]))
				require.GreaterOrEqual(t, page(t, n, 250), 90)
			}
		}, setup: "crossed", verdict: compare.Different, keys: []string{"250"}},
		"the same happens everywhere": {between: func(t *testing.T) {
			for _, n := range nodes {
				freeEarlyPages(t, n)
				require.NoError(t, n.Exec(t.Context(), "UPDATE moves SET v = 'new' WHERE id % 7 = 0; DELETE FROM moves WHERE id % 11 = 0; INSERT INTO moves SELECT g, 'more', '' FROM generate_series(3001, 3500) g"))
			}
		}, verdict: compare.Match},
		"the table is rewritten": {between: func(t *testing.T) {
			for i, n := range nodes {
				require.NoError(t, n.Exec(t.Context(), "UPDATE moves SET v = $1 WHERE id = 1500", fmt.Sprint(i)))
				require.NoError(t, n.Exec(t.Context(), "VACUUM FULL moves"))
			}
		}, verdict: compare.Different, keys: []string{"1500"}, notes: "rewritten"},
		// No row is written by this, and every row has another value.
		"a column is dropped and added again": {between: func(t *testing.T) {
			for _, n := range nodes {
				require.NoError(t, n.Exec(t.Context(), fmt.Sprintf("ALTER TABLE moves DROP COLUMN v, ADD COLUMN v text DEFAULT '%s'", n.Name)))
			}
		}, setup: "altered", verdict: compare.Different, notes: "or altered"},
		"the server is restarted": {between: func(t *testing.T) {
			require.NoError(t, nodes[0].Stop(t.Context()))
			require.NoError(t, nodes[0].Start(t.Context()))
		}, verdict: compare.Match, notes: "n1: read anew from the beginning, since the server was restarted"},
		"rows without a key": {between: func(t *testing.T) {
			freeEarlyPages(t, nodes[0])
			freeEarlyPages(t, nodes[1])
			require.NoError(t, nodes[1].Exec(t.Context(), "UPDATE moves SET v = 'other' WHERE id = 2700"))
		}, setup: "keyless", verdict: compare.Different, notes: "rows without a key"},
		"another statement": {between: func(t *testing.T) {
			execAll(t, nodes, "ALTER TABLE moves ADD w int")
			require.NoError(t, nodes[1].Exec(t.Context(), "UPDATE moves SET w = 1 WHERE id = 7"))
		}, verdict: compare.Different, keys: []string{"7"}, notes: "read otherwise"},
	} {
		t.Run(name, func(t *testing.T) {
			execAll(t, nodes, pagesOfMoves)
			for i, n := range nodes {
				switch c.setup {
				case "prepared":
					freeEarlyPages(t, n)
					conn, err := n.Connect(t.Context())
					require.NoError(t, err)
					for _, sql := range []string{"BEGIN", fmt.Sprintf("UPDATE moves SET v = 'prepared %d' WHERE id = 2702", i), "PREPARE TRANSACTION 'open'"} {
						_, err := conn.Exec(t.Context(), sql)
						require.NoError(t, err)
					}
					require.NoError(t, conn.Close(t.Context()))
				case "crossed":
					require.NoError(t, n.Exec(t.Context(), "UPDATE moves SET v = $1 WHERE id = 250", []string{"a", "b"}[i]))
					require.NoError(t, n.Exec(t.Context(), "CLUSTER moves USING moves_pkey"))
					require.Less(t, page(t, n, 250), 10)
				case "keyless":
					require.NoError(t, n.Exec(t.Context(), "ALTER TABLE moves DROP CONSTRAINT moves_pkey"))
				}
			}
			for _, connections := range []int{1} {
				file := filepath.Join(t.TempDir(), "ledger")
				interrupted(t, request(connections), file, false, 1)
				c.between(t)
				r := interrupted(t, request(connections), file, true, 0)
				require.Equal(t, c.verdict, r.Verdict, summary(r))
				x := tableOf(t, r, "moves")
				var keys []string
				for _, d := range x.Diffs {
					keys = append(keys, d.Key[0])
				}
				if c.setup != "keyless" && c.setup != "altered" {
					require.Equal(t, c.keys, keys, summary(r))
				}
				require.Contains(t, fmt.Sprint(x.Notes), c.notes)
				if c.notes == "" {
					require.Equal(t, 2, x.Nodes[0].Snapshots)
				}
				whole := run(t, request(2))
				require.Equal(t, whole.Verdict, r.Verdict)
				require.Equal(t, whole.Tables[0].Counts.Persistent, x.Counts.Persistent)
			}
		})
	}

	t.Run("rewritten meanwhile", func(t *testing.T) { rewrittenMeanwhile(t, nodes) })
	t.Run("a lost connection", func(t *testing.T) {
		for _, connections := range []int{1, 2} {
			execAll(t, nodes, pagesOfMoves)
			wire := newWire(t, nodes[1].Port)
			req := request(connections)
			n2 := req.Topology.Nodes["n2"]
			n2.DSN = wire.dsn()
			req.Topology.Nodes["n2"] = n2
			var once sync.Once
			req.Progress = func(e compare.Event) {
				if e.Phase == "scan" && e.Node == "n2" {
					once.Do(func() {
						wire.cut()
						gone := func() bool {
							n, err := nodes[1].Scalar(t.Context(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pgconcord'")
							return err == nil && n == "0"
						}
						require.Eventually(t, gone, 30*time.Second, 10*time.Millisecond)
						freeEarlyPages(t, nodes[1])
						require.NoError(t, nodes[1].Exec(t.Context(), "UPDATE moves SET v = 'moved' WHERE id = 2700; INSERT INTO moves SELECT g, 'v' || g, repeat('x', 200) FROM generate_series(1, 200) g"))
						require.Less(t, page(t, nodes[1], 2700), 10)
						wire.mend()
					})
				}
			}
			r := run(t, req)
			x := tableOf(t, r, "moves")
			require.Equal(t, compare.Different, r.Verdict, summary(r))
			require.Equal(t, []string{"2700"}, x.Diffs[0].Key, summary(r))
			require.Len(t, x.Diffs, 1)
			require.Equal(t, 2, x.Nodes[1].Snapshots)
			require.Contains(t, fmt.Sprint(x.Notes), "n2: read on after ")
		}
	})
	t.Run("a connection that does not come back", func(t *testing.T) {
		compare.SetRetryPause(t, time.Millisecond)
		wire := newWire(t, nodes[1].Port)
		req := request(1)
		n2 := req.Topology.Nodes["n2"]
		n2.DSN = wire.dsn()
		req.Topology.Nodes["n2"] = n2
		req.Progress = func(e compare.Event) {
			if e.Node == "n2" {
				wire.cut()
			}
		}
		r := run(t, req)
		require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
		require.Contains(t, fmt.Sprint(r.Tables[0].Reasons), "node n2")
	})
	t.Run("stopped beside a server that does not answer", func(t *testing.T) {
		execAll(t, nodes, pagesOfMoves)
		wire := newWire(t, nodes[1].Port)
		req := request(1)
		req.Topology.Nodes["n2"] = schema.Node{DSN: wire.dsn()}
		req.Settings = cluster.Settings{ConnectTimeout: time.Second, StatementTimeout: 10 * time.Minute}
		ctx, cancel := context.WithCancel(t.Context())
		req.Progress = func(e compare.Event) {
			if e.Phase == "scan" && e.Node == "n2" {
				wire.swallow("COMMIT")
				cancel()
			}
		}
		ended := make(chan error, 1)
		go func() {
			_, err := compare.Run(ctx, req)
			ended <- err
		}()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, context.Canceled)
		case <-time.After(time.Minute):
			require.Fail(t, "it waits for the server as long as a statement may take")
		}
	})
	t.Run("a statement timeout", func(t *testing.T) {
		execAll(t, nodes, pagesOfMoves)
		execAll(t, nodes[1:], "UPDATE moves SET v = 'x' WHERE id = 2900")
		req := request(1)
		req.ChunkPages = 1 << 16
		req.BucketRows = 50
		req.Where = "id % 6 > 0 OR pg_sleep(0.001)::text = ''" // half a second and more for all of it
		req.Settings = cluster.Settings{ConnectTimeout: 10 * time.Second, StatementTimeout: 400 * time.Millisecond}
		r := run(t, req)
		x := tableOf(t, r, "moves")
		require.Equal(t, compare.Different, r.Verdict, summary(r))
		require.Equal(t, []string{"2900"}, x.Diffs[0].Key)
		require.Greater(t, x.Nodes[0].Chunks, 2, summary(r))
		require.Contains(t, fmt.Sprint(x.Notes), "ran into its timeout")

		req.Where = "pg_sleep(0.05)::text = ''"
		r = run(t, req)
		require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
		require.Contains(t, fmt.Sprint(r.Tables[0].Reasons), "cannot be read in smaller parts")
	})
	t.Run("big and quick, big and slow", func(t *testing.T) {
		compare.SetFirstChunk(t, 20, 5)
		execAll(t, nodes, pagesOfMoves)
		execAll(t, nodes[1:], "UPDATE moves SET v = 'x' WHERE id IN (1, 2900)")
		for _, connections := range []int{1, 2} {
			req := request(connections)
			req.ChunkPages = 0
			x := tableOf(t, run(t, req), "moves")
			require.Equal(t, int64(2), x.Counts.Persistent, "%v", x)
			require.Equal(t, 1, x.Nodes[0].Chunks, "half the statement timeout is enough for all of it")

			req.Where = "id % 6 > 0 OR pg_sleep(0.001)::text = ''"
			req.BucketRows = 50 // a drill reads a bucket in one statement
			req.Settings = cluster.Settings{ConnectTimeout: 10 * time.Second, StatementTimeout: 600 * time.Millisecond}
			x = tableOf(t, run(t, req), "moves")
			require.Equal(t, int64(2), x.Counts.Persistent, "%v", x)
			require.Greater(t, x.Nodes[0].Chunks, 2)
		}
	})
}
