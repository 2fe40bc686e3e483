package checks

import (
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// setting returns a server setting; when it is not there, why tells whether the
// server has none (exists false, why empty) or hides it.
func (n node) setting(name string) (value string, exists bool, why string) {
	if v, ok := n.f.Settings[name]; ok {
		return v, true, ""
	}
	if gap := n.f.Gap(catalog.PartSettings); gap != nil {
		return "", false, "setting " + name + " may be hidden: " + gap.Detail + prefixed("; ", gap.Remedy)
	}
	return "", false, ""
}

// settingIs judges that a setting has one of some values.
func settingIs(name string, want ...string) func(n node) []Finding {
	return func(n node) []Finding {
		v, ok, why := n.setting(name)
		switch {
		case why != "":
			return []Finding{unknown("%s", why)}
		case !ok:
			return []Finding{unknown("this server has no setting %s", name)}
		case !slices.Contains(want, v):
			return []Finding{fail("%s is %s", name, v).evidence(v, strings.Join(want, " or "), "pg_settings")}
		}
		return []Finding{pass("%s is %s", name, v).evidence(v, strings.Join(want, " or "), "pg_settings")}
	}
}

// SettingsCommitTimestamps: last-update-wins needs commit timestamps.
var SettingsCommitTimestamps = Check{
	Name:  "settings/commit-timestamps",
	Title: "Commit timestamps are recorded on every node",
	Why: "Conflicts are resolved by the time of the commit. A node that does not record it resolves them another way than the others, and " +
		"the rows part for good; a later audit cannot tell who wrote what.",
	Remedy:   "Set track_commit_timestamp = on and restart the server.",
	Source:   "Postgres-BDR, PGD and pglogical: required settings",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run:      eachNode(settingIs("track_commit_timestamp", "on")),
}

// SettingsWALLevel: nothing can be decoded below logical.
var SettingsWALLevel = Check{
	Name:     "settings/wal-level",
	Title:    "WAL is written for logical decoding on every node",
	Why:      "Below wal_level = logical no change can be sent to another node; slots cannot be made, so a join from this node fails.",
	Remedy:   "Set wal_level = logical and restart the server.",
	Source:   "Postgres-BDR, PGD and pglogical: required settings",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run:      eachNode(settingIs("wal_level", "logical")),
}

// SettingsOutputPlugins: the server still loads what its slots need.
var SettingsOutputPlugins = Check{
	Name:  "settings/output-plugin-libraries",
	Title: "The server would load the output plugin of each of its slots",
	Why: "Minor releases of August 2026 (14.24, 15.19, 16.15, 17.11, 18.6) load only the plugins that output_plugin_libraries names. " +
		"Streams that run go on; at the next restart none comes back, and byte lag stays zero until somebody writes.",
	Remedy:   "Add the plugin to output_plugin_libraries, keeping pgoutput in the list, and reload the configuration.",
	Source:   "PostgreSQL release notes of August 2026, CVE-2026-6471",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run:      eachNode(outputPlugins, catalog.PartSlots),
}

func outputPlugins(n node) []Finding {
	v, ok, why := n.setting("output_plugin_libraries")
	switch {
	case why != "":
		return []Finding{unknown("%s", why)}
	case !ok:
		return []Finding{pass("PostgreSQL %s does not restrict output plugins", n.f.Server.Version)}
	}
	var listed []string
	for _, p := range strings.Split(v, ",") {
		listed = append(listed, strings.Trim(strings.TrimSpace(p), `"`))
	}
	var out []Finding
	for _, s := range n.f.Slots {
		if s.Plugin == "" || slices.Contains(listed, s.Plugin) {
			continue
		}
		f := fail("slot %s needs plugin %s, which the server would not load again", s.Name, s.Plugin).evidence(v, s.Plugin+" in the list", "pg_settings and pg_replication_slots")
		f.Subject.Object = "slot " + s.Name
		out = append(out, f)
	}
	if len(out) == 0 {
		out = append(out, pass("the plugins of all slots are in the list").evidence(v, "", "pg_settings and pg_replication_slots"))
	}
	return out
}
