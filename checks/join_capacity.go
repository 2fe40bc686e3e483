package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// JoinFreeCapacity: both ends have room.
var JoinFreeCapacity = Check{
	Name:  "join/free-capacity",
	Title: "All members have a slot, a walsender, an origin and workers to spare for the joiner, the source one slot more, the joiner those for each member",
	Why: "A join that runs out of slots, walsenders or workers half-way leaves a half-joined node behind; the settings need a restart to raise, on " +
		"a cluster that then waits.",
	Remedy:   "Raise the setting that is named (max_replication_slots, max_wal_senders, max_worker_processes, max_logical_replication_workers) on the node and restart it before the join.",
	Source:   "creating-and-joining-pgd-groups, B12",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    PreJoin,
	Run:      atJoin(joinCapacity),
}

func joinCapacity(j joining) []Finding {
	var out []Finding
	members := j.members()
	for _, n := range append(slices.Clone(members), j.joiner) {
		f, why := factsOf(j.in, n, catalog.PartSlots, catalog.PartSenders, catalog.PartOrigins, catalog.PartWorkers)
		if f == nil {
			x := unknown("%s", why)
			x.Subject.Node = n
			out = append(out, x)
			continue
		}
		need, streams := 1, 1
		switch n {
		case j.source:
			need = 2 // the copy has a slot of its own
		case j.joiner:
			need, streams = len(members), len(members)
		}
		x := room(node{j.in, n, j.in.Plan.Nodes[n], f}, need, streams, n == j.joiner)
		x.Subject.Node = n
		out = append(out, x)
	}
	return out
}

// room judges whether a node has so many slots, walsenders and origins free, and
// the workers that so many more incoming streams take. Before PostgreSQL 18
// max_replication_slots bounds origins by itself, apart from slots.
func room(n node, need, streams int, copies bool) Finding {
	if n.f.Workers == nil {
		return unknown("the background workers of %s are not known: the facts were saved by an earlier version", n.name)
	}
	const slots, senders, workers, appliers = "max_replication_slots", "max_wal_senders", "max_worker_processes", "max_logical_replication_workers"
	type resource struct {
		what, setting string
		used, need    int
	}
	native := n.f.Flavour == catalog.Native
	take := streamWorkers(n, streams, copies)
	resources := []resource{
		{"replication slots", slots, len(n.f.Slots), need},
		{"walsenders", senders, len(n.f.Senders), need},
		{"replication origins", originLimit(n), len(n.f.Origins), need},
		{"worker processes", workers, sum(n.f.Workers, ""), take},
	}
	if native {
		resources = append(resources, resource{"logical replication workers", appliers, sum(n.f.Workers, "logical replication ") - n.f.Workers["logical replication launcher"], take})
	}
	var short, all, want []string
	for _, r := range resources {
		v, ok, why := n.setting(r.setting)
		limit, err := strconv.Atoi(v)
		if !ok || err != nil {
			return unknown("%s is not known%s", r.setting, prefixed(": ", why))
		}
		free := limit - r.used
		all = append(all, fmt.Sprintf("%d of %d %s free", free, limit, r.what))
		want = append(want, fmt.Sprintf("%d %s", r.need, r.what))
		if free < r.need {
			short = append(short, fmt.Sprintf("%d %s are free of %s = %d, and it takes %d", free, r.what, r.setting, limit, r.need))
		}
	}
	found, expected := strings.Join(all, ", "), strings.Join(want, ", ")+" free"
	const how = "pg_settings, pg_replication_slots, pg_stat_replication, pg_replication_origin, pg_stat_activity"
	if len(short) > 0 {
		return fail("not enough for the join: %s", strings.Join(short, "; ")).evidence(found, expected, how)
	}
	return pass("%s", found).evidence(found, expected, how)
}

// streamWorkers is how many workers so many incoming streams take at the least:
// one that applies, with BDR and PGD one that receives and one that writes. The
// node that copies has workers for that too: pglogical and BDR one, PostgreSQL's
// own replication as many as max_sync_workers_per_subscription for one stream.
func streamWorkers(n node, streams int, copies bool) int {
	out := streams
	if n.f.Flavour.Grouped() {
		out *= 2
	}
	if copies {
		more := 1
		if n.f.Flavour == catalog.Native {
			if v, err := strconv.Atoi(n.f.Settings["max_sync_workers_per_subscription"]); err == nil {
				more = v
			}
		}
		out += more
	}
	return out
}

// sum adds the counts of workers whose type begins so.
func sum(workers map[string]int, prefix string) (out int) {
	for kind, count := range workers {
		if strings.HasPrefix(kind, prefix) {
			out += count
		}
	}
	return out
}

func originLimit(n node) string {
	if _, ok := n.f.Settings["max_active_replication_origins"]; ok {
		return "max_active_replication_origins"
	}
	return "max_replication_slots"
}
