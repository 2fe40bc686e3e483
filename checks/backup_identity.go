package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

// BackupFreshSinceRepoint: the newest backup is of the node that WAL comes from
// now.
var BackupFreshSinceRepoint = Check{
	Name:  "backup/fresh-since-repoint",
	Title: "The newest complete backup of each Barman server was taken from the node that feeds it now",
	Why: "After a server was pointed to another node its WAL cannot continue older backups: until there is a new one, " +
		"nothing can be recovered beyond the moment of the change.",
	Remedy:   "Take a new backup now: `barman backup SERVER` (after a change of the source Barman wants identity.json moved away first, or better a section of its own).",
	Source:   "bdr-worldwide-specification, A11: pointed to the other master, Barman takes a new backup",
	Severity: schema.Error,
	Needs:    NeedsFacts | NeedsBarman,
	Run:      perSection("backup/fresh-since-repoint", schema.Error, freshSinceRepoint),
}

// BackupNoMixedSystemIDs: one section, one node.
var BackupNoMixedSystemIDs = Check{
	Name:  "backup/no-mixed-systemids",
	Title: "All backups of one Barman server carry one system identifier",
	Why: "Two nodes of the mesh are physically incompatible. In a section that was fed by both, WAL of the two lies in one " +
		"archive, and a restore may pick the wrong one.",
	Remedy:   "Give each node a server section of its own; keep the old section, inactive, until its backups are no longer wanted.",
	Source:   "bdr-worldwide-specification, A12: two BDR nodes are physically incompatible",
	Severity: schema.Error,
	Needs:    NeedsBarman,
	Run:      perSection("backup/no-mixed-systemids", schema.Error, noMixedSystemIDs),
}

func freshSinceRepoint(s section) Finding {
	bs := s.server.Backups
	if !bs.Known() {
		return unknown("cannot tell which node the newest backup of server %s is of: %s", s.plan.Server, s.unread("backups"))
	}
	b, remark := newestUsable(bs.List)
	if b == nil {
		return skip("server %s has no complete backup at all%s: see backup/recent", s.plan.Server, remark)
	}
	id, whose, how := s.sourceID()
	expected := "system identifier " + id + ", that of " + whose
	switch {
	case id == "":
		return unknown("cannot tell which node feeds server %s now: %s", s.plan.Server, whose).evidence("backup "+b.ID+" with system identifier "+orNone(b.SystemID), "that of the source", bs.From)
	case b.SystemID == "":
		return unknown("backup %s of server %s does not tell its system identifier; old versions of Barman do not store it", b.ID, s.plan.Server).evidence("", expected, bs.From)
	case b.SystemID != id:
		nodes, _ := nodesWith(s.in, b.SystemID)
		of := "of no node that was read"
		if len(nodes) > 0 {
			of = "of " + strings.Join(nodes, " and ")
		}
		return fail("the newest complete backup of server %s, %s, is %s; WAL now comes from %s and cannot continue it: take a new backup", s.plan.Server, b.ID, of, whose).
			evidence("system identifier "+b.SystemID, expected, bs.From+"; "+how)
	}
	return pass("the newest complete backup of server %s is of %s, which feeds it", s.plan.Server, whose).
		evidence("system identifier "+b.SystemID, expected, bs.From+"; "+how)
}

// sourceID is the system identifier of the server that feeds the section now:
// what Barman saw over its streaming connection, else that of the node on which
// its slot is being read, else that of the declared node. With no id, whose says
// why.
func (s section) sourceID() (id, whose, how string) {
	if l := s.server.Live; l.Known() && !s.stale(l.Origin) {
		if id := firstOf(l.StreamingSystemID, l.SystemID); id != "" {
			nodes, _ := nodesWith(s.in, id)
			if len(nodes) == 0 {
				return id, "a server that is no node that was read", l.From
			}
			return id, strings.Join(nodes, " or "), l.From
		}
	}
	const sql = "pg_control_system() of the node"
	node := s.plan.Node
	if cs := slotClues(s); len(cs) == 1 {
		node = cs[0].nodes[0]
	} else if len(cs) > 1 {
		return "", fmt.Sprintf("slot %s is read on several nodes", s.slot()), ""
	}
	f, why := factsOf(s.in, node)
	if f == nil {
		return "", why, ""
	}
	if f.Server.SystemID == "" {
		return "", fmt.Sprintf("the system identifier of %s was not read", node), ""
	}
	return f.Server.SystemID, node, sql
}

func noMixedSystemIDs(s section) Finding {
	bs := s.server.Backups
	const expected = "one system identifier"
	if !bs.Known() {
		return unknown("cannot tell which nodes the backups of server %s are of: %s", s.plan.Server, s.unread("backups")).evidence("", expected, "")
	}
	ids := map[string][]string{}
	var none []string
	for _, b := range bs.List {
		switch {
		case b.SystemID != "":
			ids[b.SystemID] = append(ids[b.SystemID], b.ID)
		case b.Usable():
			none = append(none, b.ID)
		}
	}
	if id := s.server.Home.SystemID; id != "" && len(bs.List) > 0 {
		ids[id] = append(ids[id], "identity.json")
	}
	var found []string
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		whose := ""
		if nodes, _ := nodesWith(s.in, id); len(nodes) > 0 {
			whose = " (" + strings.Join(nodes, ", ") + ")"
		}
		found = append(found, id+whose+": "+strings.Join(ids[id], ", "))
	}
	done := func(f Finding) Finding { return f.evidence(strings.Join(found, "; "), expected, bs.From) }
	switch {
	case len(ids) > 1:
		return done(fail("server %s was fed by %d different nodes: %s", s.plan.Server, len(ids), strings.Join(found, "; ")))
	case len(bs.List) == 0:
		return skip("server %s has no backup: see backup/recent", s.plan.Server)
	case len(none) > 0 || len(ids) == 0:
		return done(unknown("backups of server %s do not tell their system identifier: %s", s.plan.Server, orNone(strings.Join(none, ", "))))
	}
	return done(pass("all backups of server %s carry one system identifier", s.plan.Server))
}
