package compare_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// A migration that rewrites a table on all nodes while differing rows are read, and
// that the reads wait for, does not make the differences vanish.
func rewrittenMeanwhile(t *testing.T, nodes []*lab.Node) {
	compare.SetRetryPause(t, time.Millisecond)
	const rewrite = "ALTER TABLE moves ALTER COLUMN v TYPE text USING v || ''"
	const partitioned = `ALTER TABLE moves RENAME TO part; CREATE TABLE moves (LIKE part INCLUDING ALL) PARTITION BY RANGE (id); ALTER TABLE moves ATTACH PARTITION part FOR VALUES FROM (0) TO (9000)`
	for name, c := range map[string]struct{ setup, phase, rewrite string }{
		"a partition, in the scan":   {partitioned, "scan", "ALTER TABLE part SET UNLOGGED"},
		"rows of a range":            {"", "drill", rewrite},
		"keys":                       {"", "fence", rewrite},
		"rows of hash buckets":       {"ALTER TABLE moves ALTER COLUMN id TYPE text", "drill", rewrite},
		"rows without a key":         {"ALTER TABLE moves DROP CONSTRAINT moves_pkey", "fence", rewrite},
		"another table in its place": {"", "fence", "CREATE TABLE young (LIKE moves INCLUDING ALL); INSERT INTO young SELECT * FROM moves; DROP TABLE moves; ALTER TABLE young RENAME TO moves"},
		"a partition":                {partitioned, "fence", "ALTER TABLE part SET UNLOGGED"},
	} {
		t.Run(name, func(t *testing.T) {
			execAll(t, nodes, "DROP TABLE IF EXISTS part; "+pagesOfMoves)
			execAll(t, nodes, c.setup)
			execAll(t, nodes[1:], "UPDATE moves SET v = 'other' WHERE id::text = '1500'")
			var once sync.Once
			req := compare.Request{Topology: static(nodes), Static: true, Tables: []string{"moves"}}
			req.Progress = func(e compare.Event) {
				if e.Phase != c.phase {
					return
				}
				once.Do(func() {
					for _, n := range nodes {
						migration, err := n.Connect(t.Context())
						require.NoError(t, err)
						_, err = migration.Exec(t.Context(), "BEGIN; "+c.rewrite, pgx.QueryExecModeSimpleProtocol)
						require.NoError(t, err)
						go func() {
							defer func() { _ = migration.Close(context.Background()) }()
							const waits = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'pgconcord' AND wait_event_type = 'Lock'"
							for t.Context().Err() == nil {
								if found, err := n.Scalar(t.Context(), waits); err == nil && found != "0" {
									break
								}
								time.Sleep(5 * time.Millisecond)
							}
							_, _ = migration.Exec(context.Background(), "COMMIT")
						}()
					}
				})
			}
			r := run(t, req)
			require.Equal(t, compare.Different, r.Verdict, summary(r))
			require.Equal(t, compare.Counts{Suspect: max(1, r.Tables[0].Counts.Suspect), Persistent: max(1, r.Tables[0].Counts.Suspect)}, r.Tables[0].Counts, summary(r))
			if c.phase != "scan" { // it locks before its snapshot
				require.Contains(t, summary(r), "rewritten or replaced")
			}
		})
	}
}
