package compare

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// lane is a session inside a group's transaction. What needs no answer before
// the next statement is sent along with it: between datacenters a table's time is
// that of its round trips.
type lane struct {
	session *cluster.Session
	open    bool // in a transaction
	main    bool
	node    string
}

// wrap is that of the session, and keeps what the comparer itself says by an error.
func (l *lane) wrap(attempted string, err error) error {
	for _, own := range []error{errNoDigest, errAgain, errPartitions} {
		if errors.Is(err, own) {
			return fmt.Errorf("node %s: %s: %w", l.session.Node, attempted, own)
		}
	}
	return l.session.Wrap(attempted, err)
}

// querier is what reads need of a connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const beginReadOnly = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

// send runs statements in one round trip and returns the rows of each, as text.
// The transaction that the first of them begins is open when one of the others
// fails.
func (l *lane) send(ctx context.Context, sql ...string) ([]*pgconn.Result, error) {
	l.open = true
	results, err := l.session.Conn.PgConn().Exec(ctx, strings.Join(sql, ";\n")).ReadAll()
	if err == nil && len(results) != len(sql) {
		err = fmt.Errorf("%d statements gave %d results", len(sql), len(results))
	}
	for _, r := range results {
		if err == nil {
			err = r.Err
		}
	}
	return results, err
}

// lead begins as the group's first lane, over the session that the node has
// anyway.
func (l *lane) lead(ctx context.Context, g *group, job Job) error {
	err := l.begin(ctx, g, job, true)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		// The role may read columns and not lock the table.
		err = l.begin(ctx, g, job, false)
	}
	return l.wrap("begin to compare "+job.Table, err)
}

// begin takes the group's snapshot. The WAL position is taken before it, so
// that everything up to that is in what is read. The tables are locked before
// it too, against what rewrites them: a snapshot that is older than such a
// rewrite may see an empty table.
func (l *lane) begin(ctx context.Context, g *group, job Job, lock bool) (err error) {
	ctx, cancel := l.session.Deadline(ctx)
	defer cancel()
	if err := l.session.Conn.QueryRow(ctx, position).Scan(&g.snapshot.LSN, &g.snapshot.At); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.end()
		}
	}()
	sql := []string{beginReadOnly}
	if lock {
		only := "ONLY "
		if job.Group.Below {
			only = ""
		}
		sql = append(sql, "LOCK TABLE "+only+strings.Join(job.Group.Relations, ", "+only)+" IN ACCESS SHARE MODE")
	}
	// Crash recovery resets the statistics, and a restart has a new start time.
	// Either may have taken back what a snapshot before it had seen.
	sql = append(sql, job.Group.Settings,
		"SELECT txid_snapshot_xmin(txid_current_snapshot()), concat_ws(' ', pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_bgwriter), pg_is_in_recovery())",
		files(job.Group.Relations))
	if job.Group.Several {
		sql = append(sql, "SELECT pg_export_snapshot()")
	}
	results, err := l.send(ctx, sql...)
	if err != nil {
		return err
	}
	if job.Group.Several {
		g.exported = string(results[len(results)-1].Rows[0][0])
		results = results[:len(results)-1]
	}
	g.files = map[string]string{}
	for _, row := range results[len(results)-1].Rows {
		g.files[string(row[0])] = string(row[1])
	}
	snapshot := results[len(results)-2].Rows[0]
	g.snapshot.Server = string(snapshot[1])
	if g.snapshot.XMin, err = strconv.ParseInt(string(snapshot[0]), 10, 64); err != nil {
		return err
	}
	if !lock {
		if err := l.unrewritten(ctx, job.Group.Relations); err != nil {
			return err
		}
	}
	if job.Group.Root != "" {
		return samePartitions(ctx, l.session.Conn, job.Group)
	}
	return nil
}

// unrewritten takes the locks of a role that may read columns and not lock the
// table, by reading nothing of it, and proves that nothing was rewritten between
// the snapshot and them: the catalog as the snapshot has it and as it is now
// name the same file.
func (l *lane) unrewritten(ctx context.Context, relations []string) error {
	var sql, oids []string
	for _, r := range relations {
		sql = append(sql, "SELECT FROM ONLY "+r+" LIMIT 0")
		oids = append(oids, "to_regclass("+literal(r)+")")
	}
	sql = append(sql, "SELECT FROM pg_class c WHERE c.oid IN ("+strings.Join(oids, ", ")+") AND coalesce(pg_relation_filenode(c.oid), c.relfilenode) = c.relfilenode")
	results, err := l.send(ctx, sql...)
	if err == nil && len(results[len(results)-1].Rows) != len(relations) {
		err = errAgain
	}
	return err
}

// position is the query of the WAL position that a snapshot taken after it holds.
const position = `SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_insert_lsn() END::text, clock_timestamp()`

// files returns the query of what tells that a relation is not what it was: its
// oid and file, which change when it is replaced or rewritten, and what gives rows
// other values without writing one: columns that were dropped and added again,
// with their defaults, and labels of enums.
func files(relations []string) string {
	values := make([]string, len(relations))
	for i, r := range relations {
		values[i] = "(" + literal(r) + ")"
	}
	return `SELECT r, concat_ws('.', to_regclass(r)::oid, pg_relation_filenode(to_regclass(r)),
		(SELECT md5(string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attmissingval::text, (SELECT string_agg(e.oid || e.enumlabel, ' ' ORDER BY e.oid) FROM pg_enum e WHERE e.enumtypid = a.atttypid)), ',' ORDER BY a.attnum))
			FROM pg_attribute a WHERE a.attrelid = to_regclass(r) AND a.attnum > 0 AND NOT a.attisdropped))
		FROM (VALUES ` + strings.Join(values, ", ") + ") v (r)"
}

// follow begins with the snapshot that the group's first lane took.
func (l *lane) follow(ctx context.Context, g *group, job Job) error {
	ctx, cancel := l.session.Deadline(ctx)
	defer cancel()
	_, err := l.send(ctx, beginReadOnly, "SET TRANSACTION SNAPSHOT "+literal(g.exported), job.Group.Settings)
	return err
}

// end lets the lane's snapshot go, by a COMMIT for the reason of
// [cluster.Session.Read]: a scan prunes pages.
func (l *lane) end() {
	if !l.open || l.session.Conn.IsClosed() {
		return
	}
	l.open = false
	// That is no work for a server, and whoever stops the run waits for it.
	ctx, cancel := context.WithTimeout(context.Background(), l.session.Settings.ConnectTimeout)
	defer cancel()
	if _, err := l.session.Conn.Exec(ctx, "COMMIT"); err != nil {
		l.session.Close() // a session that cannot even do that is of no use
	}
}

func (l *lane) run(ctx context.Context, job Job, out *Output) error {
	return l.attempt(ctx, job.Savepoint, func(ctx context.Context) error { return read(ctx, l.session.Conn, job, out) })
}

// attempt runs what has the time of one statement. With a savepoint the snapshot
// outlives its failure.
func (l *lane) attempt(ctx context.Context, savepoint bool, fn func(context.Context) error) error {
	ctx, cancel := l.session.Deadline(ctx)
	defer cancel()
	if !savepoint {
		return fn(ctx)
	}
	if _, err := l.session.Conn.Exec(ctx, "SAVEPOINT pgconcord"); err != nil {
		return err
	}
	if err := fn(ctx); err != nil {
		again, cancel := l.session.Deadline(context.WithoutCancel(ctx))
		defer cancel()
		if _, back := l.session.Conn.Exec(again, "ROLLBACK TO SAVEPOINT pgconcord; RELEASE SAVEPOINT pgconcord"); back != nil {
			return fmt.Errorf("%w; and the snapshot was lost: %w", err, back)
		}
		return err
	}
	_, err := l.session.Conn.Exec(ctx, "RELEASE SAVEPOINT pgconcord")
	return err
}
