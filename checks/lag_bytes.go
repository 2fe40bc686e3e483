package checks

import (
	"fmt"
	"slices"

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
		open, ok, why := l.outstanding(e)
		expected := fmt.Sprintf("at most %d bytes", limit)
		switch {
		case !ok:
			return unknown("the lag is not known: %s", why).evidence("", expected, lagBytesHow)
		case open > limit:
			return fail("%s has not confirmed %s of WAL of %s", e.subscriber, bytes(open), e.provider).evidence(fmt.Sprintf("%d bytes", open), expected, lagBytesHow)
		case open == 0:
			return pass("%s has confirmed all WAL of %s", e.subscriber, e.provider).evidence("0 bytes", expected, lagBytesHow)
		}
		return pass("%s has not confirmed %s of WAL of %s, which is within the limit", e.subscriber, bytes(open), e.provider).evidence(fmt.Sprintf("%d bytes", open), expected, lagBytesHow)
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
