package checks

import (
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
)

// absent is how a thing that a node does not have is shown.
const absent = "(absent)"

// drift compares what nodes say, thing by thing, and names those that differ
// from the majority; without one, from the first node by name.
func drift(in Input, how string, say func(*catalog.Facts) map[string]string, parts ...catalog.Part) []Finding {
	return driftAmong(in, in.Plan.NodeNames(), how, say, parts...)
}

func driftAmong(in Input, nodes []string, how string, say func(*catalog.Facts) map[string]string, parts ...catalog.Part) []Finding {
	facts, _ := readable(in, nodes, parts...)
	said := map[string]map[string]string{}
	things := map[string]bool{}
	for n, f := range facts {
		said[n] = say(f)
		for thing := range said[n] {
			things[thing] = true
		}
	}
	usual := map[string]string{}
	for thing := range things {
		usual[thing] = majority(said, thing)
	}
	var out []Finding
	for _, n := range slices.Sorted(slices.Values(nodes)) {
		f, why := factsOf(in, n, parts...)
		if f == nil {
			x := unknown("%s", why)
			x.Subject.Node = n
			out = append(out, x)
			continue
		}
		differs := false
		for _, thing := range sortedKeys(things) {
			v := valueOf(said[n], thing)
			if v == usual[thing] {
				continue
			}
			differs = true
			x := fail("%s is %s here and %s on %s", thing, short(v), short(usual[thing]), strings.Join(holders(said, thing, usual[thing]), ", ")).evidence(v, usual[thing], how)
			x.Subject = Subject{Node: n, Object: thing}
			out = append(out, x)
		}
		if !differs {
			x := pass("%d things are as on the other nodes", len(things))
			if len(facts) < 2 {
				x = unknown("no other node could be read to compare with")
			}
			x.Subject.Node = n
			out = append(out, x)
		}
	}
	return out
}

func valueOf(m map[string]string, thing string) string {
	if v, ok := m[thing]; ok {
		return v
	}
	return absent
}

func majority(said map[string]map[string]string, thing string) string {
	count := map[string]int{}
	best := ""
	for i, n := range sortedKeys(said) {
		v := valueOf(said[n], thing)
		count[v]++
		if i == 0 {
			best = v
		}
	}
	for _, v := range sortedKeys(count) {
		if count[v] > count[best] {
			best = v
		}
	}
	return best
}

func holders(said map[string]map[string]string, thing, value string) []string {
	var out []string
	for _, n := range sortedKeys(said) {
		if valueOf(said[n], thing) == value {
			out = append(out, n)
		}
	}
	return out
}

// short cuts long definitions in messages; the evidence has the whole.
func short(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:77]) + "…"
	}
	if s == "" {
		return `""`
	}
	return s
}
