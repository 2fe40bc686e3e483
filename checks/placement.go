package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// PlacementShardReplicated: the replication sets follow the plan.
var PlacementShardReplicated = Check{
	Name:  "placement/shard-replicated",
	Title: "Every replica of a shard takes the shard's sets from every other, and nobody else does",
	Why: "A replica that does not subscribe to the shard's set looks healthy and misses every change; a node that should not have the " +
		"shard and subscribes to it collects rows that nobody compares or backs up as such.",
	Remedy:   "Add or remove the replication set on the subscription (bdr.alter_node_replication_sets, pglogical.alter_subscription_add_replication_set), then compare the shard.",
	Source:   "bdr-worldwide-specification, A5",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Run: func(in Input) []Finding {
		var out []Finding
		for _, name := range in.Plan.ShardNames() {
			out = append(out, replicated(in, "shard "+name, in.Plan.Shards[name], in.Plan.Pos("shards", name))...)
		}
		if len(out) == 0 {
			return []Finding{skip("the plan has no shards")}
		}
		return out
	},
}

// PlacementReferenceReplicated: reference data goes everywhere.
var PlacementReferenceReplicated = Check{
	Name:     "placement/reference-replicated",
	Title:    "Every replica of the reference data takes its sets from every other",
	Why:      "Applications read reference data on the node they are on: where a set is not subscribed, they read old values without any error.",
	Remedy:   "Add the reference data's replication set to the subscription, then compare the reference data.",
	Source:   "bdr-worldwide-specification, A4",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Run: func(in Input) []Finding {
		if len(in.Plan.Reference.Replicas) == 0 {
			return []Finding{skip("the plan has no reference data")}
		}
		return replicated(in, "reference data", in.Plan.Reference, in.Plan.Pos("reference"))
	},
}

const setsHow = "replication sets of the subscriptions of all nodes"

// replicated judges one data set over all pairs of nodes.
func replicated(in Input, what string, d schema.DataSet, pos schema.Position) []Finding {
	known := names(in)
	want := strings.Join(d.ReplicationSets, ", ")
	var out []Finding
	add := func(provider, subscriber string, f Finding) {
		f.Subject = Subject{Node: provider, Peer: subscriber, Object: what}
		f.Pos = pos
		out = append(out, f)
	}
	for _, s := range in.Plan.NodeNames() {
		holds := slices.Contains(d.Replicas, s)
		for _, p := range in.Plan.NodeNames() {
			provides := slices.Contains(d.Replicas, p)
			if p == s || holds && !provides {
				continue
			}
			if kind := in.Plan.Nodes[p].Kind; holds && (kind == schema.KindSubscriberOnly || kind == schema.KindStandby) {
				continue
			}
			e := edgeOf(in, known, p, s)
			if e.to == nil {
				if holds {
					add(p, s, unknown("%s", e.whyTo))
				}
				continue
			}
			sets, all := e.carries()
			var missing, leaking []string
			for _, set := range d.ReplicationSets {
				got := all || slices.Contains(sets, set)
				switch {
				case holds && !got:
					missing = append(missing, set)
				case !holds && got && offers(e.from, set):
					leaking = append(leaking, set)
				}
			}
			found := strings.Join(sets, ", ")
			if all {
				found = "all sets"
			}
			switch {
			case len(missing) > 0:
				add(p, s, fail("%s does not take %s from %s, so it misses changes of the %s", s, strings.Join(missing, ", "), p, what).evidence(found, want, setsHow))
			case len(leaking) > 0:
				add(p, s, fail("%s takes %s from %s, but the plan does not keep the %s there", s, strings.Join(leaking, ", "), p, what).evidence(found, "none of "+want, setsHow))
			case holds:
				add(p, s, pass("%s takes %s from %s", s, want, p).evidence(found, want, setsHow))
			}
		}
	}
	return out
}

// offers reports whether a provider has a set with tables in it; a set that is
// not there, or holds nothing, cannot leak. A provider that could not be read
// may.
func offers(f *catalog.Facts, set string) bool {
	if f == nil || f.Gap(catalog.PartSets) != nil {
		return true
	}
	for _, s := range f.Sets {
		if s.Name == set {
			return len(s.Tables) > 0
		}
	}
	return false
}

// PlacementSetsAgree: replicas put the same tables into a set.
var PlacementSetsAgree = Check{
	Name:     "placement/sets-agree",
	Title:    "All replicas of a data set have the same tables in its replication sets",
	Why:      "What a node sends is decided by its own sets: a table that one replica forgot is replicated to it and not from it.",
	Remedy:   "Add the table to the set on the nodes that lack it, or take it out on the others, then compare it.",
	Source:   "bdr-worldwide-specification, A4 and A5",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Run:      setsAgree,
}

func setsAgree(in Input) []Finding {
	var out []Finding
	sets := in.Plan.DataSets()
	for _, name := range sortedKeys(sets) {
		facts, why := readable(in, senders(in, sets[name].Replicas), catalog.PartSets)
		tables := map[string][]string{}
		empty := true
		for _, n := range sortedKeys(facts) {
			list := tablesOf(facts[n], sets[name].ReplicationSets)
			empty = empty && len(list) == 0
			tables[strings.Join(list, ", ")] = append(tables[strings.Join(list, ", ")], n)
		}
		var f Finding
		switch {
		case len(tables) > 1:
			var parts []string
			for _, list := range sortedKeys(tables) {
				parts = append(parts, fmt.Sprintf("%s: %s", strings.Join(tables[list], ", "), cmp.Or(list, "no table")))
			}
			f = fail("the replicas do not send the same tables: %s", strings.Join(parts, "; ")).evidence(strings.Join(parts, "; "), "the same tables on all replicas", "replication sets of all nodes")
		case len(why) > 0:
			f = unknown("not every replica could be asked: %s", strings.Join(why, "; "))
		case empty:
			f = fail("no replica has a table in %s", strings.Join(sets[name].ReplicationSets, ", ")).evidence("no table", "the tables of "+name, "replication sets of all nodes")
		default:
			f = pass("%d replicas send the same tables", len(facts))
		}
		f.Subject = Subject{Object: name}
		out = append(out, f)
	}
	if len(out) == 0 {
		return []Finding{skip("the plan has no data sets")}
	}
	return out
}

// senders are the nodes of a list that send what is written on them.
func senders(in Input, nodes []string) []string {
	return slices.DeleteFunc(slices.Clone(nodes), func(n string) bool {
		k := in.Plan.Nodes[n].Kind
		return k == schema.KindSubscriberOnly || k == schema.KindStandby
	})
}

// tablesOf returns the tables in some sets of a node, sorted, each once.
func tablesOf(f *catalog.Facts, sets []string) []string {
	var out []string
	for _, s := range f.Sets {
		if slices.Contains(sets, s.Name) {
			for _, t := range s.Tables {
				out = append(out, t.Schema+"."+t.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// PlacementNoForeignRows: rows of a shard only on its replicas.
var PlacementNoForeignRows = Check{
	Name:  "placement/no-foreign-rows",
	Title: "A shard's tables hold no rows on nodes outside its replicas",
	Why: "Rows that were written on a node that does not hold the shard are replicated nowhere: they exist once, are in no comparison, " +
		"and are lost with the node. They show that an application writes to the wrong place.",
	Remedy:   "Find out who wrote them, move the rows to a replica of the shard, and point the application there.",
	Source:   "bdr-worldwide-specification, A5",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Subjects: allNodes,
	Run:      eachNode(noForeignRows, catalog.PartForeign, catalog.PartTables),
}

func noForeignRows(n node) []Finding {
	sets := n.in.Plan.DataSets()
	var blind []string // data sets whose tables nobody could name
	foreign := 0
	for _, name := range sortedKeys(sets) {
		if slices.Contains(sets[name].Replicas, n.name) {
			continue
		}
		foreign++
		if facts, why := readable(n.in, sets[name].Replicas, catalog.PartSets); len(facts) == 0 {
			blind = append(blind, fmt.Sprintf("which tables %s has: %s", name, strings.Join(why, "; ")))
		}
	}
	if foreign == 0 {
		return []Finding{pass("the plan keeps all data here")}
	}
	var out []Finding
	for _, t := range n.f.ForeignData {
		table := t.Schema + "." + t.Name
		var f Finding
		switch {
		case t.HasRows == nil:
			f = unknown("whether %s, a table of %s, holds rows here could not be told: %s", table, t.DataSet, strings.Join(slices.DeleteFunc([]string{t.Reason, t.Remedy}, func(s string) bool { return s == "" }), "; "))
		case *t.HasRows:
			f = fail("%s holds rows here, but the plan keeps %s on %s", table, t.DataSet, strings.Join(sets[t.DataSet].Replicas, ", ")).
				evidence("rows", "none", "SELECT EXISTS (SELECT FROM "+table+")")
		default:
			continue
		}
		f.Subject.Object = "table " + table
		out = append(out, f)
	}
	if len(blind) > 0 {
		out = append(out, unknown("not known is %s", strings.Join(blind, "; ")))
	}
	if len(out) == 0 {
		out = append(out, pass("none of the %d tables of other nodes' data that are here holds rows", len(n.f.ForeignData)))
	}
	return out
}
