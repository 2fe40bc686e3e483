package standin_test

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/standin"
)

// documented reads columns.txt: "relation.column type" by version line, in the
// relations' documented order.
func documented(t *testing.T) map[string][]string {
	f, err := os.Open(filepath.Join(standin.Dir(), "columns.txt"))
	require.NoError(t, err)
	defer f.Close()
	out := map[string][]string{}
	relation := ""
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		switch fields := strings.Split(line, " | "); {
		case line == "" || line[0] == '#':
		case len(fields) == 1:
			relation = line
		default:
			require.Len(t, fields, 3, line)
			for _, v := range strings.Fields(fields[2]) {
				if v == "3.6" {
					v = "3.6.4"
				}
				out[v] = append(out[v], relation+"."+fields[0]+" "+fields[1])
			}
		}
	}
	return out
}

func TestLinesHaveTheDocumentedColumns(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	l, err := lab.Up(ctx, lab.Options{})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, l.Down()) })
	want := documented(t)

	for _, line := range standin.Lines {
		t.Run(line.Name, func(t *testing.T) {
			require.NoError(t, standin.Load(ctx, l, line.Name))
			n := l.Node("dc1n1")
			require.NoError(t, l.Settle(ctx)) // the edge that the line before switched off and on

			var got []string
			rows, err := n.Rows(ctx, `SELECT 'bdr.' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
				FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'bdr'::regnamespace AND a.attnum > 0`)
			require.NoError(t, err)
			for _, r := range rows {
				got = append(got, r[0])
			}
			require.ElementsMatch(t, want[line.Name], got)

			// Every relation can be read.
			relations := map[string]bool{}
			for _, c := range got {
				relations[strings.Join(strings.SplitN(c, ".", 3)[:2], ".")] = true
			}
			for r := range relations {
				_, err := n.Scalar(ctx, "SELECT count(*)::text FROM (SELECT * FROM "+r+" OFFSET 0) x")
				require.NoError(t, err, r)
			}

			// What is real in it is the mesh's.
			for query, want := range map[string]string{
				"SELECT extversion FROM pg_extension WHERE extname = 'bdr'":                                                       line.Version,
				"SELECT bdr.bdr_version()":                                                                                        line.Version,
				"SELECT string_agg(node_name, ' ' ORDER BY node_name) FROM bdr.node_summary":                                      strings.Join(lab.NodeNames, " "),
				"SELECT string_agg(origin_name, ' ' ORDER BY origin_name) FROM bdr.subscription_summary":                          strings.Join(lab.NodeNames[1:], " "),
				"SELECT bool_and(subscription_status = 'replicating')::text FROM bdr.subscription_summary":                        "true",
				"SELECT string_agg(target_name, ' ' ORDER BY target_name) FROM bdr.node_slots WHERE slot_name LIKE 'pgl\\_%'":     strings.Join(lab.NodeNames[1:], " "),
				"SELECT bool_and(active AND active_pid IS NOT NULL)::text FROM bdr.node_slots WHERE target_name IS NOT NULL":      "true",
				"SELECT string_agg(active::text, ' ') FROM bdr.node_slots WHERE target_name IS NULL AND slot_name LIKE 'bdr\\_%'": "false",
				"SELECT bdr.get_raft_status() ->> 'state'":                                                                        "RAFT_LEADER",
			} {
				got, err := n.Scalar(ctx, query)
				require.NoError(t, err, query)
				require.Equal(t, want, got, query)
			}
			follower, err := l.Node("dc1n2").Scalar(ctx, "SELECT bdr.get_raft_status() ->> 'state'")
			require.NoError(t, err)
			require.Equal(t, "RAFT_FOLLOWER", follower)

			// A fault of the mesh shows through it.
			require.NoError(t, l.DisableEdge(ctx, "dc1n1", "dr1n2"))
			require.NoError(t, n.Exec(ctx, "SELECT pg_logical_emit_message(false, 'test', repeat('x', 100000))"))
			require.Eventually(t, func() bool { // the walsender ends a moment after the subscription is off
				lag, err := n.Scalar(ctx, "SELECT (replay_lag_bytes > 100000 AND NOT active AND state = 'disconnected')::text FROM bdr.node_slots WHERE target_name = 'dr1n2'")
				return err == nil && lag == "true"
			}, time.Minute, 50*time.Millisecond)
			status, err := l.Node("dr1n2").Scalar(ctx, "SELECT subscription_status FROM bdr.subscription_summary WHERE origin_name = 'dc1n1'")
			require.NoError(t, err)
			require.Equal(t, "disabled", status)
			require.NoError(t, l.EnableEdge(ctx, "dc1n1", "dr1n2"))
		})
	}

	t.Run("unload", func(t *testing.T) {
		require.NoError(t, standin.Unload(ctx, l))
		for _, n := range l.Nodes() {
			left, err := n.Scalar(ctx, `SELECT ((SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'bdr%') + (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bdr%')
				+ (SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'bdr%') + (SELECT count(*) FROM pg_extension WHERE extname = 'bdr')
				+ (SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%bdr%'))::text`)
			require.NoError(t, err)
			require.Equal(t, "0", left, n.Name)
		}
	})
}

func TestUnknownLine(t *testing.T) {
	require.ErrorContains(t, standin.LoadDSN(context.Background(), "7"), `"7"`)
}
