package lab

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// meshConfig is what a node of the mesh needs besides [baseConfig].
// synchronous_commit has the apply workers report a commit as flushed at once,
// not with the next second's status message: barriers are quick then.
var meshConfig = []string{
	"shared_preload_libraries = 'pglogical'",
	"pglogical.conflict_resolution = 'last_update_wins'",
	"pglogical.synchronous_commit = on",
}

// edge is one direction of replication.
type edge struct{ provider, subscriber string }

// subscription is the name of the edge's subscription. The slot on the provider
// is named after it, so it has to differ from all others of the provider.
func (e edge) subscription() string { return e.provider + "_to_" + e.subscriber }

// slot is how pglogical names the edge's slot and its origin.
func (e edge) slot() string {
	return fmt.Sprintf("pgl_%s_%s_%s", Database, e.provider, e.subscription())
}

// Slot returns the name of the edge's slot on the provider, which also is that
// of its origin on the subscriber.
func (l *Lab) Slot(provider, subscriber string) string { return edge{provider, subscriber}.slot() }

// meshUp makes the schema, the pglogical nodes, the edges and the seed rows.
func (l *Lab) meshUp(ctx context.Context) error {
	if err := l.each(ctx, func(ctx context.Context, n *Node) error { return l.prepare(ctx, n) }); err != nil {
		return err
	}
	version, err := l.Nodes()[0].Scalar(ctx, "SELECT extversion FROM pg_extension WHERE extname = 'pglogical'")
	if err != nil {
		return err
	}
	l.pglogical = version
	l.mark("schema, pglogical nodes and replication sets")
	if err := l.each(ctx, func(ctx context.Context, n *Node) error {
		for _, p := range l.Nodes() {
			if p != n {
				// The tables are empty on both sides, so nothing is copied.
				if err := l.subscribe(ctx, edge{p.Name, n.Name}, false); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := l.Settle(ctx); err != nil {
		return err
	}
	l.mark("all 30 edges replicate")
	g, gctx := errgroup.WithContext(ctx)
	for _, s := range seeds() {
		g.Go(func() error { return l.Node(s.node).Exec(gctx, s.sql) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := l.Barrier(ctx); err != nil {
		return err
	}
	l.mark("seed rows are on every node that should hold them")
	return nil
}

// sets returns the replication sets that all the named nodes hold.
func (l *Lab) sets(nodes ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sets []string
	for _, set := range setNames {
		if !slices.ContainsFunc(nodes, func(n string) bool { return !slices.Contains(l.members[set], n) }) {
			sets = append(sets, set)
		}
	}
	return sets
}

// pglogicalExtension is installed and opened to the reader.
const pglogicalExtension = `
CREATE EXTENSION IF NOT EXISTS pglogical;
GRANT USAGE ON SCHEMA pglogical TO ` + Reader + `;
GRANT SELECT ON ALL TABLES IN SCHEMA pglogical TO ` + Reader

// prepare makes the tables and the pglogical node with its replication sets,
// and lets the reader see them.
func (l *Lab) prepare(ctx context.Context, n *Node) error {
	var sql strings.Builder
	for _, set := range l.sets(n.Name) {
		sql.WriteString(tables(set))
	}
	fmt.Fprintf(&sql, "%s; SELECT pglogical.create_node('%s', '%s');", pglogicalExtension, n.Name, n.DSN())
	for _, set := range l.sets(n.Name) {
		fmt.Fprintf(&sql, `
SELECT pglogical.create_replication_set('%[1]s');
SELECT pglogical.replication_set_add_all_tables('%[1]s', '{%[1]s}');`, set)
	}
	return n.Exec(ctx, sql.String())
}

// subscribe makes an edge. With copy the subscriber's tables are filled from
// the provider first.
func (l *Lab) subscribe(ctx context.Context, e edge, copyRows bool) error {
	defer l.Node(e.subscriber).keepAwake(ctx)()
	sets := "{" + strings.Join(l.sets(e.provider, e.subscriber), ",") + "}"
	return l.Node(e.subscriber).Exec(ctx, `SELECT pglogical.create_subscription($1::name, $2::text, $3::text[],
		synchronize_structure := false, synchronize_data := $4::bool, forward_origins := '{}')`,
		e.subscription(), l.Node(e.provider).DSN(), sets, copyRows)
}

// DisableEdge switches the subscription from provider to subscriber off.
func (l *Lab) DisableEdge(ctx context.Context, provider, subscriber string) error {
	e := edge{provider, subscriber}
	defer l.Node(subscriber).keepAwake(ctx)()
	if err := l.Node(subscriber).Exec(ctx, "SELECT pglogical.alter_subscription_disable($1::name, true)", e.subscription()); err != nil {
		return err
	}
	return l.Node(provider).until(ctx, "the slot of "+e.subscription()+" is idle",
		"SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1", e.slot())
}

// EnableEdge switches it on again and waits until it replicates.
func (l *Lab) EnableEdge(ctx context.Context, provider, subscriber string) error {
	e := edge{provider, subscriber}
	defer l.Node(subscriber).keepAwake(ctx)()
	if err := l.Node(subscriber).Exec(ctx, "SELECT pglogical.alter_subscription_enable($1::name, true)", e.subscription()); err != nil {
		return err
	}
	return l.replicate(ctx, e)
}

// replicate waits until both ends of every edge say that it streams.
func (l *Lab) replicate(ctx context.Context, edges ...edge) error {
	bySubscriber := map[string][]edge{}
	for _, e := range edges {
		bySubscriber[e.subscriber] = append(bySubscriber[e.subscriber], e)
	}
	g, ctx := errgroup.WithContext(ctx)
	for name, edges := range bySubscriber {
		g.Go(func() error { return l.subscriberReplicates(ctx, l.Node(name), edges) })
	}
	return g.Wait()
}

// subscriberReplicates is replicate for edges of one subscriber.
//
// An edge whose worker ended is helped: pglogical's manager looks after a lost
// worker 5 s later when it noticed the end, and up to 180 s later when it did
// not. Switching the subscription off and on again has it forget the lost worker
// and start another one.
func (l *Lab) subscriberReplicates(ctx context.Context, n *Node, edges []edge) error {
	ctx, cancel := context.WithTimeoutCause(ctx, waitLimit, errWaitLimit)
	defer cancel()
	defer n.keepAwake(ctx)()
	helped := time.Now()
	for {
		rows, err := n.Rows(ctx, "SELECT subscription_name, status FROM pglogical.show_subscription_status()")
		if isSyntax(err) {
			return err
		}
		status := map[string]string{}
		for _, r := range rows {
			status[r[0]] = r[1]
		}
		var waiting []edge
		help := time.Since(helped) > 2*time.Second
		for _, e := range edges {
			state := status[e.subscription()]
			if state == "replicating" {
				streams, err := l.Node(e.provider).Scalar(ctx, `
					SELECT EXISTS (SELECT FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
						WHERE s.slot_name = $1 AND r.state = 'streaming')`, e.slot())
				if err == nil && streams == "t" {
					continue
				}
			}
			waiting = append(waiting, e)
			if state == "down" && help {
				helped = time.Now()
				if err := l.restartWorker(ctx, e); err != nil {
					return err
				}
			}
		}
		if edges = waiting; len(edges) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			e := edges[0]
			return fmt.Errorf("waiting until %s replicates: it is %q on %s: %w", e.subscription(), status[e.subscription()], n.Name, context.Cause(ctx))
		case <-time.After(40 * time.Millisecond):
		}
	}
}

// keepAwake has pglogical's manager look again and again until the function
// returned is called. It starts one worker after the other, and as nothing tells
// it that a worker is up it sleeps for a second each time, with a lock that
// changes of subscriptions wait for.
func (n *Node) keepAwake(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			n.wakeManager(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// wakeManager sends the signal by which PostgreSQL's processes wake each other
// (procsignal_sigusr1_handler), which does no more than that without a reason
// set beside it.
func (n *Node) wakeManager(ctx context.Context) {
	rows, _ := n.Rows(ctx, "SELECT pid FROM pg_stat_activity WHERE backend_type ^@ 'pglogical manager'")
	for _, r := range rows {
		pid, err := strconv.Atoi(r[0])
		if err != nil {
			continue
		}
		if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && cwd == n.data() {
			_ = syscall.Kill(pid, syscall.SIGUSR1)
		}
	}
}

func (l *Lab) restartWorker(ctx context.Context, e edge) error {
	n := l.Node(e.subscriber)
	defer n.keepAwake(ctx)()
	if err := n.Exec(ctx, "SELECT pglogical.alter_subscription_disable($1::name, true)", e.subscription()); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond) // for the manager to see it; when it does not, the next turn helps
	return n.Exec(ctx, "SELECT pglogical.alter_subscription_enable($1::name, true)", e.subscription())
}

// enabledEdges asks the subscribers that run which of their subscriptions are
// on; edges that are stalled or cut or whose provider is down are left out.
func (l *Lab) enabledEdges(ctx context.Context) ([]edge, error) {
	var edges []edge
	for _, n := range l.Nodes() {
		if !n.Running() {
			continue
		}
		rows, err := n.Rows(ctx, `SELECT o.node_name FROM pglogical.subscription s JOIN pglogical.node o ON o.node_id = s.sub_origin
			WHERE s.sub_enabled ORDER BY 1`)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if e := (edge{r[0], n.Name}); l.Node(r[0]).Running() && !l.held(e) {
				edges = append(edges, e)
			}
		}
	}
	return edges, nil
}

// Settle returns when every edge that is enabled replicates: after a node came
// back, for instance.
func (l *Lab) Settle(ctx context.Context) error {
	edges, err := l.enabledEdges(ctx)
	if err != nil {
		return err
	}
	return l.replicate(ctx, edges...)
}

// Barrier returns when everything written so far on any node is applied on
// every subscriber whose edge is enabled, and confirmed as flushed there. Nodes
// that are down and edges that are stalled or cut are passed over.
func (l *Lab) Barrier(ctx context.Context) error {
	edges, err := l.enabledEdges(ctx)
	if err != nil {
		return err
	}
	slots := map[string][]string{}
	for _, e := range edges {
		slots[e.provider] = append(slots[e.provider], e.slot())
	}
	g, ctx := errgroup.WithContext(ctx)
	for provider, names := range slots {
		g.Go(func() error {
			n := l.Node(provider)
			// The message moves a stream in which nothing else happens. The flush
			// position, not the insert position, which may lie behind a page header
			// that no record follows.
			if err := n.Exec(ctx, "SELECT pg_logical_emit_message(true, 'lab', 'barrier')"); err != nil {
				return err
			}
			lsn, err := n.Scalar(ctx, "SELECT pg_current_wal_flush_lsn()")
			if err != nil {
				return err
			}
			return n.until(ctx, fmt.Sprintf("%s have confirmed %s", strings.Join(names, ", "), lsn),
				"SELECT count(*) = $1 AND bool_and(confirmed_flush_lsn >= $2::pg_lsn) FROM pg_replication_slots WHERE slot_name = ANY ($3::text[])",
				len(names), lsn, "{"+strings.Join(names, ",")+"}")
		})
	}
	return g.Wait()
}
