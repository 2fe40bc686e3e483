package checks

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// BDRXactReplication: no session commits for itself alone.
var BDRXactReplication = Check{
	Name:  "bdr/xact-replication-on",
	Title: "bdr.xact_replication is off nowhere",
	Why: "What a session writes with bdr.xact_replication off stays on its node. Set in a configuration file, for a role or for a " +
		"database, it makes nodes differ with every write, without an error and with lag zero.",
	Remedy:   "Set it to on, or ALTER ROLE or ALTER DATABASE … RESET bdr.xact_replication; then compare the rows of all tables.",
	Source:   "Postgres-BDR 3.6.7 and later, PGD: bdr.xact_replication",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run:      offNowhere("bdr.xact_replication", 30607),
}

// BDRDDLReplication: schema changes reach all nodes.
var BDRDDLReplication = Check{
	Name:  "bdr/ddl-replication-on",
	Title: "bdr.ddl_replication is off nowhere",
	Why: "DDL that is run with bdr.ddl_replication off changes one node's schema only. The next row that uses the new column stops " +
		"apply on the others, or is cut to what they have.",
	Remedy:   "Set it to on, or ALTER ROLE or ALTER DATABASE … RESET bdr.ddl_replication; then compare the schemas.",
	Source:   "Postgres-BDR and PGD: bdr.ddl_replication",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run:      offNowhere("bdr.ddl_replication", 0),
}

// offNowhere judges that a boolean setting, which came with a version of bdr,
// is on for the tool's session and is set off for no role and no database.
func offNowhere(name string, since int) func(Input) []Finding {
	return eachMember(func(n node) []Finding {
		var out []Finding
		for _, d := range n.f.Defaults {
			if d.Name == name && off(d.Value) {
				where := strings.TrimSpace(prefixed("role ", d.Role) + " " + prefixed("database ", d.Database))
				f := fail("%s is %s for %s", name, d.Value, where).evidence(d.Value, "on", "pg_db_role_setting")
				f.Subject.Object = where
				out = append(out, f)
			}
		}
		version := n.f.Extensions["bdr"]
		v, exists, why := n.setting(name)
		var f Finding
		switch {
		case exists && off(v) && len(out) > 0: // that is where it comes from
			return out
		case exists && off(v):
			f = fail("%s is %s", name, v)
		case exists && v != "on":
			f = unknown("%s has a value that is not known: %q", name, v)
		case exists:
			f = pass("%s is on", name)
		case since > 0 && bdrNum(version) > 0 && bdrNum(version) < since:
			f = pass("bdr %s has no setting %s: all is replicated", version, name)
		case why != "":
			f = unknown("%s", why)
		default:
			f = unknown("this server has no setting %s, although bdr %s should", name, version)
		}
		if len(out) > 0 && f.Status == Pass {
			return out
		}
		return append(out, f.evidence(v, "on", "pg_settings"))
	}, catalog.PartDefaults)
}

func off(value string) bool {
	return slices.Contains([]string{"off", "false", "no", "0", "f", "n"}, strings.ToLower(strings.Trim(value, `'"`)))
}

// bdrNum is bdr_version_num of a version's text: 30604 of "3.6.4"; 0 when it is
// none.
func bdrNum(version string) int {
	n, weight := 0, 10000
	for i, part := range strings.SplitN(version, ".", 4) {
		digits := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if digits >= 0 {
			part = part[:digits]
		}
		v, err := strconv.Atoi(part)
		if err != nil && i == 0 {
			return 0
		}
		if i < 3 {
			n += v * weight
			weight /= 100
		}
	}
	return n
}

// fault is a known fault of released versions of bdr, from the vendor's release
// notes.
type fault struct {
	id         string
	from, till int // bdr_version_num, both included
	text       string
	severity   schema.Severity
}

var faults = []fault{
	{"logical-join-data-loss", 30600, 30619, "a logical join can lose changes: rows may be missing on each node that joined so; it is safe once all nodes have 3.6.20 or later", schema.Error},
	{"raft-snapshot", 30620, 30622, "Raft snapshots can fail, seen as the error \"could not find consensus worker\"", schema.Warning},
	{"lag-overflow", 30600, 30630, "its views show a wrong lag in bytes beyond 2 GB; mended in 3.6.31", schema.Info},
	{"lag-overflow", 30700, 30715, "its views show a wrong lag in bytes beyond 2 GB, and bdr.monitor_local_replslots() says OK of nodes that are down; mended in 3.7.16", schema.Info},
}

// VersionsKnownFaults: no node runs a release known to lose data.
var VersionsKnownFaults = Check{
	Name:     "versions/known-faults",
	Title:    "No node runs a release with a known fault that matters here",
	Why:      "The vendor's release notes name releases in which a join loses rows or monitoring says OK when it is not.",
	Remedy:   "Upgrade; after a logical join with a release before 3.6.20 compare all rows of the node that joined.",
	Source:   "Postgres-BDR 3.6 and 3.7 release notes",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: eachMember(func(n node) []Finding {
		version := n.f.Extensions["bdr"]
		num := bdrNum(version)
		if num == 0 {
			return []Finding{unknown("the version of bdr, %q, could not be read", version)}
		}
		var out []Finding
		for _, k := range faults {
			if num < k.from || num > k.till {
				continue
			}
			f := fail("bdr %s: %s", version, k.text).evidence(version, "a release without it", "pg_extension")
			if f.Severity = k.severity; k.id == "logical-join-data-loss" && (n.in.Joiner == "" || n.in.Plan.Joins[n.in.Joiner].Method == "physical") {
				f.Severity = schema.Warning // nobody is about to join that way
			}
			f.Subject.Object = k.id
			out = append(out, f)
		}
		if len(out) == 0 {
			out = append(out, pass("bdr %s has no fault that is known to matter here", version))
		}
		return out
	}),
}
