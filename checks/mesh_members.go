package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// MeshNodesMatchPlan: the catalogs know the declared nodes and no other.
var MeshNodesMatchPlan = Check{
	Name:  "mesh/nodes-match-plan",
	Title: "The catalogs know the nodes of the plan, no more and no less",
	Why: "A node that nobody declared takes part in replication unseen: it is not backed up, not compared and holds WAL back. A " +
		"declared one that is not there gives a false sense of safety.",
	Remedy:   "Bring the plan up to date, or join or drop the node; if an address answers with another node's name, correct the dsn.",
	Source:   "bdr-worldwide-specification, A1",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run:      eachNode(nodesMatchPlan, catalog.PartNodes),
}

func nodesMatchPlan(n node) []Finding {
	want := []string{n.name}
	for _, other := range n.in.Plan.NodeNames() {
		if wants(n.in, other, n.name) || n.f.Flavour.Grouped() && other != n.name {
			want = append(want, other)
		}
	}
	slices.Sort(want)
	done := func(f Finding, found []string) []Finding {
		return []Finding{f.evidence(strings.Join(found, ", "), strings.Join(want, ", "), "the node's own catalog of nodes")}
	}
	if n.f.LocalName == "" {
		return done(fail("no replication node is set up in database %s (%s)", n.f.Server.Database, n.f.Flavour), nil)
	}
	if n.f.LocalName != n.name {
		return done(fail("the node at %s calls itself %s", n.plan.Address(), n.f.LocalName), []string{n.f.LocalName})
	}
	var have, extra, missing []string
	for _, p := range n.f.Peers {
		if p.State == "PARTED" {
			continue // gone; its record stays until somebody drops it
		}
		have = append(have, p.Name)
		_, declared := n.in.Plan.Nodes[p.Name]
		_, planned := n.in.Plan.Joins[p.Name]
		if !declared && !planned && p.Name != n.in.Joiner {
			extra = append(extra, p.Name)
		}
	}
	if n.f.Flavour == catalog.Native { // has no catalog of nodes; its edges are judged by themselves
		return done(skip("native replication keeps no list of nodes"), nil)
	}
	for _, w := range want {
		if !slices.Contains(have, w) {
			missing = append(missing, w)
		}
	}
	slices.Sort(have)
	var wrong []string
	if len(extra) > 0 {
		wrong = append(wrong, "knows "+strings.Join(extra, ", ")+", which the plan does not have")
	}
	if len(missing) > 0 {
		wrong = append(wrong, "does not know "+strings.Join(missing, ", "))
	}
	if len(wrong) > 0 {
		return done(fail("%s %s", n.name, strings.Join(wrong, " and ")), have)
	}
	return done(pass("knows itself and the %d others that the plan connects it to", len(want)-1), have)
}

// MeshSameView: all nodes agree about the members.
var MeshSameView = Check{
	Name:  "mesh/same-view",
	Title: "All nodes agree on who the members are and in what state",
	Why: "Each node keeps a copy of the list of members. A node that lost touch with the others goes on with an old one, and decides by " +
		"it who must confirm a change before WAL is removed.",
	Remedy:   "Find the node whose view differs; if it has lost consensus, bring back its connection to the others and let it catch up.",
	Source:   "creating-and-joining-pgd-groups, B3; Postgres-BDR node states",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Run:      sameView,
}

func sameView(in Input) []Finding {
	facts, why := readable(in, in.Plan.NodeNames(), catalog.PartNodes)
	views := map[string]map[string][]string{} // member to what is said of it to who says so
	for _, observer := range sortedKeys(facts) {
		f := facts[observer]
		known := map[string]bool{}
		for _, p := range f.Peers {
			known[p.Name] = true
			say(views, p.Name, fmt.Sprintf("id %s%s%s", p.ID, prefixed(", state ", p.State), prefixed(", group ", p.Group)), observer)
		}
		if f.Flavour.Grouped() { // members of a group all know each other
			for _, name := range in.Plan.NodeNames() {
				if !known[name] {
					say(views, name, "not a member", observer)
				}
			}
		}
	}
	var out []Finding
	for _, member := range sortedKeys(views) {
		said := views[member]
		if len(said) < 2 {
			continue
		}
		var parts []string
		for _, what := range sortedKeys(said) {
			parts = append(parts, fmt.Sprintf("%s says %s", strings.Join(said[what], ", "), what))
		}
		f := fail("the nodes do not agree about %s: %s", member, strings.Join(parts, "; ")).
			evidence(strings.Join(parts, "; "), "one view on all nodes", "each node's own catalog of nodes")
		f.Subject = Subject{Object: "member " + member}
		out = append(out, f)
	}
	if len(why) > 0 {
		out = append(out, unknown("not every node could be asked: %s", strings.Join(why, "; ")))
	}
	if len(out) == 0 {
		out = append(out, pass("%d nodes agree about %d members", len(facts), len(views)))
	}
	return out
}

func say(views map[string]map[string][]string, member, what, who string) {
	if views[member] == nil {
		views[member] = map[string][]string{}
	}
	views[member][what] = append(views[member][what], who)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// MeshOneGroup: one top-level group holds all nodes.
var MeshOneGroup = Check{
	Name:     "mesh/one-group",
	Title:    "All nodes are members of one group",
	Why:      "Nodes of two groups with equal names do not replicate to each other, and each group elects a leader of its own.",
	Remedy:   "Part the node from the wrong group, drop it, and join it to the right one.",
	Source:   "creating-and-joining-pgd-groups, B3: the first node creates the group, the others join it",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Run:      oneGroup,
}

func oneGroup(in Input) []Finding {
	facts, why := readable(in, in.Plan.NodeNames(), catalog.PartNodes)
	groups := map[string][]string{}
	ungrouped := 0
	for _, n := range sortedKeys(facts) {
		if !facts[n].Flavour.Grouped() {
			ungrouped++
			continue
		}
		groups[facts[n].Group] = append(groups[facts[n].Group], n)
	}
	switch {
	case len(facts) > 0 && ungrouped == len(facts):
		return []Finding{skip("%s has no groups", flavourOf(in))}
	case len(groups) > 1 || ungrouped > 0 || len(groups[""]) > 0:
		var parts []string
		for _, g := range sortedKeys(groups) {
			name := "group " + g
			if g == "" {
				name = "no group"
			}
			parts = append(parts, fmt.Sprintf("%s: %s", name, strings.Join(groups[g], ", ")))
		}
		return []Finding{fail("the nodes are not in one group: %s", strings.Join(parts, "; ")).evidence(strings.Join(parts, "; "), "one group with all nodes", "each node's own catalog of nodes")}
	case len(why) > 0:
		return []Finding{unknown("not every node could be asked: %s", strings.Join(why, "; "))}
	}
	return []Finding{pass("all nodes are in group %s", sortedKeys(groups)[0])}
}

// MeshDSNAsDeclared: what the nodes connect with is what the plan says.
var MeshDSNAsDeclared = Check{
	Name:  "mesh/dsn-as-declared",
	Title: "The catalogs hold the connection strings of the plan",
	Why: "The nodes find each other by the string in the catalog. If it names another host, port or database than the plan, what is " +
		"checked and compared is not what replicates, and a move of the node will be forgotten.",
	Remedy:   "Change the node's interface on every node, or the dsn of the plan; if both are names of one host, use one of them.",
	Source:   "creating-and-joining-pgd-groups, B2",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run:      dsnAsDeclared,
}

func dsnAsDeclared(in Input) []Finding {
	parts := []catalog.Part{catalog.PartNodes, catalog.PartSubscriptions}
	facts, _ := readable(in, in.Plan.NodeNames(), parts...)
	known := names(in)
	said := map[string]map[string][]string{} // node to address to who says so
	for _, observer := range sortedKeys(facts) {
		for _, p := range facts[observer].Peers {
			if p.Address != "" {
				say(said, known[p.Name], p.Address, observer)
			}
		}
		for _, s := range facts[observer].Subscriptions {
			if at := known[s.Provider]; s.Address != "" && !slices.Contains(said[at][s.Address], observer) {
				say(said, at, s.Address, observer)
			}
		}
	}
	var out []Finding
	for _, name := range in.Plan.NodeNames() {
		want := in.Plan.Nodes[name].Address()
		var other []string
		for _, address := range sortedKeys(said[name]) {
			if !strings.EqualFold(address, want) {
				other = append(other, fmt.Sprintf("%s on %s", address, strings.Join(said[name][address], ", ")))
			}
		}
		var f Finding
		switch {
		case len(other) > 0:
			f = fail("the catalogs have another address for %s: %s", name, strings.Join(other, "; "))
		case facts[name] == nil: // what it has of the others is not known, whatever these have
			_, why := factsOf(in, name, parts...)
			f = unknown("the addresses in its own catalog are not known: %s", why)
		case len(said[name]) == 0:
			f = unknown("no catalog holds an address of %s", name)
		default:
			f = pass("all catalogs that were read and know %s have %s", name, want)
		}
		f = f.evidence(strings.Join(sortedKeys(said[name]), "; "), want, "connection strings of nodes and subscriptions in all catalogs, reduced to their addresses")
		f.Subject.Node = name
		f.Pos = in.Plan.Pos("nodes", name, "dsn")
		out = append(out, f)
	}
	return out
}
