package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/reports"
)

// withObstacles has the program check the lab with one node that cannot be read,
// each time for another reason: it ends with 3 and says which node and why, and
// the other nodes are judged. That each check says so is for package checks.
func withObstacles(t *testing.T, l *lab.Lab) {
	const away = "dr1n2"
	ctx := context.Background()
	n := l.Node(away)
	exec := func(sql string) { t.Helper(); require.NoError(t, n.Exec(ctx, sql)) }
	for do, undo := range map[string]string{
		"CREATE ROLE scram LOGIN PASSWORD 'right'": "DROP ROLE scram",
		"CREATE ROLE bare LOGIN":                   "DROP ROLE bare",
		"CREATE ROLE barred":                       "DROP ROLE barred",
	} {
		exec(do)
		t.Cleanup(func() { exec(undo) })
	}
	hba, err := n.Scalar(ctx, "SHOW hba_file")
	require.NoError(t, err)
	old, err := os.ReadFile(hba)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(hba, append([]byte("host all scram 127.0.0.1/32 scram-sha-256\n"), old...), 0o600))
	exec("SELECT pg_reload_conf()")
	t.Cleanup(func() {
		require.NoError(t, os.WriteFile(hba, old, 0o600))
		exec("SELECT pg_reload_conf()")
	})

	plan, dsn := string(l.Topology()), n.ReaderDSN()
	for _, o := range []struct {
		name string
		dsn  func(t *testing.T) string
		says string
		args []string
	}{
		{"a proxy that never answers", faltering(n, 0), "did not answer: unreachable", []string{"--connect-timeout", "1s"}},
		{"a proxy that stalls in a query", faltering(n, 6000), "did not answer: timed out", []string{"--statement-timeout", "1s"}},
		{"a wrong password", put(dsn, "user=pgconcord", "user=scram password=wrong"), "did not answer: login refused", nil},
		{"a wrong database", put(dsn, "dbname=app", "dbname=none"), "did not answer: login refused", nil},
		{"no right to log in", put(dsn, "user=pgconcord", "user=barred"), "did not answer: login refused", nil},
		{"no right but to log in", put(dsn, "user=pgconcord", "user=bare"), `permission denied; GRANT pg_monitor TO "bare";`, nil},
		{"a statement timeout", func(t *testing.T) string {
			conn, err := n.Connect(ctx)
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close(ctx) })
			_, err = conn.Exec(ctx, "BEGIN; LOCK TABLE pg_catalog.pg_publication IN ACCESS EXCLUSIVE MODE")
			require.NoError(t, err)
			return dsn
		}, "did not answer: timed out", []string{"--statement-timeout", "1s", "--lock-timeout", "1m"}},
	} {
		t.Run(o.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "topology.yaml")
			require.NoError(t, os.WriteFile(file, []byte(strings.Replace(plan, dsn, o.dsn(t), 1)), 0o600))
			code, said := runProgram(t, dir, nil, append([]string{"check", file, "-v", "-f", "json", "-o", "report.json", "-f", "text"}, o.args...)...)
			require.Equal(t, 3, code, said)
			require.Contains(t, said, o.says)
			data, err := os.ReadFile(filepath.Join(dir, "report.json"))
			require.NoError(t, err)
			var r reports.Report
			require.NoError(t, json.Unmarshal(data, &r))
			passed, open := map[string]int{}, 0
			for _, f := range r.Findings {
				switch f.Status {
				case checks.Pass:
					passed[f.Subject.Node]++
				case checks.Unknown:
					open++
					require.Contains(t, f.Subject.String()+f.Message, away, f.Check)
				}
			}
			require.Greater(t, open, 20)
			for _, other := range l.Nodes() {
				require.True(t, other == n || passed[other.Name] > 20, "%s: %d passes", other.Name, passed[other.Name])
			}
		})
	}
}

func put(dsn, from, to string) func(*testing.T) string {
	return func(*testing.T) string { return strings.Replace(dsn, from, to, 1) }
}

// faltering leads to the node through a proxy that falls silent after the server
// said so many bytes.
func faltering(n *lab.Node, after int64) func(*testing.T) string {
	return func(t *testing.T) string {
		dsn, stop, err := n.Faltering(after, false)
		require.NoError(t, err)
		t.Cleanup(stop)
		return dsn
	}
}
