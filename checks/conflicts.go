package checks

import (
	"cmp"
	"fmt"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// ConflictsLoggingOn: conflicts leave a trace.
var ConflictsLoggingOn = Check{
	Name:     "conflicts/logging-on",
	Title:    "Each node records the conflicts it resolves",
	Why:      "In a conflict one of two changes is thrown away. Where that is recorded nowhere, an empty log proves nothing and a lost change cannot be explained.",
	Remedy:   "BDR and PGD: bdr.alter_node_set_log_config (or add_log_config) with log_to_table; pglogical: pglogical.conflict_log_level at or above log_min_messages; native: PostgreSQL 18 counts them.",
	Source:   "PGD 6, conflict logging is off by default; bdr-worldwide-specification, A6",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run:      eachNode(ofConflicts(loggingOn)),
}

// ofConflicts answers for nodes of which it is not known what they record, and
// for releases that cannot record anything.
func ofConflicts(judge func(node) []Finding) func(node) []Finding {
	return func(n node) []Finding {
		gap := n.f.Gap(catalog.PartConflicts)
		switch {
		case n.f.Flavour == catalog.Native && n.f.Server.VersionNum > 0 && n.f.Server.VersionNum < 180000:
			return []Finding{skip("PostgreSQL %s has no record of conflicts in native replication; 18 has the first", n.f.Server.Version)}
		case gap != nil:
			return []Finding{unknown("what is recorded of conflicts could not be read: %s%s", gap.Detail, prefixed("; ", gap.Remedy))}
		}
		return judge(n)
	}
}

func loggingOn(n node) []Finding {
	var silent []string
	for _, c := range n.f.Conflicts {
		if !c.ToTable && !c.ToLog && !c.Counted {
			silent = append(silent, cmp.Or(c.Subject, "all"))
		}
	}
	const how = "the flavour's log configuration, pglogical.conflict_log_level, pg_stat_subscription_stats"
	switch {
	case len(n.f.Conflicts) == 0:
		return []Finding{fail("conflicts are recorded nowhere on this node").evidence("no log configuration", "a table, the server log or counters", how)}
	case len(silent) == len(n.f.Conflicts):
		return []Finding{fail("conflicts are recorded nowhere on this node").evidence(fmt.Sprint(silent), "a table, the server log or counters", how)}
	}
	where := "counters"
	for _, c := range n.f.Conflicts {
		if c.ToTable {
			where = "a table"
			break
		}
		if c.ToLog {
			where = "the server log"
		}
	}
	return []Finding{pass("conflicts are recorded in %s", where).evidence(where, "a table, the server log or counters", how)}
}

// ConflictsNoneRecent: recorded conflicts are worth a look.
var ConflictsNoneRecent = Check{
	Name:     "conflicts/none-recent",
	Title:    "No conflict was recorded since the counters were last reset",
	Why:      "More than one master may take writes only if the usage avoids conflicts: each one recorded is a change that somebody made and that is gone.",
	Remedy:   "Look at the recorded conflicts, find the applications that write the same rows on two nodes, and compare the tables.",
	Source:   "bdr-worldwide-specification, A6",
	Severity: schema.Info,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: eachNode(ofConflicts(func(n node) []Finding {
		var total int64
		counted, kept := false, len(n.f.Conflicts) == 0
		for _, c := range n.f.Conflicts {
			kept = kept || c.ToTable
			if c.Total != nil {
				counted = true
				total += *c.Total
			}
		}
		gap := n.f.Gap(catalog.PartHistory)
		switch {
		case total == 0 && gap != nil && kept:
			return []Finding{unknown("what conflicts are recorded could not be read: %s%s", gap.Detail, prefixed("; ", gap.Remedy))}
		case !counted:
			return []Finding{skip("nothing on this node counts conflicts; its log, where it keeps one, is not read")}
		case total > 0:
			return []Finding{fail("%d conflicts are recorded", total).evidence(fmt.Sprint(total), "0", "the flavour's conflict history or counters")}
		}
		return []Finding{pass("no conflict is recorded").evidence("0", "0", "the flavour's conflict history or counters")}
	})),
}

// ConflictsNoneSkipped: nothing was left out on purpose.
var ConflictsNoneSkipped = Check{
	Name:     "conflicts/nothing-skipped",
	Title:    "No subscription failed to apply changes or left any out",
	Why:      "A transaction that was skipped, by an error policy or by hand, is missing on this node for good while every status is healthy.",
	Remedy:   "Find the skipped transactions in the server log and compare the tables that they wrote; mend what makes the apply fail.",
	Source:   "PGD 6.4, apply error policies; PostgreSQL, pg_stat_subscription_stats",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: eachNode(func(n node) []Finding {
		const how = "the flavour's statistics of subscriptions"
		var out []Finding
		counted := len(n.f.Subscriptions) == 0
		for _, s := range n.f.Subscriptions {
			counted = counted || s.Skipped != nil || s.Errors != nil
			var f Finding
			switch {
			case s.Skipped != nil && *s.Skipped > 0:
				f = fail("subscription %s left out %d transactions", s.Name, *s.Skipped).evidence(fmt.Sprint(*s.Skipped), "0", how)
			case s.Errors != nil && *s.Errors > 0:
				f = fail("subscription %s failed to apply %d times since its statistics were reset", s.Name, *s.Errors).evidence(fmt.Sprint(*s.Errors), "0", how)
				f.Severity = schema.Info // it goes on when the cause is gone, and the count stays
			default:
				continue
			}
			f.Subject.Object = "subscription " + s.Name
			out = append(out, f)
		}
		switch {
		case !counted:
			return []Finding{skip("nothing on this node counts what its subscriptions failed to apply or left out")}
		case len(out) == 0:
			out = append(out, pass("no subscription reports failed or skipped transactions"))
		}
		return out
	}, catalog.PartSubscriptions),
}
