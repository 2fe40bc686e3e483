package survey

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/draft"
)

// backups is a comment on what the catalogs cannot know: they have the slot that
// a Barman server receives from, and not who is behind it. It proposes one host
// for each datacenter with data, to be uncommented and corrected; SLOT is a name
// that the rules refuse until somebody replaces it.
func (m *maker) backups(places map[string]string) (string, error) {
	sources := map[string]*draft.List{} // by datacenter
	data := map[string]string{}         // its first data node
	var others strings.Builder
	source := func(node, slot string) {
		s := &draft.Map{}
		s.SetString("node", token.NoPos, node)
		s.SetString("slot", token.NoPos, slot)
		at := places[node]
		if sources[at] == nil {
			sources[at] = &draft.List{Flow: true}
		}
		sources[at].Add(token.NoPos, s)
	}
	for _, n := range m.names {
		if at := places[n]; data[at] == "" && m.kind(n) == schema.KindData {
			data[at] = n
		}
		if m.Fact[n] == nil {
			continue
		}
		for _, s := range m.Fact[n].Slots {
			switch {
			case s.Type != "physical" || s.Temporary:
			case strings.Contains(s.Name, "barman"):
				source(n, s.Name)
			case s.Active:
				fmt.Fprintf(&others, "  node %s: slot %s (active)\n", n, s.Name)
			default:
				fmt.Fprintf(&others, "  node %s: slot %s (inactive)\n", n, s.Name)
			}
		}
	}
	for at, n := range data {
		if sources[at] == nil {
			source(n, "SLOT")
		}
	}
	proposal := &draft.Map{}
	hosts := proposal.SetMap("barman", token.NoPos)
	for _, at := range slices.Sorted(maps.Keys(sources)) {
		host := &draft.Map{Flow: true}
		host.SetString("datacenter", token.NoPos, at)
		host.Set("sources", token.NoPos, sources[at])
		hosts.Set("barman-"+at, token.NoPos, host)
	}
	text, err := proposal.YAML("")
	if err != nil {
		return "", err
	}
	about := "Backups are not in the catalogs. These Barman hosts are a proposal, made of slots\n" +
		"that were seen; where none was, SLOT stands for its name. Uncomment and correct\n" +
		"them; say server: SECTION where a section is not called like its node.\n" + string(text)
	if others.Len() > 0 {
		about += "Other physical slots, of standbys or of Barman servers:\n" + others.String()
	}
	m.note("backups: not in the catalogs, so none is declared; uncomment and correct the proposal at the end of the draft")
	return draft.Comment(about), nil
}
