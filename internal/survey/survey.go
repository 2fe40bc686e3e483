// Package survey drafts a plan out of what the nodes of a running cluster know:
// a start for a cluster that has none. It reads [catalog.Facts] alone, so it
// knows no flavour. What the catalogs cannot tell is left for a person to fill
// in, and said in the draft.
package survey

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/draft"
)

// Seen is a running cluster as it was read.
type Seen struct {
	Name string                    // what the plan will be called
	DSN  map[string]string         // by node, as the user gave or completed them
	Fact map[string]*catalog.Facts // by node; no entry for a node that was not read
	DR   []string                  // datacenters that stand by
}

// Draft is a plan with what is doubtful about it.
type Draft struct {
	YAML []byte
	// Incomplete says what could not be read: the plan may lack it.
	Incomplete []string
	// Notes say what was assumed.
	Notes []string
}

// Make drafts the plan. It fails only when there is no node to plan.
func Make(s Seen) (*Draft, error) {
	if len(s.DSN) == 0 {
		return nil, fmt.Errorf("no node was found")
	}
	m := &maker{Seen: s, out: &draft.Map{}}
	m.names = slices.Sorted(maps.Keys(s.DSN))
	for _, n := range m.names {
		if s.Fact[n] == nil {
			continue
		}
		for _, part := range []catalog.Part{catalog.PartNodes, catalog.PartSubscriptions, catalog.PartSets, catalog.PartSlots} {
			if g := s.Fact[n].Gap(part); g != nil {
				m.gaps = append(m.gaps, fmt.Sprintf("node %s: %s could not be read: %s", n, part, g.Detail))
			}
		}
	}
	m.out.SetString("name", token.NoPos, s.Name)
	m.versions()
	places, err := m.datacenters()
	if err != nil {
		return nil, err
	}
	if err := m.nodes(places); err != nil {
		return nil, err
	}
	m.dataSets()
	backups, err := m.backups(places)
	if err != nil {
		return nil, err
	}
	text, err := m.out.YAML("Drafted from the catalogs of the running cluster: what it is, not what it was\nmeant to be. Read it, correct it, and keep it as the plan.")
	if err != nil {
		return nil, err
	}
	return &Draft{YAML: append(text, backups...), Incomplete: m.gaps, Notes: m.notes}, nil
}

type maker struct {
	Seen
	out   *draft.Map
	names []string
	gaps  []string
	notes []string
}

func (m *maker) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

// versions declares what most nodes run; a node that differs says so itself.
func (m *maker) versions() {
	v := &draft.Map{Flow: true}
	for _, field := range []string{"postgres", "pglogical", "bdr"} {
		if common := m.common(field); common != "" {
			v.SetString(field, token.NoPos, common)
		}
	}
	if len(v.Names()) > 0 {
		m.out.Set("versions", token.NoPos, v)
	}
}

// version is what a node runs; "" when it was not read or has none.
func (m *maker) version(node, field string) string {
	f := m.Fact[node]
	if f == nil {
		return ""
	}
	v := f.Extensions[field]
	if field == "postgres" {
		v = f.Server.Version
	}
	// A topology takes digits and dots: 16.4, not 16.4 (Debian 16.4-1).
	end := strings.IndexFunc(v, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end >= 0 {
		v = v[:end]
	}
	return strings.Trim(v, ".")
}

// common is the version that most nodes run, the lower one when there is a tie.
func (m *maker) common(field string) string {
	count := map[string]int{}
	for _, n := range m.names {
		if v := m.version(n, field); v != "" {
			count[v]++
		}
	}
	best := ""
	for _, v := range slices.Sorted(maps.Keys(count)) {
		if best == "" || count[v] > count[best] {
			best = v
		}
	}
	return best
}

func (m *maker) nodes(places map[string]string) error {
	nodes := m.out.SetMap("nodes", token.NoPos)
	var unread []string
	for _, name := range m.names {
		dsn, removed, err := schema.PlainDSN(m.DSN[name], nil)
		if err != nil {
			return fmt.Errorf("node %s: its connection string: %w", name, err)
		}
		if len(removed) > 0 {
			m.note("node %s: %s is secret and was left out of its connection string; use a password file (passfile=…, or ~/.pgpass)", name, strings.Join(removed, ", "))
		}
		n := &draft.Map{Flow: true}
		n.SetString("datacenter", token.NoPos, places[name])
		n.SetString("dsn", token.NoPos, dsn)
		if kind := m.kind(name); kind != schema.KindData {
			n.SetString("kind", token.NoPos, string(kind))
		}
		if m.Fact[name] == nil {
			unread = append(unread, name)
		}
		for _, field := range []string{"postgres", "bdr"} {
			if v := m.version(name, field); v != "" && v != m.common(field) {
				n.SetString(field, token.NoPos, v)
			}
		}
		nodes.Set(name, token.NoPos, n)
	}
	if len(unread) > 0 {
		m.gaps = append(m.gaps, "not read, so the draft knows only what the other nodes say of them: "+strings.Join(unread, ", "))
	}
	return nil
}

// kinds are those that a plan knows.
var kinds = []schema.Kind{schema.KindData, schema.KindWitness, schema.KindSubscriberOnly, schema.KindStandby}

// kind is what the catalogs say that a node is; a plain mesh knows only data
// nodes.
func (m *maker) kind(node string) schema.Kind {
	for _, of := range m.names {
		if m.Fact[of] == nil {
			continue
		}
		for _, p := range m.Fact[of].Peers {
			if kind := schema.Kind(p.Kind); p.Name == node && slices.Contains(kinds, kind) {
				return kind
			}
		}
	}
	return schema.KindData
}
