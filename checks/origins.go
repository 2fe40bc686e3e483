package checks

import (
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// stray are the origins of a node that neither a subscription nor the flavour
// itself uses, nor, by its name, another database of the server.
func stray(f *catalog.Facts) []string {
	used := map[string]bool{}
	for _, s := range f.Subscriptions {
		used[s.Origin] = true
	}
	for _, o := range f.OwnedOrigins {
		used[o.Name] = true
	}
	var out []string
	for _, o := range f.Origins {
		// Native workers that copy a table have one each: pg_<subscription>_<table>.
		if !used[o.Name] && !o.Elsewhere && !slices.ContainsFunc(f.Subscriptions, func(s catalog.Subscription) bool { return strings.HasPrefix(o.Name, s.Origin+"_") }) {
			out = append(out, o.Name)
		}
	}
	return out
}

// OriginsKnownOwner: each origin belongs to a subscription.
var OriginsKnownOwner = Check{
	Name:     "origins/known-owner",
	Title:    "Every replication origin belongs to a subscription",
	Why:      "An origin left over from a node that was removed takes one of max_replication_slots, and its rows look as if that node still wrote them.",
	Remedy:   "Find out who made it (a repair script may need one); else pg_replication_origin_drop.",
	Source:   "creating-and-joining-pgd-groups, B5: what an interrupted join leaves behind",
	Severity: schema.Info,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run: eachNode(func(n node) []Finding {
		var out []Finding
		for _, o := range stray(n.f) {
			f := fail("no subscription uses origin %s", o).evidence(o, "an origin of a subscription", "pg_replication_origin against the node's subscriptions")
			f.Subject.Object = "origin " + o
			out = append(out, f)
		}
		if len(out) == 0 {
			out = append(out, pass("%d origins, each with a subscription", len(n.f.Origins)))
		}
		return out
	}, catalog.PartOrigins, catalog.PartSubscriptions, catalog.PartNames),
}
