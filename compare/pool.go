package compare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// pool runs jobs on sessions of this process: the one that a node has anyway,
// and more up to a number, all of a group in one snapshot.
type pool struct {
	width  int                                                           // sessions of a node
	main   func(node string) *cluster.Session                            // the one it has
	open   func(ctx context.Context, n string) (*cluster.Session, error) // another one
	gentle func(context.Context, *cluster.Session, Job) error            // before every job; waits

	mu     sync.Mutex
	groups map[string]*group
	spare  map[string][]*cluster.Session // open and idle, by node
}

// group is an attempt under way.
type group struct {
	mu       sync.Mutex
	lanes    []*lane
	closed   bool // no more lanes
	free     chan *lane
	snapshot Snapshot
	exported string
	files    map[string]string
}

// lane is a session inside a group's transaction.
type lane struct {
	session *cluster.Session
	tx      pgx.Tx
	main    bool
	node    string
}

// Width returns how many jobs of a node are run at once.
func (p *pool) Width(string) int { return p.width }

// Run runs one job in its group's snapshot.
func (p *pool) Run(ctx context.Context, job Job) (Output, error) {
	p.mu.Lock()
	g := p.groups[job.Group.ID]
	if g == nil {
		g = &group{free: make(chan *lane, p.width)}
		p.groups[job.Group.ID] = g
	}
	p.mu.Unlock()
	l, err := p.take(ctx, g, job)
	if err != nil {
		return Output{}, err
	}
	defer func() { g.free <- l }()
	if err := p.gentle(ctx, l.session, job); err != nil {
		return Output{}, err
	}
	out := Output{Job: job.ID, Snapshot: g.snapshot, File: g.files[job.Relation], parts: map[int64]part{}}
	begin := time.Now()
	err = l.run(ctx, job, &out)
	out.Took = time.Since(begin)
	return out, l.session.Wrap("compare "+job.Table, err)
}

// take returns a lane that nobody uses.
func (p *pool) take(ctx context.Context, g *group, job Job) (*lane, error) {
	select {
	case l := <-g.free:
		return l, nil
	default:
	}
	g.mu.Lock()
	if len(g.lanes) < p.width && !g.closed && (job.Group.Several || len(g.lanes) == 0) {
		defer g.mu.Unlock()
		l, err := p.newLane(ctx, g, job)
		if err == nil {
			g.lanes = append(g.lanes, l)
			return l, nil
		}
		if len(g.lanes) == 0 || ctx.Err() != nil {
			return nil, err
		}
		g.closed = true // one connection more is not to be had: the others do
		select {
		case l := <-g.free:
			return l, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	g.mu.Unlock()
	select {
	case l := <-g.free:
		return l, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) newLane(ctx context.Context, g *group, job Job) (*lane, error) {
	l := &lane{node: job.Node}
	if len(g.lanes) == 0 {
		l.main, l.session = true, p.main(job.Node)
		err := l.begin(ctx, g, job, true)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
			// The role may read columns and not lock the table.
			err = l.begin(ctx, g, job, false)
		}
		return l, l.session.Wrap("begin to compare "+job.Table, err)
	}
	p.mu.Lock()
	if spare := p.spare[job.Node]; len(spare) > 0 {
		l.session, p.spare[job.Node] = spare[len(spare)-1], spare[:len(spare)-1]
	}
	p.mu.Unlock()
	if l.session == nil {
		var err error
		if l.session, err = p.open(ctx, job.Node); err != nil {
			return nil, err
		}
	}
	if err := l.follow(ctx, g, job); err != nil {
		l.session.Close()
		return nil, l.session.Wrap("share the snapshot for "+job.Table, err)
	}
	return l, nil
}

var readOnly = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// begin takes the group's snapshot. The WAL position is taken before it, so
// that everything up to that is in what is read. The tables are locked before
// it too, against what rewrites them: a snapshot that is older than such a
// rewrite may see an empty table.
func (l *lane) begin(ctx context.Context, g *group, job Job, lock bool) (err error) {
	ctx, cancel := l.session.Deadline(ctx)
	defer cancel()
	var recovering bool
	if err := l.session.Conn.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&recovering); err != nil {
		return err
	}
	if err := l.session.Conn.QueryRow(ctx, position(recovering)).Scan(&g.snapshot.LSN, &g.snapshot.At); err != nil {
		return err
	}
	if l.tx, err = l.session.Conn.BeginTx(ctx, readOnly); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			l.end()
		}
	}()
	if lock {
		if _, err := l.tx.Exec(ctx, "LOCK TABLE ONLY "+strings.Join(job.Group.Relations, ", ONLY ")+" IN ACCESS SHARE MODE"); err != nil {
			return err
		}
	}
	if _, err := l.tx.Exec(ctx, job.Group.Settings); err != nil {
		return err
	}
	// Crash recovery resets the statistics, and a restart has a new start time.
	// Either may have taken back what a snapshot before it had seen.
	if err := l.tx.QueryRow(ctx, `SELECT txid_snapshot_xmin(txid_current_snapshot()), concat_ws(' ', pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_bgwriter), pg_is_in_recovery())`).
		Scan(&g.snapshot.XMin, &g.snapshot.Server); err != nil {
		return err
	}
	if job.Group.Root != "" {
		if err := samePartitions(ctx, l.tx, job.Group); err != nil {
			return err
		}
	}
	rows, err := l.tx.Query(ctx, "SELECT r, concat_ws('.', to_regclass(r)::oid, pg_relation_filenode(to_regclass(r))) FROM unnest($1::text[]) r", job.Group.Relations)
	if err != nil {
		return err
	}
	g.files = map[string]string{}
	var relation, file string
	if _, err := pgx.ForEachRow(rows, []any{&relation, &file}, func() error { g.files[relation] = file; return nil }); err != nil {
		return err
	}
	if job.Group.Several {
		return l.tx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&g.exported)
	}
	return nil
}

func position(recovering bool) string {
	if recovering {
		return "SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')::text, clock_timestamp()"
	}
	return "SELECT pg_current_wal_insert_lsn()::text, clock_timestamp()"
}

// follow begins with the snapshot that the group's first lane took.
func (l *lane) follow(ctx context.Context, g *group, job Job) (err error) {
	ctx, cancel := l.session.Deadline(ctx)
	defer cancel()
	if l.tx, err = l.session.Conn.BeginTx(ctx, readOnly); err != nil {
		return err
	}
	if _, err = l.tx.Exec(ctx, "SET TRANSACTION SNAPSHOT "+literal(g.exported)); err == nil {
		_, err = l.tx.Exec(ctx, job.Group.Settings)
	}
	return err
}

// end lets the lane's snapshot go.
func (l *lane) end() {
	if l.tx == nil {
		return
	}
	ctx, cancel := l.session.Deadline(context.Background())
	defer cancel()
	_ = l.tx.Rollback(ctx) // a session that cannot even do that is closed by it
}

func (l *lane) run(ctx context.Context, job Job, out *Output) error {
	ctx, cancel := l.session.Deadline(ctx)
	defer cancel()
	if !job.Savepoint {
		return read(ctx, l.tx, job, out)
	}
	inner, err := l.tx.Begin(ctx)
	if err != nil {
		return err
	}
	if err := read(ctx, inner, job, out); err != nil {
		again, cancel := l.session.Deadline(context.WithoutCancel(ctx))
		defer cancel()
		if back := inner.Rollback(again); back != nil {
			return fmt.Errorf("%w; and the snapshot was lost: %w", err, back)
		}
		return err
	}
	return inner.Commit(ctx)
}

// End ends the group's transactions and keeps what sessions are still good.
func (p *pool) End(id string) {
	p.mu.Lock()
	g := p.groups[id]
	delete(p.groups, id)
	p.mu.Unlock()
	if g == nil {
		return
	}
	for _, l := range g.lanes {
		l.end()
		switch {
		case l.main:
		case l.session.Conn.IsClosed():
			l.session.Close()
		default:
			p.mu.Lock()
			p.spare[l.node] = append(p.spare[l.node], l.session)
			p.mu.Unlock()
		}
	}
}

// close ends the sessions that are its own.
func (p *pool) close() {
	for _, id := range slices.Collect(maps.Keys(p.groups)) {
		p.End(id)
	}
	for _, sessions := range p.spare {
		for _, s := range sessions {
			s.Close()
		}
	}
}
