package checks

import (
	"fmt"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// BackupWALStreaming: the receiver is connected to the declared source and
// keeps up.
var BackupWALStreaming = Check{
	Name:  "backup/wal-streaming",
	Title: "Each Barman server receives WAL by streaming from its declared source, now",
	Why: "WAL that no Barman receives is lost with the node that wrote it, and the commits in it too; Barman itself " +
		"looks only at a process on its own host, which can live on while nothing arrives.",
	Remedy: "Run `barman cron` on the Barman host, which restarts a lost receiver, then read Barman's log for why it ended: " +
		"slot missing, slot in use, pg_hba.conf, or `barman receive-wal --reset` needed after WAL was removed.",
	Source:   "bdr-worldwide-specification, A9: each Barman receives WAL by physical streaming replication",
	Severity: schema.Error,
	Needs:    NeedsFacts | NeedsBarman,
	Run:      perSection("backup/wal-streaming", schema.Error, walStreaming),
}

// BackupSlotActive: the physical slot that keeps WAL for the section exists, is
// in use and has lost nothing.
var BackupSlotActive = Check{
	Name:  "backup/slot-active",
	Title: "Each Barman server's replication slot exists on its source, is active and has lost no WAL",
	Why: "Without a slot the source may remove WAL before Barman has it, which ends point-in-time recovery; with a slot that " +
		"nobody reads, WAL piles up until the disk of the source is full and the node stops.",
	Remedy: "Create a missing slot with `barman receive-wal --create-slot SERVER` and start the receiver with `barman cron`; " +
		"drop a slot that no Barman uses any more; after a lost slot take a new backup.",
	Source:   "bdr-worldwide-specification, A10: each Barman uses a replication slot",
	Severity: schema.Error,
	Needs:    NeedsFacts | NeedsBarman,
	Run:      perSection("backup/slot-active", schema.Error, slotActive),
}

const (
	howSlots   = "pg_replication_slots on the source"
	howSenders = "pg_replication_slots and pg_stat_replication on the source"
)

// streams reports whether WAL of this section should come by streaming.
func (s section) streams() bool {
	if s.server.Settings.Known() {
		return s.server.Settings.StreamingArchiver && !s.server.Settings.Passive
	}
	return s.plan.StreamingArchiver
}

func walStreaming(s section) Finding {
	switch {
	case s.plan.Passive:
		return skip("the plan has server %s copy another Barman's backups and WAL", s.plan.Server)
	case !s.plan.StreamingArchiver && !s.streams():
		return skip("the plan does not have server %s receive WAL by streaming", s.plan.Server)
	case s.server.Settings.Known() && !s.server.Settings.StreamingArchiver:
		return fail("streaming_archiver is off in section %s: nothing streams WAL from %s", s.plan.Server, s.plan.Node).
			evidence("streaming_archiver = off", "streaming_archiver = on", s.server.Settings.From)
	case s.server.Settings.Known() && !s.server.Settings.Active:
		return fail("section %s is switched off (active = false): Barman starts no WAL receiver for it", s.plan.Server).
			evidence("active = false", "active = true", s.server.Settings.From)
	}
	slot := s.slot()
	app, appKnown := s.archiver()
	expected := fmt.Sprintf("a walsender of %s on slot %s of %s, state streaming", app, orNone(slot), s.plan.Node)
	f, why := s.facts(catalog.PartSlots, catalog.PartSenders)
	if f == nil {
		return unknown("cannot tell whether WAL of %s is streamed to Barman: %s%s", s.plan.Node, why, s.barmanOnClients()).evidence("", expected, howSenders)
	}
	if slot == "" && !s.server.Settings.Known() {
		return unknown("cannot tell which walsender of %s feeds section %s: neither the plan nor Barman names its slot (%s)", s.plan.Node, s.plan.Server, s.unread("settings")).
			evidence("", expected, howSenders)
	}
	sender, why := senderOf(f, slot, app)
	if sender == nil {
		return fail("no WAL of %s is being streamed to server %s: %s", s.plan.Node, s.plan.Server, why).evidence(why, expected, howSenders)
	}
	found := fmt.Sprintf("walsender %d of %s on slot %s, state %s, sent %s of %s", sender.PID, sender.Application, orNone(slot), orNone(sender.State), sender.Sent, f.Server.WALFlush)
	done := func(g Finding) Finding { return g.evidence(found, expected, howSenders) }
	behind := f.Server.WALFlush.Since(sender.Sent)
	limit := s.in.Plan.Policy.Lag.MaxBytes
	switch {
	case sender.State == "":
		return done(unknown("the state of the walsender for server %s is hidden from role %s: GRANT pg_monitor TO it", s.plan.Server, f.Server.User))
	case sender.Application != app && !appKnown:
		return done(unknown("slot %s of %s is read by %q; whether that is Barman's receiver is not known, as %s", slot, s.plan.Node, sender.Application, s.unread("settings")))
	case sender.Application != app:
		return done(fail("slot %s of %s is read by %q, not by Barman's receiver %q", slot, s.plan.Node, sender.Application, app))
	case sender.State != "streaming":
		return done(fail("the WAL receiver of server %s is connected to %s in state %s and not up to date: %s behind", s.plan.Server, s.plan.Node, sender.State, bytes(behind)))
	case sender.Sent == 0 || f.Server.WALFlush == 0:
		return done(unknown("the WAL receiver of server %s is connected to %s, but how far it is was not seen", s.plan.Server, s.plan.Node))
	case limit > 0 && behind > limit:
		return done(fail("the WAL receiver of server %s does not keep up with %s: %s behind, more than the plan's %s", s.plan.Server, s.plan.Node, bytes(behind), bytes(limit)))
	}
	return done(pass("%s streams WAL of %s on slot %s", s.plan.Server, s.plan.Node, orNone(slot)))
}

// senderOf returns the walsender that reads a slot. Without a slot it is the
// one with the receiver's application_name. The string says what is there
// instead.
func senderOf(f *catalog.Facts, slot, app string) (*catalog.Sender, string) {
	if slot == "" {
		for i, s := range f.Senders {
			if s.Application == app {
				return &f.Senders[i], ""
			}
		}
		return nil, fmt.Sprintf("no walsender of %s", app)
	}
	s := physicalSlot(f, slot)
	switch {
	case s == nil:
		return nil, fmt.Sprintf("there is no physical slot %s", slot)
	case !s.Active:
		return nil, fmt.Sprintf("slot %s is not active", slot)
	}
	for i := range f.Senders {
		if f.Senders[i].PID == s.ActivePID {
			return &f.Senders[i], ""
		}
	}
	return nil, fmt.Sprintf("slot %s is held by process %d, which is no walsender", slot, s.ActivePID)
}

func physicalSlot(f *catalog.Facts, name string) *catalog.Slot {
	for i := range f.Slots {
		if f.Slots[i].Name == name && f.Slots[i].Type == "physical" {
			return &f.Slots[i]
		}
	}
	return nil
}

func slotActive(s section) Finding {
	set := s.server.Settings
	if s.plan.Passive {
		return skip("the plan has server %s copy another Barman's backups and WAL", s.plan.Server)
	}
	if !s.plan.StreamingArchiver && s.plan.Slot == "" && !s.streams() {
		return skip("neither plan nor Barman has server %s use a replication slot", s.plan.Server)
	}
	slot := s.slot()
	switch {
	case slot == "" && !set.Known():
		return unknown("neither the plan nor Barman names the slot of server %s: %s", s.plan.Server, s.unread("settings"))
	case slot == "":
		return fail("section %s has no slot_name: %s may remove WAL before Barman has it", s.plan.Server, s.plan.Node).
			evidence("slot_name is not set", "a slot_name", set.From)
	case s.plan.Slot != "" && s.plan.Slot != slot:
		return fail("section %s uses slot %s, the plan says %s", s.plan.Server, slot, s.plan.Slot).
			evidence("slot_name = "+slot, "slot_name = "+s.plan.Slot, set.From)
	}
	expected := fmt.Sprintf("physical slot %s on %s, active, no WAL lost", slot, s.plan.Node)
	f, why := s.facts(catalog.PartSlots)
	if f == nil {
		return unknown("cannot tell the state of slot %s: %s%s", slot, why, s.barmanOnSlot()).evidence("", expected, howSlots)
	}
	at := physicalSlot(f, slot)
	if at == nil {
		return fail("slot %s does not exist on %s", slot, s.plan.Node).evidence(otherPhysical(f), expected, howSlots)
	}
	found := fmt.Sprintf("active %t, restart_lsn %s, wal_status %s", at.Active, at.RestartLSN, orNone(at.WALStatus))
	done := func(g Finding) Finding { return g.evidence(found, expected, howSlots) }
	switch {
	case at.WALStatus == "lost":
		return done(fail("slot %s of %s has lost WAL that Barman had not received: recovery stops there", slot, s.plan.Node))
	case at.WALStatus == "unreserved":
		return done(fail("slot %s of %s is about to lose WAL: it is past max_slot_wal_keep_size", slot, s.plan.Node))
	case !at.Active:
		return done(fail("slot %s of %s is not active: WAL piles up on %s and none reaches Barman%s", slot, s.plan.Node, s.plan.Node, s.saysRunning()))
	case at.RestartLSN == 0:
		return done(fail("slot %s of %s reserves no WAL: it has never been read", slot, s.plan.Node))
	}
	return done(pass("slot %s of %s is active", slot, s.plan.Node))
}

// saysRunning quotes Barman where it believes in a receiver that the source
// does not see.
func (s section) saysRunning() string {
	if r, ok := s.server.Check.Results["receive_wal_running"]; ok && r.Status == "OK" && !s.stale(s.server.Check.Origin) {
		return ", although `barman check` calls receive-wal running (it looks only at a process or lock file of its own host)"
	}
	return ""
}

// barmanOnSlot quotes what Barman saw of its slot.
func (s section) barmanOnSlot() string {
	l := s.server.Live
	if !l.Known() || !l.SlotKnown {
		return ""
	}
	return fmt.Sprintf(" (Barman saw it with active %t, %s)", l.SlotActive, l.From)
}

// barmanOnClients quotes the receivers that Barman saw at its source, whichever
// server that is.
func (s section) barmanOnClients() string {
	c := s.server.Clients
	if !c.Known() || s.stale(c.Origin) {
		return ""
	}
	app, _ := s.archiver()
	for _, cl := range c.List {
		if cl.Application == app && cl.Slot == s.slot() {
			return fmt.Sprintf(" (Barman saw its receiver in state %s on slot %s of what it is connected to, %s)", orNone(cl.State), orNone(cl.Slot), c.From)
		}
	}
	return fmt.Sprintf(" (Barman saw no receiver of its own at what it is connected to, %s)", c.From)
}

func otherPhysical(f *catalog.Facts) string {
	out := ""
	for _, s := range f.Slots {
		if s.Type == "physical" {
			if out != "" {
				out += ", "
			}
			out += s.Name
		}
	}
	if out == "" {
		return "no physical slot"
	}
	return "physical slots: " + out
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// bytes renders a size for people: "3.1 MiB".
func bytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}
