package tpa

import (
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/schema/draft"
)

// setBarman declares the instances with the role barman, and as their sources
// the nodes that name them as their backup. TPA derives the slot from the name
// of the Barman host, and always writes streaming_archiver = on.
func (b *builder) setBarman() {
	sources := map[string]*draft.List{}
	var m *draft.Map
	for _, i := range b.instances {
		if !i.has("barman") {
			continue
		}
		if m == nil {
			m = b.out.SetMap("barman", token.NoPos)
		}
		d := m.SetMap(i.name, i.pos)
		if i.location != "" {
			d.SetString("datacenter", i.locPos, i.location)
		} else {
			b.unmap(i.pos, "give the instance a location", "instance %s has no location, so its Barman has no datacenter", i.name)
		}
		sources[i.name] = &draft.List{}
		d.Set("sources", i.pos, sources[i.name])
		if i.variable("barman_shared").truth() {
			b.note(i.pos, "", "Barman %s is shared with another cluster, whose servers are not in this plan", i.name)
		}
	}
	for _, i := range b.instances {
		backup := i.setting("backup")
		names, _ := b.texts(backup, "the backup of instance "+i.name)
		for _, name := range names {
			list, known := sources[tpaName(name.text)]
			switch {
			case !known:
				b.unmap(name.pos, "give the role barman to an instance of that name", "instance %s is backed up by %s, which is no Barman of this cluster", i.name, name.text)
			case i.kind == "":
				b.note(name.pos, "", "instance %s is backed up by %s and is no node of the mesh, so the plan does not list it", i.name, name.text)
			default:
				list.Add(name.pos, b.source(i, tpaName(name.text), name.pos))
			}
		}
	}
}

func (b *builder) source(i *instance, barman string, pos token.Pos) *draft.Map {
	s := &draft.Map{Flow: true}
	server := i.name
	if v := i.variable("backup_name"); v != nil {
		if text, ok := b.text(v, "backup_name of instance "+i.name); ok && text != "" {
			server = text
		}
	}
	s.SetString("server", pos, server)
	s.SetString("node", pos, i.node)
	host, _, _ := strings.Cut(barman, ".")
	s.SetString("slot", pos, "backup_"+strings.ReplaceAll(host, "-", "_"))
	s.Set("streaming_archiver", pos, draft.Scalar{Of: true})
	return s
}
