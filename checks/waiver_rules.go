package checks

import (
	"slices"

	"github.com/pgconcord/pgconcord/schema"
)

// AboutWaivers returns the rules about waivers themselves.
func AboutWaivers() []Check { return slices.Clone(waiverRules) }

// waiverRules are about the waivers of a run; [Waivers.Apply] judges them.
var waiverRules = []Check{
	{
		Name:     WaiverExpired,
		Title:    "No waiver is past its last day",
		Why:      "a waiver that has expired waives nothing: what it spoke of fails again, and somebody promised to have dealt with it by now",
		Remedy:   "Mend what fails and remove the waiver, or agree on a new day with whoever answers for it.",
		Source:   "pgconcord: a waiver ends on the day it says",
		Severity: schema.Warning,
		Needs:    NeedsWaivers,
	},
	{
		Name:     WaiverExpiring,
		Title:    "No waiver ends within 14 days",
		Why:      "when it ends the gate fails, most likely while nobody who could mend the cause is at work",
		Remedy:   "Mend what it speaks of before its last day, or agree on a new one with whoever answers for it.",
		Source:   "pgconcord: a waiver ends on the day it says",
		Severity: schema.Warning,
		Needs:    NeedsWaivers,
	},
	{
		Name:     WaiverUnused,
		Title:    "Every waiver speaks of something that fails",
		Why:      "a waiver left behind hides the same failure when it comes back for another reason; one with a misspelt rule never did what its author believed",
		Remedy:   "Remove the waiver, or correct its rule and subject.",
		Source:   "pgconcord: a waiver is for a known failure",
		Severity: schema.Warning,
		Needs:    NeedsWaivers,
	},
	{
		Name:     WaiverTooBroad,
		Title:    "No waiver speaks of every rule, or of every subject of a rule",
		Why:      "it would take in the next failure of any node too, which nobody has looked at; so it waives nothing",
		Remedy:   "Name the nodes or objects that somebody answers for; to be rid of a layout rule altogether, switch it off in the house's policy, where a reviewer sees it.",
		Source:   "pgconcord: a waiver is for a known failure",
		Severity: schema.Warning,
		Needs:    NeedsWaivers,
	},
}
