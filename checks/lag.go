package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// LagBytes: what a subscriber has not confirmed.
var LagBytes = Check{
	Name:  "lag/bytes",
	Title: "No subscriber is further behind its provider than the plan allows, in bytes of WAL",
	Why: "What is not applied is lost for applications if the provider is lost, and conflicts grow with it. A node that joins while " +
		"others lag may differ from them for good.",
	Remedy:   "See whether the subscription runs and what its apply worker waits for (locks, long transactions, the network); do not join or fail over until it is caught up.",
	Source:   "creating-and-joining-pgd-groups, B14: do not join under significant lag",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allEdges,
	Run:      eachEdge(lagBytes),
}

const lagBytesHow = "on the provider: pg_current_wal_flush_lsn() - confirmed_flush_lsn of the slot"

// outstanding returns how much WAL of the provider the link's subscriber has
// not confirmed. It counts all WAL, also what the edge never carries, and may
// be up to a second old; ok is false, with the reason, when it is not known.
// A link without a slot has no figure: that is no lag of zero.
func (l link) outstanding(e edge) (bytes int64, ok bool, why string) {
	switch {
	case e.from == nil:
		return 0, false, e.whyFrom
	case e.from.Gap(catalog.PartSlots) != nil:
		return 0, false, fmt.Sprintf("the slots of %s could not be read", e.provider)
	case e.from.Gap(catalog.PartServer) != nil || e.from.Server.WALFlush == 0:
		return 0, false, fmt.Sprintf("the WAL position of %s is not known", e.provider)
	case l.slot == nil:
		return 0, false, fmt.Sprintf("there is no slot %s on %s", l.sub.Slot, e.provider)
	case l.slot.ConfirmedFlush == 0:
		return 0, false, fmt.Sprintf("slot %s has confirmed nothing yet", l.sub.Slot)
	}
	return e.from.Server.WALFlush.Since(l.slot.ConfirmedFlush), true, ""
}

func lagBytes(e edge) []Finding {
	limit := e.in.Plan.Policy.Lag.MaxBytes
	judgeLink := func(l link) Finding {
		bytes, ok, why := l.outstanding(e)
		expected := fmt.Sprintf("at most %d bytes", limit)
		switch {
		case !ok:
			return unknown("the lag is not known: %s", why).evidence("", expected, lagBytesHow)
		case bytes > limit:
			return fail("%s has not confirmed %s of WAL of %s", e.subscriber, bytesText(bytes), e.provider).evidence(fmt.Sprintf("%d bytes", bytes), expected, lagBytesHow)
		case bytes == 0:
			return pass("%s has confirmed all WAL of %s", e.subscriber, e.provider).evidence("0 bytes", expected, lagBytesHow)
		}
		return pass("%s has not confirmed %s of WAL of %s, which is within the limit", e.subscriber, bytesText(bytes), e.provider).evidence(fmt.Sprintf("%d bytes", bytes), expected, lagBytesHow)
	}
	return e.worst(judgeLink)
}

// worst judges each link and returns the worst answer, or unknown when there is
// none to judge.
func (e edge) worst(judge func(link) Finding) []Finding {
	if e.to == nil {
		return []Finding{unknown("%s", e.whyTo)}
	}
	if len(e.links) == 0 {
		return []Finding{unknown("the lag is not known: %s has no subscription to %s", e.subscriber, e.provider)}
	}
	rank := []Status{Fail, Unknown, Pass}
	var out Finding
	for i, l := range e.links {
		f := judge(l)
		if i == 0 || slices.Index(rank, f.Status) < slices.Index(rank, out.Status) {
			out = f
		}
	}
	return []Finding{out}
}

// bytesText renders 10485760 as "10.0 MiB".
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}

// LagTime: how old the oldest change is that a subscriber lacks.
var LagTime = Check{
	Name:  "lag/time",
	Title: "No subscriber lacks a change that is older than the plan allows",
	Why: "The age of the oldest missing change is how much work is lost for readers of that node, and for everybody if the provider " +
		"is lost now.",
	Remedy:   "See whether the subscription runs and what its apply worker waits for; do not join or fail over until it is caught up.",
	Source:   "creating-and-joining-pgd-groups, B14; PGD monitoring: replay_lag is zero right after a reconnect while much is still to be applied",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allEdges,
	Run: func(in Input) []Finding {
		all := edges(in)
		return eachEdge(func(e edge) []Finding { return lagTime(e, all) })(in)
	},
}

const lagTimeHow = "commit timestamps of the newest 2,000 transactions on the provider and its subscribers, all of the provider's clock; the slot on the provider"

// behind bounds the age of the oldest change that the link's subscriber lacks.
// Both bounds come from the provider's commit clock, so clock skew does not
// enter. With atMost zero nothing is outstanding.
type behind struct {
	// atLeast is the age of the oldest commit that the subscriber surely lacks:
	// another subscriber of no more sets has applied it.
	atLeast time.Duration
	// atMost is the age of the oldest commit of the provider that is newer than
	// all that the subscriber applied. The edge may not carry it.
	atMost  time.Duration
	witness string
}

func lagTime(e edge, all []edge) []Finding {
	limit := e.in.Plan.Policy.Lag.Max()
	expected := fmt.Sprintf("no change older than %s", limit)
	return e.worst(func(l link) Finding {
		bytes, ok, why := l.outstanding(e)
		if !ok {
			return unknown("the lag is not known: %s", why).evidence("", expected, lagTimeHow)
		}
		if bytes == 0 {
			return pass("nothing is outstanding: %s has confirmed all WAL of %s", e.subscriber, e.provider).evidence("0 s", expected, lagTimeHow)
		}
		b, why := l.age(e, all)
		if why != "" {
			if l.keepsUp(e) {
				return pass("%s applied all that %s sent it; %s of WAL were written since", e.subscriber, e.provider, bytesText(bytes)).evidence("all that was sent is applied", expected, lagTimeHow)
			}
			return unknown("%s has not confirmed %s, of an age that is not known: %s", e.subscriber, bytesText(bytes), why).evidence("", expected, lagTimeHow)
		}
		found := fmt.Sprintf("between %s and %s", roundAge(b.atLeast), roundAge(b.atMost))
		switch {
		case b.atMost <= limit:
			return pass("%s lacks no change of %s that is older than %s", e.subscriber, e.provider, roundAge(b.atMost)).evidence(found, expected, lagTimeHow)
		case b.atLeast > limit:
			return fail("%s lacks a change of %s that is %s old and that %s has applied", e.subscriber, e.provider, roundAge(b.atLeast), b.witness).evidence(found, expected, lagTimeHow)
		case l.keepsUp(e):
			return pass("%s applied all that %s sent it; older commits there are not for this edge", e.subscriber, e.provider).evidence("all that was sent is applied", expected, lagTimeHow)
		case !l.slot.Active:
			return fail("nobody reads slot %s, and changes of %s that are up to %s old wait behind it", l.slot.Name, e.provider, roundAge(b.atMost)).evidence(found, expected, lagTimeHow)
		}
		return unknown("%s has not confirmed %s of WAL; the oldest change that may be in it is %s old, but this edge may not carry it", e.subscriber, bytesText(bytes), roundAge(b.atMost)).
			evidence(found, expected, lagTimeHow)
	})
}

// keepsUp reports whether the subscriber applied all that was sent to it and
// answered of late, with no more outstanding than the plan allows: what remains
// was written in the last moments, or is of no concern to it. A walsender says
// "streaming" only after it reached the end of WAL once: right after a
// reconnect, when sent and replayed are equal too, it says "catchup".
func (l link) keepsUp(e edge) bool {
	bytes, ok, _ := l.outstanding(e)
	s := l.sender
	return ok && s != nil && s.State == "streaming" && s.Replay != 0 && s.Replay >= s.Sent &&
		bytes <= e.in.Plan.Policy.Lag.MaxBytes && (!s.ReplyKnown || s.ReplyAge <= max(e.in.Plan.Policy.Lag.Max(), 15*time.Second))
}

// age bounds how old the outstanding changes are; why is set when it cannot be
// told.
func (l link) age(e edge, all []edge) (b behind, why string) {
	for _, end := range []struct {
		name string
		f    *catalog.Facts
	}{{e.provider, e.from}, {e.subscriber, e.to}} {
		if gap := end.f.Gap(catalog.PartCommits); gap != nil {
			return b, fmt.Sprintf("%s: %s could not be read: %s", end.name, gap.Part, gap.Detail)
		}
	}
	own := commitOf(e.from, "")
	if own == nil {
		return b, fmt.Sprintf("%s has no commit of its own among its newest transactions", e.provider)
	}
	now := e.from.ServerNow
	applied := commitOf(e.to, l.sub.Origin)
	if applied == nil {
		return b, fmt.Sprintf("%s has no commit of %s among its newest transactions", e.subscriber, e.provider)
	}
	if first, ok := after(own, applied.At); ok {
		b.atMost = now.Sub(first)
	}
	for _, other := range all {
		if other.provider != e.provider || other.subscriber == e.subscriber || other.to == nil {
			continue
		}
		for _, o := range other.links {
			c := commitOf(other.to, o.sub.Origin)
			if c == nil || !within(o.sub.Sets, l.sub.Sets) {
				continue
			}
			if first, ok := after(c, applied.At); ok && now.Sub(first) > b.atLeast {
				b.atLeast, b.witness = now.Sub(first), other.subscriber
			}
		}
	}
	b.atMost = max(b.atMost, b.atLeast)
	return b, ""
}

// commitOf returns the commits of an origin in a node's window, or nil.
func commitOf(f *catalog.Facts, origin string) *catalog.Commit {
	for i := range f.Commits {
		if f.Commits[i].Origin == origin {
			return &f.Commits[i]
		}
	}
	return nil
}

// after returns the oldest kept commit that is newer than a time.
func after(c *catalog.Commit, t time.Time) (time.Time, bool) {
	for _, at := range c.Times {
		if at.After(t) {
			return at, true
		}
	}
	if c.At.After(t) { // thinned away
		return c.At, true
	}
	return time.Time{}, false
}

// within reports whether all of some sets are among others; nil is all sets.
func within(some, others []string) bool {
	if others == nil {
		return true
	}
	if some == nil {
		return false
	}
	for _, s := range some {
		if !slices.Contains(others, s) {
			return false
		}
	}
	return true
}

func roundAge(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second / 10)
}

// LagFailoverTarget: the other master of the region can take over.
var LagFailoverTarget = Check{
	Name:  "lag/failover-target-caught-up",
	Title: "In each shard, the other master of the writer's region is caught up",
	Why: "If a node fails the application points to the other master of the same region. What that one has not applied by then is " +
		"missing there, and comes back later as a conflict.",
	Remedy:   "Bring the edge from the writer to its failover target up to date, or choose another target until it is.",
	Source:   "bdr-worldwide-specification, A7",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Run:      failoverTarget,
}

func failoverTarget(in Input) []Finding {
	known := names(in)
	all := edges(in)
	var out []Finding
	for _, shard := range in.Plan.ShardNames() {
		d := in.Plan.Shards[shard]
		for _, w := range d.Writers {
			for _, target := range targetsOf(in, d, w) {
				e := edgeOf(in, known, w, target)
				f := worstOf(append(lagBytes(e), lagTime(e, all)...))
				f.Message = fmt.Sprintf("%s is the other master of shard %s: %s", target, shard, f.Message)
				f.Subject = Subject{Node: w, Peer: target, Object: "shard " + shard}
				f.Pos = in.Plan.Pos("shards", shard, "writers")
				out = append(out, f)
			}
		}
	}
	if len(out) == 0 {
		return []Finding{skip("the plan names no writer with another master in its region")}
	}
	return out
}

// targetsOf returns the replicas that take over from a writer: the others of its
// region, without disaster recovery.
func targetsOf(in Input, d schema.DataSet, writer string) []string {
	region := func(n string) string { return in.Plan.Datacenters[in.Plan.Nodes[n].Datacenter].Region }
	var out []string
	for _, n := range d.Replicas {
		if n != writer && region(n) == region(writer) && in.Plan.Nodes[n].Kind == schema.KindData {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

func worstOf(fs []Finding) Finding {
	rank := []Status{Fail, Unknown, Pass}
	out := fs[0]
	var good []string
	for _, f := range fs {
		if f.Status == Pass {
			good = append(good, f.Message)
		}
		if slices.Index(rank, f.Status) < slices.Index(rank, out.Status) {
			out = f
		}
	}
	if out.Status == Pass {
		out.Message = strings.Join(slices.Compact(good), "; ")
	}
	return out
}
