package checks

import (
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// JoinPhysicalLeftovers: a copied instance brings its source's identity along.
var JoinPhysicalLeftovers = Check{
	Name:  "join/physical-leftovers",
	Title: "A physically joined node keeps nothing of the instance that it was copied from",
	Why: "bdr_init_physical and pg_basebackup copy slots' owners, subscriptions and origins of the source: the new node would go on as a second " +
		"copy of it, take its changes twice or hold back its WAL.",
	Remedy:   "Stop the node, remove the source's subscriptions, slots and origins from it, or join it anew.",
	Source:   "creating-and-joining-pgd-groups, B4",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PostJoin,
	Run: atJoin(func(j joining) []Finding {
		if j.declared && j.plan.Method != "physical" {
			return []Finding{skip("the join is %s", j.plan.Method)}
		}
		f, why := j.of(j.joiner, catalog.PartNodes, catalog.PartSubscriptions, catalog.PartSlots, catalog.PartOrigins, catalog.PartNames)
		if f == nil {
			return why
		}
		var left []string
		if f.LocalName != j.joiner && slices.Contains(j.members(), f.LocalName) {
			left = append(left, "the name of "+f.LocalName)
		}
		for _, s := range f.Subscriptions {
			if s.Provider == f.LocalName {
				left = append(left, "subscription "+s.Name+" to itself")
			}
		}
		for _, o := range stray(f) {
			left = append(left, "origin "+o)
		}
		if len(left) > 0 {
			return []Finding{fail("left of the copied instance: %s", strings.Join(left, ", ")).evidence(strings.Join(left, ", "), "nothing", "nodes, subscriptions and origins of the joiner; its slots: slots/known-owner")}
		}
		return []Finding{pass("nothing is left of the copied instance")}
	}),
}
