package survey

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/draft"
)

// onlyDatacenter is where all nodes are put when nothing tells them apart.
const onlyDatacenter = "main"

// numbered is a name that ends in a number, perhaps with a word for a machine
// before it: dc1n2, fra-db-03, ham_node1.
var numbered = regexp.MustCompile(`^(.+?)[-_.]*(?:n|node|db|pg|srv|server|host)?[-_.]*[0-9]+$`)

// standsBy is what datacenters are called that are there for disaster recovery
// alone: dr, DR2, fra-dr, dr_west.
var standsBy = regexp.MustCompile(`(?i)^((.+[-_. ])?dr[0-9]*|dr[-_. ].+)$`)

// datacenters places every node. No catalog knows datacenters; names do when
// they follow a pattern that leaves no doubt.
func (m *maker) datacenters() (map[string]string, error) {
	places, from := m.byPrefix(m.hosts()), "host names"
	if places == nil {
		names := map[string]string{}
		for _, n := range m.names {
			names[n] = n
		}
		places, from = m.byPrefix(names), "node names"
	}
	comment := fmt.Sprintf("Guessed from the %s. Correct them, give each its region, and the ones that stand\nby for the others role: dr.", from)
	if places == nil {
		places = map[string]string{}
		for _, n := range m.names {
			places[n] = onlyDatacenter
		}
		comment = "Neither host nor node names tell where the nodes are, so all are in one. Fill in\nthe real ones: NAME: {region: REGION}, with role: dr for those that stand by."
		m.note("datacenters: names do not tell where the nodes are, so all are placed in one called %s; fill in the real ones", onlyDatacenter)
	} else {
		m.note("datacenters: guessed from the %s; correct them where they are wrong", from)
	}
	var names []string
	for _, n := range m.names {
		if !slices.Contains(names, places[n]) {
			names = append(names, places[n])
		}
	}
	slices.Sort(names)
	if len(m.DR) == 0 {
		m.DR = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !standsBy.MatchString(name) })
		if len(m.DR) > 0 {
			comment += "\nRole dr is guessed from the names, too."
			m.note("datacenters: by their names, these stand by for the others: %s; where that is wrong, say --dr NAME, or take role: dr away", strings.Join(m.DR, ", "))
		} else {
			comment += "\nEach shard needs a replica in one that stands by, unless the plan says that there\nis none: policy: {min_dr_replicas: 0}."
			m.note("datacenters: none is known to stand by for the others; say --dr NAME, or declare policy: {min_dr_replicas: 0} where there is none")
		}
	}
	dcs := m.out.SetMap("datacenters", token.NoPos)
	m.out.Comment(comment)
	for _, name := range names {
		d := &draft.Map{Flow: true}
		d.SetString("region", token.NoPos, name)
		if slices.Contains(m.DR, name) {
			d.SetString("role", token.NoPos, string(schema.RoleDR))
		}
		dcs.Set(name, token.NoPos, d)
	}
	for _, dr := range m.DR {
		if !slices.Contains(names, dr) {
			return nil, fmt.Errorf("no datacenter of the draft is called %s: there are %s", dr, strings.Join(names, ", "))
		}
	}
	return places, nil
}

// hosts returns the first label of each node's host name; an address is no
// name, and a node without a name makes the whole of no use.
func (m *maker) hosts() map[string]string {
	out := map[string]string{}
	for _, n := range m.names {
		d, err := schema.ParseDSN(m.DSN[n])
		if err != nil || len(d.Hosts) == 0 || d.Local() || net.ParseIP(d.Hosts[0].Host) != nil {
			return nil
		}
		out[n], _, _ = strings.Cut(strings.ToLower(d.Hosts[0].Host), ".")
	}
	return out
}

// byPrefix groups nodes by what stands before the number in their names. It
// returns nil unless every name has a number, there are several prefixes, and
// at least two nodes share each: anything less could mean something else.
func (m *maker) byPrefix(names map[string]string) map[string]string {
	places, count := map[string]string{}, map[string]int{}
	for node, name := range names {
		found := numbered.FindStringSubmatch(name)
		if found == nil {
			return nil
		}
		places[node] = found[1]
		count[found[1]]++
	}
	if len(count) < 2 {
		return nil
	}
	for prefix, n := range count {
		if n < 2 || !validName.MatchString(prefix) {
			return nil
		}
	}
	return places
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]*$`)
