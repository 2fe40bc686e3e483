package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

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
	from := edgesFrom(in)
	var out []Finding
	for _, shard := range in.Plan.ShardNames() {
		d := in.Plan.Shards[shard]
		for _, w := range d.Writers {
			for _, target := range targetsOf(in, d, w) {
				e := edgeOf(in, known, w, target)
				f := worstOf(append(lagBytes(e), lagTime(e, from[w])...))
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
