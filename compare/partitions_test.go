package compare_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/majors"
	"github.com/pgconcord/pgconcord/schema"
)

const partitioned = `CREATE SCHEMA "P art"; CREATE TABLE "P art".parts (id int, at int, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
	CREATE TABLE "P art"."Low" PARTITION OF "P art".parts FOR VALUES FROM (0) TO (10);
	CREATE TABLE "P art".mid PARTITION OF "P art".parts FOR VALUES FROM (10) TO (20) PARTITION BY LIST (at);
	CREATE TABLE "P art".mid1 PARTITION OF "P art".mid FOR VALUES IN (10, 11, 12, 13, 14);
	CREATE TABLE "P art".mid2 (v text, gone int, at int NOT NULL, id int NOT NULL); ALTER TABLE "P art".mid2 DROP gone;
	ALTER TABLE "P art".mid ATTACH PARTITION "P art".mid2 DEFAULT;
	CREATE TABLE "P art".rest PARTITION OF "P art".parts DEFAULT;
	INSERT INTO "P art".parts SELECT g, g % 30, 'v' || g || repeat('.', 100) FROM generate_series(1, 3000) g; ANALYZE "P art".parts`

// Partitioned tables are read by their partitions where that can be done, in
// ranges of pages on servers that can do that, else of keys.
func TestPartitionsInChunks(t *testing.T) {
	for _, pair := range [][2]int{{0, 0}, {11, 17}} {
		t.Run(fmt.Sprint(pair), func(t *testing.T) {
			var nodes []*lab.Node
			for i, major := range pair {
				opt := lab.Options{Config: []string{"autovacuum = off"}}
				if major > 0 {
					opt.PGBin = majors.Need(t, major)
				}
				n, stop, err := lab.Servers(t.Context(), 1, opt)
				lab.Need(t, err)
				t.Cleanup(func() { _ = stop() })
				n[0].Name = fmt.Sprintf("n%d", i+1)
				nodes = append(nodes, n[0])
			}
			execAll(t, nodes, partitioned)
			execAll(t, nodes, `CREATE TABLE "P art".plain (id bigint PRIMARY KEY, v text); INSERT INTO "P art".plain SELECT g * 2 - 3000, 'v' || g || repeat('.', 100) FROM generate_series(1, 3000) g; ANALYZE "P art".plain;
				CREATE TABLE "P art".heir () INHERITS ("P art".plain); INSERT INTO "P art".heir SELECT g, 'heir' FROM generate_series(1, 3000) g`)
			execAll(t, nodes[1:], `UPDATE "P art".parts SET v = 'other' WHERE id IN (5, 2998); DELETE FROM "P art".parts WHERE id = 1500;
				UPDATE ONLY "P art".plain SET v = 'other' WHERE id IN (-2998, 3000); DELETE FROM ONLY "P art".plain WHERE id = 0; INSERT INTO "P art".plain VALUES (-9000, 'low'), (9000, 'high')`)
			request := func(table string) compare.Request {
				return compare.Request{Topology: static(nodes), Static: true, Tables: []string{table}, ChunkPages: 4, MaxConnections: 2}
			}
			want := []string{"P art.parts(1500, 0) missing ", "P art.parts(2998, 28) changed ", "P art.parts(5, 5) changed "}

			x := tableOf(t, run(t, request("parts")), "parts")
			require.Equal(t, want, found(&compare.Result{Tables: []compare.Table{x}}, compare.Persistent), x)
			for _, c := range x.Nodes {
				require.Greater(t, c.Chunks, 3, "%s: at least one of each partition", c.Node)
				require.Zero(t, c.Snapshots)
			}
			x = tableOf(t, run(t, request("plain")), "plain")
			require.Equal(t, []string{"P art.plain(-2998) changed ", "P art.plain(-9000) missing ", "P art.plain(0) missing ", "P art.plain(3000) changed ", "P art.plain(9000) missing "},
				found(&compare.Result{Tables: []compare.Table{x}}, compare.Persistent), x)
			for i, c := range x.Nodes {
				require.Equal(t, []int64{3000, 3001}[i], c.Rows, "children of plain inheritance are tables of their own")
				require.Greater(t, c.Chunks, 2)
			}

			// See TestInParts for the same where a server reads ranges of pages.
			t.Run("once more in parts", func(t *testing.T) {
				if pair[0] == 0 {
					return
				}
				execAll(t, nodes, `CREATE TABLE "P art".bag (id int, v text); INSERT INTO "P art".bag SELECT g, 'v' || g || repeat('.', 100) FROM generate_series(1, 3000) g; ANALYZE "P art".bag`)
				execAll(t, nodes[1:], `UPDATE "P art".bag SET v = 'other' WHERE id = 2999; DELETE FROM "P art".bag WHERE id = 1`)
				for _, c := range []struct{ table, slow string }{{"parts", "[O]RDER BY r.b"}, {"bag", "[O]RDER BY r.b|[J]OIN unnest"}, {"bag", "[S]ELECT"}} {
					req := request(c.table)
					req.ChunkPages = 0
					req.Where = "current_query() !~ '" + c.slow + "' OR id % 7 > 0 OR pg_sleep(0.001)::text = ''"
					req.Settings = cluster.Settings{ConnectTimeout: 10 * time.Second, StatementTimeout: 400 * time.Millisecond}
					r := run(t, req)
					require.Equal(t, compare.Counts{Suspect: 3, Persistent: 3}, r.Tables[0].Counts, summary(r))
					require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "ran into its timeout")
				}
			})
			t.Run("in another snapshot", func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "ledger")
				request := func(table string) compare.Request {
					req := request(table)
					req.MaxConnections = 1 // or the other session reads all while one is held
					return req
				}
				interrupted(t, request("parts"), file, false, 2)
				for i, n := range nodes { // to the first partition, which was read
					require.NoError(t, n.Exec(t.Context(), `UPDATE "P art".parts SET at = 1, v = $1 WHERE id = 2999`, fmt.Sprint("moved ", i)))
				}
				r := interrupted(t, request("parts"), file, true, 0)
				require.Equal(t, append(want[:2:2], "P art.parts(2999, 1) changed ", want[2]), found(r, compare.Persistent), summary(r))
				require.Equal(t, 2, r.Tables[0].Nodes[0].Snapshots)

				file += "2"
				interrupted(t, request("parts"), file, false, 2)
				execAll(t, nodes, `UPDATE "P art".parts SET v = 'same' WHERE id = 2999;
					CREATE TABLE "P art".late (id int NOT NULL, at int NOT NULL, v text, PRIMARY KEY (id, at)); INSERT INTO "P art".late SELECT g, 100, 'late' FROM generate_series(1, 500) g; ALTER TABLE "P art".parts ATTACH PARTITION "P art".late FOR VALUES FROM (100) TO (200)`)
				execAll(t, nodes[1:], `UPDATE "P art".late SET v = 'late and other' WHERE id = 77`)
				r = interrupted(t, request("parts"), file, true, 0)
				require.Contains(t, found(r, compare.Persistent), "P art.parts(77, 100) changed ")
				require.Len(t, found(r, compare.Persistent), 4, summary(r))
				require.Contains(t, fmt.Sprint(r.Tables[0].Notes), "read anew from the beginning")
			})
			t.Run("while another partition comes", func(t *testing.T) {
				execAll(t, nodes, `CREATE TABLE grows (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE grows1 PARTITION OF grows FOR VALUES FROM (0) TO (1000); INSERT INTO grows SELECT g, repeat('.', 100) FROM generate_series(1, 900) g`)
				conn, err := nodes[0].Connect(t.Context())
				require.NoError(t, err)
				defer func() { _ = conn.Close(context.Background()) }()
				req, committed, once := request("grows"), make(chan error, 1), sync.Once{}
				req.Progress = func(e compare.Event) {
					if e.Phase != "scan" {
						return
					}
					once.Do(func() { // the tables are known, the partitions are yet to be listed
						_, err := conn.Exec(t.Context(), "BEGIN; CREATE TABLE grows2 PARTITION OF grows FOR VALUES FROM (1000) TO (2000)")
						go func() {
							waiting := false
							for err == nil && !waiting {
								err = conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)").Scan(&waiting)
							}
							_, end := conn.Exec(t.Context(), "COMMIT")
							committed <- errors.Join(err, end)
						}()
					})
				}
				x := tableOf(t, run(t, req), "grows")
				require.NoError(t, <-committed)
				require.Equal(t, compare.Match, x.Verdict, x)
				require.Contains(t, fmt.Sprint(x.Notes), "partitions of the table were attached or detached meanwhile")
			})
			t.Run("where the role may not read the partitions", func(t *testing.T) {
				top := &schema.Topology{Nodes: map[string]schema.Node{}}
				for _, n := range nodes {
					require.NoError(t, n.Exec(t.Context(), `GRANT USAGE ON SCHEMA "P art" TO pgconcord; GRANT SELECT ON "P art".parts TO pgconcord; REVOKE ALL ON "P art"."Low" FROM pgconcord`))
					top.Nodes[n.Name] = schema.Node{DSN: n.ReaderDSN()}
					top.Reference.Replicas = append(top.Reference.Replicas, n.Name)
				}
				req := request("parts")
				req.Topology = top
				x := tableOf(t, run(t, req), "parts")
				require.Len(t, x.Diffs, 4, x)
				for _, c := range x.Nodes {
					require.Equal(t, 1, c.Chunks)
				}
				execAll(t, nodes, `REVOKE ALL ON "P art".parts FROM pgconcord; GRANT SELECT (id, at, v) ON "P art".parts TO pgconcord`)
				req.Where = "id < 4"
				r := run(t, req)
				require.Equal(t, compare.Match, r.Verdict, "a role that may read columns cannot lock the table: %s", summary(r))
				req.Where = ""
				execAll(t, nodes, `GRANT SELECT ON ALL TABLES IN SCHEMA "P art" TO pgconcord; ALTER TABLE "P art".mid1 ENABLE ROW LEVEL SECURITY`)
				x = tableOf(t, run(t, req), "parts")
				require.Len(t, x.Diffs, 4, x)
				require.Equal(t, 1, x.Nodes[0].Chunks)
			})
		})
	}
}
