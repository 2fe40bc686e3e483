package checks

import (
	"fmt"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
)

// behindSilence makes unknown what failed and may be no more than the shadow of
// a node that does not answer: edges to and from it, and slots that nobody reads
// and that may be its own. After a join the question is whether the joiner holds
// what the others hold; a node that is down leaves it open, and does not answer
// it with no. At any other time the same failures are what they are: changes
// that do not flow, and WAL that piles up.
func behindSilence(in Input, fs []Finding) []Finding {
	silent := silentNodes(in)
	if len(silent) == 0 {
		return fs
	}
	read := readSlots(in)
	for i := range fs {
		f := &fs[i]
		if f.Status != Fail {
			continue
		}
		var who []string
		for _, n := range silent {
			if n == f.Subject.Node || n == f.Subject.Peer {
				who = append(who, n)
			}
		}
		if slot, ok := strings.CutPrefix(f.Subject.Object, "slot "); ok && f.Check == SlotsInactive.Name && !read[f.Subject.Node][slot] {
			who = silent
		}
		if len(who) > 0 {
			f.Status = Unknown
			f.Message += fmt.Sprintf("; that may be no more than that %s", notRead(in, who))
		}
	}
	return fs
}

// silentNodes are the declared nodes that were asked and did not answer.
func silentNodes(in Input) []string {
	var out []string
	if in.Cluster == nil {
		return nil
	}
	for _, n := range in.Plan.NodeNames() {
		if in.Cluster.Nodes[n].Failure != nil {
			out = append(out, n)
		}
	}
	return out
}

// notRead says of nodes that they could not be read, in the words in which
// every other finding says it.
func notRead(in Input, nodes []string) string {
	var why []string
	for _, n := range nodes {
		_, w := factsOf(in, n)
		why = append(why, w)
	}
	return strings.Join(why, "; ")
}

// readSlots are the slots, by provider, that a subscription of a node that
// could be read takes from.
func readSlots(in Input) map[string]map[string]bool {
	known := names(in)
	out := map[string]map[string]bool{}
	for _, n := range in.Plan.NodeNames() {
		f, _ := factsOf(in, n, catalog.PartSubscriptions)
		if f == nil {
			continue
		}
		for _, s := range f.Subscriptions {
			p := known[s.Provider]
			if out[p] == nil {
				out[p] = map[string]bool{}
			}
			out[p][s.Slot] = true
		}
	}
	return out
}

// BecauseOf returns which of some nodes, given as not answering, are the whole
// reason that a text of a finding gives: it says of them that they could not be
// read, and of nothing else.
func BecauseOf(text string, silent []string) []string {
	var out []string
	said := 0
	for _, name := range silent {
		if c := strings.Count(text, unreadNode(name)); c > 0 {
			said += c
			out = append(out, name)
		}
	}
	if said != strings.Count(text, unread) {
		return nil
	}
	return out
}

// unread and unreadNode are how findings say that something, or a whole node,
// gave no facts.
const unread = " could not be read"

func unreadNode(name string) string { return "node " + name + unread + ":" }
