package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// JoinAllAvailable: after a join all must be up before rows are compared.
var JoinAllAvailable = Check{
	Name:     "join/all-available",
	Title:    "All nodes are up and can be reached",
	Why:      "The new node is compared once all nodes are available and caught up: what a node that is away still has to send is in no comparison.",
	Remedy:   "Bring the missing nodes back, wait until they are caught up, then audit again.",
	Source:   "creating-and-joining-pgd-groups, B14",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PostJoin,
	Run: atJoin(func(j joining) []Finding {
		var out []Finding
		for _, n := range append(j.members(), j.joiner) {
			f := pass("it answers")
			if facts, why := factsOf(j.in, n); facts == nil {
				f = unknown("%s", why)
			}
			f.Subject.Node = n
			out = append(out, f)
		}
		return out
	}),
}

// JoinNoLag: no backlog between any two members.
var JoinNoLag = Check{
	Name:  "join/no-significant-lag",
	Title: "No member lags behind another",
	Why: "Rows that a logical join copies bear a new commit time. A change that was made before and arrives after loses against them on the new " +
		"node alone: it differs from the others for good, with every status healthy.",
	Remedy:   "Wait until every edge is caught up (lag/bytes, lag/time), stop the writes if it must be, and compare the new node after the join.",
	Source:   "creating-and-joining-pgd-groups, B14 and B15",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin | PostJoin,
	Run: atJoin(func(j joining) []Finding {
		var bad, open []string
		count := 0
		for _, c := range []Check{LagBytes, LagTime} {
			for _, f := range c.judge(j.in) {
				count++
				switch f.Status {
				case Fail:
					bad = append(bad, fmt.Sprintf("%s: %s", f.Subject, f.Message))
				case Unknown:
					open = append(open, fmt.Sprintf("%s: %s", f.Subject, f.Message))
				}
			}
		}
		if _, member := j.in.Plan.Nodes[j.joiner]; member && !slices.ContainsFunc(edges(j.in), func(e edge) bool { return e.subscriber == j.joiner }) {
			open = append(open, j.joiner+" is a replica of no data set of the plan, so what it is to receive, and from whom, is not known")
		}
		found := fmt.Sprintf("%d of %d figures over the limit, %d not known", len(bad), count, len(open))
		const want, how = "every edge within the limits of lag/bytes and lag/time", "slots and commit timestamps of all nodes"
		switch {
		case len(bad) > 0:
			return []Finding{fail("%s: %s", lagging(len(bad)), strings.Join(someOf(bad, 5), "; ")).evidence(found, want, how)}
		case len(open) > 0:
			return []Finding{unknown("the lag of some edges is not known: %s", strings.Join(someOf(open, 5), "; ")).evidence(found, want, how)}
		}
		return []Finding{pass("all edges are within the limits").evidence(found, want, how)}
	}),
}

// someOf returns the first n, and how many there are more.
func someOf(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(slices.Clone(list[:n]), fmt.Sprintf("and %d more", len(list)-n))
}

// JoinSourceLatency: copy from the neighbour.
var JoinSourceLatency = Check{
	Name:     "join/source-latency",
	Title:    "No member answers much faster than the source",
	Why:      "The whole database is copied from the source: over a long way the copy takes longer, holds WAL back on all members, and starts over when the way breaks.",
	Remedy:   "Join from the member that is named, or measure from the joiner's own site: what is measured is the way from this machine.",
	Source:   "creating-and-joining-pgd-groups, B10",
	Severity: schema.Info,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run: atJoin(func(j joining) []Finding {
		source, why := j.of(j.source)
		if source == nil {
			return why
		}
		best, quickest := j.source, source.RoundTrip
		for _, n := range j.members() {
			if f, _ := factsOf(j.in, n); f != nil && f.RoundTrip < quickest && j.in.Plan.Nodes[n].Kind == schema.KindData {
				best, quickest = n, f.RoundTrip
			}
		}
		trip := func(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
		const how = "round trip of SELECT clock_timestamp() from this machine"
		// Less than ten milliseconds is one site, whatever the ratio.
		if best != j.source && source.RoundTrip-quickest > 10*time.Millisecond && source.RoundTrip > 2*quickest {
			return []Finding{fail("%s answers in %s, the source %s in %s", best, trip(quickest), j.source, trip(source.RoundTrip)).evidence(trip(source.RoundTrip), trip(quickest), how)}
		}
		return []Finding{pass("the source %s answers in %s", j.source, trip(source.RoundTrip)).evidence(trip(source.RoundTrip), "", how)}
	}),
}

// JoinSourceActive: the source is a healthy member.
var JoinSourceActive = Check{
	Name:     "join/source-is-active",
	Title:    "The source is an active member",
	Why:      "A join from a node that is itself being joined, parted or restored copies what others do not have, or fails half-way.",
	Remedy:   "Choose a source that is ACTIVE and not in recovery.",
	Source:   "creating-and-joining-pgd-groups, B3 and B10",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run: atJoin(func(j joining) []Finding {
		f, why := j.of(j.source, catalog.PartServer, catalog.PartNodes)
		if f == nil {
			return why
		}
		const how = "pg_is_in_recovery() and the node's own catalog"
		if f.Server.InRecovery {
			return []Finding{fail("the source %s is in recovery", j.source).evidence("in recovery", "a member that takes writes", how)}
		}
		for _, p := range f.Peers {
			if p.Name == f.LocalName && p.State != "" && p.State != "ACTIVE" {
				return []Finding{fail("the source %s is in %s", j.source, p.State).evidence(p.State, "ACTIVE", how)}
			}
		}
		if f.LocalName == "" {
			return []Finding{fail("the source %s is no replication node", j.source).evidence("no local node", "a member", how)}
		}
		return []Finding{pass("the source %s is a member", j.source)}
	}),
}

func lagging(edges int) string {
	if edges == 1 {
		return count(edges, "edge") + " lags"
	}
	return count(edges, "edge") + " lag"
}
