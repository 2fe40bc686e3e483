package checks

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// WALDiskBudget: WAL stays within the room it was given.
var WALDiskBudget = Check{
	Name:  "wal/disk-budget",
	Title: "WAL takes no more room than the plan gives it, and no setting lets it",
	Why: "When the disk of pg_wal is full the server stops, and with it every application on the node. No SQL tells how much is free " +
		"there: what can be judged is how much WAL there is against the room that the plan says it has.",
	Remedy: "Find out what holds WAL (slots/wal-retention, slots/inactive, wal/archived); bound it with max_slot_wal_keep_size, or give it " +
		"more room and say so in policy.wal.max_bytes.",
	Source:   "PostgreSQL, WAL Configuration; max_slot_wal_keep_size",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run: func(in Input) []Finding {
		if in.Plan.Policy.WAL.MaxBytes <= 0 {
			return []Finding{skip("the plan does not say how much room WAL has (policy.wal.max_bytes), and how much is free on a disk no SQL tells")}
		}
		return eachNode(walBudget, catalog.PartWAL, catalog.PartServer)(in)
	},
}

const walHow = "pg_ls_waldir(), pg_settings, pg_replication_slots, pg_stat_wal"

func walBudget(n node) []Finding {
	limit := n.in.Plan.Policy.WAL.MaxBytes
	held, unbounded, why := n.walHeld()
	found := fmt.Sprintf("%d bytes in pg_wal", n.f.WALBytes)
	done := func(f Finding) []Finding {
		return []Finding{f.evidence(found, fmt.Sprintf("at most %d bytes (policy.wal.max_bytes)", limit), walHow)}
	}
	if n.f.WALBytes > limit {
		return done(fail("pg_wal takes %s of the %s that it has; %s", bytes(n.f.WALBytes), bytes(limit), held))
	}
	var wide []string
	for _, name := range []string{"max_wal_size", "wal_keep_size", "wal_keep_segments", "max_slot_wal_keep_size"} {
		if may, ok := n.walSetting(name); ok && may > limit {
			wide = append(wide, name+" = "+n.f.Settings[name])
		}
	}
	if len(wide) > 0 {
		found += "; " + strings.Join(wide, ", ")
		return done(fail("the settings allow pg_wal more than the %s that it has: %s", bytes(limit), strings.Join(wide, ", ")))
	}
	if why != "" { // room for it now, but what holds it back cannot be told
		return done(unknown("pg_wal takes %s of %s, but what may make it grow cannot be told: %s", bytes(n.f.WALBytes), bytes(limit), why))
	}
	return done(pass("pg_wal takes %s of the %s that it has; %s%s", bytes(n.f.WALBytes), bytes(limit), held, unbounded))
}

// walHeld tells what slots hold back, how fast the node writes, and whether a
// slot may hold back all there is; why is set when the slots are not known.
func (n node) walHeld() (held, unbounded, why string) {
	if _, w := factsOf(n.in, n.name, catalog.PartSlots); w != "" {
		return "what slots hold back is not known", "", w
	}
	most := int64(0)
	for _, s := range n.f.Slots {
		if s.RestartLSN != 0 && n.f.Server.WALInsert != 0 {
			most = max(most, n.f.Server.WALInsert.Since(s.RestartLSN))
		}
	}
	held = fmt.Sprintf("slots hold back %s", bytes(most))
	perHour, since := n.walRate()
	if perHour > 0 {
		held += fmt.Sprintf(", %s an hour are written on average since %s", bytes(perHour), day(since))
	}
	if n.f.Settings["max_slot_wal_keep_size"] != "-1MB" || len(n.f.Slots) == 0 {
		return held, "", ""
	}
	unbounded = "; a slot that nobody reads may hold back all there is (max_slot_wal_keep_size = -1)"
	if perHour > 0 {
		left := n.in.Plan.Policy.WAL.MaxBytes - n.f.WALBytes
		unbounded += fmt.Sprintf(", which takes %s to fill the rest", roughly(time.Duration(float64(left)/float64(perHour)*float64(time.Hour))))
	}
	return held, unbounded, ""
}

// walRate is the WAL written in an hour, on average since the statistics were
// reset; 0 when the server does not tell or has only begun to count.
func (n node) walRate() (perHour int64, since time.Time) {
	a := n.f.Archiver
	if a == nil || a.WrittenSince == nil {
		return 0, since
	}
	d := n.f.ServerNow.Sub(*a.WrittenSince)
	if d < time.Hour {
		return 0, since
	}
	return int64(float64(a.Written) / d.Hours()), *a.WrittenSince
}

func roughly(d time.Duration) string {
	switch {
	case d > 10*365*24*time.Hour || d < 0:
		return "years"
	case d > 48*time.Hour:
		return days(d)
	}
	return fmt.Sprintf("%d hours", int(d.Hours()))
}

// walSetting returns a setting in bytes; false when the server has none, it has
// no limit, or it is not understood.
func (n node) walSetting(name string) (int64, bool) {
	v := n.f.Settings[name]
	digits := strings.TrimRight(v, "kMGTB")
	size, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || size < 0 {
		return 0, false
	}
	unit := v[len(digits):]
	if name == "wal_keep_segments" { // before PostgreSQL 13; counts segments
		segment, ok := n.walSetting("wal_segment_size")
		return size * segment, ok && unit == ""
	}
	scale, ok := map[string]int64{"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}[unit]
	return size * scale, ok
}

// WALArchived: what archives WAL does so.
var WALArchived = Check{
	Name:  "wal/archived",
	Title: "Where WAL is archived, the last attempt succeeded, and none hangs",
	Why: "WAL that could not be archived stays on disk until it could, whatever max_slot_wal_keep_size says: the disk fills, and until " +
		"then there is a gap in what a backup can be restored to. A command that hangs, on a network mount for one, has neither succeeded nor failed: " +
		"it shows when more than 4 finished segments lie behind the one that was archived last, and that was, and one of them is ready since, more than 15 minutes ago.",
	Remedy:   "See the server log for what the archive command says; mend its target, or switch archiving off where WAL is streamed to Barman.",
	Source:   "PostgreSQL, Setting Up WAL Archiving; pg_stat_archiver; pg_walfile_name()",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run:      eachNode(walArchived),
}

func walArchived(n node) []Finding {
	const how, expected = "pg_stat_archiver, pg_ls_archive_statusdir(), pg_walfile_name()", "the last attempt to archive a segment succeeded"
	mode, exists, why := n.setting("archive_mode")
	switch {
	case why != "":
		return []Finding{unknown("%s", why)}
	case !exists:
		return []Finding{skip("whether WAL is archived is not known: %s", oldFacts)}
	case mode == "off":
		return []Finding{skip("archive_mode is off")}
	case mode == "on" && n.f.Server.InRecovery:
		return []Finding{skip("a standby archives nothing with archive_mode = on")}
	}
	if _, why := factsOf(n.in, n.name, catalog.PartArchiver); why != "" {
		return []Finding{unknown("%s", why).evidence("", expected, how)}
	}
	a := n.f.Archiver
	if a == nil {
		return []Finding{unknown("whether WAL is archived is not known: %s", oldFacts).evidence("", expected, how)}
	}
	waiting, many := "", false
	if a.Waiting != nil {
		waiting, many = fmt.Sprintf("; %d segments wait", *a.Waiting), *a.Waiting > 0
	}
	failing := a.LastFailed != nil && (a.LastArchived == nil || a.LastFailed.After(*a.LastArchived))
	switch {
	case failing:
		return []Finding{fail("archiving fails: the last attempt, at %s, did not succeed%s", a.LastFailed.UTC().Format(time.RFC3339), waiting).
			evidence("last failed "+moment(a.LastFailed)+", last archived "+moment(a.LastArchived)+waiting, expected, how)}
	case !a.Configured && many:
		return []Finding{fail("archive_mode is %s, but there is neither archive_command nor archive_library%s", mode, waiting).evidence("not configured"+waiting, expected, how)}
	case !a.Configured:
		return []Finding{pass("archive_mode is %s; nothing archives, and nothing waits yet", mode).evidence("not configured", expected, how)}
	}
	if a.LastArchived == nil && many { // since the start, or since the statistics were lost
		return []Finding{unknown("no attempt to archive is on record%s", waiting).evidence("last archived never"+waiting, expected, how)}
	}
	if a.LastArchived == nil {
		return []Finding{pass("no attempt to archive is on record, and nothing is known to wait").evidence("last archived never"+waiting, expected, how)}
	}
	if behind := n.unarchived(); behind > archiveSegments && n.f.ServerNow.Sub(*a.LastArchived) > archiveSilence {
		found := fmt.Sprintf("last archived %s (%s), %s is written%s", moment(a.LastArchived), a.LastSegment, a.Current, waiting)
		switch {
		case a.WaitingSince == nil && a.Waiting == nil: // they may all be of the last moment
			return []Finding{unknown("%d finished segments are not archived, and the last was at %s: whether archiving hangs is not known before PostgreSQL 12", behind, moment(a.LastArchived)).evidence(found, expected, how)}
		case a.WaitingSince != nil && n.f.ServerNow.Sub(*a.WaitingSince) > archiveSilence:
			return []Finding{fail("archiving hangs: %d finished segments are not archived, the last that was at %s, and no attempt failed since", behind, moment(a.LastArchived)).evidence(found, expected, how)}
		}
	}
	return []Finding{pass("the last segment was archived%s", waiting).evidence("last archived "+moment(a.LastArchived)+waiting, expected, how)}
}

// Archiving hangs when so many segments lie behind for so long: both, since an idle
// node archives nothing for days, and a busy one finishes many segments in a moment.
const (
	archiveSegments = 4
	archiveSilence  = 15 * time.Minute
)

// unarchived is how many finished segments lie between the one that was archived
// last and the one that is written; 0 when that cannot be told: of another
// timeline, of a file that is no segment, or in recovery.
func (n node) unarchived() int64 {
	a := n.f.Archiver
	size, ok := n.walSetting("wal_segment_size")
	if !ok || size < 1 || len(a.Current) != 24 || len(a.LastSegment) != 24 || a.Current[:8] != a.LastSegment[:8] {
		return 0
	}
	number := func(name string) int64 {
		high, err1 := strconv.ParseUint(name[8:16], 16, 32)
		low, err2 := strconv.ParseUint(name[16:], 16, 32)
		if err1 != nil || err2 != nil {
			ok = false
		}
		return int64(high)*((1<<32)/size) + int64(low)
	}
	behind := number(a.Current) - number(a.LastSegment) - 1
	if !ok {
		return 0
	}
	return behind
}

func moment(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
