package checks

import (
	"fmt"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// BackupServerPresent: the declared sections exist and are switched on.
var BackupServerPresent = Check{
	Name:     "backup/server-present",
	Title:    "Each declared Barman server exists on its host and is active",
	Why:      "A node whose section is missing or switched off is not backed up, and no other check of Barman's would say so.",
	Remedy:   "Create the section in Barman's configuration, or set active = true; if a section was renamed, say so in the plan.",
	Source:   "bdr-worldwide-specification, A2: three Barman servers, one per datacenter",
	Severity: schema.Error,
	Needs:    NeedsBarman,
	Run:      perSection("backup/server-present", schema.Error, serverPresent),
}

// BackupNotPassive: backups are taken, not copied.
var BackupNotPassive = Check{
	Name:  "backup/not-passive",
	Title: "No Barman server only copies the backups of another Barman",
	Why: "A passive server is as stale as the last synchronisation, skips all checks of PostgreSQL, and fails with the Barman " +
		"it copies from; the architecture prefers symmetry: each region backs up its own node.",
	Remedy:   "Point the section at a node of its own region and remove primary_ssh_command, or declare the source passive in the plan.",
	Source:   "bdr-worldwide-specification, A14: symmetry is preferred to Barman geo-redundancy",
	Severity: schema.Warning,
	Needs:    NeedsBarman,
	Run:      perSection("backup/not-passive", schema.Warning, notPassive),
}

// BackupSystemIDCompared: somebody has compared the identity of source and
// backups, and not merely said OK.
var BackupSystemIDCompared = Check{
	Name:  "backup/systemid-compared",
	Title: "The system identifier that each Barman server stored is that of the server it is connected to",
	Why: "`barman check` says \"systemid coherence: OK\" also when it could not compare: the source was down or nothing was " +
		"stored yet. Only a comparison shows that WAL and backups are of one node.",
	Remedy: "Run the check again with the source reachable; take a first backup, which stores the identity. If they differ, the " +
		"section was pointed to another node: see backup/source-as-declared.",
	Source:   "Barman source, systemid coherence; bdr-worldwide-specification, A8 and A12",
	Severity: schema.Error,
	Needs:    NeedsFacts | NeedsBarman,
	Run:      perSection("backup/systemid-compared", schema.Error, systemIDCompared),
}

// BackupBarmanCheck: what Barman itself found wrong.
var BackupBarmanCheck = Check{
	Name:     "backup/barman-check",
	Title:    "The saved output of `barman check` has no failure",
	Why:      "Barman looks at its own host as nobody else can: directories, disk, archiver errors, versions of its tools.",
	Remedy:   "Read the hint of each failed line and Barman's log; `barman check SERVER` shows them again.",
	Source:   "Barman documentation, barman check",
	Severity: schema.Error,
	Needs:    NeedsBarman,
	Run:      perSection("backup/barman-check", schema.Error, barmanCheck),
}

func serverPresent(s section) Finding {
	expected := fmt.Sprintf("an active section %s on %s", s.plan.Server, s.host)
	set := s.server.Settings
	switch {
	case s.barman == nil:
		return unknown("cannot tell whether %s has a section %s: %s", s.host, s.plan.Server, s.unread("sections")).evidence("", expected, "")
	case !s.listed && s.barman.Complete:
		return fail("Barman host %s has no section %s", s.host, s.plan.Server).
			evidence("sections: "+orNone(strings.Join(s.barman.ServerNames(), ", ")), expected, s.readings())
	case !s.listed:
		return unknown("cannot tell whether %s has a section %s: %s", s.host, s.plan.Server, s.unread("sections")).evidence("", expected, s.readings())
	case !set.Known():
		return unknown("%s has a section %s, but whether it is active is not known: %s", s.host, s.plan.Server, s.unread("settings")).evidence("", expected, s.readings())
	case !set.Active:
		return fail("section %s of %s is switched off: cron takes no WAL and no backups for it", s.plan.Server, s.host).evidence("active = false", expected, set.From)
	case set.Disabled:
		return fail("Barman has disabled section %s of %s: its directories conflict with those of another", s.plan.Server, s.host).evidence("disabled", expected, set.From)
	}
	return pass("%s has an active section %s", s.host, s.plan.Server).evidence("active = true", expected, set.From)
}

// readings names what was read of the host.
func (s section) readings() string {
	var out []string
	for _, r := range s.barman.Reads {
		out = append(out, r.What)
	}
	return orNone(strings.Join(out, "; "))
}

func notPassive(s section) Finding {
	set := s.server.Settings
	const expected = "primary_ssh_command is not set"
	switch {
	case !set.Known():
		return unknown("cannot tell whether server %s copies another Barman's backups: %s", s.plan.Server, s.unread("settings")).evidence("", expected, "")
	case set.Passive && s.plan.Passive:
		return pass("server %s copies another Barman's backups, as the plan says", s.plan.Server).evidence("primary_ssh_command is set", "as declared", set.From)
	case set.Passive:
		return fail("server %s is passive: it copies the backups of another Barman instead of taking its own from %s", s.plan.Server, s.plan.Node).
			evidence("primary_ssh_command is set", expected, set.From)
	}
	return pass("server %s takes its own backups", s.plan.Server).evidence("primary_ssh_command is not set", expected, set.From)
}

func systemIDCompared(s section) Finding {
	stored, l := s.server.Home.SystemID, s.server.Live
	check, said := s.server.Check.Results["systemid_coherence"]
	said = said && !s.stale(s.server.Check.Origin)
	var dark []string
	if said && check.Status != "OK" {
		return fail("Barman's own comparison of server %s failed: %s", s.plan.Server, check.Hint).
			evidence(check.Status+": "+check.Hint, "systemid coherence OK, compared", s.server.Check.From)
	}
	if stored == "" && s.server.Home.Known() {
		dark = append(dark, "nothing is stored yet ("+s.server.Home.From+")")
	}
	type other struct{ id, what, how string }
	var others []other
	if l.Known() && !s.stale(l.Origin) {
		others = append(others, other{l.SystemID, "conninfo", l.From}, other{l.StreamingSystemID, "streaming_conninfo", l.From})
		if l.Unreachable != "" {
			dark = append(dark, "Barman could not connect: "+l.Unreachable)
		}
	}
	for _, c := range slotClues(s) {
		if f, _ := factsOf(s.in, c.nodes[0], catalog.PartServer); f != nil {
			others = append(others, other{f.Server.SystemID, c.nodes[0] + ", where its slot is read,", "pg_control_system() and pg_replication_slots of the node"})
		}
	}
	// Without the file, the newest backup tells what the section holds.
	where := s.server.Home.From
	if stored == "" {
		if b, _ := newestUsable(s.server.Backups.List); b != nil && b.SystemID != "" {
			stored, where = b.SystemID, "backup "+b.ID
		}
	}
	compared := ""
	for _, o := range others {
		switch {
		case o.id == "" || stored == "":
		case o.id != stored:
			return fail("server %s holds system identifier %s, but %s has %s", s.plan.Server, stored, o.what, o.id).
				evidence(fmt.Sprintf("%s: %s; %s: %s", where, stored, o.what, o.id), "one system identifier", where+"; "+o.how)
		default:
			compared = o.how
		}
	}
	switch {
	case compared != "":
		return pass("server %s holds the system identifier of its source", s.plan.Server).evidence(stored, "one system identifier", where+"; "+compared)
	case said && check.Hint == "":
		return pass("Barman compared the system identifiers of server %s", s.plan.Server).evidence("OK", "systemid coherence OK, compared", s.server.Check.From)
	case said:
		dark = append(dark, fmt.Sprintf("`barman check` says OK, but with the hint %q", check.Hint))
	}
	if !l.Known() {
		dark = append(dark, s.unread("view of its source"))
	}
	if _, why := s.facts(catalog.PartSlots, catalog.PartSenders); why != "" {
		dark = append(dark, why)
	}
	return unknown("nobody has compared the system identifiers of server %s and its source: %s", s.plan.Server, strings.Join(dark, "; ")).
		evidence("", "one system identifier", "")
}

func barmanCheck(s section) Finding {
	c := s.server.Check
	switch {
	case !c.Known():
		return skip("no saved output of `barman check` for server %s; it is not run here, as it may change things on both hosts", s.plan.Server)
	case s.stale(c.Origin):
		return unknown("the output of `barman check` for server %s was saved %s ago: too old to tell how things are", s.plan.Server, since(s.in.Now, c.At)).evidence("", "no FAILED line", c.From)
	}
	var bad, idle []string
	for _, key := range c.Names() {
		r := c.Results[key]
		line := key
		if r.Hint != "" {
			line += " (" + r.Hint + ")"
		}
		switch {
		case r.Status != "OK":
			bad = append(bad, line)
		case strings.HasPrefix(r.Hint, "no ") || strings.Contains(r.Hint, "expected at least 0"):
			idle = append(idle, line)
		}
	}
	if len(bad) > 0 {
		return fail("`barman check` of server %s failed: %s", s.plan.Server, strings.Join(bad, "; ")).
			evidence(strings.Join(bad, "; "), "no FAILED line", c.From)
	}
	if len(c.Results) == 0 {
		return unknown("the saved output of `barman check` for server %s holds no line", s.plan.Server).evidence("", "no FAILED line", c.From)
	}
	f := pass("`barman check` of server %s: %d lines OK", s.plan.Server, len(c.Results))
	if len(idle) > 0 {
		f.Message += "; OK without having looked: " + strings.Join(idle, "; ")
	}
	return f.evidence(fmt.Sprintf("%d lines", len(c.Results)), "no FAILED line", c.From)
}
