package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
)

const canary = "c4n4ry/s3cret"

// noCanary fails when an error shows the secret in any rendering.
func noCanary(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
			text := fmt.Sprintf(f, e)
			require.NotContains(t, text, canary)
			require.NotContains(t, text, "c4n4ry%2Fs3cret")
		}
	}
}

func TestOpenPinsEverySetting(t *testing.T) {
	srv := startServer(t)
	srv.exec(t, `ALTER ROLE postgres SET DateStyle = 'SQL, DMY'; ALTER ROLE postgres SET TimeZone = 'Asia/Tokyo';
		ALTER DATABASE postgres SET extra_float_digits = -5; ALTER ROLE postgres SET row_security = on; ALTER ROLE postgres SET search_path = public`)
	t.Setenv("PGOPTIONS", "-c bytea_output=escape -c default_transaction_read_only=off")
	t.Setenv("PGTZ", "America/New_York")
	t.Setenv("PGAPPNAME", "somebody else")
	s, err := Open(t.Context(), "n1", srv.dsn("postgres", ""), Settings{StatementTimeout: 1234 * time.Millisecond})
	require.NoError(t, err)
	defer s.Close()
	for name, want := range map[string]string{"DateStyle": "ISO, YMD", "TimeZone": "UTC", "extra_float_digits": "3", "row_security": "off", "search_path": "pg_catalog",
		"bytea_output": "hex", "default_transaction_read_only": "on", "statement_timeout": "1234ms", "lock_timeout": "2s",
		"idle_in_transaction_session_timeout": "1min", "application_name": "pgconcord"} {
		var got string
		require.NoError(t, s.Conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got))
		require.Equal(t, want, got, name)
	}
	require.Positive(t, s.VersionNum())
	_, err = s.Conn.Exec(t.Context(), "CREATE TABLE public.x ()")
	require.ErrorContains(t, err, "read-only transaction")
}

// A role's default transactions may be such that they wait for those of others, or
// that a standby refuses them.
func TestOpenWhereTransactionsAreSerializable(t *testing.T) {
	srv := startServer(t)
	srv.exec(t, `CREATE TABLE counted (); ALTER ROLE postgres SET default_transaction_isolation = 'serializable'; ALTER ROLE postgres SET default_transaction_deferrable = on`)
	ctx := t.Context()
	other, err := pgx.Connect(ctx, srv.dsn("postgres", ""))
	require.NoError(t, err)
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	_, err = other.Exec(ctx, "BEGIN READ WRITE; SELECT FROM counted; CREATE TABLE more ()")
	require.NoError(t, err)
	s, err := Open(ctx, "n1", srv.dsn("postgres", ""), Settings{StatementTimeout: 2 * time.Second})
	require.NoError(t, err)
	defer s.Close()
	var is string
	require.NoError(t, s.Conn.QueryRow(ctx, "SELECT current_setting('transaction_isolation') || current_setting('transaction_deferrable') || current_setting('transaction_read_only')").Scan(&is))
	require.Equal(t, "read committedoffon", is)
}

// libpq's own words in a connection string are not for the server.
func TestOpenTakesEveryWordOfLibpq(t *testing.T) {
	srv := startServer(t)
	s, err := Open(t.Context(), "n1", srv.dsn("postgres", "")+" keepalives=1 keepalives_idle=5 gssencmode=disable fallback_application_name=x tcp_user_timeout=5000", Settings{})
	require.NoError(t, err)
	s.Close()
}

func TestOpenSaysWhyItFailed(t *testing.T) {
	srv := startServer(t)
	srv.exec(t, `CREATE ROLE scram LOGIN PASSWORD 'right'`)
	closed := closedPort(t)
	for name, tc := range map[string]struct {
		dsn    string
		reason Reason
		says   string
	}{
		"wrong password, keywords": {srv.dsn("scram", canary), Refused, "password authentication failed"},
		"wrong password, URI":      {srv.uri("scram", canary), Refused, "password authentication failed"},
		"no such role":             {srv.dsn("nobody", canary), Refused, "password authentication failed"},
		"no such database":         {strings.Replace(srv.dsn("postgres", canary), "dbname=postgres", "dbname=none", 1), Refused, `database "none" does not exist`},
		"nobody listens":           {fmt.Sprintf("host=127.0.0.1 port=%d dbname=x user=x password='%s'", closed, canary), Unreachable, "connection refused"},
		"no such host":             {"host=nowhere.invalid dbname=x user=x password=" + canary, Unreachable, ""},
		"not a string":             {"host=127.0.0.1 port=1 password='" + canary, Failed, "not valid"},
		"mislaid port":             {"postgres://u:" + canary + ":x@h/db", Failed, "not valid"},
		"no certificate file":      {"host=h dbname=x sslmode=verify-full sslrootcert=/no/such password=" + canary, Failed, "/no/such"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), "n1", tc.dsn, Settings{ConnectTimeout: 5 * time.Second})
			noCanary(t, err)
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.Equal(t, tc.reason, e.Reason, "%v", err)
			require.Equal(t, "n1", e.Node)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// A secret that the server repeats is removed from its words too.
func TestWrapRemovesTheSecret(t *testing.T) {
	srv := startServer(t)
	s, err := Open(t.Context(), "n1", srv.dsn("postgres", canary), Settings{})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Conn.Exec(t.Context(), `SELECT "`+canary+`"`)
	noCanary(t, s.Wrap("read something", err))
}

func TestOpenEndsWhenNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() { // accepts, reads, never says a word
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	for _, mode := range []string{"disable", "prefer"} {
		dsn := fmt.Sprintf("host=127.0.0.1 port=%d dbname=x user=x password=%s sslmode=%s", l.Addr().(*net.TCPAddr).Port, canary, mode)
		_, err = Open(t.Context(), "n1", dsn, Settings{ConnectTimeout: 50 * time.Millisecond})
		noCanary(t, err)
		require.Equal(t, Unreachable, ReasonOf(err))
		require.ErrorContains(t, err, "no answer within 50ms")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Open(ctx, "n1", fmt.Sprintf("host=127.0.0.1 port=%d", l.Addr().(*net.TCPAddr).Port), Settings{})
	require.Equal(t, Interrupted, ReasonOf(err))
	require.ErrorIs(t, err, context.Canceled)
}

func TestReadSortsItsFailures(t *testing.T) {
	srv := startServer(t)
	srv.exec(t, `CREATE ROLE plain LOGIN PASSWORD 'right'; CREATE TABLE secret ()`)
	open := func(user string) *Session {
		s, err := Open(t.Context(), "n1", srv.dsn(user, "right"), Settings{StatementTimeout: 200 * time.Millisecond, LockTimeout: 50 * time.Millisecond})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		return s
	}
	read := func(s *Session, sql string) error {
		return s.Read(t.Context(), "run it", func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, sql)
			return err
		})
	}
	s := open("plain")
	require.NoError(t, read(s, "SELECT 1"))
	require.Equal(t, Denied, ReasonOf(read(s, "SELECT * FROM public.secret")))
	require.Equal(t, TimedOut, ReasonOf(read(s, "SELECT pg_sleep(10)")))
	require.Equal(t, Failed, ReasonOf(read(s, "SELECT nonsense")))
	require.NoError(t, read(s, "SELECT 1"), "the session outlives a failed transaction")
	srv.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgconcord'`)
	require.Equal(t, Lost, ReasonOf(read(s, "SELECT 1")))
	require.Equal(t, Lost, ReasonOf(read(s, "SELECT 1")), "and stays lost")
}

// A transaction that is rolled back and has no id leaves what it logged, as
// pruning does, unflushed until somebody else writes. A walsender cannot send the
// record that then lies across the end of what is flushed.
func TestReadLeavesNoUnflushedWAL(t *testing.T) {
	srv := startServer(t)
	srv.exec(t, "ALTER SYSTEM SET autovacuum = off")
	srv.exec(t, "SELECT pg_reload_conf()")
	s, err := Open(t.Context(), "n1", srv.dsn("postgres", ""), Settings{})
	require.NoError(t, err)
	defer s.Close()
	var written, insert string
	var flushed bool
	for range 3 { // the background writer may write too, and then has flushed all of it
		require.NoError(t, s.Read(t.Context(), "write WAL and nothing else", func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_logical_emit_message(false, 'test', repeat('x', 20000))"); err != nil {
				return err
			}
			return tx.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&written)
		}))
		require.Eventually(t, func() bool {
			return s.Conn.QueryRow(t.Context(), "SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn, pg_current_wal_insert_lsn()::text", written).Scan(&flushed, &insert) == nil && flushed
		}, time.Minute, 10*time.Millisecond)
		if insert == written {
			return
		}
	}
	require.Fail(t, "what a read had logged was flushed only when somebody else wrote")
}

// What fn makes of a statement's failure is its own affair.
func TestReadAfterAFailureThatDoesNotMatter(t *testing.T) {
	srv := startServer(t)
	s, err := Open(t.Context(), "n1", srv.dsn("postgres", ""), Settings{})
	require.NoError(t, err)
	defer s.Close()
	for range 2 {
		require.NoError(t, s.Read(t.Context(), "try it", func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT nonsense")
			require.Error(t, err)
			return nil
		}))
	}
}

// A cancelled context ends the statement on the server, not only here.
func TestCancelReachesTheServer(t *testing.T) {
	srv := startServer(t)
	s, err := Open(t.Context(), "n1", srv.dsn("postgres", ""), Settings{})
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- s.Read(ctx, "sleep", func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT pg_sleep(60)")
			return err
		})
	}()
	srv.waitFor(t, `SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)' AND state = 'active'`)
	cancel()
	require.Error(t, <-done)
	srv.waitFor(t, `SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)' AND state = 'active'`)
}

func TestEachAsksAllAtOnce(t *testing.T) {
	nodes := map[string]schema.Node{"a": {}, "b": {}, "c": {}}
	arrived := make(chan string, len(nodes))
	all := make(chan struct{})
	go func() {
		for range nodes {
			<-arrived
		}
		close(all)
	}()
	got := Each(t.Context(), nodes, func(_ context.Context, name string, _ schema.Node) string {
		arrived <- name
		<-all // nobody passes before everybody is here
		return "asked " + name
	})
	require.Equal(t, map[string]string{"a": "asked a", "b": "asked b", "c": "asked c"}, got)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		shared.stop()
	}
	os.Exit(code)
}
