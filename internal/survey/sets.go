package survey

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/draft"
)

// dataSets declares what the nodes replicate: sets that the same nodes share
// are one data set, and the one that every data node shares is the reference
// data.
func (m *maker) dataSets() {
	members, empty := m.members(), []string{}
	groups := map[string][]string{} // members to sets
	for _, set := range slices.Sorted(maps.Keys(members)) {
		nodes := slices.Sorted(maps.Keys(members[set]))
		if m.carriesNothing(set, nodes) {
			empty = append(empty, set)
			continue
		}
		key := strings.Join(nodes, "\x00")
		groups[key] = append(groups[key], set)
	}
	var all []string
	for _, n := range m.names {
		if m.kind(n) == schema.KindData {
			all = append(all, n)
		}
	}
	reference := m.covering(groups, all)
	if reference != "" {
		m.out.Set("reference", token.NoPos, dataSet(reference, groups[reference]))
		m.out.Comment("On every data node.")
		delete(groups, reference)
	}
	if len(groups) > 0 {
		shards := m.out.SetMap("shards", token.NoPos)
		m.out.Comment("Sets that the same nodes share; called after the first of them. Applications are not\nin the catalogs: add writers: [NODE] for the nodes they write to.")
		keys := slices.SortedFunc(maps.Keys(groups), func(a, b string) int { return strings.Compare(groups[a][0], groups[b][0]) })
		for _, key := range keys {
			name := groups[key][0]
			if name == schema.ReferenceName {
				name += "-data" // the name is taken
			}
			shards.Set(name, token.NoPos, dataSet(key, groups[key]))
		}
	} else if reference == "" {
		m.note("no replication set with tables is subscribed to, so the draft declares no data")
	}
	if len(empty) > 0 {
		m.note("replication sets that carry no table are left out: %s", strings.Join(empty, ", "))
	}
}

// covering returns the largest group of nodes that takes in all the given ones,
// or "".
func (m *maker) covering(groups map[string][]string, all []string) string {
	best, most := "", 0
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		nodes := strings.Split(key, "\x00")
		lacks := slices.ContainsFunc(all, func(n string) bool { return !slices.Contains(nodes, n) })
		if !lacks && len(nodes) > most {
			best, most = key, len(nodes)
		}
	}
	return best
}

func dataSet(members string, sets []string) *draft.Map {
	d := &draft.Map{Flow: true}
	replicas, names := &draft.List{Flow: true}, &draft.List{Flow: true}
	for n := range strings.SplitSeq(members, "\x00") {
		replicas.AddString(token.NoPos, n)
	}
	for _, s := range sets {
		names.AddString(token.NoPos, s)
	}
	d.Set("replicas", token.NoPos, replicas)
	d.Set("replication_sets", token.NoPos, names)
	return d
}

// members returns the nodes that share each replication set: those that
// subscribe to it, and those it is taken from.
func (m *maker) members() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	add := func(set, node string) {
		if _, known := m.DSN[node]; !known || m.kind(node) == schema.KindWitness {
			return
		}
		if out[set] == nil {
			out[set] = map[string]bool{}
		}
		out[set][node] = true
	}
	for _, n := range m.names {
		if m.Fact[n] == nil {
			continue
		}
		for _, sub := range m.Fact[n].Subscriptions {
			for _, set := range sub.Sets {
				add(set, n)
				add(set, sub.Provider)
			}
		}
	}
	return out
}

// carriesNothing reports whether every node that shares a set was asked for its
// tables and none has one in it, such as pglogical's default sets that nobody
// uses.
func (m *maker) carriesNothing(set string, nodes []string) bool {
	for _, n := range nodes {
		f := m.Fact[n]
		if f == nil || f.Gap(catalog.PartSets) != nil {
			return false
		}
		for _, s := range f.Sets {
			if s.Name == set && len(s.Tables) > 0 {
				return false
			}
		}
	}
	return true
}
