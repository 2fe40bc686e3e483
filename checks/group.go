package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// noGroup answers for a cluster without groups and consensus, and for one of
// which that could not be told; nil when there are groups.
func noGroup(in Input) []Finding {
	var why, other []string
	for _, n := range in.Plan.NodeNames() {
		f, w := factsOf(in, n)
		switch {
		case f == nil:
			why = append(why, w)
		case f.Flavour.Grouped():
			return nil
		case f.Flavour == catalog.Unknown && f.Gap(catalog.PartNodes) != nil:
			why = append(why, "node "+n+": "+f.Gap(catalog.PartNodes).Detail)
		default:
			other = append(other, string(f.Flavour))
		}
	}
	if len(other) == 0 {
		return []Finding{unknown("whether the nodes form a group could not be told: %s", strings.Join(why, "; "))}
	}
	slices.Sort(other)
	return []Finding{skip("%s has neither groups nor consensus", strings.Join(slices.Compact(other), ", "))}
}

// ofGroup makes the Run of a check about the group as a whole.
func ofGroup(judge func(Input) []Finding) func(Input) []Finding {
	return func(in Input) []Finding {
		if none := noGroup(in); none != nil {
			return none
		}
		return judge(in)
	}
}

// eachMember makes the Run of a check that judges each node by what it knows of
// its group.
func eachMember(judge func(node) []Finding, parts ...catalog.Part) func(Input) []Finding {
	return func(in Input) []Finding {
		none := noGroup(in)
		return eachNode(func(n node) []Finding { // gaps are judged here: not each of them is unknown
			if none != nil && none[0].Status == Skipped {
				return slices.Clone(none)
			}
			if g := n.f.Gap(parts...); g != nil && g.Reason == catalog.NotInRelease {
				return []Finding{skip("%s", g.Detail)}
			} else if g != nil {
				return []Finding{unknown("%s: %s", g.Part, g.Detail+prefixed("; ", g.Remedy))}
			}
			if !n.f.Flavour.Grouped() {
				return []Finding{unknown("%s has none of what members of a group have (%s)", n.name, n.f.Flavour)}
			}
			return judge(n)
		})(in)
	}
}

// member is a node of the group with its plan's kind, where the plan has it.
type member struct {
	catalog.Peer
	phase catalog.Phase
}

// kindOf prefers what the catalog says; before PGD 5 it says little.
func kindOf(in Input, p catalog.Peer) schema.Kind {
	if p.Kind != "" {
		return schema.Kind(p.Kind)
	}
	if n, ok := in.Plan.Nodes[p.Name]; ok && n.Kind != "" {
		return n.Kind
	}
	if j, ok := in.Plan.Joins[p.Name]; ok && j.Kind != "" {
		return j.Kind
	}
	return schema.KindData
}

// members are those that any of the nodes knows and that have not been parted,
// by name; where views differ the one nearest to the node itself counts, which
// mesh/same-view tells of.
func members(in Input, facts map[string]*catalog.Facts) []member {
	found := map[string]member{}
	for _, observer := range sortedKeys(facts) {
		for _, p := range facts[observer].Peers {
			if _, ok := found[p.Name]; !ok || p.Name == facts[observer].LocalName {
				found[p.Name] = member{p, catalog.PhaseOf(p.State)}
			}
		}
	}
	var out []member
	for _, name := range sortedKeys(found) {
		m := found[name]
		if m.phase == catalog.PhaseParted {
			continue
		}
		m.Kind = string(kindOf(in, m.Peer))
		out = append(out, m)
	}
	return out
}

const groupHow = "bdr.node_summary"

// GroupMemberState: every member is where it should stay.
var GroupMemberState = Check{
	Name:  "group/member-state",
	Title: "Every member of the group is in a state in which it can stay",
	Why: "A node that stays in a state of passage takes part in replication by half: others keep WAL for it, its own changes may go " +
		"nowhere, and no other node can be promoted meanwhile.",
	Remedy:   "Look at the log of the node and of its join source; finish the join or part, or part the node by force and drop it.",
	Source:   "Postgres-BDR and PGD, node states",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: eachMember(func(n node) []Finding {
		var out []Finding
		for _, p := range n.f.Peers {
			phase, kind := catalog.PhaseOf(p.State), kindOf(n.in, p)
			_, declared := n.in.Plan.Nodes[p.Name]
			want := "ACTIVE"
			if kind == schema.KindStandby {
				want = "STANDBY"
			}
			var f Finding
			switch {
			case phase == catalog.PhaseUnknown:
				f = unknown("%s says that %s is in a state that is not known: %q", n.name, p.Name, p.State)
			case phase == catalog.PhaseParted, p.Name == n.in.Joiner && !declared:
				continue
			case p.State != want:
				f = fail("%s says that %s, a %s node, is %s%s", n.name, p.Name, kind, p.State, prefixed(" on its way to ", different(p.Target, p.State)))
			case p.Target != "" && p.Target != p.State:
				f = fail("%s says that %s is %s and should be %s", n.name, p.Name, p.State, p.Target)
			default:
				continue
			}
			f = f.evidence(p.State, want, groupHow)
			f.Subject.Object = "member " + p.Name
			out = append(out, f)
		}
		if len(out) == 0 {
			out = append(out, pass("%d members, each in a lasting state", len(n.f.Peers)))
		}
		return out
	}, catalog.PartNodes),
}

func different(target, state string) string {
	if target == state {
		return ""
	}
	return target
}

// GroupNothingPending: no operation on the group was left unfinished.
var GroupNothingPending = Check{
	Name:  "group/nothing-pending",
	Title: "No join, part or resynchronisation is unfinished, and no transaction was given up",
	Why: "A catch-up that lasts is stuck: the node misses changes of one that left. A resynchronisation that has not ended means that " +
		"nodes do not hold the same rows yet; a transaction that apply skipped means that they never will by themselves.",
	Remedy:   "Let it finish, or find out in the server log what holds it; after skipped transactions compare the node's rows.",
	Source:   "Postgres-BDR and PGD: node_catchup_info, sync_node_requests, subscription_error_status",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: eachMember(func(n node) []Finding {
		var out []Finding
		for _, p := range n.f.Pending {
			what := p.Kind + " of " + p.Node + prefixed(" with ", p.Peer)
			since := ""
			if p.Since != nil {
				since = " since " + p.Since.UTC().Format("2006-01-02 15:04:05Z")
			}
			f := fail("%s is not over%s: %s", what, since, p.State).evidence(p.State, "none", "bdr.node_catchup_info, bdr.sync_node_requests_summary, bdr.subscription_error_status, bdr.node")
			f.Subject.Object = what
			out = append(out, f)
		}
		for _, s := range n.f.Subscriptions {
			if s.Skipped != nil && *s.Skipped > 0 {
				f := fail("subscription %s has skipped %d transactions of %s: the rows they held differ", s.Name, *s.Skipped, s.Provider).evidence(fmt.Sprint(*s.Skipped), "0", "bdr.stat_subscription")
				f.Subject.Object = "subscription " + s.Name
				out = append(out, f)
			}
		}
		if len(out) == 0 {
			out = append(out, pass("nothing is under way"))
		}
		return out
	}, catalog.PartProgress),
}

// GroupProgressFresh: nodes hear of each other's replay.
var GroupProgressFresh = Check{
	Name:  "group/progress-fresh",
	Title: "Each node hears of the others' replay progress in time",
	Why: "Group slots move on only when every node has told how far it replayed. When one is silent the others keep WAL and old row " +
		"versions for it without end.",
	Remedy:   "See whether consensus works on the silent node (raft/has-leader) and whether it can reach the others.",
	Source:   "Postgres-BDR and PGD: node_peer_progress, bdr.replay_progress_frequency",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin,
	Subjects: allNodes,
	Run: eachMember(func(n node) []Finding {
		limit := 10 * time.Minute // ten times the default of bdr.replay_progress_frequency
		if ms := n.f.Settings["bdr.replay_progress_frequency"]; ms != "" {
			if d, err := time.ParseDuration(strings.TrimSuffix(ms, "ms") + "ms"); err == nil && d > 0 {
				limit = 10 * d
			}
		}
		var out []Finding
		for _, p := range n.f.Progress {
			var f Finding
			switch {
			case !p.Known:
				f = unknown("%s has no time of the last progress message of %s", n.name, p.Node)
			case p.Age > limit:
				f = fail("%s last heard %s ago how far %s has replayed", n.name, p.Age.Round(time.Second), p.Node)
			default:
				continue
			}
			f = f.evidence(p.Age.Round(time.Second).String(), "at most "+limit.String(), "bdr.node_peer_progress")
			f.Subject.Object = "member " + p.Node
			out = append(out, f)
		}
		for _, p := range n.f.Peers { // each node has a row of each other
			if p.Name == n.f.LocalName || p.State != "ACTIVE" || kindOf(n.in, p) != schema.KindData ||
				slices.ContainsFunc(n.f.Progress, func(h catalog.Progress) bool { return h.Node == p.Name }) {
				continue
			}
			f := unknown("%s has no progress message of %s on record", n.name, p.Name).evidence("no row", "at most "+limit.String(), "bdr.node_peer_progress")
			f.Subject.Object = "member " + p.Name
			out = append(out, f)
		}
		if len(out) == 0 {
			out = append(out, pass("heard of %d members within %s", len(n.f.Progress), limit))
		}
		return out
	}, catalog.PartPeerProgress),
}
