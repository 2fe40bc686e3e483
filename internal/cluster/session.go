package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/schema"
)

// Session is one open, pinned, read-only connection to a node. It is not safe
// for use by several goroutines at once. How many a node gets is the caller's
// choice; the project's limit is two.
type Session struct {
	Node     string // the plan's name of the node
	Address  string // host:port/database
	Conn     *pgx.Conn
	Settings Settings // as they are in force

	secret string
}

// Open connects to a node, pins every session setting that shapes the text of
// values or bounds the time of statements, and reads them back. It ends within
// the connect timeout whatever the server does. Its errors are [*Error].
func Open(ctx context.Context, node, dsn string, s Settings) (*Session, error) {
	s = s.Defaults()
	attempted := "connect to " + schema.Address(dsn)
	cfg, err := config(dsn, s)
	if err != nil {
		return nil, &Error{Node: node, Attempted: "connect", Reason: Failed, Err: err}
	}
	session := &Session{Node: node, Address: schema.Address(dsn), Settings: s, secret: cfg.Password}

	limited, cancel := context.WithTimeout(ctx, s.ConnectTimeout)
	defer cancel()
	session.Conn, err = pgx.ConnectConfig(limited, cfg)
	if err == nil {
		err = session.pin(limited)
	}
	if err != nil {
		session.Close()
		return nil, session.connectError(ctx, attempted, err)
	}
	return session, nil
}

// connectError tells our own timeout from the caller's end of the context.
func (s *Session) connectError(ctx context.Context, attempted string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e // a setting that could not be pinned
	}
	c := sanitize(err, s.secret)
	reason := reasonOf(err, true)
	switch {
	case ctx.Err() != nil:
		reason, c = Interrupted, &cause{msg: ctx.Err().Error(), err: ctx.Err()}
	case reason == Interrupted, errors.Is(err, context.DeadlineExceeded):
		reason, c = Unreachable, &cause{msg: fmt.Sprintf("no answer within %s", s.Settings.ConnectTimeout), err: context.DeadlineExceeded}
	}
	return &Error{Node: s.Node, Attempted: attempted, Reason: reason, Err: c}
}

// Close ends the session; it waits for a server that does not answer for no
// longer than a second. Closing nil or twice does nothing.
func (s *Session) Close() {
	if s == nil || s.Conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelGrace)
	defer cancel()
	_ = s.Conn.Close(ctx)
}

// Wrap turns a driver's error into an [*Error] that is safe to print; nil stays
// nil. Attempted is what was being done: "read pg_replication_slots".
func (s *Session) Wrap(attempted string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Node: s.Node, Attempted: attempted, Reason: reasonOf(err, false), Err: sanitize(err, s.secret)}
}

// Deadline returns a context for one statement: the server ends the statement
// at its timeout, and a server that does not even do that is left a little
// later. Call cancel when the rows are read.
func (s *Session) Deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.Settings.StatementTimeout+cancelGrace)
}

// Read runs fn in one REPEATABLE READ READ ONLY transaction. All of fn together
// has the time of one statement.
//
// It is committed, though there is nothing to commit: what reading logs (pruning
// of pages, first changes of them since a checkpoint) is then flushed soon, as
// RecordTransactionCommit in xact.c has it. A rollback leaves it in memory, and as
// far as it is written mostly in the middle of a record, which no walsender can
// send: on a cluster where nobody else writes subscribers would not confirm the
// position for some 20 s. Nor does a rollback count among those of applications.
func (s *Session) Read(ctx context.Context, attempted string, fn func(ctx context.Context, tx pgx.Tx) error) error {
	limited, cancel := s.Deadline(ctx)
	defer cancel()
	tx, err := s.Conn.BeginTx(limited, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return s.Wrap(attempted, err)
	}
	err = fn(limited, tx)
	// A transaction that a failed statement ended is rolled back by COMMIT as well.
	end := tx.Commit(limited)
	if err == nil && end != nil && !errors.Is(end, pgx.ErrTxClosed) && !errors.Is(end, pgx.ErrTxCommitRollback) {
		err = end
	}
	return s.Wrap(attempted, err)
}

// VersionNum returns the server's version as server_version_num has it, as far
// as it was announced at login (150018); 0 when it was not understood.
func (s *Session) VersionNum() int {
	var major, minor int
	if n, _ := fmt.Sscanf(s.Conn.PgConn().ParameterStatus("server_version"), "%d.%d", &major, &minor); n == 0 {
		return 0
	}
	return major*10000 + minor
}

// pinned are the settings of every session. What a role, a database or the
// environment says must change neither the text of a value nor what a name
// means; row security must raise an error rather than hide rows.
func pinned(s Settings) [][2]string {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	return [][2]string{
		{"default_transaction_read_only", "on"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"},
		{"statement_timeout", ms(s.StatementTimeout)},
		{"lock_timeout", ms(s.LockTimeout)},
		{"idle_in_transaction_session_timeout", ms(s.IdleTimeout)},
		{"application_name", s.Application},
		{"client_encoding", "UTF8"},
		{"search_path", "pg_catalog"},
		{"row_security", "off"},
		{"TimeZone", "UTC"},
		{"DateStyle", "ISO, YMD"},
		{"IntervalStyle", "postgres"},
		{"extra_float_digits", "3"}, // exact on 11 too, where 1 is not
		{"bytea_output", "hex"},
		{"lc_monetary", "C"},
		{"standard_conforming_strings", "on"},
		{"quote_all_identifiers", "off"},
		{"array_nulls", "on"},
		{"transform_null_equals", "off"},
		{"client_min_messages", "warning"},
		{"jit", "off"}, // compiling costs more than any of our queries gains
	}
}

// pin sets them and reads them back, in one round trip. A standby refuses even that
// in a serializable transaction, and a deferrable one may have to wait for others,
// so it is done in one of another kind, whatever is the role's default.
func (s *Session) pin(ctx context.Context) error {
	want := map[string]string{}
	var names []string
	batch := &pgx.Batch{}
	batch.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	for _, p := range pinned(s.Settings) {
		want[p[0]] = p[1]
		names = append(names, p[0])
		batch.Queue("SELECT pg_catalog.set_config($1, $2, false)", p[0], p[1])
	}
	batch.Queue("SELECT pg_catalog.pg_backend_pid()")
	batch.Queue("SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY ($1)", names)
	batch.Queue("COMMIT")
	results := s.Conn.SendBatch(ctx, batch)
	defer func() { _ = results.Close() }()
	for range len(names) + 1 {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	var pid uint32
	if err := results.QueryRow().Scan(&pid); err != nil {
		return err
	}
	if pid != s.Conn.PgConn().PID() {
		return s.notPinned("the login went to a connection pooler, where settings do not hold; connect to the server itself")
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Setting string }])
	if err != nil {
		return err
	}
	found := map[string]string{}
	for _, g := range got {
		found[g.Name] = g.Setting
	}
	for _, name := range names {
		if found[name] != want[name] {
			return s.notPinned(fmt.Sprintf("%s is %q after it was set to %q", name, found[name], want[name]))
		}
	}
	if _, err := results.Exec(); err != nil {
		return err
	}
	return results.Close()
}

func (s *Session) notPinned(why string) error {
	return &Error{Node: s.Node, Attempted: "pin the session's settings", Reason: Failed, Err: errors.New(why)}
}
