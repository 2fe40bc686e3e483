package checks

import (
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// lagBreakers are the cases of lag and slots.
var lagBreakers = map[string][]breakCase{
	"lag/bytes": {
		{"over the limit", "", func(in *Input) { behindBy(in, "dc1n1", "dc1n2", overLag, time.Second, true) }, []string{"fail " + edge12}},
		{"within it", "", func(in *Input) { behindBy(in, "dc1n1", "dc1n2", someLag, time.Second, true) }, nil},
		{"over the limit while nobody reads", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", overLag, time.Second, true)
			pause(in, "dc1n1", "dc1n2")
		}, []string{"fail " + edge12}},
		{"no slot is no lag of zero", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").Slot = "elsewhere" }, []string{"unknown " + edge12}},
		{"no subscription neither", "", func(in *Input) { on(in, "dc1n2").Subscriptions = nil }, toNode("dc1n2", "unknown")},
		{"nothing confirmed yet", "", func(in *Input) { slot(in, "dc1n1", "dc1n2").ConfirmedFlush = 0 }, []string{"unknown " + edge12}},
		{"provider down", "", func(in *Input) { lose(in, "dc1n1") }, append(fromNode1("unknown"), toNode1("unknown")...)},
	},
	"lag/time": {
		{"others have it", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, true)
			unapplied(in, "dc1n1", "dc1n2")
		}, []string{"fail " + edge12}},
		{"nobody reads, and changes wait that another has applied", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, true)
			pause(in, "dc1n1", "dc1n2")
		}, []string{"fail " + edge12}},
		{"nobody reads, and what waits may not be for this edge", "", func(in *Input) {
			behindBy(in, "dc1n1", "dr1n2", someLag, time.Minute, false)
			pause(in, "dc1n1", "dr1n2")
		}, []string{"unknown dc1n1 → dr1n2"}},
		{"young", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, 10*time.Second, true)
			pause(in, "dc1n1", "dc1n2")
		}, nil},
		{"nothing is outstanding", "", func(in *Input) { behindBy(in, "dc1n1", "dc1n2", 0, time.Hour, true) }, nil},
		{"what was sent is applied, the rest is not for this edge", "", func(in *Input) { behindBy(in, "dc1n1", "dc1n2", someLag, time.Hour, false) }, nil},
		{"sent and not applied, perhaps not for this edge", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Hour, false)
			unapplied(in, "dc1n1", "dc1n2")
		}, []string{"unknown " + edge12}},
		{"right after a reconnect", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Hour, false)
			sender(in, "dc1n1", "dc1n2").State = "catchup" // sent and replayed are equal, and old
		}, []string{"unknown " + edge12}},
		{"no commit timestamps, reading", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, true)
			hide(in, "dc1n2", catalog.PartCommits)
		}, nil},
		{"no commit timestamps, not reading", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, true)
			hide(in, "dc1n2", catalog.PartCommits)
			pause(in, "dc1n1", "dc1n2")
		}, []string{"unknown " + edge12}},
		{"the flavour tells what was applied", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, false)
			last := node1(in).ServerNow.Add(-10 * time.Second)
			for _, n := range []string{"dc1n1", "dc1n2"} {
				hide(in, n, catalog.PartCommits)
			}
			sub(in, "dc1n1", "dc1n2").LastApplied = &last
			pause(in, "dc1n1", "dc1n2")
		}, nil},
		{"it was applied before all that the provider still lists", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, false)
			now := node1(in).ServerNow
			committed(node1(in), "", now.Add(-20*time.Second), now.Add(-time.Second)) // busy: 2,000 in so short a time
			last := now.Add(-time.Hour)
			hide(in, "dc1n2", catalog.PartCommits)
			sub(in, "dc1n1", "dc1n2").LastApplied = &last
			pause(in, "dc1n1", "dc1n2")
		}, []string{"unknown " + edge12}},
		{"what was just written is not sent yet", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", 110, 10*time.Minute, false)
			now := node1(in).ServerNow
			committed(node1(in), "", now.Add(-20*time.Second), now.Add(-10*time.Second), now.Add(-time.Second)) // 110 bytes hold no more
			on(in, "dc1n2").Commits = nil
			s := sender(in, "dc1n1", "dc1n2")
			s.Sent, s.Replay, s.WaitsForWAL = node1(in).Server.WALFlush-110, node1(in).Server.WALFlush-110, false
		}, nil},
		{"what was just written may be more than the last commits", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", 120, 10*time.Minute, false)
			now := node1(in).ServerNow
			committed(node1(in), "", now.Add(-20*time.Second), now.Add(-10*time.Second), now.Add(-time.Second))
			on(in, "dc1n2").Commits = nil
			s := sender(in, "dc1n1", "dc1n2")
			s.Sent, s.Replay, s.WaitsForWAL = node1(in).Server.WALFlush-120, node1(in).Server.WALFlush-120, false
		}, []string{"unknown " + edge12}},
		{"a large transaction is being sent", "", func(in *Input) { // sent and replayed stay where its commit begins
			behindBy(in, "dc1n1", "dc1n2", 500, 10*time.Minute, false)
			s := sender(in, "dc1n1", "dc1n2")
			s.Sent, s.Replay, s.WaitsForWAL = node1(in).Server.WALFlush-500, node1(in).Server.WALFlush-500, false
		}, []string{"unknown " + edge12}},
		{"a record is cut by the end of what is flushed", "", func(in *Input) { // and nobody commits
			behindBy(in, "dc1n1", "dc1n2", 48, 10*time.Minute, false)
			s := sender(in, "dc1n1", "dc1n2")
			s.Sent, s.Replay, s.WaitsForWAL = node1(in).Server.WALFlush-48, node1(in).Server.WALFlush-48, true
		}, nil},
		{"it was applied long ago", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, false)
			last := node1(in).ServerNow.Add(-time.Minute)
			for _, n := range []string{"dc1n1", "dc1n2"} {
				hide(in, n, catalog.PartCommits)
			}
			sub(in, "dc1n1", "dc1n2").LastApplied = &last
			pause(in, "dc1n1", "dc1n2")
		}, []string{"unknown " + edge12}},
		{"another joined by a copy since", "", func(in *Input) { // the copy bears the origin, and its own time
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Hour, false)
			committed(on(in, "dr1n1"), sub(in, "dc1n1", "dr1n1").Origin, node1(in).ServerNow.Add(-time.Minute))
		}, nil},
		{"another joined by a copy since, and has applied a change since", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Hour, false)
			at := node1(in).ServerNow.Add(-50 * time.Second)
			committed(node1(in), "", at.Add(-2*time.Hour), at)
			committed(on(in, "dc1n2"), sub(in, "dc1n1", "dc1n2").Origin, at.Add(-2*time.Hour))
			committed(on(in, "dr1n1"), sub(in, "dc1n1", "dr1n1").Origin, at.Add(-10*time.Second), at)
		}, []string{"fail " + edge12}},
		{"it joined by a copy, and what was written meanwhile is missing", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, false)
			committed(on(in, "dc1n2"), sub(in, "dc1n1", "dc1n2").Origin, node1(in).ServerNow.Add(-time.Second))
			unapplied(in, "dc1n1", "dc1n2")
		}, []string{"unknown " + edge12}},
		{"it joined by a copy, and applied all that was sent", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, false)
			committed(on(in, "dc1n2"), sub(in, "dc1n1", "dc1n2").Origin, node1(in).ServerNow.Add(-time.Second))
		}, nil},
		{"further behind than the provider lists, and another is not", "", func(in *Input) {
			behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, true)
			committed(on(in, "dc1n2"), sub(in, "dc1n1", "dc1n2").Origin, node1(in).ServerNow.Add(-100*time.Hour))
			unapplied(in, "dc1n1", "dc1n2")
		}, []string{"fail " + edge12}},
		{"no slot", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").Slot = "elsewhere" }, []string{"unknown " + edge12}},
	},
	"lag/failover-target-caught-up": {
		{"lags", "", func(in *Input) { behindBy(in, "dc1n1", "dc1n2", overLag, time.Second, true) }, []string{"fail " + edge12 + ": shard first"}},
		{"is down", "", func(in *Input) { lose(in, "dc1n2") }, []string{"unknown " + edge12 + ": shard first"}},
		{"the other way is of no concern", "", func(in *Input) { behindBy(in, "dc1n2", "dc1n1", overLag, time.Second, true) }, nil},
	},
	"slots/inactive": {
		{"nobody reads", "", func(in *Input) { pause(in, "dc1n1", "dc1n2") }, []string{"fail dc1n1: slot " + slotName("dc1n1", "dc1n2")}},
		{"a group slot is never read", "group", func(in *Input) {
			node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "bdr_app_world", Type: "logical", Database: "app"})
			node1(in).OwnedSlots = []catalog.OwnedName{{Name: "bdr_app_world", Use: catalog.UseGroup, Idle: true}}
		}, nil},
		{"it may be the group's", "group", func(in *Input) {
			node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "bdr_app_world", Type: "logical", Database: "app"})
			hide(in, "dc1n1", catalog.PartNames)
		}, []string{"unknown dc1n1: slot bdr_app_world"}},
		{"a temporary one goes by itself", "", func(in *Input) {
			node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "t", Type: "logical", Temporary: true})
		}, nil},
		{"hidden", "", func(in *Input) { hide(in, "dc1n1", catalog.PartSlots) }, []string{"unknown dc1n1"}},
	},
	"slots/not-lost": {
		{"lost", "", func(in *Input) { slot(in, "dc1n1", "dc1n2").WALStatus = "lost" }, []string{"fail dc1n1: slot " + slotName("dc1n1", "dc1n2")}},
		{"nearly lost", "", func(in *Input) { slot(in, "dc1n1", "dc1n2").WALStatus = "unreserved" }, []string{"fail dc1n1: slot " + slotName("dc1n1", "dc1n2")}},
		{"invalidated", "", func(in *Input) { slot(in, "dc1n1", "dc1n2").Invalidation = "idle_timeout" }, []string{"fail dc1n1: slot " + slotName("dc1n1", "dc1n2")}},
	},
	"slots/wal-retention": {
		{"over the limit", "", func(in *Input) {
			in.Plan.Policy.Slots.MaxRetainedBytes = 1 << 24
			slot(in, "dc1n1", "dc1n2").RestartLSN = node1(in).Server.WALInsert - 1<<24 - 1
		}, []string{"fail dc1n1: slot " + slotName("dc1n1", "dc1n2")}},
		{"no limit", "", func(in *Input) {
			in.Plan.Policy.Slots.MaxRetainedBytes = 0
			slot(in, "dc1n1", "dc1n2").RestartLSN = 1
		}, nil},
		{"within it", "", func(in *Input) {
			in.Plan.Policy.Slots.MaxRetainedBytes = 1 << 24
			slot(in, "dc1n1", "dc1n2").RestartLSN = node1(in).Server.WALInsert - 1<<24
		}, nil},
	},
	"slots/known-owner": {
		{"left over", "", func(in *Input) {
			node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "old", Type: "logical", Database: "app"})
		}, []string{"fail dc1n1: slot old"}},
		{"it may be the group's", "group", func(in *Input) {
			node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "bdr_app_world", Type: "logical", Database: "app"})
			hide(in, "dc1n1", catalog.PartNames)
		}, []string{"unknown dc1n1: slot bdr_app_world"}},
		{"physical and of nobody", "", func(in *Input) {
			node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "standby", Type: "physical", Active: true})
		}, []string{"fail dc1n1: slot standby"}},
		{"of Barman", "", func(in *Input) {
			node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "barman", Type: "physical", Active: true})
			in.Plan.Barman = map[string]schema.Barman{"b": {Sources: []schema.Source{{Server: "s", Node: "dc1n1", Slot: "barman"}}}}
		}, nil},
		{"perhaps of a node that is down", "", func(in *Input) { lose(in, "dc1n2") }, []string{"unknown dc1n1: slot " + slotName("dc1n1", "dc1n2"), "unknown dc1n2", "unknown dc2n1: slot " + slotName("dc2n1", "dc1n2"),
			"unknown dc2n2: slot " + slotName("dc2n2", "dc1n2"), "unknown dr1n1: slot " + slotName("dr1n1", "dc1n2"), "unknown dr1n2: slot " + slotName("dr1n2", "dc1n2")}},
	},
}
