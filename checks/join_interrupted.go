package checks

import (
	"fmt"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// JoinInterrupted: nothing of an earlier try is left.
var JoinInterrupted = Check{
	Name:  "join/interrupted",
	Title: "Nothing of an earlier join of this node is left anywhere",
	Why: "The initial copy starts over when its connection breaks, and what the first try made stays: a slot holds back WAL, a half-joined " +
		"node blocks the name and the next try.",
	Remedy:   "Part and drop the half-joined node, then remove its slots, origins and subscriptions on every member, and make the joiner's database anew.",
	Source:   "creating-and-joining-pgd-groups, B5",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run:      atJoin(joinInterrupted),
}

func joinInterrupted(j joining) []Finding {
	const how = "nodes, subscriptions, slots, origins and operations under way of all members and the joiner"
	var out []Finding
	for _, n := range append(j.members(), j.joiner) {
		f, why := factsOf(j.in, n, catalog.PartNodes, catalog.PartSubscriptions, catalog.PartSlots, catalog.PartNames, catalog.PartOrigins)
		if f == nil {
			x := unknown("%s", why)
			x.Subject.Node = n
			out = append(out, x)
			continue
		}
		gap := f.Gap(catalog.PartProgress)
		if left := j.leftOn(n, f); len(left) == 0 && gap != nil && gap.Reason != catalog.NotInRelease {
			x := unknown("nothing is left of an earlier join as far as can be seen, but %s could not be read: %s", gap.Part, gap.Detail+prefixed("; ", gap.Remedy))
			x.Subject.Node = n
			out = append(out, x)
		} else if len(left) > 0 {
			x := fail("left of an earlier join: %s", strings.Join(left, ", ")).evidence(strings.Join(left, ", "), "nothing", how)
			x.Subject.Node = n
			out = append(out, x)
		} else {
			x := pass("nothing is left of an earlier join")
			x.Subject.Node = n
			out = append(out, x)
		}
	}
	return out
}

// leftOn lists what an earlier join left on a member, or on the joiner itself.
func (j joining) leftOn(name string, f *catalog.Facts) []string {
	var left []string
	used := map[string]bool{}
	for _, s := range f.Subscriptions {
		used[s.Origin] = true
		if name == j.joiner || s.Provider == j.joiner {
			left = append(left, "subscription "+s.Name)
		}
	}
	for _, p := range f.Peers {
		switch {
		case name == j.joiner && p.Name != f.LocalName, name != j.joiner && p.Name == j.joiner:
			left = append(left, strings.TrimSpace("node "+p.Name+" "+p.State))
		}
	}
	for _, s := range f.Slots {
		if s.Type == "logical" && s.Database == f.Server.Database && (name == j.joiner || named(s.Name, j.joiner) || owned(f, s.Name).Use == catalog.UseJoin) {
			left = append(left, "slot "+s.Name)
		}
	}
	for _, o := range f.Origins {
		if !used[o.Name] && !o.Elsewhere && (name == j.joiner || named(o.Name, j.joiner)) {
			left = append(left, "origin "+o.Name)
		}
	}
	for _, p := range f.Pending {
		if p.Node == j.joiner || p.Peer == j.joiner {
			left = append(left, fmt.Sprintf("%s of %s (%s)", p.Kind, p.Node, p.State))
		}
	}
	return left
}

// named reports whether a slot or origin bears the name of a node as a word of
// its own.
func named(s, node string) bool {
	word := func(r byte) bool { return r != '_' && r != '-' && r != '.' }
	for i := 0; ; {
		k := strings.Index(s[i:], node)
		if k < 0 {
			return false
		}
		k += i
		end := k + len(node)
		if (k == 0 || !word(s[k-1])) && (end == len(s) || !word(s[end])) {
			return true
		}
		i = k + 1
	}
}
