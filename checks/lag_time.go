package checks

import (
	"fmt"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

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
		from := edgesFrom(in)
		return eachEdge(func(e edge) []Finding { return lagTime(e, from[e.provider]) })(in)
	},
}

const lagTimeHow = "commit timestamps of the newest 2,000 transactions on the provider and its subscribers, all of the provider's clock; the slot on the provider"

// behind bounds the age of the oldest change that the link's subscriber lacks.
// Both bounds come from the provider's commit clock, so clock skew does not
// enter.
type behind struct {
	// atLeast is the age of the oldest commit that the subscriber surely lacks:
	// another subscriber of no more sets has applied it.
	atLeast time.Duration
	// atMost is the age of the oldest commit of the provider that is newer than
	// all that the subscriber applied, when bounded. The edge may not carry it.
	atMost  time.Duration
	bounded bool
	witness string
}

func (b behind) String() string {
	if !b.bounded {
		return "at least " + roundAge(b.atLeast).String()
	}
	return fmt.Sprintf("between %s and %s", roundAge(b.atLeast), roundAge(b.atMost))
}

// edgesFrom returns the wanted edges by their provider.
func edgesFrom(in Input) map[string][]edge {
	out := map[string][]edge{}
	for _, e := range edges(in) {
		out[e.provider] = append(out[e.provider], e)
	}
	return out
}

// lagTime judges an edge; siblings are the edges of the same provider, whose
// subscribers bear witness.
func lagTime(e edge, siblings []edge) []Finding {
	limit := e.in.Plan.Policy.Lag.Max()
	expected := fmt.Sprintf("no change older than %s", limit)
	return e.worst(func(l link) Finding {
		open, ok, why := l.outstanding(e)
		if !ok {
			return unknown("the lag is not known: %s", why).evidence("", expected, lagTimeHow)
		}
		if open == 0 {
			return pass("nothing is outstanding: %s has confirmed all WAL of %s", e.subscriber, e.provider).evidence("0 s", expected, lagTimeHow)
		}
		b, why := l.age(e, siblings)
		if why != "" {
			if l.keepsUp(e) {
				return pass("%s applied all that %s sent it; %s of WAL were written since", e.subscriber, e.provider, bytes(open)).evidence("all that was sent is applied", expected, lagTimeHow)
			}
			return unknown("%s has not confirmed %s, of an age that is not known: %s", e.subscriber, bytes(open), why).evidence("", expected, lagTimeHow)
		}
		found := b.String()
		switch {
		case b.bounded && b.atMost <= limit:
			return pass("%s lacks no change of %s that is older than %s", e.subscriber, e.provider, roundAge(b.atMost)).evidence(found, expected, lagTimeHow)
		case !b.bounded && l.keepsUp(e):
			return pass("%s applied all that %s sent it", e.subscriber, e.provider).evidence("all that was sent is applied", expected, lagTimeHow)
		case b.atLeast > limit:
			return fail("%s lacks a change of %s that is %s old and that %s has applied", e.subscriber, e.provider, roundAge(b.atLeast), b.witness).evidence(found, expected, lagTimeHow)
		case l.keepsUp(e):
			return pass("%s applied all that %s sent it; older commits there are not for this edge", e.subscriber, e.provider).evidence("all that was sent is applied", expected, lagTimeHow)
		case !b.bounded:
			return unknown("%s has not confirmed %s of WAL, and the newest commit of %s that it has is none that %s still lists: changes of any age may be missing", e.subscriber, bytes(open), e.provider, e.provider).
				evidence(found, expected, lagTimeHow)
		case !l.slot.Active:
			// slots/inactive and mesh/full fail; how old what is missing is, is
			// another question.
			return unknown("nobody reads slot %s, and changes of %s that are up to %s old may wait behind it, but this edge may not carry them", l.slot.Name, e.provider, roundAge(b.atMost)).
				evidence(found, expected, lagTimeHow)
		}
		return unknown("%s has not confirmed %s of WAL; the oldest change that may be in it is %s old, but this edge may not carry it", e.subscriber, bytes(open), roundAge(b.atMost)).
			evidence(found, expected, lagTimeHow)
	})
}

// keepsUp reports whether the subscriber applied all that was sent to it, to the
// end of the WAL that there was when the provider was looked at, and answered of
// late, with no more outstanding than the plan allows: what remains was written
// in the last moments, or is of no concern to it. Sent and replayed alone prove
// nothing: while a large transaction is decoded and sent, both stay where its
// commit begins, for minutes, whatever lies behind (walsender.c moves sentPtr
// after a record is through). A walsender says "streaming" only after it reached
// the end of WAL once: right after a reconnect it says "catchup".
func (l link) keepsUp(e edge) bool {
	open, ok, _ := l.outstanding(e)
	s := l.sender
	return ok && s != nil && s.State == "streaming" && s.Replay != 0 && s.Replay >= s.Sent && l.unsentIsYoung(e) &&
		open <= e.in.Plan.Policy.Lag.MaxBytes && (!s.ReplyKnown || s.ReplyAge <= max(e.in.Plan.Policy.Lag.Max(), 15*time.Second))
}

// commitRecord is the least that a commit takes in WAL, in bytes: a header of 24,
// one of 2 for the data, its time of 8, and what aligns the next to 8.
const commitRecord = 40

// unsentIsYoung reports whether nothing that the provider had written when it was
// looked at is still to be sent, or nothing that can be, or so little that its
// last few commits fill it, and these are within the limit.
func (l link) unsentIsYoung(e edge) bool {
	unsent := e.from.Server.WALFlush.Since(l.sender.Sent)
	// The WAL writer flushes whole pages: of a record that goes on in the next
	// one, such as a SELECT's that prunes a page, the first part stays flushed and
	// cannot be sent for as long as nobody commits. The walsender then waits for
	// WAL, which it does not while it decodes or sends a transaction.
	if unsent == 0 || l.sender.WaitsForWAL {
		return true
	}
	own := commitOf(e.from, "")
	if own == nil {
		return false
	}
	last := len(own.Times) - 1 - int(min(unsent/commitRecord, int64(len(own.Times))))
	return last >= 0 && e.from.ServerNow.Sub(own.Times[last]) <= e.in.Plan.Policy.Lag.Max()
}

// age bounds how old the outstanding changes are; why is set when it cannot be
// told.
func (l link) age(e edge, siblings []edge) (b behind, why string) {
	a, why := l.applied(e)
	if why != "" {
		return b, why
	}
	now, own := e.from.ServerNow, commitOf(e.from, "")
	switch {
	case a.proven.IsZero():
	case own == nil: // it may have made a commit right after
		b.bounded, b.atMost = true, now.Sub(a.proven)
	default:
		b.bounded = true
		if later := newer(own, a.proven); len(later) > 0 {
			b.atMost = now.Sub(later[0])
		}
		if len(own.Times) > 0 && a.proven.Before(own.Times[0]) { // others may have been before what is listed
			b.atMost = now.Sub(a.proven)
		}
	}
	for _, other := range siblings {
		if other.subscriber == e.subscriber || other.to == nil {
			continue
		}
		for _, o := range other.links {
			if !within(o.sub.Sets, l.sub.Sets) {
				continue
			}
			// A commit that the provider does not list may be the copy by which
			// the other one joined.
			later := newer(commitOf(other.to, o.sub.Origin), a.latest)
			i := slices.IndexFunc(later, func(t time.Time) bool { return lists(own, t) })
			if i >= 0 && now.Sub(later[i]) > b.atLeast {
				b.atLeast, b.witness = now.Sub(later[i]), other.subscriber
			}
		}
	}
	b.atMost = max(b.atMost, b.atLeast)
	return b, ""
}

// applied says how far a subscriber got, in commit times of the provider.
type applied struct {
	// proven is the newest time up to which it surely applied all: the flavour
	// says so, or the provider lists that commit too. Zero when there is none.
	proven time.Time
	// latest is the newest time of a commit that bears the origin, which may be
	// that of the copy by which the subscriber joined. It is not before proven.
	latest time.Time
}

// applied returns what the subscriber applied, or why it is not known.
func (l link) applied(e edge) (a applied, why string) {
	if l.sub.LastApplied != nil {
		a.proven = *l.sub.LastApplied
	}
	c, own := commitOf(e.to, l.sub.Origin), commitOf(e.from, "")
	if c != nil && len(c.Times) > 0 {
		for _, t := range slices.Backward(newer(c, a.proven)) {
			if lists(own, t) {
				a.proven = t
				break
			}
		}
		a.latest = c.Times[len(c.Times)-1]
	}
	if a.proven.After(a.latest) {
		a.latest = a.proven
	}
	if !a.latest.IsZero() {
		return a, ""
	}
	if gap := e.to.Gap(catalog.PartCommits); gap != nil {
		return a, fmt.Sprintf("%s: %s could not be read: %s", e.subscriber, gap.Part, gap.Detail)
	}
	return a, fmt.Sprintf("%s has no commit of %s among its newest transactions", e.subscriber, e.provider)
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

// lists reports whether a commit of exactly this time is in the window.
func lists(c *catalog.Commit, t time.Time) bool {
	if c == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(c.Times, t, time.Time.Compare)
	return found
}

// newer returns the commits of the window that are newer than t, oldest first.
func newer(c *catalog.Commit, t time.Time) []time.Time {
	if c == nil {
		return nil
	}
	i, _ := slices.BinarySearchFunc(c.Times, t, func(at, t time.Time) int {
		if at.After(t) {
			return 1
		}
		return -1
	})
	return c.Times[i:]
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
