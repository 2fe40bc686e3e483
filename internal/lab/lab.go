// Package lab runs a real cluster on this machine for the demo and the tests:
// six PostgreSQL nodes in a full pglogical mesh over three "datacenters" and
// three Barman hosts that stream from them, with faults and divergence on
// demand. Nothing of it is needed to check, compare or report.
//
// Everything listens on 127.0.0.1 and trusts whoever connects there, so a lab
// holds made-up rows only. It runs as root (servers then run as the postgres
// account, Barman as the barman account) or as an ordinary user.
//
// Whatever ends the process, kill -9 included, a reaper ends the servers and
// removes the folder; see reaper.go.
package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// The nodes of the lab, in the specification's order 1 to 6: the first shard is
// on 1, 2 and 5, the second on 3, 4 and 6, reference data on all.
var NodeNames = []string{"dc1n1", "dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2"}

// Database is the application database on every node.
const Database = "app"

// The roles on every node. Reader may read what a check or comparison needs
// and nothing else; the topology of the lab logs in with it.
const (
	Superuser = "postgres"
	Reader    = "pgconcord"
)

// Options of [Up] and [Servers].
type Options struct {
	Dir    string                        // for data and logs; default: a new temporary folder, removed by Down
	PGBin  string                        // folder with initdb and postgres; default: found, see FindServer
	Barman bool                          // bring up the three Barman hosts too
	Log    func(format string, a ...any) // what it is doing; default: nothing
	InitDB []string                      // more arguments for initdb, such as --locale=en_US.UTF-8
	Config []string                      // more lines for postgresql.conf

	barmanHosts []string // only these; default: all
}

// Lab is a running cluster. Its methods may be used by several goroutines, but
// faults on the same edge or node are the caller's to order.
type Lab struct {
	Dir string

	home    *home
	opt     Options
	server  Server
	log     func(format string, a ...any)
	started time.Time

	mu      sync.Mutex
	order   []string            // nodes in the specification's order, joined ones last
	nodes   map[string]*Node    // by name
	members map[string][]string // replication set to the nodes that hold it
	proxies map[edge]*proxy     // edges that run through one
	barman  map[string]*barmanHost

	pglogical     string // version, as are
	barmanVersion string

	injected int // rows that Inject has taken so far
}

// Up brings the cluster up and returns when every edge replicates and the seed
// rows are everywhere. It fails with a [*NotFoundError] when there is nothing
// to run it with.
func Up(ctx context.Context, opt Options) (*Lab, error) {
	server, err := mustFind(ctx, opt.PGBin, true)
	if err != nil {
		return nil, err
	}
	if opt.Barman {
		if _, err := findBarman(); err != nil {
			return nil, err
		}
	}
	h, err := newHome(opt, server)
	if err != nil {
		return nil, err
	}
	l := &Lab{
		Dir: h.dir, home: h, opt: opt, server: server, log: h.log, started: time.Now(),
		order: slices.Clone(NodeNames), nodes: map[string]*Node{}, members: map[string][]string{},
		proxies: map[edge]*proxy{}, barman: map[string]*barmanHost{},
	}
	for set, nodes := range placement {
		l.members[set] = slices.Clone(nodes)
	}
	for _, name := range NodeNames {
		l.nodes[name] = h.node(name, opt, meshConfig)
	}
	if err := l.up(ctx, opt); err != nil {
		return nil, errors.Join(err, l.Down())
	}
	return l, nil
}

func (l *Lab) up(ctx context.Context, opt Options) error {
	if err := l.each(ctx, func(ctx context.Context, n *Node) error { return n.create(ctx) }); err != nil {
		return err
	}
	l.mark("six nodes run: PostgreSQL %s from %s", l.server.Version, l.server.Bin)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.meshUp(ctx) })
	if opt.Barman {
		g.Go(func() error { return l.barmanUp(ctx) })
	}
	return g.Wait()
}

// Down stops everything at once and removes the folder unless it was given.
func (l *Lab) Down() error {
	l.mu.Lock()
	for _, n := range l.nodes {
		n.dropConnections()
	}
	for e, p := range l.proxies {
		p.close()
		delete(l.proxies, e)
	}
	l.mu.Unlock()
	return l.home.down()
}

// Detach leaves the lab running when the process ends; [Remove] ends it. Edges
// that are stalled at that moment stay cut.
func (l *Lab) Detach() error { return l.home.detach() }

// Node returns a node by name and panics when there is none.
func (l *Lab) Node(name string) *Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.nodes[name]
	if !ok {
		panic(fmt.Sprintf("the lab has no node %q, only %v", name, l.order))
	}
	return n
}

// Nodes returns the nodes in the specification's order, joined ones last.
func (l *Lab) Nodes() []*Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	nodes := make([]*Node, len(l.order))
	for i, name := range l.order {
		nodes[i] = l.nodes[name]
	}
	return nodes
}

// each runs f for all nodes at once.
func (l *Lab) each(ctx context.Context, f func(context.Context, *Node) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range l.Nodes() {
		g.Go(func() error { return f(ctx, n) })
	}
	return g.Wait()
}

// mark logs what has been reached, with the seconds since the start.
func (l *Lab) mark(format string, a ...any) {
	l.log("%5.1f s  %s", time.Since(l.started).Seconds(), fmt.Sprintf(format, a...))
}
