package checks

import (
	"cmp"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// VersionsAsDeclared: the nodes run what the plan says.
var VersionsAsDeclared = Check{
	Name:     "versions/as-declared",
	Title:    "Each node runs the PostgreSQL, pglogical and BDR that the plan declares",
	Why:      "The plan is judged for the versions it declares: which faults they have, what fits together, how a node may join. With others in place that judgement is void.",
	Remedy:   "Bring the node to the declared version, or the plan to what runs.",
	Source:   "bdr-worldwide-specification, A3",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run:      eachNode(asDeclared, catalog.PartServer),
}

func asDeclared(n node) []Finding {
	v := n.in.Plan.Versions
	var wrong, right, want []string
	for _, s := range []struct{ what, want, found string }{
		{"PostgreSQL", cmp.Or(n.plan.Postgres, v.Postgres), n.f.Server.Version},
		{"pglogical", v.PGLogical, n.f.Extensions["pglogical"]},
		{"BDR", cmp.Or(n.plan.BDR, v.BDR), n.f.Extensions["bdr"]},
	} {
		if s.want == "" {
			continue
		}
		want = append(want, s.what+" "+s.want)
		found := s.what + " " + cmp.Or(s.found, "(not installed)")
		if sameVersion(s.want, s.found) {
			right = append(right, found)
		} else {
			wrong = append(wrong, found)
		}
	}
	how := "server_version and pg_extension"
	switch {
	case len(want) == 0:
		return []Finding{skip("the plan declares no version")}
	case len(wrong) > 0:
		return []Finding{fail("runs %s", strings.Join(wrong, ", ")).evidence(strings.Join(append(wrong, right...), ", "), strings.Join(want, ", "), how)}
	}
	return []Finding{pass("runs %s", strings.Join(right, ", ")).evidence(strings.Join(right, ", "), strings.Join(want, ", "), how)}
}

// sameVersion compares by the parts that were declared: 15 is any 15.x, 3.6.4
// is 3.6.4 alone.
func sameVersion(declared, found string) bool {
	d, f := strings.Split(declared, "."), strings.Split(found, ".")
	if len(f) < len(d) {
		return false
	}
	for i := range d {
		if d[i] != f[i] {
			return false
		}
	}
	return true
}

// VersionsUniform: all nodes run the same.
var VersionsUniform = Check{
	Name:     "versions/uniform",
	Title:    "All nodes run the same versions",
	Why:      "Nodes of different releases detect and resolve conflicts differently and know different faults; only an upgrade under way is a reason for it.",
	Remedy:   "Finish the upgrade, or bring the odd node to the version of the others.",
	Source:   "bdr-worldwide-specification, A3; PGD monitoring, monitor_group_versions",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run: func(in Input) []Finding {
		return drift(in, "pg_extension and server_version of all nodes", func(f *catalog.Facts) map[string]string {
			out := map[string]string{"PostgreSQL": f.Server.Version}
			for _, e := range []string{"bdr", "pglogical"} {
				if v, ok := f.Extensions[e]; ok {
					out[e] = v
				}
			}
			return out
		}, catalog.PartServer)
	},
}
