package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Joiner is the node that [Lab.JoinUnderLag] adds.
const Joiner = "dc1n3"

// joinSource is the member nearest to a joiner in datacenter A, lateWriter the
// one whose updates are late.
const (
	joinSource = "dc1n2"
	lateWriter = "dc1n1"
)

// Join says what a join under lag did.
type Join struct {
	Joiner string
	Source string // the node it was copied from
	Writer string // the node whose updates were on their way
	Stale  []Row  // the rows that stay old on the joiner, in order of table and key
}

// Row names one row: its table as schema.table, and its key as text, one value
// for each column of the primary key.
type Row struct {
	Table string
	Key   []string
}

// String renders shard1.entry(11, 2).
func (r Row) String() string { return r.Table + "(" + strings.Join(r.Key, ", ") + ")" }

// late is what the writer does while its streams are held, a row of each shape
// of key.
var late = []struct {
	row    Row
	update string
}{
	{Row{"ref.currency", []string{"C07"}}, "UPDATE ref.currency SET rate = rate * 1.1, updated_at = now() WHERE code = 'C07'"},
	{Row{"ref.product", []string{"42"}}, "UPDATE ref.product SET price = price + 5, updated_at = now() WHERE id = 42"},
	{Row{"shard1.customer", []string{"7"}}, "UPDATE shard1.customer SET balance = balance - 100, email = 'moved@example.org' WHERE id = 7"},
	{Row{"shard1.device", []string{"tenant-7", "6a85a280-b379-0625-1f46-b051c253e2cf"}}, "UPDATE shard1.device SET label = NULL WHERE tenant = 'tenant-7' AND device = md5('device 7')::uuid"},
	{Row{"shard1.entry", []string{"11", "2"}}, "UPDATE shard1.entry SET amount = amount + 1000 WHERE account = 11 AND seq = 2"},
}

// JoinUnderLag adds a seventh node, joined by a logical copy while updates of
// another node are still on their way: on it, and only on it, the rows that are
// returned stay old for good. Everything is caught up on return, and nothing
// raised an error. Other writes must rest meanwhile.
//
// How it comes about: every row that the copy brings bears the commit time of
// the copy, which is later than that of the updates on their way. When these
// arrive the old members take them, as they are newer than their rows, and the
// joiner discards them, as they are older than its.
func (l *Lab) JoinUnderLag(ctx context.Context) (*Join, error) {
	j := &Join{Joiner: Joiner, Source: joinSource, Writer: lateWriter}
	for _, u := range late {
		j.Stale = append(j.Stale, u.row)
	}
	return j, l.join(ctx, Joiner, true)
}

// JoinCleanly adds a node of datacenter A, with no change on its way; it ends
// equal.
func (l *Lab) JoinCleanly(ctx context.Context, name string) error {
	return l.join(ctx, name, false)
}

func (l *Lab) join(ctx context.Context, name string, underLag bool) error {
	members := l.Nodes()
	if err := l.Barrier(ctx); err != nil {
		return err
	}
	joiner, err := l.newMember(ctx, name)
	if err != nil {
		return err
	}
	if err := l.prepare(ctx, joiner); err != nil {
		return err
	}
	// The joiner's slots on the members come first, so that it misses nothing,
	// and the streams wait until the copy is there. The joiner takes them one
	// after the other: its manager starts one worker a second anyway.
	var toJoiner []edge
	for _, m := range members {
		if m.Name == joinSource {
			continue
		}
		e := edge{m.Name, name}
		toJoiner = append(toJoiner, e)
		if err := l.subscribe(ctx, e, false); err != nil {
			return err
		}
	}
	if err := forAll(ctx, toJoiner, func(ctx context.Context, e edge) error {
		if err := l.replicate(ctx, e); err != nil {
			return err
		}
		return l.DisableEdge(ctx, e.provider, e.subscriber)
	}); err != nil {
		return err
	}
	l.mark("%s has a slot on every member", name)

	var held []edge
	if underLag {
		for _, m := range members {
			if m.Name != lateWriter {
				held = append(held, edge{lateWriter, m.Name})
			}
		}
		if err := forAll(ctx, held, func(ctx context.Context, e edge) error { return l.DisableEdge(ctx, e.provider, e.subscriber) }); err != nil {
			return err
		}
		for _, u := range late {
			if err := l.Node(lateWriter).Exec(ctx, u.update); err != nil {
				return err
			}
		}
		l.mark("%s has written %d rows, and its streams are held", lateWriter, len(late))
	}

	source := edge{joinSource, name}
	if err := l.subscribe(ctx, source, true); err != nil {
		return err
	}
	if err := joiner.until(ctx, "the copy from "+joinSource+" is complete", `
		SELECT count(*) > 0 AND bool_and(sync_status = 'r') FROM pglogical.local_sync_status s
		JOIN pglogical.subscription u ON u.sub_id = s.sync_subid WHERE u.sub_name = $1`, source.subscription()); err != nil {
		return err
	}
	if err := l.replicate(ctx, source); err != nil {
		return err
	}
	l.mark("%s holds a copy of %s", name, joinSource)

	var fromJoiner []edge
	for _, m := range members {
		fromJoiner = append(fromJoiner, edge{name, m.Name})
	}
	if err := forAll(ctx, fromJoiner, func(ctx context.Context, e edge) error {
		if err := l.subscribe(ctx, e, false); err != nil {
			return err
		}
		return l.replicate(ctx, e)
	}); err != nil {
		return err
	}
	if err := forAll(ctx, append(toJoiner, held...), func(ctx context.Context, e edge) error { return l.EnableEdge(ctx, e.provider, e.subscriber) }); err != nil {
		return err
	}
	l.mu.Lock()
	l.order = append(l.order, name)
	l.mu.Unlock()
	if err := l.Settle(ctx); err != nil {
		return err
	}
	if err := l.Barrier(ctx); err != nil {
		return err
	}
	l.mark("%s is a full member and every node is caught up", name)
	return nil
}

// Candidate starts the server of a node that is to join in datacenter A: with
// the database, the roles and the extension, and nothing else. [Lab.JoinCleanly]
// or [Lab.JoinUnderLag] joins it.
func (l *Lab) Candidate(ctx context.Context, name string) (*Node, error) {
	l.mu.Lock()
	if _, ok := l.nodes[name]; ok {
		l.mu.Unlock()
		return nil, fmt.Errorf("the lab already has a node %s", name)
	}
	n := l.home.node(name, l.opt, meshConfig)
	l.nodes[name] = n
	l.mu.Unlock()
	if err := n.create(ctx); err != nil {
		return nil, err
	}
	if l.barmanUsed() {
		if err := barmanRolesOn(ctx, n); err != nil {
			return nil, err
		}
	}
	return n, n.Exec(ctx, pglogicalExtension)
}

// newMember gives a node reference data and the first shard, and starts its
// server when there is none yet.
func (l *Lab) newMember(ctx context.Context, name string) (*Node, error) {
	l.mu.Lock()
	n, started := l.nodes[name]
	member := slices.Contains(l.order, name)
	l.mu.Unlock()
	switch {
	case member:
		return nil, fmt.Errorf("the lab already has a member %s", name)
	case !started:
		var err error
		if n, err = l.Candidate(ctx, name); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, set := range []string{"ref", "shard1"} {
		l.members[set] = append(slices.Clone(l.members[set]), name)
	}
	return n, nil
}

func forAll(ctx context.Context, edges []edge, f func(context.Context, edge) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, e := range edges {
		g.Go(func() error { return f(ctx, e) })
	}
	return g.Wait()
}
