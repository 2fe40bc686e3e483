package checks

import (
	"fmt"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// JoinJoinerEmpty: a join copies into an empty database.
var JoinJoinerEmpty = Check{
	Name:     "join/joiner-empty",
	Title:    "The joiner's database is empty but for extensions",
	Why:      "What is already there collides with what the join copies: it fails half-way, or leaves rows and objects that no other node has.",
	Remedy:   "Join with a fresh database that holds nothing but the extensions.",
	Source:   "creating-and-joining-pgd-groups, B6",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run: atJoin(func(j joining) []Finding {
		f, why := j.of(j.joiner, catalog.PartObjects)
		if f == nil {
			return why
		}
		if f.Objects == nil { // of saved facts, of another question
			return []Finding{unknown("what is in the database of %s was not looked at when its facts were read; read them with --joiner %s", j.joiner, j.joiner)}
		}
		const how = "pg_class, pg_type, pg_proc, pg_namespace and more of the joiner, without members of extensions"
		structure := 0
		var left []catalog.Object
		for _, o := range f.Objects {
			if o.Kind != "large object" && j.declared && j.plan.SynchronizeStructure == "none" {
				structure++ // must be there already; join/schema-equal judges it
				continue
			}
			left = append(left, o)
		}
		if len(left) == 0 {
			if structure > 0 {
				return []Finding{pass("nothing is there but the schema, which is to be there")}
			}
			return []Finding{pass("nothing is there but extensions")}
		}
		var list []string
		for _, o := range left[:min(len(left), 20)] {
			list = append(list, o.Kind+" "+o.Name)
		}
		if more := len(left) - len(list); more > 0 {
			list = append(list, fmt.Sprintf("and %d more", more))
		}
		return []Finding{fail("%d objects are there: %s", len(left), strings.Join(list, ", ")).evidence(strings.Join(list, ", "), "nothing", how)}
	}),
}

// JoinRolesPresent: roles are not copied.
var JoinRolesPresent = Check{
	Name:     "join/roles-present",
	Title:    "The joiner has every role of the source, with its attributes and memberships",
	Why:      "A logical join copies no roles: objects owned by a role that is missing cannot be made, and the join fails or the owner is another.",
	Remedy:   "Create the roles first (pg_dumpall --roles-only on the source).",
	Source:   "creating-and-joining-pgd-groups, B7",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run: atJoin(func(j joining) []Finding {
		return j.lacks("role", "pg_roles and pg_auth_members of both", roles, catalog.PartRoles)
	}),
}

// JoinExtensionsPresent: some extensions need a superuser to create.
var JoinExtensionsPresent = Check{
	Name:     "join/extensions-present",
	Title:    "The joiner has every extension of the source in the same version",
	Why:      "A join that is not run by a superuser cannot create them, and a table that uses a type of one cannot be copied.",
	Remedy:   "CREATE EXTENSION on the joiner as a superuser, in the source's version.",
	Source:   "creating-and-joining-pgd-groups, B8",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run: atJoin(func(j joining) []Finding {
		return j.lacks("extension", "pg_extension of both", extensions, catalog.PartServer)
	}),
}

// lacks compares the joiner with the source: everything of the source must be
// there and alike; more is no fault.
func (j joining) lacks(what, how string, say func(*catalog.Facts) map[string]string, parts ...catalog.Part) []Finding {
	source, why := j.of(j.source, parts...)
	if source == nil {
		return why
	}
	joiner, why := j.of(j.joiner, parts...)
	if joiner == nil {
		return why
	}
	want, have := say(source), say(joiner)
	var out []Finding
	for _, thing := range sortedKeys(want) {
		v, ok := have[thing]
		var f Finding
		switch {
		case !ok:
			f = fail("%s is missing", thing).evidence(absent, want[thing], how)
		case v != want[thing]:
			f = fail("%s is %s here and %s on the source %s", thing, short(v), short(want[thing]), j.source).evidence(v, want[thing], how)
		default:
			continue
		}
		f.Subject.Object = thing
		out = append(out, f)
	}
	if len(out) == 0 {
		out = append(out, pass("each %s of %s is there (%d)", what, j.source, len(want)))
	}
	return out
}

// JoinSchemaEqual: without structure synchronisation the schema must be there.
var JoinSchemaEqual = Check{
	Name:     "join/schema-equal",
	Title:    "Where the join does not bring the schema, the joiner has that of the source",
	Why:      "With structure synchronisation off only rows are copied: a table that is missing or different stops the copy, or takes the rows in wrongly.",
	Remedy:   "Load the source's schema on the joiner (pg_dump --schema-only), or join with synchronize_structure all.",
	Source:   "creating-and-joining-pgd-groups, B9",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run: atJoin(func(j joining) []Finding {
		if !j.declared {
			return []Finding{skip("the plan does not declare the join, so structure synchronisation is taken to be on")}
		}
		if j.plan.SynchronizeStructure != "none" {
			return []Finding{skip("the join brings the schema itself (synchronize_structure %s)", j.plan.SynchronizeStructure)}
		}
		return j.lacks("definition", "definitions of tables on both", func(f *catalog.Facts) map[string]string {
			all := map[string]bool{}
			for _, t := range f.Tables {
				all[t.String()] = true
			}
			return definitions(f, all)
		}, catalog.PartTables)
	}),
}

// JoinVersions: what joins must fit what is there.
var JoinVersions = Check{
	Name:     "join/versions-fit",
	Title:    "The joiner's versions fit those of the source",
	Why:      "A physical join needs the same PostgreSQL major and the same BDR; a logical join into another BDR release is for an upgrade only, and some releases cannot talk to each other.",
	Remedy:   "Install the source's versions on the joiner.",
	Source:   "creating-and-joining-pgd-groups, B4",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run: atJoin(func(j joining) []Finding {
		source, why := j.of(j.source, catalog.PartServer)
		if source == nil {
			return why
		}
		joiner, why := j.of(j.joiner, catalog.PartServer)
		if joiner == nil {
			return why
		}
		physical := j.plan.Method == "physical"
		var wrong []string
		if a, b := joiner.Server.VersionNum/10000, source.Server.VersionNum/10000; physical && a != b || a < b {
			wrong = append(wrong, fmt.Sprintf("PostgreSQL %s against %s", joiner.Server.Version, source.Server.Version))
		}
		for _, e := range []string{"bdr", "pglogical"} {
			a, b := joiner.Extensions[e], source.Extensions[e]
			if a == "" || b == "" { // join/extensions-present says so
				continue
			}
			if physical && a != b || majorOf(a) != majorOf(b) {
				wrong = append(wrong, fmt.Sprintf("%s %s against %s", e, a, b))
			}
		}
		found := fmt.Sprintf("PostgreSQL %s, %s", joiner.Server.Version, source.Server.Version)
		if len(wrong) > 0 {
			return []Finding{fail("the joiner does not fit %s: %s", j.source, strings.Join(wrong, ", ")).evidence(strings.Join(wrong, ", "), "versions that fit", "server_version and pg_extension of both")}
		}
		return []Finding{pass("the joiner fits %s", j.source).evidence(found, "versions that fit", "server_version and pg_extension of both")}
	}),
}

func majorOf(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}
