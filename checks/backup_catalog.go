package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/schema"
)

// BackupRecent: there is a backup, it is complete, and it is young enough.
var BackupRecent = Check{
	Name:     "backup/recent",
	Title:    "The newest complete backup of each Barman server is no older than the plan allows",
	Why:      "Recovery replays all WAL since the backup: an old one makes it long, and a damaged one leaves nothing near.",
	Remedy:   "Run `barman backup SERVER`, and see why the scheduled one did not run or failed (`barman list-backups`, the log).",
	Source:   "bdr-worldwide-specification, A11: Barman takes backups of its source",
	Severity: schema.Error,
	Needs:    NeedsBarman,
	Run:      perSection("backup/recent", schema.Error, backupRecent),
}

// BackupRedundancy: enough backups exist and Barman guards that number.
var BackupRedundancy = Check{
	Name:  "backup/redundancy",
	Title: "Each Barman server has, and guards, the number of backups that the plan asks for",
	Why: "With minimum_redundancy 0, Barman's default, a retention policy or a slip with `barman delete` may remove the last " +
		"backup, and `barman check` says OK with none at all.",
	Remedy:   "Set minimum_redundancy to at least the plan's number and take the backups that are missing.",
	Source:   "Barman documentation, minimum_redundancy; its default 0 guards nothing",
	Severity: schema.Error,
	Needs:    NeedsBarman,
	Run:      perSection("backup/redundancy", schema.Error, backupRedundancy),
}

// BackupAgeRule: Barman itself raises the alarm when backups stop.
var BackupAgeRule = Check{
	Name:     "backup/age-rule",
	Title:    "Each Barman server has a rule for the age of its last backup",
	Why:      "Without last_backup_maximum_age, `barman check` calls a backup of any age OK: nobody is told when backups stop.",
	Remedy:   "Set last_backup_maximum_age to HOURS, DAYS, WEEKS or MONTHS, such as `last_backup_maximum_age = 1 DAYS`; Barman ignores other units.",
	Source:   "Barman documentation, last_backup_maximum_age; not set by default",
	Severity: schema.Warning,
	Needs:    NeedsBarman,
	Run:      perSection("backup/age-rule", schema.Warning, backupAgeRule),
}

// zoneDoubt is how wrong a time may be that was written without its zone.
const zoneDoubt = 14 * time.Hour

// newestUsable returns the newest complete backup, and a remark on failed
// attempts after it.
func newestUsable(l []barman.Backup) (b *barman.Backup, remark string) {
	var failed []string
	for i := range l {
		if l[i].Usable() {
			b = &l[i]
			break
		}
		failed = append(failed, l[i].ID+" "+l[i].Status)
	}
	if len(failed) > 0 {
		remark = " (not complete: " + strings.Join(failed, ", ") + ")"
	}
	return b, remark
}

func backupRecent(s section) Finding {
	bs, limit := s.server.Backups, s.maxAge()
	expected := "a complete backup, at most " + limit.String() + " old"
	if !bs.Known() {
		return unknown("cannot tell how old the newest backup of server %s is: %s", s.plan.Server, s.unread("backups")).evidence("", expected, "")
	}
	b, remark := newestUsable(bs.List)
	if b == nil {
		if s.stale(bs.Origin) {
			return unknown("%s lists no complete backup of server %s, but it was saved %s ago", bs.From, s.plan.Server, since(s.in.Now, bs.At)).evidence("", expected, bs.From)
		}
		return fail("server %s has no complete backup%s", s.plan.Server, remark).evidence(fmt.Sprintf("%d backups, none of them DONE%s", len(bs.List), remark), expected, bs.From)
	}
	if b.Ended.IsZero() {
		return unknown("backup %s of server %s does not tell when it ended", b.ID, s.plan.Server).evidence(b.ID, expected, bs.From)
	}
	age := s.in.Now.Sub(b.Ended)
	found := fmt.Sprintf("backup %s, ended %s, %s old%s", b.ID, b.Ended.Format(time.RFC3339), since(s.in.Now, b.Ended), remark)
	done := func(f Finding) Finding { return f.evidence(found, expected, bs.From) }
	doubt := 5 * time.Minute // between the clocks of the two machines
	if b.ZoneUnknown {
		doubt += zoneDoubt
	}
	switch {
	case age < -doubt:
		return done(unknown("backup %s of server %s ended in the future: the clock of the Barman host or of this machine is wrong", b.ID, s.plan.Server))
	case age <= limit && (!b.ZoneUnknown || age+doubt <= limit):
		return done(pass("the newest complete backup of server %s is %s old%s", s.plan.Server, since(s.in.Now, b.Ended), remark))
	case b.ZoneUnknown && age-doubt <= limit:
		return done(unknown("backup %s of server %s was written without its time zone: it may be older or younger than %s", b.ID, s.plan.Server, limit))
	case bs.Saved && bs.At.Sub(b.Ended) <= limit:
		return done(unknown("%s was saved %s ago, when the newest backup of server %s was young enough: there may be a newer one", bs.From, since(s.in.Now, bs.At), s.plan.Server))
	}
	return done(fail("the newest complete backup of server %s is %s old, more than the plan's %s%s", s.plan.Server, since(s.in.Now, b.Ended), limit, remark))
}

func backupRedundancy(s section) Finding {
	set, bs, want := s.server.Settings, s.server.Backups, s.in.Plan.Policy.Backup.MinRedundancy
	guard := max(want, 1)
	expected := fmt.Sprintf("minimum_redundancy of at least %d, and as many complete backups of %s as it says", guard, s.plan.Node)
	var found, bad, dark, from []string
	if set.Known() {
		from = append(from, set.From)
		found = append(found, fmt.Sprintf("minimum_redundancy = %d", set.MinimumRedundancy))
		switch {
		case set.MinimumRedundancy == 0:
			bad = append(bad, "minimum_redundancy is 0: Barman guards no backup")
		case set.MinimumRedundancy < want:
			bad = append(bad, fmt.Sprintf("minimum_redundancy is %d, the plan asks for %d", set.MinimumRedundancy, want))
		}
	} else {
		dark = append(dark, s.unread("settings"))
	}
	if bs.Known() {
		from = append(from, bs.From)
		n, foreign := s.countUsable()
		found = append(found, fmt.Sprintf("%d complete backups%s", n, foreign))
		switch need := max(want, set.MinimumRedundancy); {
		case n < need && s.stale(bs.Origin):
			dark = append(dark, fmt.Sprintf("%s was saved %s ago", bs.From, since(s.in.Now, bs.At)))
		case n < need:
			bad = append(bad, fmt.Sprintf("%d complete backups%s, %d asked for", n, foreign, need))
		}
	} else {
		dark = append(dark, s.unread("backups"))
	}
	done := func(f Finding) Finding {
		return f.evidence(strings.Join(found, "; "), expected, strings.Join(slices.Compact(from), "; "))
	}
	switch {
	case len(bad) > 0:
		return done(fail("server %s: %s", s.plan.Server, strings.Join(bad, "; ")))
	case len(dark) > 0:
		return done(unknown("cannot tell how many backups server %s keeps: %s", s.plan.Server, strings.Join(dark, "; ")))
	}
	return done(pass("server %s: %s", s.plan.Server, strings.Join(found, "; ")))
}

// countUsable counts the complete backups that can serve the declared source:
// one that bears another node's identifier guards nothing of it.
func (s section) countUsable() (n int, foreign string) {
	own := ""
	if f, _ := s.facts(); f != nil {
		own = f.Server.SystemID
	}
	others := 0
	for _, b := range s.server.Backups.List {
		switch {
		case !b.Usable():
		case own != "" && b.SystemID != "" && b.SystemID != own:
			others++
		default:
			n++
		}
	}
	if others > 0 {
		foreign = fmt.Sprintf(" of %s (and %d of another node)", s.plan.Node, others)
	}
	return n, foreign
}

func backupAgeRule(s section) Finding {
	set := s.server.Settings
	expected := "last_backup_maximum_age is set"
	if !set.Known() {
		return unknown("cannot tell whether server %s has a rule for the age of its last backup: %s", s.plan.Server, s.unread("settings")).evidence("", expected, "")
	}
	ignored := ""
	for _, i := range set.Ignored {
		if strings.HasPrefix(i, "last_backup_maximum_age ") {
			ignored = i
		}
	}
	if set.MaximumAge == 0 {
		f := fail("server %s has no last_backup_maximum_age: `barman check` is content with a backup of any age", s.plan.Server).evidence("not set", expected, set.From)
		if ignored != "" {
			f.Message = fmt.Sprintf("server %s: Barman ignores %q, which is no interval it knows: no rule is in force", s.plan.Server, ignored)
			f.Found = ignored
		}
		return f
	}
	msg := fmt.Sprintf("server %s has last_backup_maximum_age %s", s.plan.Server, set.MaximumAge)
	if ignored != "" {
		msg += fmt.Sprintf(", inherited, since Barman ignores %q", ignored)
	}
	if set.MaximumAge > s.maxAge() {
		msg += fmt.Sprintf("; it speaks up later than the plan's %s", s.maxAge())
	}
	return Finding{Status: Pass, Message: msg}.evidence(set.MaximumAge.String(), expected, set.From)
}

func firstOf(v ...string) string {
	for _, s := range v {
		if s != "" {
			return s
		}
	}
	return ""
}

// since renders an age for people, to the minute.
func since(now, t time.Time) string {
	d := now.Sub(t).Round(time.Minute)
	if d < time.Minute {
		return "less than a minute"
	}
	if days := d / (24 * time.Hour); days > 0 {
		return fmt.Sprintf("%dd%dh", days, (d%(24*time.Hour))/time.Hour)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, (d%time.Hour)/time.Minute)
}
