package checks

import (
	"fmt"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/schema"
)

// ClockSkew: the nodes' clocks agree.
var ClockSkew = Check{
	Name:  "clock/skew",
	Title: "The clocks of all nodes agree within policy.clock.max_skew_seconds (2)",
	Why: "Conflicts are resolved by commit time: with a clock that runs ahead a node wins over later changes of the others, and the " +
		"newer change is lost on all nodes.",
	Remedy:   "Mend time synchronisation (chrony or ntpd) on the node, and compare the data written while its clock was off.",
	Source:   "PGD command line, clock skew: warning above 2 s; Postgres-BDR, bdr.maximum_clock_skew",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run:      clockSkew,
}

// clockSkew measures each node's clock against the one in the middle. The tool
// knows an offset only to half the round trip of its question, so it fails a
// node only when the whole interval is beyond the limit.
func clockSkew(in Input) []Finding {
	type measure struct {
		name       string
		offset, by time.Duration // of the node's clock from the tool's, and the error of that
	}
	var ms []measure
	facts, _ := readable(in, in.Plan.NodeNames())
	for _, n := range sortedKeys(facts) {
		f := facts[n]
		if f.ServerNow.IsZero() || f.ReadAt.IsZero() {
			continue
		}
		ms = append(ms, measure{n, f.ServerNow.Sub(f.ReadAt.Add(f.RoundTrip / 2)), f.RoundTrip/2 + time.Microsecond})
	}
	if len(ms) == 0 {
		return nil
	}
	sorted := slices.Clone(ms)
	slices.SortStableFunc(sorted, func(a, b measure) int { return int(a.offset - b.offset) })
	middle := sorted[(len(sorted)-1)/2]
	limit := in.Plan.Policy.Clock.MaxSkew()
	var out []Finding
	for _, m := range ms {
		off, by := m.offset-middle.offset, m.by+middle.by
		if m.name == middle.name {
			by = m.by
		}
		found := fmt.Sprintf("%s ± %s", signed(off), by.Round(time.Microsecond))
		var f Finding
		switch {
		case off.Abs()-by > limit:
			f = fail("the clock is %s off that of %s", found, middle.name)
		case off.Abs()+by > limit:
			f = unknown("the clock is %s off that of %s: the answer took too long to tell", found, middle.name)
		case len(ms) == 1:
			f = unknown("no other node's clock could be read to compare with")
		default:
			f = pass("the clock is %s off that of %s", found, middle.name)
		}
		f = f.evidence(found, fmt.Sprintf("within %s", limit), "clock_timestamp(), against the tool's clock, ± half the round trip")
		f.Subject.Node = m.name
		out = append(out, f)
	}
	return out
}

func signed(d time.Duration) string {
	r := d.Round(time.Microsecond)
	if r >= 0 {
		return "+" + r.String()
	}
	return r.String()
}
