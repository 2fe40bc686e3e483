package tpa

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/draft"
)

// set is a BDR replication set that config.yml names.
type set struct {
	pos       token.Pos
	published bool
	replicas  []replica
}

type replica struct {
	node string
	pos  token.Pos
}

// setDataSets makes a shard of each replication set that config.yml creates or
// subscribes to, and reference data of what the group's own set carries to all.
// Which tables are in a set is not in config.yml.
func (b *builder) setDataSets(nodes []*instance) {
	sets := map[string]*set{}
	var order []string
	at := func(v *value) *set {
		if sets[v.text] == nil {
			sets[v.text] = &set{pos: v.pos}
			order = append(order, v.text)
		}
		return sets[v.text]
	}
	group, groupPos := b.group(nodes)
	for _, i := range nodes {
		for _, name := range b.bdrSets(i, "publications") {
			if name.text != group {
				at(name).published = true
			}
		}
	}
	for _, i := range nodes {
		for _, name := range b.bdrSets(i, "subscriptions") {
			switch {
			case name.text == group:
			case i.kind == schema.KindWitness:
				b.note(name.pos, "", "the subscription of witness %s to replication set %s is left out, as TPA does", i.node, name.text)
			default:
				s := at(name)
				if !slices.ContainsFunc(s.replicas, func(r replica) bool { return r.node == i.node }) {
					s.replicas = append(s.replicas, replica{i.node, name.pos})
				}
			}
		}
	}
	b.setReference(nodes, group, groupPos, len(order) > 0)
	if len(order) == 0 {
		return
	}
	m := b.out.SetMap("shards", token.NoPos)
	for _, name := range order {
		s := sets[name]
		d := m.SetMap(name, s.pos)
		d.Flow = true
		replicas := &draft.List{Flow: true}
		for _, r := range s.replicas {
			replicas.AddString(r.pos, r.node)
		}
		d.Set("replicas", s.pos, replicas)
		names := &draft.List{Flow: true}
		names.AddString(s.pos, name)
		d.Set("replication_sets", s.pos, names)
		if !s.published {
			b.note(s.pos, "add the set to publications of a BDR node", "replication set %s is subscribed to, and no publication creates it: a deploy drops sets that no publication names", name)
		}
	}
	b.note(sets[order[0]].pos, "add writers to each shard", "TPA does not say which nodes applications write to")
}

// setReference declares what every node holds.
func (b *builder) setReference(nodes []*instance, group string, pos token.Pos, shards bool) {
	d := b.out.SetMap("reference", pos)
	replicas := &draft.List{Flow: true}
	for _, i := range nodes {
		if i.kind != schema.KindWitness {
			replicas.AddString(i.nodePos, i.node)
		}
	}
	d.Set("replicas", pos, replicas)
	if group != "" {
		names := &draft.List{Flow: true}
		names.AddString(pos, group)
		d.Set("replication_sets", pos, names)
	} else {
		b.note(token.NoPos, "add reference.replication_sets to the topology", "config.yml names no bdr_node_group, so the name of the default replication set is not known")
	}
	if !shards {
		b.note(pos, "declare shards in the topology where nodes hold different data; a deploy drops replication sets that no publication names",
			"config.yml names no BDR replication sets: everything is taken for reference data, on every data node")
	}
}

// group is the name of the top group, which its default replication set has.
func (b *builder) group(nodes []*instance) (string, token.Pos) {
	for _, i := range nodes {
		v := i.variable("bdr_node_group")
		if v == nil {
			if groups := i.variable("bdr_node_groups"); groups != nil && groups.kind == list && len(groups.items) > 0 {
				v = groups.items[0].get("name")
			}
		}
		if text, ok := b.text(v, "bdr_node_group"); ok && text != "" {
			return text, v.pos
		}
	}
	return "", token.NoPos
}

// bdrSets returns the names of the BDR replication sets that an instance
// publishes or subscribes to in the group's database.
func (b *builder) bdrSets(i *instance, key string) []*value {
	all := i.variable(key)
	if all == nil {
		return nil
	}
	all.use()
	one := strings.TrimSuffix(key, "s")
	if all.kind != list {
		b.unmap(all.pos, "", "%s of instance %s: %s where a list was expected", key, i.name, all.what())
		return nil
	}
	database, _ := b.text(i.variable("bdr_database"), "bdr_database of instance "+i.name)
	if database == "" {
		database = "bdrdb"
	}
	var out []*value
	for _, entry := range all.items {
		kind, ok := b.text(entry.get("type"), "the type of a "+one)
		switch {
		case !ok:
			continue
		case kind != "bdr":
			if kind == "" {
				kind = "no type"
			}
			b.unmap(entry.pos, "declare it in the topology by hand if the mesh depends on it", "a %s of %s, which is none of the BDR group", one, kind)
			continue
		}
		in, ok := b.text(entry.get("database"), "the database of a "+one)
		if ok && in != "" && in != database {
			b.note(entry.pos, "", "a %s in database %s, which is not that of the BDR group (%s), is left out", one, in, database)
			continue
		}
		out = append(out, b.setNames(entry.get("replication_sets"), one)...)
	}
	return out
}

// setNames reads replication_sets: names, or maps with a name and what the set
// replicates.
func (b *builder) setNames(v *value, one string) []*value {
	if v == nil {
		return nil
	}
	if v.kind != list {
		names, _ := b.texts(v, "the replication sets of a "+one)
		return names
	}
	var out []*value
	for _, s := range v.items {
		name := s
		if s.kind == mapping {
			name = s.get("name")
			for _, what := range []string{"replicate_insert", "replicate_update", "replicate_delete", "replicate_truncate"} {
				if r := s.get(what); r != nil && !r.jinja() && !r.truth() {
					b.note(r.pos, "", "a replication set with %s off: its rows may differ between nodes by design, and the plan cannot say so", what)
				}
			}
		}
		if text, ok := b.text(name, "a replication set"); ok && text != "" {
			out = append(out, name)
		}
	}
	return out
}
