package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DSN returns the connection string of the node for the application database,
// as superuser.
func (n *Node) DSN() string { return n.dsn(Database, Superuser) }

// ReaderDSN returns the connection string for the role [Reader], which may only
// read.
func (n *Node) ReaderDSN() string { return n.dsn(Database, Reader) }

func (n *Node) dsn(db, user string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s sslmode=disable", n.Port, db, user)
}

// Address returns host:port/database, the form that may be printed.
func (n *Node) Address() string { return fmt.Sprintf("127.0.0.1:%d/%s", n.Port, Database) }

// Connect opens a superuser connection to the application database, which the
// caller closes.
func (n *Node) Connect(ctx context.Context) (*pgx.Conn, error) {
	return n.connect(ctx, Database)
}

func (n *Node) connect(ctx context.Context, db string) (*pgx.Conn, error) {
	// Whatever PGOPTIONS and the like of the caller say is said anew here.
	dsn := n.dsn(db, Superuser) + " application_name=pgconcord-lab options='' target_session_attrs=any timezone=UTC" +
		" connect_timeout=10 passfile=/dev/null channel_binding=disable require_auth=''"
	if _, ok := os.LookupEnv("PGSERVICE"); ok { // it cannot be unsaid, only pointed at an empty service
		dsn += " service=lab servicefile='" + n.home.serviceFile() + "'"
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("node %s: connect to %s: the environment's PG settings do not let us: %w", n.Name, n.Address(), err)
	}
	// Prepared statements would outlive the tables that faults change.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("node %s: connect: %w", n.Name, err)
	}
	return conn, nil
}

// take returns an open connection; put gives it back.
func (n *Node) take(ctx context.Context) (*pgx.Conn, error) {
	for {
		n.mu.Lock()
		var conn *pgx.Conn
		if k := len(n.idle); k > 0 {
			conn, n.idle = n.idle[k-1], n.idle[:k-1]
		}
		n.mu.Unlock()
		if conn == nil {
			return n.Connect(ctx)
		}
		if conn.Ping(ctx) == nil {
			return conn, nil
		}
		_ = conn.Close(ctx)
	}
}

func (n *Node) put(conn *pgx.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if conn.IsClosed() || conn.PgConn().TxStatus() != 'I' || len(n.idle) >= 4 {
		closeSoon(conn)
		return
	}
	n.idle = append(n.idle, conn)
}

func (n *Node) dropConnections() {
	n.mu.Lock()
	for _, c := range n.idle {
		closeSoon(c)
	}
	n.idle = nil
	n.mu.Unlock()
	n.localMu.Lock()
	if n.local != nil {
		closeSoon(n.local)
		n.local = nil
	}
	n.localMu.Unlock()
}

func closeSoon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// Exec runs SQL on the node as superuser; what it writes replicates as usual.
// Without args it may be several statements, which then are one transaction.
func (n *Node) Exec(ctx context.Context, sql string, args ...any) error {
	conn, err := n.take(ctx)
	if err != nil {
		return err
	}
	defer n.put(conn)
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	return nil
}

func (n *Node) execIn(ctx context.Context, db, sql string) error {
	conn, err := n.connect(ctx, db)
	if err != nil {
		return err
	}
	defer closeSoon(conn)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("node %s: database %s: %w", n.Name, db, err)
	}
	return nil
}

// Scalar runs a query on the node that gives one value, and returns it as
// text; NULL is the empty string.
func (n *Node) Scalar(ctx context.Context, sql string, args ...any) (string, error) {
	rows, err := n.Rows(ctx, sql, args...)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", fmt.Errorf("node %s: a query for one value gave %d rows", n.Name, len(rows))
	}
	return rows[0][0], nil
}

// Rows runs a query on the node and returns all values as text; NULL is the
// empty string.
func (n *Node) Rows(ctx context.Context, sql string, args ...any) ([][]string, error) {
	conn, err := n.take(ctx)
	if err != nil {
		return nil, err
	}
	defer n.put(conn)
	// The simple protocol gives every type as text.
	rows, err := conn.Query(ctx, sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	var all [][]string
	for rows.Next() {
		row := make([]string, len(rows.RawValues()))
		for i, v := range rows.RawValues() {
			row[i] = string(v)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return all, nil
}

// LocalOrigin is the replication origin of [Node.ExecLocal].
const LocalOrigin = "lab_local"

// ExecLocal runs SQL on the node under a replication origin of its own, so that
// what it writes stays on this node: every kind of divergence is made with it.
// (The subscribers ask for no forwarded origins. session_replication_role =
// replica would not do: it turns triggers off and replicates all the same.)
func (n *Node) ExecLocal(ctx context.Context, sql string, args ...any) error {
	return n.locally(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
}

// local1 is ExecLocal for a statement that returns one value.
func (n *Node) local1(ctx context.Context, sql string, value any, args ...any) error {
	return n.locally(ctx, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql, args...).Scan(value) })
}

// locally keeps one session: an origin serves one at a time, and one that was
// just closed may still hold it.
func (n *Node) locally(ctx context.Context, f func(*pgx.Conn) error) error {
	n.localMu.Lock()
	defer n.localMu.Unlock()
	if n.local != nil && n.local.Ping(ctx) != nil {
		closeSoon(n.local)
		n.local = nil
	}
	if n.local == nil {
		conn, err := n.Connect(ctx)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, `
			SELECT pg_replication_origin_create('`+LocalOrigin+`')
			WHERE NOT EXISTS (SELECT FROM pg_replication_origin WHERE roname = '`+LocalOrigin+`');
			SELECT pg_replication_origin_session_setup('`+LocalOrigin+`')`)
		if err != nil {
			closeSoon(conn)
			return fmt.Errorf("node %s: set up the origin %s: %w", n.Name, LocalOrigin, err)
		}
		n.local = conn
	}
	if err := f(n.local); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	return nil
}

// DropLocalOrigin removes the origin of [Node.ExecLocal], which is a leftover to
// whoever judges the node; the next call makes it anew.
func (n *Node) DropLocalOrigin(ctx context.Context) error {
	n.localMu.Lock()
	defer n.localMu.Unlock()
	if n.local != nil {
		closeSoon(n.local)
		n.local = nil
	}
	// Its session may still hold it for a moment.
	return n.until(ctx, "nobody holds the origin "+LocalOrigin,
		"SELECT count(pg_replication_origin_drop(roname)) >= 0 FROM pg_replication_origin WHERE roname = '"+LocalOrigin+"'")
}

// No wait of the lab is longer, whatever its context allows.
const waitLimit = time.Minute

var errWaitLimit = errors.New("not within a minute")

// until polls a query that gives one boolean until it is true.
func (n *Node) until(ctx context.Context, what, sql string, args ...any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, waitLimit, errWaitLimit)
	defer cancel()
	for {
		v, err := n.Scalar(ctx, sql, args...)
		if err == nil && v == "t" {
			return nil
		}
		if isSyntax(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("node %s: waiting until %s: %w", n.Name, what, context.Cause(ctx))
		case <-time.After(40 * time.Millisecond):
		}
	}
}

// isSyntax tells an error that waiting does not mend: one in the statement.
func isSyntax(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(e.Code, "42")
}
