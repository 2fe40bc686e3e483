package checks

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// obstacle is something that keeps a node from being read.
type obstacle struct {
	name    string
	reason  cluster.Reason
	says    string // in the detail
	session cluster.Settings
	// dsn prepares it and returns how the node is asked.
	dsn func(t *testing.T) string
	// during happens while the node is being read.
	during func(t *testing.T)
}

// Whatever keeps a node from being read, every check that needed it says
// unknown and why, nothing fails for it, and the other nodes are judged in full.
// The node that cannot be read is a plain server in the place of the lab's, so
// that the lab itself stays whole.
func TestUnreadableNode(t *testing.T) {
	l := theLab(t)
	require.NoError(t, l.Settle(t.Context()))
	const victim = "dr1n2"
	servers, down, err := lab.Servers(t.Context(), 1, lab.Options{})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, down()) })
	plain := servers[0]
	exec := func(t *testing.T, sql string) { t.Helper(); require.NoError(t, plain.Exec(context.Background(), sql)) }
	trustNot(t, plain, "scram")
	exec(t, "CREATE ROLE scram LOGIN PASSWORD 'right'; CREATE ROLE none_free LOGIN CONNECTION LIMIT 0")
	for _, o := range obstacles(l.Node(victim), plain, exec) {
		t.Run(o.name, func(t *testing.T) {
			plan := labPlan(t, l)
			lookAt(plan, victim, o.dsn(t))
			read := make(chan *catalog.Cluster, 1)
			go func() { read <- catalog.Read(t.Context(), plan, catalog.Settings{Session: o.session}) }()
			if o.during != nil {
				o.during(t)
			}
			in := Input{Plan: plan, Cluster: <-read, Barman: barman.Read(t.Context(), plan), Now: time.Now()}
			failure := in.Cluster.Nodes[victim].Failure
			require.NotNil(t, failure)
			require.Equal(t, string(o.reason), failure.Reason, failure.Detail)
			require.Contains(t, failure.Detail, o.says)
			fs := Run(in, Options{})
			healthyButFor(t, fs, victim)
			named := 0
			for _, f := range fs {
				if f.Check == "mesh/dsn-as-declared" && f.Status == Fail && f.Subject.Node == victim {
					continue // the others' catalogs have the lab's address, which this is not
				}
				require.NotEqual(t, Fail, f.Status, "%s %s: %s", f.Check, f.Subject, f.Message)
				if f.Subject.Node == victim && f.Subject.Peer == "" {
					require.Contains(t, []Status{Unknown, Skipped}, f.Status, "%s: %s", f.Check, f.Message)
				}
				require.False(t, f.Status == Pass && f.Subject.Peer == victim && strings.HasPrefix(f.Check, "lag/"), "%s %s", f.Check, f.Subject)
				if f.Status == Unknown && strings.Contains(f.Message, victim) && strings.Contains(f.Message, string(o.reason)) {
					named++
				}
			}
			require.Contains(t, about(fs, victim), "unknown mesh/full dc1n1 → "+victim)
			require.Contains(t, about(fs, victim), "unknown lag/bytes dc1n1 → "+victim)
			require.Greater(t, named, 40, "node and cause are named")
		})
	}
}

// obstacles are in an order: the last ones end the plain server.
func obstacles(real, plain *lab.Node, exec func(*testing.T, string)) []obstacle {
	at := func(n *lab.Node, from, to string) func(*testing.T) string {
		return func(*testing.T) string { return strings.Replace(n.ReaderDSN(), from, to, 1) }
	}
	cut := func(after int64, abrupt bool) func(*testing.T) string {
		return func(t *testing.T) string {
			dsn, stop, err := real.Faltering(after, abrupt)
			require.NoError(t, err)
			t.Cleanup(stop)
			return dsn
		}
	}
	// blocked has the tool's statement wait for a lock, so that it is in the
	// middle of reading.
	blocked := func(t *testing.T) string { block(t, plain); return plain.ReaderDSN() }
	long := cluster.Settings{LockTimeout: time.Minute, StatementTimeout: time.Minute}
	return []obstacle{
		{name: "never answers", reason: cluster.Unreachable, says: "no answer within 500ms", dsn: cut(0, false), session: cluster.Settings{ConnectTimeout: 500 * time.Millisecond}},
		{name: "drops the connection", reason: cluster.Lost, dsn: cut(6000, true)},
		{name: "stalls in a query", reason: cluster.TimedOut, dsn: cut(6000, false), session: cluster.Settings{StatementTimeout: time.Second}},
		{name: "no such database", reason: cluster.Refused, says: `database "none" does not exist`, dsn: at(real, "dbname=app", "dbname=none")},
		{name: "no such role", reason: cluster.Refused, says: `role "nobody" does not exist`, dsn: at(real, "user=pgconcord", "user=nobody")},
		{name: "wrong password", reason: cluster.Refused, says: "password authentication failed", dsn: at(plain, "user=pgconcord", "user=scram password=wrong")},
		{name: "no password", reason: cluster.Refused, says: "password", dsn: at(plain, "user=pgconcord", "user=scram passfile=/dev/null")},
		{name: "no connection free", reason: cluster.Unreachable, says: "too many connections", dsn: at(plain, "user=pgconcord", "user=none_free")},
		{name: "no string at all", reason: cluster.Failed, says: "not valid", dsn: func(*testing.T) string { return "host='" }},
		{name: "database closed", reason: cluster.Refused, says: "not currently accepting connections", dsn: func(t *testing.T) string {
			exec(t, "CREATE DATABASE closed ALLOW_CONNECTIONS false")
			return strings.Replace(plain.ReaderDSN(), "dbname=app", "dbname=closed", 1)
		}},
		{name: "no right to connect", reason: cluster.Refused, says: "permission denied for database", dsn: func(t *testing.T) string {
			exec(t, "CREATE DATABASE guarded")
			exec(t, "REVOKE CONNECT ON DATABASE guarded FROM public")
			return strings.Replace(plain.ReaderDSN(), "dbname=app", "dbname=guarded", 1)
		}},
		{name: "statement timeout", reason: cluster.TimedOut, says: "statement timeout", dsn: blocked, session: cluster.Settings{StatementTimeout: 500 * time.Millisecond, LockTimeout: time.Minute}},
		{name: "lock timeout", reason: cluster.TimedOut, says: "lock timeout", dsn: blocked, session: cluster.Settings{LockTimeout: 500 * time.Millisecond}},
		{name: "session terminated", reason: cluster.Lost, says: "administrator command", dsn: blocked, session: long, during: func(t *testing.T) {
			inTheMiddle(t, plain)
			exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgconcord'")
		}},
		{name: "fast shutdown", reason: cluster.Lost, says: "administrator command", dsn: blocked, session: long, during: func(t *testing.T) {
			inTheMiddle(t, plain)
			require.NoError(t, plain.Stop(context.Background()))
			require.NoError(t, plain.Start(context.Background()))
		}},
		{name: "crash", reason: cluster.Lost, dsn: blocked, session: long, during: func(t *testing.T) {
			inTheMiddle(t, plain)
			require.NoError(t, plain.Crash())
			require.NoError(t, plain.Start(context.Background()))
		}},
		{name: "smart shutdown", reason: cluster.Unreachable, says: "shutting down", dsn: func(t *testing.T) string {
			// A session that stays keeps the server from ending.
			conn, err := plain.Connect(t.Context())
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
			require.NoError(t, plain.Retire())
			return plain.ReaderDSN()
		}},
		{name: "down", reason: cluster.Unreachable, says: "connection refused", dsn: func(t *testing.T) string {
			require.NoError(t, plain.Crash())
			return plain.ReaderDSN()
		}},
	}
}

// trustNot has a role log in with its password.
func trustNot(t *testing.T, n *lab.Node, role string) {
	t.Helper()
	file, err := n.Scalar(t.Context(), "SHOW hba_file")
	require.NoError(t, err)
	old, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append([]byte("host all "+role+" 127.0.0.1/32 scram-sha-256\n"), old...), 0o600))
	require.NoError(t, n.Exec(t.Context(), "SELECT pg_reload_conf()"))
}

// block holds a lock that every read of the catalogs waits for, until the test
// ends.
func block(t *testing.T, n *lab.Node) {
	t.Helper()
	conn, err := n.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(t.Context(), "BEGIN; LOCK TABLE pg_catalog.pg_publication IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
}

// inTheMiddle waits until the tool's session waits for the lock.
func inTheMiddle(t *testing.T, n *lab.Node) {
	t.Helper()
	require.Eventually(t, func() bool {
		v, err := n.Scalar(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgconcord' AND wait_event_type = 'Lock'")
		return err == nil && v == "1"
	}, time.Minute, 10*time.Millisecond)
}

// A physical standby in the place of a node: that it is one fails, as does the
// address; what a standby has of its own is unknown, and not judged as if it
// were the node's.
func TestStandbyInThePlaceOfANode(t *testing.T) {
	l := theLab(t)
	require.NoError(t, l.Settle(t.Context()))
	standby, err := l.Node("dr1n2").Standby(t.Context(), "standby")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Crash()) })
	plan := labPlan(t, l)
	lookAt(plan, "dr1n2", standby.ReaderDSN())
	in := readLab(t, plan, catalog.Settings{})
	require.Nil(t, in.Cluster.Nodes["dr1n2"].Failure)
	fs := Run(in, Options{})
	healthyButFor(t, fs, "dr1n2")
	var failed []string
	unknowns := 0
	for _, f := range fs {
		switch f.Status {
		case Fail:
			failed = append(failed, f.Check+" "+f.Subject.String())
		case Unknown:
			unknowns++
			require.Contains(t, f.Message+f.Subject.String(), "dr1n2", f.Check)
		}
		if f.Subject.Node == "dr1n2" || f.Subject.Peer == "dr1n2" {
			for _, family := range []string{"mesh/full", "slots/", "origins/", "prepared/", "lag/"} {
				require.False(t, strings.HasPrefix(f.Check, family) && f.Status != Unknown, "%s %s %s: %s", f.Status, f.Check, f.Subject, f.Message)
			}
		}
	}
	require.Equal(t, []string{"mesh/dsn-as-declared dr1n2", "mesh/not-in-recovery dr1n2"}, failed)
	require.Greater(t, unknowns, 30)
}
