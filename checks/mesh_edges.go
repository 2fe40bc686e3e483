package checks

import (
	"fmt"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// MeshFull: each node hears from each other one.
var MeshFull = Check{
	Name:  "mesh/full",
	Title: "Each node replicates from each other node that shares data with it",
	Why: "In a mesh nobody passes on another node's changes: where one edge is missing or stands still, its changes reach that node " +
		"never or late, and the nodes hold different rows without any error.",
	Remedy:   "Create or enable the subscription; where it is down, read the server log of both ends for the reason, then check its slot on the provider.",
	Source:   "creating-and-joining-pgd-groups, B1: every node connects to every other node",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allEdges,
	Run:      eachEdge(meshFull),
}

const edgeHow = "subscriptions and pg_replication_origin on the subscriber, pg_replication_slots on the provider"

func meshFull(e edge) []Finding {
	done := func(f Finding, found string) []Finding {
		return []Finding{f.evidence(found, "one or more enabled subscriptions, replicating, each with an active slot", edgeHow)}
	}
	if e.to == nil {
		return []Finding{unknown("%s", e.whyTo)}
	}
	if len(e.links) == 0 {
		var nameless []string // they may lead to the provider by another of its addresses
		for _, s := range e.to.Subscriptions {
			if s.Provider == "" {
				nameless = append(nameless, s.Name+prefixed(" to ", s.Address))
			}
		}
		if len(nameless) > 0 {
			return done(unknown("no subscription of %s is known to lead to %s, but these lead to no address of the plan, and may: %s", e.subscriber, e.provider, strings.Join(nameless, ", ")), strings.Join(nameless, "; "))
		}
		return done(fail("%s has no subscription to %s", e.subscriber, e.provider), "no subscription")
	}
	var broken, open, words []string
	for _, l := range e.links {
		words = append(words, fmt.Sprintf("%s is %s", l.sub.Name, l.sub.RawState))
		what, certain := l.fault(e)
		switch {
		case what == "":
		case certain:
			broken = append(broken, what)
		default:
			open = append(open, what)
		}
	}
	switch {
	case len(broken) > 0:
		return done(fail("%s", strings.Join(append(broken, open...), "; ")), strings.Join(words, "; "))
	case len(open) > 0:
		return done(unknown("%s", strings.Join(open, "; ")), strings.Join(words, "; "))
	}
	return done(pass("%s replicates from %s", e.subscriber, e.provider), strings.Join(words, "; "))
}

// fault says what keeps a subscription from being whole, and whether that is
// certain or could only not be told.
func (l link) fault(e edge) (what string, certain bool) {
	name := l.sub.Name
	switch {
	case !l.sub.Enabled || l.sub.State == catalog.StateDisabled:
		return fmt.Sprintf("subscription %s is disabled", name), true
	case l.sub.State == catalog.StateDown:
		return fmt.Sprintf("subscription %s is down", name), true
	case l.sub.State == catalog.StateCatchup:
		return fmt.Sprintf("subscription %s still copies (%s)", name, l.sub.RawState), true
	case l.sub.State != catalog.StateReplicating:
		return fmt.Sprintf("subscription %s is in a state that is not known: %q", name, l.sub.RawState), false
	}
	if e.from == nil {
		return fmt.Sprintf("subscription %s says %s, but its slot could not be seen: %s", name, l.sub.RawState, e.whyFrom), false
	}
	if gap := e.from.Gap(catalog.PartSlots); gap != nil {
		return fmt.Sprintf("the slots of %s could not be read: %s", e.provider, gap.Reason), false
	}
	switch {
	case l.sub.Slot == "":
		return fmt.Sprintf("the slot of subscription %s is not known", name), false
	case l.slot == nil:
		return fmt.Sprintf("subscription %s has no slot on %s: %s is not there", name, e.provider, l.sub.Slot), true
	case !l.slot.Active:
		return fmt.Sprintf("nobody reads slot %s of subscription %s on %s", l.sub.Slot, name, e.provider), true
	}
	if l.sub.Origin == "" || e.to.Gap(catalog.PartOrigins) != nil {
		return "", true // slot and subscription agree; the origin is a third witness
	}
	for _, o := range e.to.Origins {
		if o.Name == l.sub.Origin {
			return "", true
		}
	}
	return fmt.Sprintf("subscription %s has no replication origin %s on %s", name, l.sub.Origin, e.subscriber), true
}
