package survey

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// Look reads a running cluster that starts from the given connection strings.
// One is enough: the other nodes are found in its catalogs, and are asked with
// the same user and options at the addresses that the catalogs give. Missed
// says which nodes were not read, and why; when none was, nothing is seen.
func Look(ctx context.Context, dsns []string, s catalog.Settings) (seen Seen, missed []string, err error) {
	given := map[string]string{}
	for i, dsn := range dsns {
		if _, err := schema.ParseDSN(dsn); err != nil {
			return seen, nil, fmt.Errorf("--dsn number %d is no connection string: %w", i+1, err)
		}
		given[fmt.Sprintf("--dsn number %d", i+1)] = dsn
	}
	l := &look{settings: s, seen: Seen{DSN: map[string]string{}, Fact: map[string]*catalog.Facts{}}, of: map[string]string{}}
	if err := l.start(given, l.read(ctx, given)); err != nil {
		return seen, nil, err
	}
	peers, err := l.peers()
	if err != nil {
		return seen, nil, err
	}
	if len(peers) > 0 || l.unnamed {
		maps.Copy(l.seen.DSN, peers)
		l.again(l.read(ctx, l.seen.DSN))
	}
	l.seen.Name = l.name()
	return l.seen, l.missed, nil
}

type look struct {
	settings catalog.Settings
	seen     Seen
	of       map[string]string // node to the connection string it was found with
	missed   []string
	unnamed  bool // some subscription could be told from its address only
}

func (l *look) read(ctx context.Context, dsns map[string]string) map[string]catalog.Node {
	t := &schema.Topology{Nodes: map[string]schema.Node{}}
	for name, dsn := range dsns {
		t.Nodes[name] = schema.Node{DSN: dsn, Kind: schema.KindData}
	}
	return catalog.Read(ctx, t, l.settings).Nodes
}

// start takes in the nodes that the user named by their connection strings.
func (l *look) start(given map[string]string, nodes map[string]catalog.Node) error {
	servers := map[string]string{} // what leads to a database of a server
	for _, key := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[key]
		if n.Facts == nil {
			l.miss(fmt.Sprintf("%s (%s)", key, schema.Address(given[key])), n.Failure)
			continue
		}
		if id := n.Facts.Server.SystemID; id != "" {
			id += "/" + n.Facts.Server.Database
			if first := servers[id]; first != "" {
				return fmt.Errorf("%s and %s both lead to one database (%s)", first, key, schema.Address(given[key]))
			}
			servers[id] = key
		}
		name := n.Facts.LocalName
		if n.Facts.Flavour == catalog.Native {
			// Native replication gives a node no name.
			name, l.unnamed = l.hostName(given[key]), true
		}
		if name == "" {
			return fmt.Errorf("%s (%s) is no node of a mesh: its database has no BDR, PGD or pglogical node and no native subscription", key, schema.Address(given[key]))
		}
		if first, twice := l.of[name]; twice {
			return fmt.Errorf("%s and %s both lead to node %s", first, key, name)
		}
		l.of[name], l.seen.DSN[name], l.seen.Fact[name] = key, given[key], n.Facts
	}
	return nil
}

func (l *look) miss(what string, f *catalog.Failure) {
	why := "no answer"
	if f != nil {
		why = f.Attempted + ": " + f.Reason + ": " + f.Detail
	}
	l.missed = append(l.missed, what+" was not read: "+why)
}

// hostName names a node after its host, and after host and port when that name
// is taken.
func (l *look) hostName(dsn string) string {
	d, err := schema.ParseDSN(dsn)
	if err != nil || len(d.Hosts) == 0 {
		return ""
	}
	h := d.Hosts[0]
	name := cmp.Or(h.Host, "localhost")
	if net.ParseIP(name) == nil {
		name, _, _ = strings.Cut(name, ".")
	}
	name = strings.Map(func(r rune) rune {
		if r == ':' || r == '/' {
			return '_'
		}
		return r
	}, name)
	if _, taken := l.of[name]; taken || d.Local() {
		name += "_" + h.Port
	}
	return name
}

// peers returns the nodes that the catalogs know beyond those that were read,
// with connection strings made of theirs and the user's.
func (l *look) peers() (map[string]string, error) {
	out := map[string]string{}
	for _, n := range slices.Sorted(maps.Keys(l.seen.Fact)) {
		f := l.seen.Fact[n]
		for _, p := range f.Peers {
			_, known := l.seen.DSN[p.Name]
			if known || out[p.Name] != "" || catalog.PhaseOf(p.State) == catalog.PhaseParted {
				continue
			}
			dsn, err := l.redirect(n, p.Address)
			if err != nil {
				return nil, err
			}
			if dsn == "" {
				l.missed = append(l.missed, fmt.Sprintf("node %s was not read: node %s has no address for it; name it with --dsn", p.Name, n))
				continue
			}
			out[p.Name] = dsn
		}
		if f.Flavour != catalog.Native {
			continue
		}
		// Native replication lists no nodes; subscriptions name where they lead.
		for _, sub := range f.Subscriptions {
			dsn, err := l.redirect(n, sub.Address)
			if err != nil {
				return nil, err
			}
			if name := l.hostName(dsn); dsn != "" && !l.reached(sub.Address, out) && name != "" {
				l.of[name], out[name] = "", dsn
			}
		}
	}
	return out, nil
}

// redirect makes a connection string to an address of a node's catalog with the
// node's own user and options; "" when there is no address.
func (l *look) redirect(node, address string) (string, error) {
	place, database, _ := strings.Cut(address, "/")
	host, port, err := net.SplitHostPort(strings.SplitN(place, ",", 2)[0])
	if err != nil {
		return "", nil
	}
	dsn, err := schema.RedirectDSN(l.seen.DSN[node], host, port, database)
	if err != nil {
		return "", fmt.Errorf("node %s: its connection string: %w", node, err)
	}
	return dsn, nil
}

// reached reports whether an address is that of a node which is known already.
func (l *look) reached(address string, found map[string]string) bool {
	for _, known := range []map[string]string{l.seen.DSN, found} {
		for _, dsn := range known {
			if schema.Address(dsn) == address {
				return true
			}
		}
	}
	return false
}

// again takes in all nodes, now under their names.
func (l *look) again(nodes map[string]catalog.Node) {
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[name]
		switch {
		case n.Facts == nil:
			delete(l.seen.Fact, name)
			l.miss("node "+name+" ("+schema.Address(l.seen.DSN[name])+")", n.Failure)
		case n.Facts.LocalName != name && n.Facts.Flavour != catalog.Native:
			delete(l.seen.Fact, name)
			l.missed = append(l.missed, fmt.Sprintf("node %s was not read: its address %s, as the catalogs give it, leads to node %q; name it with --dsn",
				name, schema.Address(l.seen.DSN[name]), n.Facts.LocalName))
		default:
			l.seen.Fact[name] = n.Facts
		}
	}
}

// name is what the plan is called: the group, or else the database.
func (l *look) name() string {
	for _, n := range slices.Sorted(maps.Keys(l.seen.Fact)) {
		if g := l.seen.Fact[n].Group; g != "" {
			return g
		}
	}
	for _, n := range slices.Sorted(maps.Keys(l.seen.Fact)) {
		if db := l.seen.Fact[n].Server.Database; db != "" {
			return db
		}
	}
	return "cluster"
}
