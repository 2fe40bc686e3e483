package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/schema"
)

// factsOf returns the facts of a node that have the parts, or why there are none.
func factsOf(in Input, node string, parts ...catalog.Part) (*catalog.Facts, string) {
	if in.Cluster == nil {
		return nil, "no node was read"
	}
	n, ok := in.Cluster.Nodes[node]
	switch {
	case !ok:
		return nil, fmt.Sprintf("node %s was not read", node)
	case n.Facts == nil && n.Failure != nil:
		return nil, fmt.Sprintf("%s %s: %s", unreadNode(node), n.Failure.Attempted, n.Failure.Reason)
	case n.Facts == nil:
		return nil, fmt.Sprintf("node %s was not read", node)
	}
	if g := n.Facts.Gap(parts...); g != nil {
		reason := g.Reason
		if (reason == string(cluster.Failed) || reason == catalog.NotInRelease) && g.Detail != "" {
			reason = g.Detail // says more than that it failed
		}
		why := fmt.Sprintf("node %s: %s could not be read: %s", node, g.Part, reason)
		if g.Remedy != "" {
			why += "; " + g.Remedy
		}
		return nil, why
	}
	return n.Facts, ""
}

// node is a declared node together with what was read of it.
type node struct {
	in   Input
	name string
	plan schema.Node
	f    *catalog.Facts
}

// eachNode makes the Run of a check that judges each declared node by itself
// and needs these parts of its facts; a node without them is unknown.
func eachNode(judge func(node) []Finding, parts ...catalog.Part) func(Input) []Finding {
	return func(in Input) []Finding {
		var out []Finding
		for _, name := range in.Plan.NodeNames() {
			var fs []Finding
			if f, why := factsOf(in, name, parts...); f == nil {
				fs = []Finding{unknown("%s", why)}
			} else {
				fs = judge(node{in, name, in.Plan.Nodes[name], f})
			}
			for _, f := range fs {
				f.Subject.Node = name
				out = append(out, f)
			}
		}
		return out
	}
}

// allNodes is the Subjects of a check of every node.
func allNodes(in Input) []Subject {
	var out []Subject
	for _, n := range in.Plan.NodeNames() {
		out = append(out, Subject{Node: n})
	}
	return out
}

// edge is the way from a provider to a subscriber: what the plan wants of it,
// and what both ends know.
type edge struct {
	in                   Input
	provider, subscriber string
	sets                 []string // that the plan has it carry
	from, to             *catalog.Facts
	whyFrom, whyTo       string // why there are no facts of an end
	links                []link // the subscriptions that make it up, by name
}

// link is one subscription of an edge with its slot and walsender on the
// provider; those are nil when there are none or they could not be read.
type link struct {
	sub    catalog.Subscription
	slot   *catalog.Slot
	sender *catalog.Sender
}

// carries returns the sets that the edge's subscriptions take, and whether one
// takes all.
func (e edge) carries() (sets []string, all bool) {
	for _, l := range e.links {
		if l.sub.Sets == nil {
			all = true
		}
		sets = append(sets, l.sub.Sets...)
	}
	slices.Sort(sets)
	return slices.Compact(sets), all
}

// workedOut is what several checks of one run ask of the same plan and facts: in
// a mesh of sixty nodes there are 3540 edges, each in ten checks.
type workedOut struct {
	edges   map[[2]string]edge // by provider and subscriber
	wanted  []edge
	names   map[string]string
	flavour catalog.Flavour
}

// flavour of the cluster: that of the first node that could be read and where
// it is known what replicates.
func flavourOf(in Input) catalog.Flavour {
	if in.once == nil {
		return firstFlavour(in)
	}
	if in.once.flavour == "" {
		in.once.flavour = firstFlavour(in)
	}
	return in.once.flavour
}

func firstFlavour(in Input) catalog.Flavour {
	for _, n := range in.Plan.NodeNames() {
		if f, _ := factsOf(in, n); f != nil && f.Flavour != catalog.Unknown {
			return f.Flavour
		}
	}
	return catalog.Unknown
}

// wants reports whether the plan has an edge between two nodes: members of a
// group all hear from each other; elsewhere those that share a replication set.
// Subscriber-only nodes never send; a logical standby follows one node alone.
func wants(in Input, provider, subscriber string) bool {
	p, s := in.Plan.Nodes[provider].Kind, in.Plan.Nodes[subscriber].Kind
	if provider == subscriber || p == schema.KindSubscriberOnly || p == schema.KindStandby || s == schema.KindStandby {
		return false
	}
	return flavourOf(in).Grouped() && s != schema.KindSubscriberOnly || len(in.Plan.SetsBetween(provider, subscriber)) > 0
}

// names maps the names that nodes bear in their own catalogs to the plan's; not
// to be changed.
func names(in Input) map[string]string {
	if in.once == nil {
		return ownNames(in)
	}
	if in.once.names == nil {
		in.once.names = ownNames(in)
	}
	return in.once.names
}

func ownNames(in Input) map[string]string {
	out := map[string]string{}
	for _, n := range in.Plan.NodeNames() {
		out[n] = n
	}
	for _, n := range in.Plan.NodeNames() {
		f, _ := factsOf(in, n)
		if f == nil || f.LocalName == "" {
			continue
		}
		if _, declared := in.Plan.Nodes[f.LocalName]; !declared {
			out[f.LocalName] = n
		}
	}
	return out
}

// edgeOf gathers one edge.
func edgeOf(in Input, known map[string]string, provider, subscriber string) edge {
	if in.once == nil {
		return gather(in, known, provider, subscriber)
	}
	key := [2]string{provider, subscriber}
	e, ok := in.once.edges[key]
	if !ok {
		e = gather(in, known, provider, subscriber)
		in.once.edges[key] = e
	}
	return e
}

func gather(in Input, known map[string]string, provider, subscriber string) edge {
	e := edge{in: in, provider: provider, subscriber: subscriber, sets: in.Plan.SetsBetween(provider, subscriber)}
	e.from, e.whyFrom = factsOf(in, provider)
	e.to, e.whyTo = factsOf(in, subscriber, catalog.PartSubscriptions)
	if e.to == nil {
		return e
	}
	for _, sub := range e.to.Subscriptions {
		if known[sub.Provider] != provider {
			continue
		}
		l := link{sub: sub}
		if e.from != nil {
			l.slot, l.sender = slotAndSender(e.from, sub.Slot)
		}
		e.links = append(e.links, l)
	}
	slices.SortFunc(e.links, func(a, b link) int { return strings.Compare(a.sub.Name, b.sub.Name) })
	return e
}

func slotAndSender(f *catalog.Facts, name string) (*catalog.Slot, *catalog.Sender) {
	for i := range f.Slots {
		s := &f.Slots[i]
		if s.Name != name || s.Type == "physical" {
			continue
		}
		for j := range f.Senders {
			if s.Active && f.Senders[j].PID == s.ActivePID {
				return s, &f.Senders[j]
			}
		}
		return s, nil
	}
	return nil, nil
}

// edges returns the edges that the plan wants, by provider, then subscriber; not
// to be changed.
func edges(in Input) []edge {
	if in.once == nil {
		return wantedEdges(in)
	}
	if in.once.wanted == nil {
		in.once.wanted = wantedEdges(in)
	}
	return in.once.wanted
}

func wantedEdges(in Input) []edge {
	known := names(in)
	var out []edge
	for _, p := range in.Plan.NodeNames() {
		for _, s := range in.Plan.NodeNames() {
			if wants(in, p, s) {
				out = append(out, edgeOf(in, known, p, s))
			}
		}
	}
	return out
}

// eachEdge makes the Run of a check that judges each wanted edge by itself.
func eachEdge(judge func(edge) []Finding) func(Input) []Finding {
	return func(in Input) []Finding {
		var out []Finding
		for _, e := range edges(in) {
			for _, f := range judge(e) {
				f.Subject.Node, f.Subject.Peer = e.provider, e.subscriber
				out = append(out, f)
			}
		}
		return out
	}
}

// allEdges is the Subjects of a check of every edge.
func allEdges(in Input) []Subject {
	var out []Subject
	for _, p := range in.Plan.NodeNames() {
		for _, s := range in.Plan.NodeNames() {
			if wants(in, p, s) {
				out = append(out, Subject{Node: p, Peer: s})
			}
		}
	}
	return out
}

// readable returns the facts of the nodes that have the parts, by name, and why
// the others have not.
func readable(in Input, nodes []string, parts ...catalog.Part) (map[string]*catalog.Facts, []string) {
	out := map[string]*catalog.Facts{}
	var why []string
	for _, n := range slices.Sorted(slices.Values(nodes)) {
		f, w := factsOf(in, n, parts...)
		if f == nil {
			why = append(why, w)
			continue
		}
		out[n] = f
	}
	return out, why
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
