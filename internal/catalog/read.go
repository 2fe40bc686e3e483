package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/schema"
)

// Settings of [Read].
type Settings struct {
	Session cluster.Settings
	Flavour Flavour // read every node as this one; "": what is found there
	Joiner  string  // the planned join whose node is read too; "": none
}

// Read asks all nodes of the plan at once what they know, each in one short
// read-only transaction over one connection. What could not be read is a
// failure of the node or a gap in its facts; Read itself does not fail.
func Read(ctx context.Context, plan *schema.Topology, s Settings) *Cluster {
	nodes := maps.Clone(plan.Nodes)
	if j, ok := plan.Joins[s.Joiner]; ok && s.Joiner != "" {
		if _, declared := nodes[s.Joiner]; !declared {
			nodes[s.Joiner] = schema.Node{Datacenter: j.Datacenter, DSN: j.DSN, Kind: j.Kind}
		}
	}
	c := &Cluster{Format: FormatVersion, TakenAt: time.Now().UTC().Truncate(time.Microsecond)}
	// Which tables a node should hold no rows of is known when every node has
	// named the tables of its sets.
	r := &round{plan: plan, facts: map[string]*Facts{}, left: len(nodes), all: make(chan struct{})}
	c.Nodes = cluster.Each(ctx, nodes, func(ctx context.Context, name string, node schema.Node) Node {
		facts, err := readNode(ctx, name, node, s, r)
		if err != nil {
			return Node{Failure: failureOf(err)}
		}
		return Node{Facts: facts}
	})
	c.resolve(plan)
	return c.saved()
}

// saved returns the facts as they are after saving and loading, so that a live
// run judges the very data that a later one would.
func (c *Cluster) saved() *Cluster {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain data
	}
	again := &Cluster{}
	if err := json.Unmarshal(data, again); err != nil {
		panic(err)
	}
	return again
}

// resolve fills in the provider of subscriptions whose flavour names only its
// address.
func (c *Cluster) resolve(plan *schema.Topology) {
	byAddress := map[string]string{}
	for _, name := range plan.NodeNames() {
		byAddress[plan.Nodes[name].Address()] = name
	}
	for name, n := range c.Nodes {
		if n.Facts == nil {
			continue
		}
		if n.Facts.LocalName == "" && n.Facts.Flavour == Native {
			n.Facts.LocalName = name // native replication gives a node no name
		}
		for i := range n.Facts.Subscriptions {
			if sub := &n.Facts.Subscriptions[i]; sub.Provider == "" {
				sub.Provider = byAddress[sub.Address]
				if sub.Address == "" {
					sub.Provider = c.resolveSlot(name, sub.Slot)
				}
			}
		}
	}
}

func failureOf(err error) *Failure {
	f := &Failure{Attempted: "read the node", Reason: string(cluster.ReasonOf(err)), Detail: err.Error()}
	if e, ok := errors.AsType[*cluster.Error](err); ok {
		f.Attempted, f.Detail = e.Attempted, e.Err.Error()
	}
	return f
}

// readNode opens the session and reads; it takes part in the round whatever
// comes of it.
func readNode(ctx context.Context, name string, node schema.Node, s Settings, r *round) (*Facts, error) {
	var facts *Facts
	done := false
	arrive := func() {
		if !done {
			done = true
			r.arrive(name, facts)
		}
	}
	defer arrive()
	session, err := cluster.Open(ctx, name, node.DSN, s.Session)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	f := &Facts{Settings: map[string]string{}, Session: sessionOf(session)}
	limited, cancel := session.Deadline(ctx) // the clock and the catalogs together
	defer cancel()
	if err := clock(limited, session, f); err != nil {
		return nil, err
	}
	err = session.Read(limited, "read the node's catalogs", func(ctx context.Context, tx pgx.Tx) error {
		p, err := look(ctx, tx)
		if err != nil {
			return err
		}
		f.Extensions = p.Extensions
		fl, flavourName := detect(p, s.Flavour)
		f.Flavour = flavourName
		queries := genericQueries(p)
		if flavourName == Unknown {
			f.Gaps = append(f.Gaps, strangerGaps(p)...)
		}
		if fl.queries != nil {
			queries = append(queries, fl.queries(p, flavourName)...)
		}
		if name == s.Joiner {
			queries = append(queries, objectsQuery)
		}
		if err := run(ctx, session, p, queries, f); err != nil {
			return err
		}
		if err := sending(ctx, session, p, f); err != nil {
			return err
		}
		if fl.finish != nil {
			fl.finish(f)
		}
		firstValues(ctx, tx, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	facts = f
	arrive()
	if err := r.electing(ctx, session, f); err != nil {
		return nil, err
	}
	if err := r.foreign(ctx, session, name, f); err != nil {
		f.Gaps = append(f.Gaps, *failureOf(err))
		f.Gaps[len(f.Gaps)-1].Part = PartForeign
	}
	return f, nil
}

// clock asks the node's clock twice and keeps the quicker answer: the true
// offset lies within half its round trip.
func clock(ctx context.Context, session *cluster.Session, f *Facts) error {
	for range 2 {
		var at time.Time
		start := time.Now()
		if err := session.Conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&at); err != nil {
			return session.Wrap("read the clock", err)
		}
		if trip := time.Since(start); f.RoundTrip == 0 || trip < f.RoundTrip {
			f.ReadAt, f.ServerNow, f.RoundTrip = start.UTC().Truncate(time.Microsecond), at.UTC(), trip
		}
	}
	return nil
}

// round is where nodes wait for each other between their two reads.
type round struct {
	plan *schema.Topology
	all  chan struct{}

	mu    sync.Mutex
	facts map[string]*Facts
	left  int
}

func (r *round) arrive(name string, f *Facts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f != nil {
		r.facts[name] = f
	}
	if r.left--; r.left == 0 {
		close(r.all)
	}
}
