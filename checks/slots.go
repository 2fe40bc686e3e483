package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

const slotHow = "pg_replication_slots"

// eachSlot makes the Run of a check that judges each lasting slot of each node;
// a node where nothing was wrong gets one pass.
func eachSlot(what string, judge func(n node, s catalog.Slot) (Finding, bool), parts ...catalog.Part) func(Input) []Finding {
	return eachNode(func(n node) []Finding {
		var out []Finding
		count := 0
		for _, s := range n.f.Slots {
			if s.Temporary {
				continue
			}
			count++
			if f, wrong := judge(n, s); wrong {
				f.Subject.Object = "slot " + s.Name
				out = append(out, f)
			}
		}
		if len(out) == 0 {
			out = append(out, pass("%d slots, %s", count, what).evidence("", "", slotHow))
		}
		return out
	}, append(parts, catalog.PartSlots)...)
}

// SlotsInactive: somebody reads every slot.
var SlotsInactive = Check{
	Name:  "slots/inactive",
	Title: "Every replication slot is being read",
	Why: "A slot that nobody reads holds WAL back until the disk is full and the server stops, and keeps vacuum from cleaning the " +
		"catalogs. It also means that a subscriber gets nothing.",
	Remedy:   "Bring its reader back; drop the slot only when its subscriber is gone for good, and never one of BDR or PGD by hand.",
	Source:   "Postgres-BDR and PGD monitoring, monitor_local_replslots; PostgreSQL, replication slots",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: eachSlot("all of those that should be read are", func(n node, s catalog.Slot) (Finding, bool) {
		if s.Active || owned(n.f, s.Name).Idle || ofBarman(n.in, n.name, s) {
			return Finding{}, false
		}
		if _, why := factsOf(n.in, n.name, catalog.PartNames); why != "" && s.Type == "logical" && n.f.Flavour.Grouped() {
			return unknown("nobody reads logical slot %s; whether it is the group's own, which nobody is to read, is not known: %s", s.Name, why).evidence("active = false", "active = true", slotHow), true
		}
		since := ""
		if s.InactiveSince != nil {
			since = fmt.Sprintf(" since %s", s.InactiveSince.UTC().Format("2006-01-02 15:04:05Z"))
		}
		retained := "WAL of an amount that is not known"
		if s.RestartLSN != 0 && n.f.Server.WALInsert != 0 {
			retained = bytes(n.f.Server.WALInsert.Since(s.RestartLSN)) + " of WAL"
		}
		return fail("nobody reads %s slot %s%s; it holds back %s", s.Type, s.Name, since, retained).evidence("active = false", "active = true", slotHow), true
	}),
}

// owned returns what the flavour says of a slot of its own; zero for others.
func owned(f *catalog.Facts, slot string) catalog.OwnedName {
	for _, o := range f.OwnedSlots {
		if o.Name == slot {
			return o
		}
	}
	return catalog.OwnedName{}
}

// ofBarman reports whether the plan gives the slot to a Barman server; the
// backup checks judge those.
func ofBarman(in Input, node string, s catalog.Slot) bool {
	if s.Type != "physical" {
		return false
	}
	for _, host := range in.Plan.BarmanNames() {
		for _, src := range in.Plan.Barman[host].Sources {
			if src.Node == node && src.Slot == s.Name {
				return true
			}
		}
	}
	return false
}

// SlotsNotLost: no slot lost the WAL it needs.
var SlotsNotLost = Check{
	Name:  "slots/not-lost",
	Title: "No replication slot has lost WAL that its reader still needs",
	Why: "When a slot is over max_slot_wal_keep_size the server throws away WAL that was not read: the subscriber can never catch up " +
		"and must be made anew; a Barman server has a gap in its WAL and cannot restore beyond it.",
	Remedy:   "Make the subscriber anew or take a new backup; then raise max_slot_wal_keep_size or mend what kept the reader away.",
	Source:   "bdr-worldwide-specification, A10; PostgreSQL, pg_replication_slots.wal_status",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: eachSlot("none lost WAL", func(n node, s catalog.Slot) (Finding, bool) {
		switch {
		case s.Invalidation != "":
			return fail("slot %s is no longer of use: %s", s.Name, s.Invalidation).evidence(s.Invalidation, "reserved", slotHow), true
		case s.WALStatus == "lost":
			return fail("slot %s has lost WAL that its reader needs", s.Name).evidence("lost", "reserved", slotHow), true
		case s.WALStatus == "unreserved":
			return fail("slot %s is about to lose WAL at the next checkpoint", s.Name).evidence("unreserved", "reserved", slotHow), true
		}
		return Finding{}, false
	}),
}

// SlotsWALRetention: no slot holds back more than the plan allows.
var SlotsWALRetention = Check{
	Name:  "slots/wal-retention",
	Title: "No replication slot holds back more WAL than the plan allows",
	Why: "WAL that a slot holds back stays on the provider's disk. When the disk is full the server stops, and with it every " +
		"application on the node, for the sake of a reader that may be gone.",
	Remedy:   "Find out why the reader does not advance; make room, or give the slot up before the disk is full.",
	Source:   "bdr-worldwide-specification, A10",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: func(in Input) []Finding {
		limit := in.Plan.Policy.Slots.MaxRetainedBytes
		if limit <= 0 {
			return []Finding{skip("the plan sets no limit (policy.slots.max_retained_bytes)")}
		}
		return eachSlot("none holds back more than "+bytes(limit), func(n node, s catalog.Slot) (Finding, bool) {
			if s.RestartLSN == 0 { // reserves nothing yet, or lost it
				return Finding{}, false
			}
			held := n.f.Server.WALInsert.Since(s.RestartLSN)
			expected := fmt.Sprintf("at most %d bytes", limit)
			const how = "pg_current_wal_insert_lsn() - restart_lsn of pg_replication_slots"
			switch {
			case n.f.Server.WALInsert == 0:
				return unknown("the WAL position of %s is not known", n.name).evidence("", expected, how), true
			case held > limit:
				left := ""
				if s.SafeWALSize != nil {
					left = fmt.Sprintf("; %s more and it is lost", bytes(max(0, *s.SafeWALSize)))
				}
				return fail("slot %s holds back %s of WAL%s", s.Name, bytes(held), left).evidence(fmt.Sprintf("%d bytes", held), expected, how), true
			}
			return Finding{}, false
		}, catalog.PartServer)(in)
	},
}

// SlotsKnownOwner: each slot belongs to somebody in the plan.
var SlotsKnownOwner = Check{
	Name:  "slots/known-owner",
	Title: "Every replication slot belongs to a subscription or a Barman server of the plan",
	Why: "A slot that was left over from a removed node, an interrupted join or a trial holds WAL back for ever, and nobody waits for " +
		"what it keeps.",
	Remedy:   "Find out who made it; drop it when nobody needs it (BDR and PGD drop their own), or declare its reader.",
	Source:   "creating-and-joining-pgd-groups, B5: what an interrupted join leaves behind",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run:      knownOwner,
}

func knownOwner(in Input) []Finding {
	readers := in.Plan.NodeNames()
	if in.Joiner != "" && !slices.Contains(readers, in.Joiner) {
		readers = append(readers, in.Joiner)
	}
	subscribers, why := readable(in, readers, catalog.PartSubscriptions)
	known := names(in)
	used := map[string]map[string]bool{} // provider to slots
	for _, n := range sortedKeys(subscribers) {
		for _, s := range subscribers[n].Subscriptions {
			p := known[s.Provider]
			if used[p] == nil {
				used[p] = map[string]bool{}
			}
			used[p][s.Slot] = true
		}
	}
	return eachSlot("each with an owner", func(n node, s catalog.Slot) (Finding, bool) {
		if used[n.name][s.Name] || owned(n.f, s.Name).Name != "" || ofBarman(in, n.name, s) || s.Database != "" && s.Database != n.f.Server.Database {
			return Finding{}, false
		}
		reader := "nobody reads it now"
		for _, snd := range n.f.Senders {
			if s.Active && snd.PID == s.ActivePID {
				reader = fmt.Sprintf("%s reads it from %s", snd.Application, snd.Client)
			}
		}
		if gap := n.f.Gap(catalog.PartNames); gap != nil && s.Type == "logical" {
			return unknown("no subscription owns slot %s (%s); whether it is the flavour's own is not known: %s", s.Name, reader, gap.Detail+prefixed("; ", gap.Remedy)), true
		}
		if s.Type == "logical" && len(why) > 0 {
			return unknown("no subscription that could be read owns slot %s (%s); not every node could be asked: %s", s.Name, reader, strings.Join(why, "; ")), true
		}
		return fail("nothing in the plan owns %s slot %s; %s", s.Type, s.Name, reader).evidence(s.Name, "a subscription's slot, or one that the plan gives to Barman", "pg_replication_slots against the subscriptions of all nodes"), true
	})(in)
}
