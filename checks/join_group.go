package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/schema"
)

// JoinMajorityReachable: more than half of the voters are up.
var JoinMajorityReachable = Check{
	Name:  "join/majority-reachable",
	Title: "More than half of the voting members are up and can be reached",
	Why: "A join goes through Raft: without a majority it neither ends nor can be taken back, and the joiner is left half in. Each " +
		"member that is down is also one whose late changes may lose against the copied rows.",
	Remedy:   "Bring the members back, or part those that are gone for good, before the join.",
	Source:   "creating-and-joining-pgd-groups, B11",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run:      ofGroup(majorityReachable),
}

func majorityReachable(in Input) []Finding {
	facts, _ := readable(in, in.Plan.NodeNames(), catalog.PartNodes)
	if len(facts) == 0 {
		return []Finding{unknown("no node told who the members are")}
	}
	known := names(in)
	var up, down, open []string
	for _, m := range members(in, facts) {
		if !m.votes() {
			continue
		}
		switch n, asked := in.Cluster.Nodes[known[m.Name]]; {
		case !asked:
			open = append(open, m.Name+" (not in the plan)")
		case n.Facts != nil:
			up = append(up, m.Name)
		case n.Failure != nil && (n.Failure.Reason == string(cluster.Unreachable) || n.Failure.Reason == string(cluster.Lost)):
			down = append(down, m.Name)
		default: // it is up, but for whom could not be seen
			open = append(open, m.Name+prefixed(" (", n.Failure.Reason)+")")
		}
	}
	voters := len(up) + len(down) + len(open)
	var notUp []string
	for _, d := range down {
		notUp = append(notUp, d+" (unreachable)")
	}
	notUp = append(notUp, open...)
	done := func(f Finding) []Finding {
		return []Finding{f.evidence(fmt.Sprintf("%d of %d up: %s", len(up), voters, strings.Join(up, ", ")), fmt.Sprintf("at least %d of %d", voters/2+1, voters), "the members of "+groupHow+", against the nodes that answered")}
	}
	switch {
	case voters == 0:
		return done(unknown("no voting member is known"))
	case 2*len(up) > voters && len(notUp) == 0:
		return done(pass("all %d voting members answer", voters))
	case 2*len(up) > voters:
		return done(pass("%d of %d voting members answer; not %s", len(up), voters, strings.Join(notUp, ", ")))
	case 2*(len(up)+len(open)) <= voters:
		return done(fail("only %d of %d voting members answer; not %s", len(up), voters, strings.Join(notUp, ", ")))
	}
	return done(unknown("%d of %d voting members answer, which is no majority; of others it could not be told: %s", len(up), voters, strings.Join(notUp, ", ")))
}

// JoinNoPromotion: one regular node at a time is promoted.
var JoinNoPromotion = Check{
	Name:  "join/no-promotion-under-way",
	Title: "No other regular node is being promoted",
	Why: "Only one node at a time passes PROMOTE and PROMOTING: a second one waits, its slots holding WAL, until the first is done. " +
		"Subscriber-only nodes are exempt.",
	Remedy:   "Wait until the other node is ACTIVE; if it is stuck, see its log and that of its source.",
	Source:   "creating-and-joining-pgd-groups, B13",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run:      ofGroup(noPromotion),
}

func noPromotion(in Input) []Finding {
	if j, ok := in.Plan.Joins[in.Joiner]; ok && j.Kind == schema.KindSubscriberOnly {
		return []Finding{pass("%s will be a subscriber-only node, which may be promoted beside others", in.Joiner)}
	}
	facts, why := readable(in, in.Plan.NodeNames(), catalog.PartNodes)
	promoting, open := map[string][]string{}, map[string][]string{}
	for _, observer := range sortedKeys(facts) {
		for _, p := range facts[observer].Peers {
			if kindOf(in, p) == schema.KindSubscriberOnly {
				continue
			}
			for _, state := range []string{p.State, p.Target} {
				switch catalog.PhaseOf(state) {
				case catalog.PhasePromoting:
					tell(promoting, p.Name, observer)
				case catalog.PhaseUnknown:
					if state != "" || p.State == "" {
						tell(open, fmt.Sprintf("%s is %q", p.Name, state), observer)
					}
				}
			}
		}
	}
	const expected = "no regular node in PROMOTE or PROMOTING"
	switch {
	case len(promoting) > 0:
		var parts []string
		for _, name := range sortedKeys(promoting) {
			parts = append(parts, fmt.Sprintf("%s is being promoted, says %s", name, strings.Join(promoting[name], ", ")))
		}
		return []Finding{fail("%s", strings.Join(parts, "; ")).evidence(strings.Join(sortedKeys(promoting), ", "), expected, groupHow)}
	case len(open) > 0:
		return []Finding{unknown("the state of a member is not known: %s", strings.Join(sortedKeys(open), "; ")).evidence("", expected, groupHow)}
	case len(why) > 0:
		return []Finding{unknown("not every node could be asked: %s", strings.Join(why, "; ")).evidence("", expected, groupHow)}
	}
	return []Finding{pass("no node is being promoted").evidence("none", expected, groupHow)}
}

func tell(said map[string][]string, what, who string) {
	if !slices.Contains(said[what], who) {
		said[what] = append(said[what], who)
	}
}

// JoinNoDDL: nobody changes the schema while it is copied.
var JoinNoDDL = Check{
	Name:  "join/no-ddl-under-way",
	Title: "No DDL runs on the source, and no global lock is held",
	Why: "The join copies the schema with pg_dump, which fails when objects change or vanish under it; and a join waits for whoever " +
		"holds a global lock.",
	Remedy:   "Wait for the other session or end it, keep DDL off until the join is done, and start again.",
	Source:   "creating-and-joining-pgd-groups, B16",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run:      noDDL,
}

func noDDL(in Input) []Finding {
	source := in.Source
	if source == "" {
		source = in.Plan.Joins[in.Joiner].Source
	}
	facts, why := readable(in, in.Plan.NodeNames(), catalog.PartLocks)
	seen := map[string]bool{}
	var out []Finding
	for _, n := range sortedKeys(facts) {
		for _, l := range facts[n].Locks {
			var what string
			switch {
			case l.Origin != "": // each node has a copy of it
				what = fmt.Sprintf("global lock %s of %s%s", l.Mode, l.Origin, prefixed(" on ", l.Relation))
			case source != "" && n != source:
				continue
			case l.PID == 0:
				what = fmt.Sprintf("lock %s on %s, of a prepared transaction", l.Mode, l.Relation)
			default:
				what = fmt.Sprintf("lock %s on %s, process %d%s", l.Mode, l.Relation, l.PID, prefixed(" of ", l.Application))
			}
			if seen[what] {
				continue
			}
			seen[what] = true
			age := ""
			if l.Age > 0 {
				age = " for " + l.Age.Round(time.Second).String()
			}
			held := "is held"
			if !l.Granted {
				held = "is asked for"
			}
			f := fail("%s %s%s", what, held, age).evidence(what, "none", "pg_locks on the source; bdr.global_locks on each node of a group")
			f.Subject = Subject{Node: n, Object: "lock on " + cmp.Or(l.Relation, l.Mode)}
			out = append(out, f)
		}
	}
	_, sourceWhy := factsOf(in, source, catalog.PartLocks)
	switch {
	case source != "" && sourceWhy != "":
		out = append(out, unknown("the source could not be asked: %s", sourceWhy))
	case len(why) > 0 && len(out) == 0 && (source == "" || len(facts) == 0):
		out = append(out, unknown("not every node could be asked: %s", strings.Join(why, "; ")))
	case len(out) == 0:
		out = append(out, pass("no lock of DDL%s%s", prefixed(" on ", source), prefixed(" and no global one that the readable nodes know of; not asked: ", strings.Join(why, "; "))))
	}
	return out
}
