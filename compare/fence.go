package compare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/cluster"
)

// fencer waits until what every node had written when it was asked is applied
// on every other node of a task.
type fencer struct {
	surveys map[string]*survey // of every node of the plan that answered
	session func(string) *cluster.Session
	timeout time.Duration
	static  bool
	silent  map[string]bool         // nodes that by the plan receive and never send
	edges   map[[2]string]FenceEdge // the worst of every edge so far
	failed  map[[2]string]bool      // edges that ran into the timeout once
}

// edge is one direction between two nodes, as the subscriber has it.
type edge struct {
	provider, subscriber string
	sub                  *catalog.Subscription
}

// wait is the fence of one task: over the edges between the nodes that should
// hold its table, and over those from any other node that feeds one of them.
func (f *fencer) wait(ctx context.Context, t *task, compared []string) (Fence, error) {
	out := Fence{Needed: true, Passed: true}
	if f.static {
		return out, nil
	}
	edges, broken, err := f.graph(ctx, t, compared)
	if err != nil {
		return out, err
	}
	out.Edges = broken
	byProvider := map[string][]edge{}
	for _, e := range edges {
		byProvider[e.provider] = append(byProvider[e.provider], e)
	}
	results := make([][]FenceEdge, len(byProvider))
	g, gctx := errgroup.WithContext(ctx)
	for i, p := range slices.Sorted(maps.Keys(byProvider)) {
		g.Go(func() error {
			var err error
			results[i], err = f.confirm(gctx, p, byProvider[p])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return out, err
	}
	out.Edges = append(out.Edges, slices.Concat(results...)...)
	// What a standby's primary has applied by now must still get to the standby.
	replays, err := f.replays(ctx, compared)
	if err != nil {
		return out, err
	}
	out.Edges = append(out.Edges, replays...)
	for _, e := range out.Edges {
		out.Passed = out.Passed && e.Passed
		f.note(e)
	}
	return out, nil
}

// note keeps the worst of every edge for the report.
func (f *fencer) note(e FenceEdge) {
	k := [2]string{e.Provider, e.Subscriber}
	if old, ok := f.edges[k]; !ok || old.Passed && (!e.Passed || e.Waited > old.Waited) {
		f.edges[k] = e
	}
	if !e.Passed {
		f.failed[k] = true
	}
}

// report returns the fence over all edges that were waited for.
func (f *fencer) report() Fence {
	out := Fence{Needed: len(f.edges) > 0, Passed: true}
	for _, k := range slices.SortedFunc(maps.Keys(f.edges), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		out.Edges = append(out.Edges, f.edges[k])
		out.Passed = out.Passed && f.edges[k].Passed
	}
	return out
}

// provider is what the plan calls the provider of a node's subscription, which
// may be told by its slot alone; "" when that is not known. Nodes may be databases
// of one server, or of several groups that call their members alike.
func (f *fencer) provider(node string, sub catalog.Subscription) string {
	if sub.Provider != "" {
		named := f.called(sub.Provider)
		if len(named) > 1 {
			held := slices.DeleteFunc(slices.Clone(named), func(name string) bool { return name == node || !slices.Contains(f.surveys[name].slots, sub.Slot) })
			if len(held) > 0 {
				named = held
			}
		}
		switch len(named) {
		case 0:
			return sub.Provider
		case 1:
			return named[0]
		}
		return ""
	}
	found := ""
	for name, v := range f.surveys {
		if name != node && !v.inRecovery && sub.Slot != "" && slices.Contains(v.slots, sub.Slot) {
			if found != "" {
				return "" // two of them bear the name
			}
			found = name
		}
	}
	return found
}

// called returns the nodes of the plan that their own catalog calls by a name.
func (f *fencer) called(local string) (out []string) {
	for name, v := range f.surveys {
		if v.repl.localName == local && !v.inRecovery {
			out = append(out, name)
		}
	}
	return out
}

// graph lists the edges to wait for, asking each compared node for its
// subscriptions as they are now, and those that cannot be waited for.
func (f *fencer) graph(ctx context.Context, t *task, compared []string) (edges []edge, broken []FenceEdge, err error) {
	fail := func(p, s, why string) { broken = append(broken, FenceEdge{Provider: p, Subscriber: s, Reason: why}) }
	for _, s := range f.fed(compared) {
		session := f.session(s)
		repl, err := readReplication(ctx, session)
		if err != nil {
			return nil, nil, err
		}
		filling, err := copying(ctx, session, repl.flavour, t.qualified())
		if err != nil {
			return nil, nil, err
		}
		fed := map[string]bool{s: true}
		for i, sub := range repl.subs {
			if !slices.ContainsFunc(sub.Sets, func(x string) bool { return slices.Contains(t.sets, x) }) {
				continue
			}
			p := f.provider(s, sub)
			fed[p] = true
			switch {
			case !sub.Enabled:
				fail(p, s, "the subscription is disabled")
			case repl.unready != "":
				fail(p, s, repl.unready)
			case repl.flavour.Grouped() && sub.State == catalog.StateCatchup:
				fail(p, s, "the subscription is "+sub.RawState)
			case filling[sub.Name]:
				fail(p, s, "the subscription is copying the table, and applies none of its changes until that is done")
			case f.surveys[p] == nil:
				fail(p, s, "the provider could not be asked for its WAL position")
			default:
				edges = append(edges, edge{p, s, &repl.subs[i]})
			}
		}
		for _, p := range t.nodes {
			receives := f.silent[p] || f.surveys[p] != nil && f.surveys[p].inRecovery
			if !fed[p] && !receives {
				fail(p, s, "no subscription carries the table on this way")
			}
		}
	}
	return edges, broken, nil
}

// confirm reads the provider's WAL position and waits until every subscriber
// confirmed that it applied it.
func (f *fencer) confirm(ctx context.Context, provider string, edges []edge) ([]FenceEdge, error) {
	session := f.session(provider)
	begin := time.Now()
	target, err := flushed(ctx, session)
	if err != nil {
		return nil, err
	}
	late, err := unseen(ctx, session, f.surveys[provider].commitTS)
	if err != nil {
		return nil, err
	}
	out := make([]FenceEdge, len(edges))
	slots := make([]string, len(edges))
	timeout := f.timeout
	for i, e := range edges {
		out[i] = FenceEdge{Provider: e.provider, Subscriber: e.subscriber, LSN: target.String()}
		slots[i] = e.sub.Slot
		if f.failed[[2]string{e.provider, e.subscriber}] {
			timeout = min(timeout, 5*time.Second) // it had its chance
		}
	}
	deadline := begin.Add(timeout)
	pause := 5 * time.Millisecond
	for {
		got, err := confirmed(ctx, session, slots)
		if err != nil {
			return nil, err
		}
		if err := f.appear(ctx, provider, late); err != nil {
			return nil, err
		}
		waiting := false
		for i := range out {
			e := &out[i]
			if e.Passed {
				continue
			}
			g, ok := got[slots[i]]
			e.Waited = time.Since(begin)
			switch {
			case !ok:
				e.Reason = fmt.Sprintf("the provider has no replication slot %s", slots[i])
			case g.reached >= target && len(late) > 0:
				e.Reason, waiting = invisible(late), true
			case g.reached >= target:
				e.Passed, e.Reason = true, ""
			case !g.active:
				e.Reason, waiting = fmt.Sprintf("not applied within %s: the slot is not active, %d bytes are outstanding", timeout, target.Since(g.reached)), true
			default:
				e.Reason, waiting = fmt.Sprintf("not applied within %s: %d bytes are outstanding", timeout, target.Since(g.reached)), true
			}
		}
		if !waiting || time.Now().After(deadline) {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*2, 250*time.Millisecond)
	}
}

// pageHeader is the longest header of a WAL page: the insert position may lie
// behind one that no record follows, which nothing ever flushes or confirms.
const pageHeader = 40

// flushed returns the WAL position up to which everything that was committed
// and visible when it was called is flushed, asynchronous commits included.
//
// Those of synchronous commits are flushed before anyone can see them. Of the
// rest the WAL writer takes care within three times wal_writer_delay (says the
// manual, "Asynchronous Commit"), and is woken for it when it sleeps. Behind
// them may lie WAL that holds no commit, of somebody's read that was rolled back
// for instance, which nobody flushes for up to 15 s on a server that has nothing
// else to do: it is not waited for once the WAL writer had its time and sleeps.
// (What our own reading logs is flushed like an asynchronous commit: see
// [cluster.Session.Read].)
//
// What is flushed of such WAL may end within a record. A walsender sends none of
// it, so that subscribers confirm the position only after the rest is flushed. To
// conclude from outside that nothing else is missing is not safe: that the
// walsender waits for WAL and that its position rests say nothing, because a
// flush at the end of a segment wakes no walsender (AdvanceXLInsertBuffer in
// xlog.c), nor does anything wake one that its system has stopped.
func flushed(ctx context.Context, s *cluster.Session) (catalog.LSN, error) {
	type position struct {
		insert, flush catalog.LSN
		asleep        bool          // the WAL writer; false when the role may not see it
		grace         time.Duration // that it needs for asynchronous commits, with a margin
	}
	ask := func() (p position, err error) {
		const attempted = "read the WAL position"
		var insert, flush string
		var delay float64
		ctx, cancel := s.Deadline(ctx) // nothing else ends it when the network, or the server's machine, stands still
		defer cancel()
		if err := s.Conn.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn()::text,
			coalesce((SELECT wait_event = 'WalWriterMain' FROM pg_stat_activity WHERE backend_type = 'walwriter'), false),
			extract(epoch FROM current_setting('wal_writer_delay')::interval)::float8`).Scan(&insert, &flush, &p.asleep, &delay); err != nil {
			return p, s.Wrap(attempted, err)
		}
		p.grace = max(time.Second, time.Duration(5*delay*float64(time.Second)))
		if p.insert, err = catalog.ParseLSN(insert); err == nil {
			p.flush, err = catalog.ParseLSN(flush)
		}
		return p, err
	}
	first, err := ask()
	target, now, began := first.insert, first, time.Now()
	slept := 0
	for err == nil && now.flush < target && target.Since(now.flush) > pageHeader {
		if slept++; !now.asleep {
			slept = 0
		}
		if slept > 2 && time.Since(began) > now.grace {
			break
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		now, err = ask()
	}
	return min(target, max(now.flush, 1)), err
}

type progress struct {
	reached catalog.LSN
	active  bool
}

// confirmed returns how far each slot's consumer has applied: what it flushed,
// or, while it is connected, what it applied and anyone there can see.
func confirmed(ctx context.Context, s *cluster.Session, slots []string) (map[string]progress, error) {
	const attempted = "read the replication slots"
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	rows, err := s.Conn.Query(ctx, `SELECT s.slot_name, s.active, greatest(s.confirmed_flush_lsn, r.replay_lsn, '0/0')::text
		FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.slot_name = ANY ($1) AND s.database = current_database()`, slots)
	if err != nil {
		return nil, s.Wrap(attempted, err)
	}
	defer rows.Close()
	out := map[string]progress{}
	for rows.Next() {
		var name, lsn string
		var p progress
		if err := rows.Scan(&name, &p.active, &lsn); err != nil {
			return nil, s.Wrap(attempted, err)
		}
		if p.reached, err = catalog.ParseLSN(lsn); err != nil {
			return nil, s.Wrap(attempted, err)
		}
		out[name] = p
	}
	return out, s.Wrap(attempted, rows.Err())
}
