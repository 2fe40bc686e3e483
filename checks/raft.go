package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

const raftHow = "bdr.get_raft_status() or bdr.stat_raft_state on each node"

// RaftHasLeader: each node follows a leader or is one.
var RaftHasLeader = Check{
	Name:  "raft/has-leader",
	Title: "Each node takes part in consensus and knows its leader",
	Why: "Joins, parts, global locks and sequence ranges are agreed on through Raft. Without a leader none of them works, and replay " +
		"progress is not exchanged, so WAL piles up.",
	Remedy:   "Ask again after the election timeout (6 s by default): an election may just run. Else bring back the nodes that are down until more than half of the voters reach each other.",
	Source:   "creating-and-joining-pgd-groups, B11; Postgres-BDR and PGD: monitor_group_raft",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: eachMember(func(n node) []Finding {
		if len(n.f.Raft) == 0 {
			return []Finding{fail("%s takes no part in consensus", n.name).evidence("no status", "a leader", raftHow)}
		}
		var out []Finding
		for _, r := range n.f.Raft {
			of := prefixed(" of group ", r.Group)
			var f Finding
			switch {
			case r.State == "RAFT_STOPPED":
				f = fail("consensus%s is stopped on %s", of, n.name)
			case r.State == "RAFT_CANDIDATE":
				f = fail("%s stands for election%s: there is no leader, or %s does not reach it", n.name, of, n.name)
			case r.State != "RAFT_LEADER" && r.State != "RAFT_FOLLOWER":
				f = unknown("the consensus%s of %s is in a state that is not known: %q", of, n.name, r.State)
			case r.Leader == "":
				f = fail("%s knows no leader%s", n.name, of)
			default:
				f = pass("%s leads%s, term %d", r.Leader, of, r.Term)
			}
			f = f.evidence(strings.TrimSpace(r.State+" "+prefixed("leader ", r.Leader)), "RAFT_LEADER or RAFT_FOLLOWER with a leader", raftHow)
			if len(n.f.Raft) > 1 {
				f.Subject.Object = "group " + r.Group
			}
			out = append(out, f)
		}
		return out
	}, catalog.PartRaft),
}

// RaftOneLeader: all nodes name the same leader, and it agrees.
var RaftOneLeader = Check{
	Name:  "raft/one-leader",
	Title: "All nodes follow one leader, and that node says that it leads",
	Why: "Nodes that follow different leaders are two clusters that look like one: each grants global locks and sequence ranges by " +
		"itself, and a join through either is unknown to the other.",
	Remedy:   "Find the nodes that are cut off from the majority and mend their connection; do not join, part or run DDL until one leader is left.",
	Source:   "creating-and-joining-pgd-groups, B11; Postgres-BDR and PGD: monitor_group_raft",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Run:      ofGroup(oneLeader),
}

func oneLeader(in Input) []Finding {
	facts, why := readable(in, in.Plan.NodeNames(), catalog.PartRaft)
	follows := map[string]map[string][]string{} // group to leader to who follows it
	claims := map[string][]string{}             // group to nodes that say they lead
	asked := map[string]map[string]bool{}       // group to nodes that answered for it
	for _, n := range sortedKeys(facts) {
		f := facts[n]
		for _, r := range f.Raft {
			if follows[r.Group] == nil {
				follows[r.Group], asked[r.Group] = map[string][]string{}, map[string]bool{}
			}
			asked[r.Group][f.LocalName] = true
			switch {
			case r.State == "RAFT_LEADER":
				claims[r.Group] = append(claims[r.Group], f.LocalName)
				follows[r.Group][f.LocalName] = append(follows[r.Group][f.LocalName], n)
			case r.State == "RAFT_FOLLOWER" && r.Leader != "":
				follows[r.Group][r.Leader] = append(follows[r.Group][r.Leader], n)
			}
		}
	}
	var out []Finding
	for _, g := range sortedKeys(follows) {
		leaders := sortedKeys(follows[g])
		var parts []string
		for _, l := range leaders {
			parts = append(parts, fmt.Sprintf("%s is followed by %s", l, strings.Join(follows[g][l], ", ")))
		}
		of := prefixed(" of group ", g)
		var f Finding
		switch {
		case len(leaders) == 0:
			f = fail("no node%s leads or follows a leader", of)
		case len(claims[g]) > 1:
			f = fail("%d nodes%s say that they lead: %s", len(claims[g]), of, strings.Join(claims[g], ", "))
		case len(leaders) > 1:
			f = fail("the nodes%s follow different leaders: %s", of, strings.Join(parts, "; "))
		case len(claims[g]) == 0 && asked[g][leaders[0]]:
			f = fail("the nodes%s follow %s, which does not say that it leads", of, leaders[0])
		case len(claims[g]) == 0:
			f = unknown("the nodes%s follow %s, which could not be asked", of, leaders[0])
		case len(why) > 0:
			f = unknown("all nodes%s that could be asked follow %s; not every node could be: %s", of, leaders[0], strings.Join(why, "; "))
		default:
			f = pass("%d nodes%s follow %s", len(follows[g][leaders[0]]), of, leaders[0])
		}
		f = f.evidence(strings.Join(parts, "; "), "one leader", raftHow)
		if len(follows) > 1 {
			f.Subject.Object = "group " + g
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		out = append(out, unknown("no node told of its consensus%s", prefixed(": ", strings.Join(why, "; "))))
	}
	return out
}

// votes reports whether a member has a vote: standbys and subscriber-only nodes
// have none, nor has one that is not in yet.
func (m member) votes() bool {
	kind := schema.Kind(m.Kind)
	return (kind == schema.KindData || kind == schema.KindWitness) && !slices.Contains([]catalog.Phase{catalog.PhaseNone, catalog.PhaseCreated, catalog.PhaseJoining}, m.phase)
}
