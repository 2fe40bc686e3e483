package checks

import (
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

// BackupVersion: Barman is the release that the plan declares.
var BackupVersion = Check{
	Name:  "backup/version-as-declared",
	Title: "Each Barman host runs the Barman that the plan declares",
	Why: "What Barman checks, which options it knows and how it copies changed between releases: an option of a newer one is ignored by " +
		"an older one without a word, and a restore is rehearsed with one and done with another.",
	Remedy:   "Bring the host to the declared release, or declare the one that it is meant to run (versions.barman).",
	Source:   "bdr-worldwide-specification, A3: one software stack, Barman 2.8",
	Severity: schema.Error,
	Needs:    NeedsBarman,
	Run: func(in Input) []Finding {
		var out []Finding
		for _, host := range in.Plan.BarmanNames() {
			f := barmanVersion(in, host)
			f.Subject.Node = host
			f.Pos = in.Plan.Pos("barman", host)
			out = append(out, f)
		}
		return out
	},
}

func barmanVersion(in Input, host string) Finding {
	declared := in.Plan.Versions.Barman
	h, plan := in.Barman[host], in.Plan.Barman[host]
	const how = "barman_ver of barman diagnose"
	switch {
	case declared == "":
		return skip("the plan declares no version of Barman")
	case h == nil:
		return skip("Barman host %s was not read", host)
	case h.Version == "" && len(plan.Command) > 0:
		return unknown("Barman host %s was asked and did not tell its version%s", host, prefixed(": ", strings.Join(h.Gaps, "; "))).evidence("", declared, how)
	case h.Version == "":
		return skip("neither configuration files nor catalogs tell the version of Barman on %s; `barman diagnose` does, run (command) or saved (json_dir)", host)
	case !sameRelease(declared, h.Version):
		return fail("Barman host %s runs Barman %s", host, h.Version).evidence(h.Version, declared, how)
	}
	return pass("Barman host %s runs Barman %s", host, h.Version).evidence(h.Version, declared, how)
}

// sameRelease is sameVersion where 3.4 and 3.4.0 are one: Barman has been
// writing both.
func sameRelease(declared, found string) bool {
	for strings.Count(found, ".") < strings.Count(declared, ".") {
		found += ".0"
	}
	return sameVersion(declared, found)
}
