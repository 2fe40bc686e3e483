package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

// Rule by which nodes that disagree about a key are told into majority and
// minority.
type Rule string

// The rules.
const (
	ByMajority Rule = "majority" // more than half of the nodes that answered
	ByQuorum   Rule = "quorum"   // at least the share Policy.Quorum of them
	BySource   Rule = "source"   // the nodes in Policy.Sources are right
	ByNewest   Rule = "newest"   // the version with the newest commit timestamp is right
	Undecided  Rule = "off"      // nobody is
)

// Policy decides over stored evidence: another one needs no new scan.
type Policy struct {
	Rule        Rule     `json:"rule"`
	Quorum      float64  `json:"quorum,omitempty"`       // above 0, up to 1
	Sources     []string `json:"sources,omitempty"`      // nodes
	TieBreakers []string `json:"tie_breakers,omitempty"` // nodes, asked when the rule finds nobody right
}

// String renders the policy as reports show it.
func (p Policy) String() string {
	s := string(p.rule())
	switch p.rule() {
	case ByQuorum:
		s += fmt.Sprintf(" %g", p.Quorum)
	case BySource:
		s += " " + strings.Join(p.Sources, ", ")
	}
	if len(p.TieBreakers) > 0 {
		s += "; tie breakers " + strings.Join(p.TieBreakers, ", ")
	}
	return s
}

func (p Policy) rule() Rule {
	if p.Rule == "" {
		return ByMajority
	}
	return p.Rule
}

func (p Policy) check(t *schema.Topology) error {
	switch p.rule() {
	case ByMajority, ByNewest, Undecided:
	case ByQuorum:
		if p.Quorum <= 0 || p.Quorum > 1 {
			return refuse("quorum %g is no share: expected more than 0 and at most 1", p.Quorum)
		}
	case BySource:
		if len(p.Sources) == 0 {
			return refuse("the rule %q needs the nodes that are right", p.Rule)
		}
	default:
		return refuse("policy %q is not known: expected majority, quorum, source, newest or off", p.Rule)
	}
	for _, n := range slices.Concat(p.Sources, p.TieBreakers) {
		if _, ok := t.Nodes[n]; t != nil && !ok {
			return refuse("the topology has no node %q", n)
		}
	}
	return nil
}

// Decide sets majority, minority, kind and cause of a difference from its
// versions.
func (p Policy) Decide(d *Difference) {
	d.Majority, d.Minority = nil, nil
	winners := p.winners(d.Versions)
	for _, v := range d.Versions {
		switch {
		case winners == nil:
		case slices.Contains(winners, v.Node):
			d.Majority = append(d.Majority, v.Node)
		default:
			d.Minority = append(d.Minority, v.Node)
		}
	}
	d.Kind = kindOf(d)
	d.Cause = causeOf(d)
}

// camps groups the nodes that hold the same version, biggest first, then by
// the first node's name.
func camps(versions []RowVersion) [][]RowVersion {
	var out [][]RowVersion
next:
	for _, v := range versions {
		for i := range out {
			if same(out[i][0], v) {
				out[i] = append(out[i], v)
				continue next
			}
		}
		out = append(out, []RowVersion{v})
	}
	slices.SortStableFunc(out, func(a, b []RowVersion) int { return len(b) - len(a) })
	return out
}

func same(a, b RowVersion) bool {
	return a.Exists == b.Exists && a.Hash == b.Hash && a.Count == b.Count
}

// winners returns the nodes that are right, nil when the policy cannot tell.
func (p Policy) winners(versions []RowVersion) []string {
	if w := p.first(versions); w != nil {
		return w
	}
	if p.rule() == Undecided {
		return nil
	}
	return agreed(versions, p.TieBreakers)
}

func (p Policy) first(versions []RowVersion) []string {
	c := camps(versions)
	switch p.rule() {
	case ByMajority:
		if 2*len(c[0]) > len(versions) {
			return nodesOf(c[0])
		}
	case ByQuorum:
		if float64(len(c[0])) >= p.Quorum*float64(len(versions)) && (len(c) == 1 || len(c[1]) < len(c[0])) {
			return nodesOf(c[0])
		}
	case BySource:
		return agreed(versions, p.Sources)
	case ByNewest:
		return newest(c)
	}
	return nil
}

// agreed returns everybody who holds what the named nodes hold, nil when none
// of them answered or they disagree among themselves.
func agreed(versions []RowVersion, named []string) []string {
	var out []string
	for _, camp := range camps(versions) {
		if slices.ContainsFunc(camp, func(v RowVersion) bool { return slices.Contains(named, v.Node) }) {
			if out != nil {
				return nil
			}
			out = nodesOf(camp)
		}
	}
	return out
}

// newest returns the camp with the newest commit timestamp. A camp without a
// row, or with a timestamp that is not known, may be newer than any: then
// nobody can tell.
func newest(c [][]RowVersion) []string {
	best, tie := -1, false
	for i, camp := range c {
		for _, v := range camp {
			if v.CommitAt == nil {
				return nil
			}
		}
		switch {
		case best < 0 || latest(camp).CommitAt.After(*latest(c[best]).CommitAt):
			best, tie = i, false
		case latest(camp).CommitAt.Equal(*latest(c[best]).CommitAt):
			tie = true
		}
	}
	if tie || best < 0 {
		return nil
	}
	return nodesOf(c[best])
}

// latest returns the version with the newest known commit timestamp.
func latest(camp []RowVersion) RowVersion {
	best := camp[0]
	for _, v := range camp[1:] {
		if v.CommitAt != nil && (best.CommitAt == nil || v.CommitAt.After(*best.CommitAt)) {
			best = v
		}
	}
	return best
}

func nodesOf(camp []RowVersion) []string {
	out := make([]string, len(camp))
	for i, v := range camp {
		out[i] = v.Node
	}
	return out
}

// kindOf says how the nodes differ: seen from the majority when there is one.
func kindOf(d *Difference) Kind {
	have, lack := 0, 0
	var hashes []string
	for _, v := range d.Versions {
		if v.Exists {
			have++
			hashes = append(hashes, v.Hash)
		} else {
			lack++
		}
	}
	slices.Sort(hashes)
	uniformRow := len(slices.Compact(hashes)) == 1
	switch {
	case lack == 0 && uniformRow: // fewer copies of it here than there
		for _, c := range camps(d.Versions) {
			if len(d.Majority) > 0 && !slices.Contains(d.Majority, c[0].Node) && c[0].Count > countOf(d, d.Majority[0]) {
				return Extra
			}
		}
		return Missing
	case lack == 0:
		return Changed
	case !uniformRow:
		return Mixed
	case len(d.Majority) > 0:
		for _, v := range d.Versions {
			if slices.Contains(d.Majority, v.Node) {
				if v.Exists {
					return Missing
				}
				return Extra
			}
		}
	case have < lack:
		return Extra
	}
	return Missing
}

// countOf returns how many equal rows a node has.
func countOf(d *Difference, node string) int64 {
	for _, v := range d.Versions {
		if v.Node == node {
			return v.Count
		}
	}
	return 0
}
