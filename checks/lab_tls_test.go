package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// What is encrypted is read from a real server, by its own word and from the
// tool's end of the connection. All of it is on one machine and so exempt; the
// facts are judged as if the loopback were a network.
func TestTLSOfAServer(t *testing.T) {
	servers, down, err := lab.Servers(t.Context(), 1, lab.Options{Config: []string{"archive_mode = on", "archive_command = 'false'"}})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, down()) })
	n := servers[0]
	soon := time.Now().Add(3*24*time.Hour + time.Hour)
	root, err := n.ServeTLS(t.Context(), soon)
	require.NoError(t, err)
	require.NoError(t, n.Exec(t.Context(), "CREATE ROLE bare LOGIN"))
	receive(t, n, "encrypted", "require")
	receive(t, n, "plain", "disable")

	read := func(user, mode string) Input {
		t.Helper()
		dsn := strings.NewReplacer("user="+lab.Reader, "user="+user, "sslmode=disable", "sslmode="+mode).Replace(n.ReaderDSN()) + " sslrootcert=" + root
		plan := &schema.Topology{Nodes: map[string]schema.Node{"n": {DSN: dsn, Kind: schema.KindData}}, Policy: schema.Policy{TLS: schema.TLSPolicy{MinCertificateDays: 14}, WAL: schema.WALPolicy{MaxBytes: 1 << 40}}}
		in := readLab(t, plan, catalog.Settings{})
		require.Nil(t, in.Cluster.Nodes["n"].Failure)
		return in
	}
	judged := func(in Input) (out []string) {
		for _, f := range Run(in, Options{Only: []string{"tls", "wal"}}) {
			if f.Status != Skipped {
				out = append(out, fmt.Sprintf("%s %s %s: %s", f.Status, f.Check, f.Subject, f.Message))
			}
		}
		return out
	}
	archiving := func(got []string) []string { // whether it failed already depends on the moment
		return slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, " wal/") })
	}
	has := func(got []string, want ...string) {
		t.Helper()
		for _, w := range want {
			require.True(t, slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, w) }), "%s not in\n%s", w, strings.Join(got, "\n"))
		}
	}

	on := read(lab.Reader, "verify-full")
	session := on.Cluster.Nodes["n"].Facts.Session
	require.Equal(t, "TLS 1.3", session.TLS)
	require.True(t, session.ServerTLS && session.Local && session.ServerLocal)
	require.Equal(t, "CN="+n.Name+".example", session.Certificates[0].Subject)
	require.WithinDuration(t, soon, session.Certificates[0].NotAfter, time.Second)
	require.Equal(t, []string{
		"fail tls/certificate-valid n: the server's certificate: the server's certificate runs out on " + soon.UTC().Format(time.DateOnly) + ", in 3 days",
		"pass tls/sessions-encrypted n: the tool's own session goes over the loopback or a Unix socket; 0 connections of subscribers and Barman are encrypted, 2 leave no machine",
	}, archiving(judged(on)), "the loopback is exempt; a certificate runs out there too")

	got := judged(asOverNetwork(on))
	has(got, "pass tls/server-on n", "fail tls/sessions-encrypted n: walsender plain to 192.0.2.1")
	require.NotContains(t, strings.Join(got, "\n"), "walsender encrypted")
	require.NotContains(t, strings.Join(got, "\n"), "own session")
	got = judged(asOverNetwork(read(lab.Reader, "disable")))
	has(got, "fail tls/sessions-encrypted n: the tool's own session: the tool's own session is not encrypted: sslmode is disable, and ssl is on")

	bare := judged(asOverNetwork(read("bare", "verify-full")))
	has(bare, "unknown tls/sessions-encrypted n: walsenders", "unknown wal/disk-budget n", "unknown wal/archived n")
	for _, f := range bare {
		if strings.HasPrefix(f, "unknown") {
			require.Contains(t, f, `GRANT pg_monitor TO "bare"`)
		}
	}

	require.NoError(t, n.Exec(t.Context(), "SELECT pg_switch_wal()"))
	require.Eventually(t, func() bool {
		got = judged(read(lab.Reader, "verify-full"))
		return slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "fail wal/archived n: archiving fails") })
	}, time.Minute, 100*time.Millisecond, "%v", got)
	has(got, "pass wal/disk-budget n: pg_wal takes ")
	archiver := read(lab.Reader, "verify-full").Cluster.Nodes["n"].Facts.Archiver
	require.Len(t, archiver.Current, 24)
	require.Empty(t, archiver.LastSegment)
	require.WithinDuration(t, time.Now(), *archiver.WaitingSince, 10*time.Minute)
	require.NoError(t, n.Exec(t.Context(), "ALTER SYSTEM SET archive_command = ''"))
	require.NoError(t, n.Exec(t.Context(), "ALTER SYSTEM SET ssl = off"))
	require.NoError(t, n.Exec(t.Context(), "SELECT pg_stat_reset_shared('archiver'), pg_reload_conf()"))
	require.Eventually(t, func() bool {
		got = judged(asOverNetwork(read(lab.Reader, "prefer")))
		return slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "fail tls/server-on n") })
	}, time.Minute, 100*time.Millisecond, "%v", got)
	has(got, "fail tls/sessions-encrypted n: the tool's own session", "fail wal/archived n: archive_mode is on, but there is neither archive_command nor archive_library")
}

// receive opens a connection like that of a subscriber until the test ends.
func receive(t *testing.T, n *lab.Node, name, sslmode string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), strings.Replace(n.DSN(), "sslmode=disable", "sslmode="+sslmode, 1)+" replication=true application_name="+name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
}

// asOverNetwork makes what went over the loopback look like another machine's.
func asOverNetwork(in Input) Input {
	for name, n := range in.Cluster.Nodes {
		n.Facts.Session.Local, n.Facts.Session.ServerLocal = false, false
		for i := range n.Facts.Senders {
			n.Facts.Senders[i].Client = strings.Replace(n.Facts.Senders[i].Client, "127.0.0.1", "192.0.2.1", 1)
		}
		p := in.Plan.Nodes[name]
		p.DSN = strings.Replace(p.DSN, "127.0.0.1", "192.0.2.7", 1)
		in.Plan.Nodes[name] = p
	}
	return in
}
