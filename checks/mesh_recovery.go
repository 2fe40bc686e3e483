package checks

import (
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// MeshNotInRecovery: a member takes writes.
var MeshNotInRecovery = Check{
	Name:     "mesh/not-in-recovery",
	Title:    "Each node takes writes: none is in recovery",
	Why:      "A server in recovery is a physical standby: it replicates from one server alone, applies no other node's changes, and refuses writes.",
	Remedy:   "Point the dsn to the primary, or promote the standby if it is to take its place.",
	Source:   "bdr-worldwide-specification, A1: six masters",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: eachNode(func(n node) []Finding {
		if n.f.Server.InRecovery {
			return []Finding{fail("the server is in recovery").evidence("true", "false", "pg_is_in_recovery()")}
		}
		return []Finding{pass("it takes writes")}
	}, catalog.PartServer),
}
