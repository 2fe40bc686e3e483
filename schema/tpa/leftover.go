package tpa

import "github.com/pgconcord/pgconcord/schema"

// matters names settings that say something about the mesh which a topology
// has no field for: they are worth a note, not just a line in a list.
var matters = map[string]string{
	"bdr_node_camo_partner":     "the CAMO partner of a node",
	"bdr_commit_scopes":         "commit scopes",
	"bdr_child_group":           "the subgroup of a node",
	"failover_manager":          "what moves the write leader",
	"default_pgd_proxy_options": "where proxies send writes",
	"pgd_proxies":               "where proxies send writes",
	"harp_managers":             "where HARP sends writes",
}

// leftovers lists every setting that nothing was made of.
func (b *builder) leftovers() {
	b.walk(b.root, "")
}

func (b *builder) walk(v *value, path string) {
	for _, e := range v.fields {
		name := e.key
		if path != "" {
			name = path + "." + e.key
		}
		switch what, known := matters[e.key]; {
		case e.value.used && e.value.kind != scalar:
			b.walk(e.value, name)
		case e.value.used:
		case known:
			b.note(e.pos, "", "%s is not carried over: a topology does not hold %s", name, what)
		default:
			b.ignored = append(b.ignored, schema.Problem{Pos: position(e.pos), Message: name + " has no place in a topology"})
		}
	}
	for _, i := range v.items {
		if i.kind == mapping || i.kind == list {
			b.walk(i, path)
		}
	}
}
