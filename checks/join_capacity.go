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
	Title: "All members have a slot, a walsender and an origin to spare for the joiner, the source one more, the joiner one for each member",
	Why: "A join that runs out of slots or walsenders half-way leaves a half-joined node behind; the settings need a restart to raise, on " +
		"a cluster that then waits.",
	Remedy:   "Raise max_replication_slots, max_wal_senders or max_worker_processes on the node and restart it before the join.",
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
		f, why := factsOf(j.in, n, catalog.PartSlots, catalog.PartSenders, catalog.PartOrigins)
		if f == nil {
			x := unknown("%s", why)
			x.Subject.Node = n
			out = append(out, x)
			continue
		}
		need := 1
		switch n {
		case j.source:
			need = 2 // the copy has a slot of its own
		case j.joiner:
			need = len(members)
		}
		x := room(node{j.in, n, j.in.Plan.Nodes[n], f}, need)
		x.Subject.Node = n
		out = append(out, x)
	}
	return out
}

// room judges whether a node has so many slots, walsenders and origins free.
// Before PostgreSQL 18 max_replication_slots bounds origins by itself, apart
// from slots.
func room(n node, need int) Finding {
	var short, all []string
	for _, r := range []struct {
		what, setting string
		used          int
	}{
		{"replication slots", "max_replication_slots", len(n.f.Slots)},
		{"walsenders", "max_wal_senders", len(n.f.Senders)},
		{"replication origins", originLimit(n), len(n.f.Origins)},
	} {
		v, ok, why := n.setting(r.setting)
		limit, err := strconv.Atoi(v)
		if !ok || err != nil {
			return unknown("%s is not known%s", r.setting, prefixed(": ", why))
		}
		free := limit - r.used
		all = append(all, fmt.Sprintf("%d of %d %s free", free, limit, r.what))
		if free < need {
			short = append(short, fmt.Sprintf("%d %s are free of %s = %d", free, r.what, r.setting, limit))
		}
	}
	want := fmt.Sprintf("%d free of each", need)
	const how = "pg_settings, pg_replication_slots, pg_stat_replication, pg_replication_origin"
	if len(short) > 0 {
		return fail("not enough for the join, which takes %d: %s", need, strings.Join(short, ", ")).evidence(strings.Join(all, ", "), want, how)
	}
	return pass("%s", strings.Join(all, ", ")).evidence(strings.Join(all, ", "), want, how)
}

func originLimit(n node) string {
	if _, ok := n.f.Settings["max_active_replication_origins"]; ok {
		return "max_active_replication_origins"
	}
	return "max_replication_slots"
}
