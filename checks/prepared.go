package checks

import (
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// PreparedLeftBehind: no two-phase commit was forgotten.
var PreparedLeftBehind = Check{
	Name:     "prepared/left-behind",
	Title:    "No prepared transaction waits for its end for more than policy.prepared.max_seconds (300)",
	Why:      "A prepared transaction keeps its locks, survives restarts and keeps vacuum from cleaning up; it blocks joins, DDL and whoever touches its rows.",
	Remedy:   "Ask its transaction manager what it decided, then COMMIT PREPARED or ROLLBACK PREPARED.",
	Source:   "PostgreSQL, PREPARE TRANSACTION",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run: eachNode(func(n node) []Finding {
		limit := n.in.Plan.Policy.Prepared.Max()
		var out []Finding
		for _, p := range n.f.Prepared {
			age := n.f.ServerNow.Sub(p.Since)
			if age <= limit {
				continue
			}
			f := fail("transaction %q of %s is prepared for %s", p.GID, p.Owner, age.Round(time.Second)).
				evidence(p.Since.UTC().Format(time.RFC3339), "none older than "+limit.String(), "pg_prepared_xacts")
			f.Subject.Object = "prepared transaction " + p.GID
			out = append(out, f)
		}
		if len(out) == 0 {
			out = append(out, pass("%d prepared transactions, none left behind", len(n.f.Prepared)))
		}
		return out
	}, catalog.PartPrepared),
}
