package tpa

import (
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/draft"
)

// architectures that TPA deploys a multi-master cluster with.
var architectures = []string{"BDR-Always-ON", "PGD-Always-ON", "PGD-S", "PGD-X", "Lightweight", "BDR-Simple", "BDR-Autoscale", "CAMO2x2"}

// build goes through the steps; each may refuse, and the next one still runs so
// that all there is to say is said at once.
func (b *builder) build() {
	b.architecture()
	b.clusterName()
	b.readLocations()
	b.readInstances()
	nodes := b.nodes()
	if len(b.fatal) > 0 {
		return
	}
	if len(nodes) == 0 {
		b.refuse(b.root.get("instances").pos, "TPA gives the role bdr to the nodes of a mesh", "no instance has the role bdr, so there is no multi-master cluster to plan")
		return
	}
	b.setVersions()
	b.setDatacenters()
	b.setNodes(nodes)
	b.noteGroups(nodes)
	b.setDataSets(nodes)
	b.setBarman()
}

// nodes returns the instances that are nodes of the mesh.
func (b *builder) nodes() []*instance {
	var out []*instance
	for _, i := range b.instances {
		if i.kind != "" {
			out = append(out, i)
		}
	}
	return out
}

func (b *builder) architecture() {
	v := b.root.get("architecture")
	text, ok := b.text(v, "architecture")
	switch {
	case !ok || slices.Contains(architectures, text):
	case text == "M1":
		b.refuse(v.pos, "", "architecture M1 has one primary with physical standbys: there is no mesh to plan")
	case text == "":
		b.note(token.NoPos, "", "config.yml names no architecture; the roles of the instances are taken as they are")
	default:
		b.note(v.pos, "", "architecture %s is not known; the roles of the instances are taken as they are", text)
	}
}

func (b *builder) clusterName() {
	v := b.root.get("cluster_name")
	if v == nil || v.jinja() || v.kind != scalar {
		pos := b.root.pos
		if v != nil {
			pos = v.pos
		}
		b.refuse(pos, "write the name of the cluster", "config.yml gives no cluster_name that can be read without a deploy")
		return
	}
	b.name = v.text
	b.out.SetString("name", v.pos, v.text)
}

// version finds a version in what a package is pinned to ("4:5.6.1-1.el9",
// "16.4*") or in what was asked for; a pin of another major is not believed.
var version = regexp.MustCompile(`^(?:[0-9]+:)?([0-9]+(?:\.[0-9]+){0,3})`)

// versionOf returns the version that a level of variables asks for, and where.
func (b *builder) versionOf(get func(string) *value, asked, pinned string) (string, token.Pos) {
	a, p := get(asked), get(pinned)
	askedText, _ := b.text(a, asked)
	pinText, _ := b.text(p, pinned)
	if m := version.FindStringSubmatch(pinText); m != nil {
		if askedText == "" || m[1] == askedText || strings.HasPrefix(m[1], askedText+".") {
			return m[1], p.pos
		}
		b.note(p.pos, "", "%s %s is not of the major that %s %s asks for; the major is taken", pinned, pinText, asked, askedText)
	} else if pinText != "" && pinText != "*" {
		b.note(p.pos, "", "%s: no version in %q", pinned, pinText)
	}
	if m := version.FindStringSubmatch(askedText); m != nil {
		return m[1], a.pos
	}
	return "", token.NoPos
}

// software is what a topology knows the versions of: its field, and TPA's
// variables. Barman's and pglogical's are pinned alone.
var software = []struct{ field, asked, pinned string }{
	{"postgres", "postgres_version", "postgres_package_version"},
	{"pglogical", "pglogical_version", "pglogical_package_version"},
	{"bdr", "bdr_version", "bdr_package_version"},
	{"barman", "barman_version", "barman_package_version"},
}

func (b *builder) setVersions() {
	vars := b.root.get("cluster_vars")
	m := &draft.Map{Flow: true}
	for _, s := range software {
		if text, pos := b.versionOf(vars.get, s.asked, s.pinned); text != "" {
			m.SetString(s.field, pos, text)
		}
	}
	if len(m.Names()) > 0 {
		pos := token.NoPos
		if vars != nil {
			pos = vars.pos
		}
		b.out.Set("versions", pos, m)
	}
}

func (b *builder) setDatacenters() {
	all := b.root.get("locations")
	pos := token.NoPos
	if all != nil {
		pos = all.pos
	}
	m := b.out.SetMap("datacenters", pos)
	active := 0
	for _, l := range b.locations {
		d := &draft.Map{Flow: true}
		region, regionPos := l.name, l.pos
		if text, ok := b.text(l.region, "the region of location "+l.name); ok && text != "" {
			region, regionPos = text, l.region.pos
		}
		d.SetString("region", regionPos, region)
		if slices.Contains(b.opt.DR, l.name) {
			d.SetString("role", l.pos, string(schema.RoleDR))
		} else {
			active++
		}
		m.Set(l.name, l.pos, d)
	}
	if active > 1 && len(b.opt.DR) == 0 {
		b.note(pos, "name those that stand by with --dr", "TPA gives locations no meaning: every datacenter is taken for an active one")
	}
	if len(b.locations) > 0 {
		return
	}
	// Without locations a name is all there is.
	for _, i := range b.instances {
		if i.location != "" && m.Get(i.location) == nil {
			d := &draft.Map{Flow: true}
			d.SetString("region", i.locPos, i.location)
			m.Set(i.location, i.locPos, d)
		}
	}
	if len(m.Names()) == 0 {
		d := &draft.Map{Flow: true}
		d.SetString("region", token.NoPos, onlyDatacenter)
		m.Set(onlyDatacenter, token.NoPos, d)
		b.note(token.NoPos, "declare locations, or rename the datacenter in the topology", "config.yml declares no locations: all nodes are placed in one datacenter called %s", onlyDatacenter)
		for _, i := range b.instances {
			i.location = onlyDatacenter
		}
	}
}

// onlyDatacenter is the datacenter of a cluster without locations.
const onlyDatacenter = "main"

func (b *builder) setNodes(nodes []*instance) {
	m := b.out.SetMap("nodes", b.root.get("instances").pos)
	seen := map[string]token.Pos{}
	for _, i := range nodes {
		i.node, i.nodePos = i.name, i.pos
		if v := i.variable("bdr_node_name"); v != nil {
			text, ok := b.text(v, "bdr_node_name of instance "+i.name)
			if ok && text != "" {
				i.node, i.nodePos = text, v.pos
			}
		}
		if before, twice := seen[i.node]; twice {
			b.refuse(i.nodePos, "give one of them another bdr_node_name", "two nodes are called %s; the first at %s", i.node, position(before))
			continue
		}
		seen[i.node] = i.nodePos
		n := m.SetMap(i.node, i.nodePos)
		n.Flow = true
		if i.location != "" {
			n.SetString("datacenter", i.locPos, i.location)
		} else if i.locPos == token.NoPos {
			b.unmap(i.pos, "give the instance a location", "instance %s has no location, so its node has no datacenter", i.name)
		}
		if dsn := b.dsn(i); dsn != "" {
			n.SetString("dsn", i.pos, dsn)
		}
		if i.kind != schema.KindData {
			n.SetString("kind", i.pos, string(i.kind))
		}
		for _, s := range software {
			if s.field != "postgres" && s.field != "bdr" {
				continue
			}
			text, pos := b.versionOf(i.variable, s.asked, s.pinned)
			if text == "" {
				b.note(token.NoPos, "add it to the topology", "config.yml gives no %s, so the plan says no version", s.asked)
			}
			if cluster, _ := b.versionOf(b.root.get("cluster_vars").get, s.asked, s.pinned); text != cluster {
				n.SetString(s.field, pos, text)
			}
		}
		b.checkGroup(i)
	}
}

// noteGroups says that a plan knows one group, where config.yml has more.
func (b *builder) noteGroups(nodes []*instance) {
	for _, i := range nodes {
		groups := i.variable("bdr_node_groups")
		if groups == nil || groups.kind != list || len(groups.items) < 2 {
			continue
		}
		groups.use()
		b.note(groups.pos, "", "bdr_node_groups: a topology does not hold groups below the top one")
	}
}

// checkGroup compares the instance's location with that of the group it joins,
// the second place where config.yml says where a node is.
func (b *builder) checkGroup(i *instance) {
	child := i.variable("bdr_child_group")
	name, ok := b.text(child, "bdr_child_group of instance "+i.name)
	if !ok || name == "" {
		return
	}
	groups := i.variable("bdr_node_groups")
	if groups == nil || groups.kind != list {
		return
	}
	for _, g := range groups.items {
		if n := g.get("name"); n == nil || n.text != name {
			continue
		}
		if where := g.get("options").get("location"); where != nil && !where.jinja() && where.text != i.location {
			b.note(child.pos, "correct the location or the group", "instance %s is in location %s, and joins group %s of location %s", i.name, i.location, name, where.text)
		}
		if kind := g.get("node_group_type"); kind != nil && !kind.jinja() && kind.text == string(schema.KindSubscriberOnly) && i.kind != schema.KindSubscriberOnly {
			b.note(child.pos, "give the instance the role subscriber-only", "instance %s joins the subscriber-only group %s and has not that role; it is taken for a %s node", i.name, name, i.kind)
		}
	}
}
