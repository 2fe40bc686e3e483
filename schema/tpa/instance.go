package tpa

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/schema"
)

// location is an entry of TPA's locations.
type location struct {
	name     string
	pos      token.Pos
	region   *value
	settings *value
}

// instance is an entry of TPA's instances with what it inherits.
type instance struct {
	name     string // as TPA makes it: lower case, no underscores
	pos      token.Pos
	location string
	locPos   token.Pos
	levels   []*value // settings, the instance's own first
	tags     *value
	vars     []*value // variables, the instance's own first, the cluster's last
	roles    []*value
	kind     schema.Kind // "" when it is no node of the mesh
	node     string      // the name of the BDR node
	nodePos  token.Pos
}

// setting returns a setting of the instance, its own before an inherited one.
// What a tag says of role, backup and upstream goes before the setting itself.
func (i *instance) setting(key string) *value {
	own := first(i.levels, key)
	if slices.Contains([]string{"role", "backup", "upstream"}, key) {
		if tag := i.tags.get(key); tag != nil {
			return tag
		}
	}
	return own
}

// variable returns a variable as the deploy sees it.
func (i *instance) variable(key string) *value { return first(i.vars, key) }

func first(levels []*value, key string) *value {
	var found *value
	for _, l := range levels {
		// All are marked used: the overridden ones were looked at, too.
		if v := l.get(key); v != nil && found == nil {
			found = v
		}
	}
	return found
}

func (i *instance) has(roles ...string) bool {
	for _, r := range i.roles {
		for _, want := range roles {
			if r.text == want {
				return true
			}
		}
	}
	return false
}

// readLocations reads locations; an entry is a map with a Name.
func (b *builder) readLocations() {
	all := b.root.get("locations")
	if all == nil {
		return
	}
	if all.kind != list {
		b.refuse(all.pos, "write a list of maps with a Name", "locations: %s where a list was expected", all.what())
		return
	}
	seen := map[string]bool{}
	for _, l := range all.items {
		name := l.get("Name")
		text, ok := b.text(name, "the Name of a location")
		switch {
		case !ok:
			continue
		case text == "":
			b.refuse(l.pos, "give it a Name", "a location without a Name")
			continue
		case seen[text]:
			b.refuse(name.pos, "give one of them another Name", "two locations are called %s", text)
			continue
		}
		seen[text] = true
		l.used = true
		b.locations = append(b.locations, location{name: text, pos: name.pos, region: l.get("region"), settings: l})
	}
	for _, dr := range b.opt.DR {
		if !seen[dr] {
			b.refuse(all.pos, "name one of: "+strings.Join(b.locationNames(), ", "), "no location is called %s, which was named as a DR location", dr)
		}
	}
}

func (b *builder) locationNames() []string {
	var out []string
	for _, l := range b.locations {
		out = append(out, l.name)
	}
	return out
}

// readInstances reads instances, merges what they inherit and tells which are
// nodes of the mesh.
func (b *builder) readInstances() {
	all := b.root.get("instances")
	if all == nil || all.kind != list || len(all.items) == 0 {
		pos := b.root.pos
		if all != nil {
			pos = all.pos
		}
		b.refuse(pos, "give the config.yml that tpaexec configure wrote", "config.yml lists no instances")
		return
	}
	defaults, clusterVars := b.root.get("instance_defaults"), b.root.get("cluster_vars")
	names := map[string]token.Pos{}
	for _, v := range all.items {
		if v.kind != mapping {
			b.refuse(v.pos, "", "instances: %s where a map was expected", v.what())
			continue
		}
		v.used = true
		i := &instance{levels: []*value{v, defaults}, tags: v.get("tags"), pos: v.pos}
		if !b.locate(i) || !b.nameInstance(i, v) {
			continue
		}
		for _, l := range i.levels {
			i.vars = append(i.vars, l.get("vars"))
		}
		i.vars = append(i.vars, clusterVars)
		if !b.readRoles(i) {
			continue
		}
		if before, twice := names[i.name]; twice {
			b.refuse(i.pos, "give one of them another Name", "two instances are called %s; the first at %s", i.name, position(before))
			continue
		}
		names[i.name] = i.pos
		b.instances = append(b.instances, i)
	}
}

// nameInstance gives the instance the name that TPA gives it.
func (b *builder) nameInstance(i *instance, v *value) bool {
	name := first([]*value{v, i.tags}, "Name")
	number := v.get("node")
	if name == nil && number != nil {
		text, ok := b.text(number, "the number of an instance")
		if !ok {
			return false
		}
		i.name, i.pos = tpaName(b.name+"-"+text), number.pos
		return true
	}
	text, ok := b.text(name, "the Name of an instance, which is left out,")
	if !ok {
		v.use()
		return false
	}
	if text == "" {
		b.refuse(v.pos, "give it a Name", "an instance without a Name and a node number")
		return false
	}
	i.name, i.pos = tpaName(text), name.pos
	return true
}

// tpaName makes the host name that TPA makes of a Name.
func tpaName(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "-")) }

// locate finds the location, given by name or by its place in the list, and
// adds its settings below the others.
func (b *builder) locate(i *instance) bool {
	v := i.setting("location")
	if v == nil {
		return true // said later, and only if it is a node
	}
	i.locPos = v.pos
	text, ok := b.text(v, "the location of an instance")
	if !ok {
		return true
	}
	for n, l := range b.locations {
		if l.name == text || strconv.Itoa(n) == text && !b.isLocation(text) {
			i.location = l.name
			i.levels = append(i.levels, l.settings)
			return true
		}
	}
	if len(b.locations) == 0 {
		i.location = text
		return true
	}
	b.refuse(v.pos, "name one of: "+strings.Join(b.locationNames(), ", "), "location %s is not declared", text)
	return false
}

func (b *builder) isLocation(name string) bool {
	for _, l := range b.locations {
		if l.name == name {
			return true
		}
	}
	return false
}

// The roles that TPA knows. Those of the second list belong to instances that
// are no nodes of the mesh by themselves.
var (
	nodeRoles  = []string{"bdr", "witness", "subscriber-only", "subscriber_only", "standby", "readonly", "primary", "replica", "postgres"}
	otherRoles = []string{"barman", "pgd-proxy", "pgdproxy", "harp-proxy", "harp", "etcd", "haproxy", "pgbouncer", "pem-server", "pem-agent", "monitoring-server",
		"zabbix-server", "log-server", "openvpn-server", "control", "efm", "efm-witness", "patroni", "repmgr", "repmgr-witness", "camo", "adhoc", "bdr-autoscale",
		"beacon-agent", "migration-portal", "dbt2-client", "dbt2-driver", "bench"}
)

// readRoles reads the roles and derives the kind of node, in the order in which
// TPA tests them. An instance whose roles are not all known is left out: it
// cannot be told whether it is a node.
func (b *builder) readRoles(i *instance) bool {
	v := i.setting("role")
	roles, ok := b.texts(v, "the role of instance "+i.name)
	if !ok {
		b.unmap(v.pos, "write the role out", "instance %s is left out: it cannot be told whether it is a node", i.name)
		return false
	}
	for _, r := range roles {
		for part := range strings.SplitSeq(r.text, ",") {
			part = strings.TrimSpace(part)
			if part != "" {
				i.roles = append(i.roles, &value{pos: r.pos, kind: scalar, text: part})
			}
		}
	}
	for _, r := range i.roles {
		if !slices.Contains(nodeRoles, r.text) && !slices.Contains(otherRoles, r.text) {
			b.unmap(r.pos, "check that the plan says what this instance is", "role %s of instance %s is not known", r.text, i.name)
		}
	}
	if !i.has("bdr") {
		b.noteNoNode(i)
		return true
	}
	switch {
	case i.has("witness"):
		i.kind = schema.KindWitness
	case i.has("subscriber-only", "subscriber_only"):
		i.kind = schema.KindSubscriberOnly
	case i.has("standby", "readonly"):
		i.kind = schema.KindStandby
	case i.has("replica"):
		b.noteNoNode(i)
	default:
		i.kind = schema.KindData
	}
	return true
}

// noteNoNode says of a PostgreSQL server why it is not among the nodes.
func (b *builder) noteNoNode(i *instance) {
	switch upstream := i.setting("upstream"); {
	case i.has("replica") || upstream != nil:
		of := ""
		if upstream != nil && !upstream.jinja() {
			of = " of " + upstream.text
		}
		b.note(i.pos, "", "instance %s is a physical standby%s, which is no node of the mesh", i.name, of)
	case i.has("primary", "postgres"):
		b.note(i.pos, "", "instance %s runs PostgreSQL without BDR, so it is no node of the mesh", i.name)
	}
}
