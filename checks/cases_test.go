package checks

import (
	"fmt"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// breakCase breaks a healthy input and says what a check then answers beside
// passes: "status subject", a line each.
type breakCase struct {
	name   string
	from   string // "": the mesh, "group": a group of PGD 5, "join": before a join
	break_ func(in *Input)
	want   []string
}

func node1(in *Input) *catalog.Facts { return in.Cluster.Nodes["dc1n1"].Facts }

func on(in *Input, name string) *catalog.Facts { return in.Cluster.Nodes[name].Facts }

// lose makes a node one that could not be read.
func lose(in *Input, name string) {
	in.Cluster.Nodes[name] = catalog.Node{Failure: &catalog.Failure{Attempted: "connect to " + name + ".example:5432/app", Reason: "unreachable", Detail: "no answer within 5s"}}
}

// hide makes parts of a node's facts unreadable.
func hide(in *Input, name string, parts ...catalog.Part) {
	for _, p := range parts {
		if p == catalog.PartCommits {
			on(in, name).Commits = nil
		}
		on(in, name).Gaps = append(on(in, name).Gaps, catalog.Failure{Part: p, Attempted: "read it", Reason: "permission denied", Detail: "permission denied", Remedy: "GRANT x TO y;"})
	}
}

func sub(in *Input, provider, subscriber string) *catalog.Subscription {
	for i := range on(in, subscriber).Subscriptions {
		if s := &on(in, subscriber).Subscriptions[i]; s.Provider == provider {
			return s
		}
	}
	panic("no such subscription")
}

func slot(in *Input, provider, subscriber string) *catalog.Slot {
	for i := range on(in, provider).Slots {
		if s := &on(in, provider).Slots[i]; s.Name == sub(in, provider, subscriber).Slot {
			return s
		}
	}
	panic("no such slot")
}

// behindBy makes an edge lag: the slot by bytes, the newest commit of the provider
// by age. Other subscribers have the commit when seen.
func behindBy(in *Input, provider, subscriber string, size int64, age time.Duration, seen bool) {
	s, f := slot(in, provider, subscriber), on(in, provider)
	s.ConfirmedFlush = f.Server.WALFlush - catalog.LSN(size)
	at := f.ServerNow.Add(-age)
	put := func(f *catalog.Facts, origin string, at time.Time) {
		f.Commits = slices.DeleteFunc(f.Commits, func(c catalog.Commit) bool { return c.Origin == origin })
		f.Commits = append(f.Commits, catalog.Commit{Origin: origin, At: at, Times: []time.Time{at}})
	}
	put(f, "", at)
	for _, n := range in.Plan.NodeNames() {
		if n == provider || in.Cluster.Nodes[n].Facts == nil {
			continue
		}
		applied := at
		if n == subscriber || !seen {
			applied = at.Add(-time.Hour)
		}
		put(on(in, n), sub(in, provider, n).Origin, applied)
	}
}

// pause makes nobody read the edge's slot.
func pause(in *Input, provider, subscriber string) {
	s := slot(in, provider, subscriber)
	f := on(in, provider)
	f.Senders = slices.DeleteFunc(f.Senders, func(x catalog.Sender) bool { return x.PID == s.ActivePID })
	s.Active, s.ActivePID = false, 0
}

func table(in *Input, name, tbl string) *catalog.Table {
	for i := range on(in, name).Tables {
		if t := &on(in, name).Tables[i]; t.String() == tbl {
			return t
		}
	}
	panic("no such table")
}

const setting = "dc1n1: setting "

var (
	yes      = true
	one      = int64(1)
	zero     = int64(0)
	overLag  = int64(11 << 20)
	someLag  = int64(1 << 20)
	edge12   = "dc1n1 → dc1n2"
	breakers = map[string][]breakCase{
		"mesh/full": {
			{"disabled", "", func(in *Input) {
				s := sub(in, "dc1n1", "dc1n2")
				s.Enabled, s.State, s.RawState = false, catalog.StateDisabled, "disabled"
			}, []string{"fail " + edge12}},
			{"down", "", func(in *Input) { s := sub(in, "dc1n1", "dc1n2"); s.State, s.RawState = catalog.StateDown, "down" }, []string{"fail " + edge12}},
			{"copying", "", func(in *Input) {
				s := sub(in, "dc1n1", "dc1n2")
				s.State, s.RawState = catalog.StateCatchup, "initializing"
			}, []string{"fail " + edge12}},
			{"a word that is not known", "", func(in *Input) { s := sub(in, "dc1n1", "dc1n2"); s.State, s.RawState = catalog.StateUnknown, "odd" }, []string{"unknown " + edge12}},
			{"no subscription", "", func(in *Input) {
				f := on(in, "dc1n2")
				f.Subscriptions = slices.DeleteFunc(f.Subscriptions, func(s catalog.Subscription) bool { return s.Provider == "dc1n1" })
			}, []string{"fail " + edge12}},
			{"no slot", "", func(in *Input) {
				name := sub(in, "dc1n1", "dc1n2").Slot
				node1(in).Slots = slices.DeleteFunc(node1(in).Slots, func(s catalog.Slot) bool { return s.Name == name })
			}, []string{"fail " + edge12}},
			{"nobody reads the slot", "", func(in *Input) { pause(in, "dc1n1", "dc1n2") }, []string{"fail " + edge12}},
			{"no origin", "", func(in *Input) {
				name := sub(in, "dc1n1", "dc1n2").Origin
				on(in, "dc1n2").Origins = slices.DeleteFunc(on(in, "dc1n2").Origins, func(o catalog.Origin) bool { return o.Name == name })
			}, []string{"fail " + edge12}},
			{"provider hides its slots", "", func(in *Input) { hide(in, "dc1n1", catalog.PartSlots) }, fromNode1("unknown")},
			{"a node is down", "", func(in *Input) { lose(in, "dc1n1") }, append(fromNode1("unknown"), toNode1("unknown")...)},
			{"a disabled edge from a node that is down is no secret", "", func(in *Input) {
				s := sub(in, "dc1n1", "dc1n2")
				s.Enabled = false
				lose(in, "dc1n1")
			}, append([]string{"fail " + edge12}, slices.Concat(fromNode1("unknown")[1:], toNode1("unknown"))...)},
		},
		"mesh/nodes-match-plan": {
			{"a stranger", "", func(in *Input) { node1(in).Peers = append(node1(in).Peers, catalog.Peer{Name: "intruder", ID: "7"}) }, []string{"fail dc1n1"}},
			{"one is missing", "", func(in *Input) { node1(in).Peers = node1(in).Peers[1:] }, []string{"fail dc1n1"}},
			{"another node answers", "", func(in *Input) { node1(in).LocalName = "dc9n9" }, []string{"fail dc1n1"}},
			{"no node there", "", func(in *Input) { node1(in).LocalName, node1(in).Peers = "", nil }, []string{"fail dc1n1"}},
			{"hidden", "", func(in *Input) { hide(in, "dc1n1", catalog.PartNodes) }, []string{"unknown dc1n1"}},
			{"a parted node may stay in the catalog", "group", func(in *Input) { node1(in).Peers = append(node1(in).Peers, catalog.Peer{Name: "old", State: "PARTED"}) }, nil},
		},
		"mesh/not-in-recovery": {{"a standby", "", func(in *Input) { node1(in).Server.InRecovery = true }, []string{"fail dc1n1"}}},
		"origins/known-owner": {
			{"left over", "", func(in *Input) { node1(in).Origins = append(node1(in).Origins, catalog.Origin{Name: "old"}) }, []string{"fail dc1n1: origin old"}},
			{"of the flavour", "group", func(in *Input) {
				node1(in).Origins = append(node1(in).Origins, catalog.Origin{Name: "bdr_local_only_origin"})
				node1(in).OwnedOrigins = []catalog.OwnedName{{Name: "bdr_local_only_origin"}}
			}, nil},
		},
		"join/physical-leftovers": {
			{"an origin", "join", func(in *Input) { physical(in); on(in, "dc1n3").Origins = []catalog.Origin{{Name: "pgl_app_dc1n1"}} }, []string{"fail dc1n3"}},
			{"the source's name", "join", func(in *Input) { physical(in); on(in, "dc1n3").LocalName = "dc1n2" }, []string{"fail dc1n3"}},
			{"nothing", "join", physical, nil},
		},
		"mesh/same-view": {
			{"other id", "", func(in *Input) { node1(in).Peers[1].ID = "1" }, []string{"fail member dc1n2"}},
			{"other state", "group", func(in *Input) { node1(in).Peers[1].State = "PARTING" }, []string{"fail member dc1n2"}},
			{"not a member for one", "group", func(in *Input) { node1(in).Peers = slices.Delete(node1(in).Peers, 1, 2) }, []string{"fail member dc1n2"}},
			{"a node is down", "", func(in *Input) { lose(in, "dc2n1") }, []string{"unknown "}},
		},
		"mesh/one-group": {
			{"two groups", "group", func(in *Input) { node1(in).Group = "other" }, []string{"fail "}},
			{"one without", "group", func(in *Input) { node1(in).Group = "" }, []string{"fail "}},
			{"one without BDR", "group", func(in *Input) { node1(in).Flavour = catalog.PGLogical }, []string{"fail "}},
			{"a node is down", "group", func(in *Input) { lose(in, "dc1n1") }, []string{"unknown "}},
		},
		"mesh/dsn-as-declared": {
			{"another port in one catalog", "", func(in *Input) { node1(in).Peers[1].Address = "dc1n2.example:6000/app" }, []string{"fail dc1n2"}},
			{"a proxy in a subscription", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").Address = "proxy:5432/app" }, []string{"fail dc1n1"}},
			{"letters are of no concern", "", func(in *Input) { node1(in).Peers[1].Address = "DC1N2.example:5432/app" }, nil},
			{"a node is down", "", func(in *Input) { lose(in, "dr1n2") }, []string{"unknown dr1n2"}},
		},
		"placement/shard-replicated": {
			{"a set is missing", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").Sets = []string{"ref"} }, []string{"fail " + edge12 + ": shard first"}},
			{"a set too many", "", func(in *Input) { s := sub(in, "dc1n1", "dc2n1"); s.Sets = append(s.Sets, "shard1") }, []string{"fail dc1n1 → dc2n1: shard first"}},
			{"all sets", "", func(in *Input) { sub(in, "dc1n1", "dc2n1").Sets = nil }, []string{"fail dc1n1 → dc2n1: shard first"}},
			{"hidden", "", func(in *Input) { hide(in, "dr1n1", catalog.PartSubscriptions) }, []string{"unknown dc1n1 → dr1n1: shard first", "unknown dc1n2 → dr1n1: shard first"}},
		},
		"placement/reference-replicated": {
			{"a set is missing", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").Sets = []string{"shard1"} }, []string{"fail " + edge12 + ": reference data"}},
			{"a node is down", "", func(in *Input) { lose(in, "dc1n1") }, each(toNode1("unknown"), ": reference data")},
		},
		"placement/sets-agree": {
			{"a table is in no set of one", "", func(in *Input) { s := setOf(in, "dc1n1", "shard1"); s.Tables = s.Tables[1:] }, []string{"fail first"}},
			{"hidden", "", func(in *Input) { hide(in, "dr1n1", catalog.PartSets) }, []string{"unknown first", "unknown reference"}},
		},
		"placement/no-foreign-rows": {
			{"rows", "", func(in *Input) {
				node1(in).ForeignData = []catalog.ForeignTable{{Schema: "shard2", Name: "account", DataSet: "second", HasRows: &yes}}
			}, []string{"fail dc1n1: table shard2.account"}},
			{"not readable", "", func(in *Input) {
				node1(in).ForeignData = []catalog.ForeignTable{{Schema: "shard2", Name: "account", DataSet: "second", Reason: "denied"}}
			}, []string{"unknown dc1n1: table shard2.account"}},
			{"nobody tells the tables", "", func(in *Input) {
				for _, n := range []string{"dc2n1", "dc2n2", "dr1n2"} {
					lose(in, n)
				}
			}, []string{"unknown dc1n1", "unknown dc1n2", "unknown dc2n1", "unknown dc2n2", "unknown dr1n1", "unknown dr1n2"}},
		},
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
			{"nobody reads, and changes wait", "", func(in *Input) {
				behindBy(in, "dc1n1", "dr1n2", someLag, time.Minute, false)
				pause(in, "dc1n1", "dr1n2")
			}, []string{"fail dc1n1 → dr1n2"}},
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
			{"it was applied long ago", "", func(in *Input) {
				behindBy(in, "dc1n1", "dc1n2", someLag, time.Minute, false)
				last := node1(in).ServerNow.Add(-time.Minute)
				for _, n := range []string{"dc1n1", "dc1n2"} {
					hide(in, n, catalog.PartCommits)
				}
				sub(in, "dc1n1", "dc1n2").LastApplied = &last
				pause(in, "dc1n1", "dc1n2")
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
			{"within it", "", func(in *Input) {
				in.Plan.Policy.Slots.MaxRetainedBytes = 1 << 24
				slot(in, "dc1n1", "dc1n2").RestartLSN = node1(in).Server.WALInsert - 1<<24
			}, nil},
		},
		"slots/known-owner": {
			{"left over", "", func(in *Input) {
				node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "old", Type: "logical", Database: "app"})
			}, []string{"fail dc1n1: slot old"}},
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
		"settings/commit-timestamps": {
			{"off", "", func(in *Input) { node1(in).Settings["track_commit_timestamp"] = "off" }, []string{"fail dc1n1"}},
			{"hidden", "", func(in *Input) {
				delete(node1(in).Settings, "track_commit_timestamp")
				hide(in, "dc1n1", catalog.PartSettings)
			}, []string{"unknown dc1n1"}},
		},
		"settings/wal-level": {{"replica", "", func(in *Input) { node1(in).Settings["wal_level"] = "replica" }, []string{"fail dc1n1"}}},
		"settings/output-plugin-libraries": {
			{"left out", "", func(in *Input) { node1(in).Settings["output_plugin_libraries"] = "pgoutput, test_decoding" }, each2("fail dc1n1: slot ", slotsOf1())},
			{"in the list", "", func(in *Input) { node1(in).Settings["output_plugin_libraries"] = `pgoutput,"pglogical_output"` }, nil},
			{"may be hidden", "", func(in *Input) { hide(in, "dc1n1", catalog.PartSettings) }, []string{"unknown dc1n1"}},
		},
		"clock/skew": {
			{"ahead", "", func(in *Input) { node1(in).ServerNow = node1(in).ServerNow.Add(3 * time.Second) }, []string{"fail dc1n1"}},
			{"behind", "", func(in *Input) { node1(in).ServerNow = node1(in).ServerNow.Add(-3 * time.Second) }, []string{"fail dc1n1"}},
			{"as far as the policy allows", "", func(in *Input) {
				node1(in).ServerNow = node1(in).ServerNow.Add(3 * time.Second)
				in.Plan.Policy.Clock.MaxSkewSeconds = 4
			}, nil},
			{"a slow answer proves nothing", "", func(in *Input) { node1(in).RoundTrip = 6 * time.Second }, []string{"unknown dc1n1"}},
			{"a little", "", func(in *Input) { node1(in).ServerNow = node1(in).ServerNow.Add(time.Second) }, nil},
			{"down", "", func(in *Input) { lose(in, "dc1n1") }, []string{"unknown dc1n1"}},
		},
		"versions/as-declared": {
			{"another minor", "", func(in *Input) {
				in.Plan.Versions.Postgres = node1(in).Server.Version
				node1(in).Server.Version = "15.1"
			}, []string{"fail dc1n1"}},
			{"any minor", "", func(in *Input) { in.Plan.Versions.Postgres = "15"; node1(in).Server.Version = "15.1" }, nil},
			{"no pglogical", "", func(in *Input) { in.Plan.Versions.PGLogical = "2.4"; delete(node1(in).Extensions, "pglogical") }, []string{"fail dc1n1"}},
		},
		"versions/uniform": {{"one differs", "", func(in *Input) { node1(in).Server.Version = "15.1" }, []string{"fail dc1n1: PostgreSQL"}}, {"down", "", func(in *Input) { lose(in, "dc1n1") }, []string{"unknown dc1n1"}}},
		"conflicts/logging-on": {
			{"nowhere", "", func(in *Input) { node1(in).Conflicts = []catalog.ConflictLog{{}} }, []string{"fail dc1n1"}},
			{"hidden", "", func(in *Input) { hide(in, "dc1n1", catalog.PartConflicts) }, []string{"unknown dc1n1"}},
		},
		"conflicts/none-recent": {{"some", "group", func(in *Input) { *node1(in).Conflicts[0].Total = 3 }, []string{"fail dc1n1"}}},
		"conflicts/nothing-skipped": {
			{"skipped", "group", func(in *Input) { node1(in).Subscriptions[0].Skipped = &one }, []string{"fail dc1n1: subscription dc1n2_to_dc1n1"}},
			{"failed", "group", func(in *Input) { node1(in).Subscriptions[0].Errors = &one }, []string{"fail dc1n1: subscription dc1n2_to_dc1n1"}},
		},
		"tables/replica-identity": {
			{"none", "", func(in *Input) { table(in, "dc1n1", "ref.product").Identity = catalog.IdentityNone }, []string{"fail dc1n1: table ref.product"}},
			{"only inserts are replicated", "", func(in *Input) {
				table(in, "dc1n1", "ref.product").Identity = catalog.IdentityNone
				s := setOf(in, "dc1n1", "ref")
				s.Update, s.Delete = false, false
			}, nil},
		},
		"tables/unlogged":       {{"one", "", func(in *Input) { table(in, "dc1n1", "ref.product").Unlogged = true }, []string{"fail dc1n1: table ref.product"}}},
		"tables/row-security":   {{"one", "", func(in *Input) { table(in, "dc1n1", "ref.product").RowsHidden = true }, []string{"fail dc1n1: table ref.product"}}},
		"tables/apply-triggers": {{"one", "", func(in *Input) { table(in, "dc1n1", "ref.product").AlwaysTriggers = []string{"count"} }, []string{"fail dc1n1: table ref.product"}}},
		"tables/in-a-set": {
			{"forgotten", "", func(in *Input) {
				node1(in).Tables = append(node1(in).Tables, catalog.Table{Schema: "ref", Name: "new"})
			}, []string{"fail dc1n1: table ref.new"}},
			{"parts go with the whole", "", func(in *Input) {
				node1(in).Tables = append(node1(in).Tables, catalog.Table{Schema: "ref", Name: "part", Parent: "ref.product"})
			}, nil},
			{"the whole with its parts", "", func(in *Input) {
				table(in, "dc1n1", "ref.product").Parent = "ref.whole"
				node1(in).Tables = append(node1(in).Tables, catalog.Table{Schema: "ref", Name: "whole", Partitioned: true})
			}, nil},
		},
		"prepared/left-behind": {
			{"old", "", func(in *Input) {
				node1(in).Prepared = []catalog.Prepared{{GID: "x", Since: node1(in).ServerNow.Add(-time.Hour)}}
			}, []string{"fail dc1n1: prepared transaction x"}},
			{"older than the policy allows", "", func(in *Input) {
				node1(in).Prepared = []catalog.Prepared{{GID: "x", Since: node1(in).ServerNow.Add(-time.Minute)}}
				in.Plan.Policy.Prepared.MaxSeconds = 59
			}, []string{"fail dc1n1: prepared transaction x"}},
			{"young", "", func(in *Input) {
				node1(in).Prepared = []catalog.Prepared{{GID: "x", Since: node1(in).ServerNow.Add(-time.Minute)}}
			}, nil},
		},
		"sequences/no-collision": {
			{"the same on two writers", "", func(in *Input) { keys(in, 1, 1, 1, 1) }, []string{"fail sequence shard1.customer_id"}},
			{"by turns", "", func(in *Input) { keys(in, 1, 2, 2, 2) }, nil},
			{"by turns and out of step", "", func(in *Input) { keys(in, 1, 2, 3, 2) }, []string{"fail sequence shard1.customer_id"}},
			{"ranges", "", func(in *Input) {
				keys(in, 1, 1, 1001, 1)
				node1(in).Sequences[0].Max, on(in, "dc1n2").Sequences[0].Min = 1000, 1001
			}, nil},
			{"by turns, as far as can be seen", "", func(in *Input) { keys(in, 1, 2, 2, 2); node1(in).Sequences[0].Hidden = true }, []string{"unknown first"}},
			{"one writer", "", func(in *Input) {
				keys(in, 1, 1, 1, 1)
				d := in.Plan.Shards["first"]
				d.Writers = []string{"dc1n1"}
				in.Plan.Shards["first"] = d
			}, nil},
			{"distributed", "", func(in *Input) {
				keys(in, 1, 1, 1, 1)
				node1(in).Sequences[0].Kind, on(in, "dc1n2").Sequences[0].Kind = "galloc", "galloc"
			}, nil},
			{"a writer is down", "", func(in *Input) { keys(in, 1, 2, 2, 2); lose(in, "dc1n2") }, []string{"unknown first", "unknown reference"}},
		},
		"sequences/not-exhausted": {{"nearly", "", func(in *Input) {
			v := int64(95)
			node1(in).Sequences = []catalog.Sequence{{Schema: "s", Name: "q", Min: 1, Max: 100, Increment: 1, Last: &v}}
		}, []string{"fail dc1n1: sequence s.q"}}, {"as far as the policy allows", "", func(in *Input) {
			v := int64(95)
			node1(in).Sequences = []catalog.Sequence{{Schema: "s", Name: "q", Min: 1, Max: 100, Increment: 1, Last: &v}}
			in.Plan.Policy.Sequences.MaxUsedPercent = 95
		}, nil}, {"hidden", "", func(in *Input) {
			node1(in).Sequences = []catalog.Sequence{{Schema: "s", Name: "q", Min: 1, Max: 100, Increment: 1, Hidden: true}}
		}, []string{"unknown dc1n1: sequence s.q"}}},
		"drift/settings": {{"one differs", "", func(in *Input) { node1(in).Settings["wal_level"] = "replica" }, []string{"fail " + setting + "wal_level"}}, {"hidden", "", func(in *Input) { hide(in, "dc1n1", catalog.PartSettings) }, []string{"unknown dc1n1"}}},
		"drift/extensions": {{"one is missing", "", func(in *Input) {
			on(in, "dc1n2").Extensions["hstore"] = "1.8"
			on(in, "dc1n1").Extensions["hstore"] = "1.8"
			for _, n := range []string{"dc2n1", "dc2n2", "dr1n1"} {
				on(in, n).Extensions["hstore"] = "1.8"
			}
		}, []string{"fail dr1n2: extension hstore"}}},
		"drift/roles": {{"one is missing", "", func(in *Input) { node1(in).Roles = node1(in).Roles[1:] }, []string{"fail dc1n1: role pgconcord"}},
			{"one may do more", "", func(in *Input) { node1(in).Roles[0].Superuser = true }, []string{"fail dc1n1: role pgconcord"}}},
		"drift/encoding": {{"another", "", func(in *Input) { node1(in).Server.Encoding = "LATIN1" }, []string{"fail dc1n1: the encoding"}}},
		"drift/collation": {{"another", "", func(in *Input) { node1(in).Server.Collation = "de_DE.UTF-8" }, []string{"fail dc1n1: the collation"}},
			{"changed underneath", "", func(in *Input) {
				for _, n := range in.Plan.NodeNames() {
					on(in, n).Server.CollationActual = "2.36"
				}
				node1(in).Server.CollationRecorded = "2.31"
			}, []string{"fail dc1n1: recorded collation version"}}},
		"drift/schema": {
			{"a column more", "", func(in *Input) {
				t := table(in, "dc1n1", "ref.product")
				t.Columns = append(t.Columns, catalog.Column{Name: "x", Type: "text"})
			}, []string{"fail dc1n1: columns of ref.product"}},
			{"another order of columns", "", func(in *Input) {
				t := table(in, "dc1n1", "ref.product")
				t.Columns = append(t.Columns[1:], t.Columns[0])
			}, nil},
			{"a constraint less", "", func(in *Input) { table(in, "dc1n1", "ref.product").Constraints = nil }, []string{"fail dc1n1: constraints of ref.product"}},
			{"no such table", "", func(in *Input) {
				node1(in).Tables = slices.DeleteFunc(node1(in).Tables, func(t catalog.Table) bool { return t.String() == "ref.product" })
			}, []string{"fail dc1n1: columns of ref.product", "fail dc1n1: constraints of ref.product", "fail dc1n1: indexes of ref.product", "fail dc1n1: owner of ref.product", "fail dc1n1: replica identity of ref.product", "fail dc1n1: unique indexes of ref.product"}},
		},
		"join/joiner-empty": {
			{"a table", "join", func(in *Input) { on(in, "dc1n3").Objects = []catalog.Object{{Kind: "table", Name: "public.x"}} }, []string{"fail dc1n3"}},
			{"the schema is to be there", "join", func(in *Input) {
				noStructure(in)
				on(in, "dc1n3").Objects = []catalog.Object{{Kind: "table", Name: "public.x"}}
			}, nil},
			{"down", "join", func(in *Input) { lose(in, "dc1n3") }, []string{"unknown dc1n3"}},
		},
		"join/roles-present": {
			{"one is missing", "join", func(in *Input) {
				on(in, "dc1n2").Roles = append(slices.Clone(on(in, "dc1n2").Roles), catalog.Role{Name: "app", Login: true})
			}, []string{"fail dc1n3: role app"}},
			{"more is no fault", "join", func(in *Input) {
				on(in, "dc1n3").Roles = append(slices.Clone(on(in, "dc1n3").Roles), catalog.Role{Name: "app"})
			}, nil},
			{"the source is down", "join", func(in *Input) { lose(in, "dc1n2") }, []string{"unknown dc1n3"}},
		},
		"join/extensions-present": {{"one is missing", "join", func(in *Input) { on(in, "dc1n3").Extensions = nil }, []string{"fail dc1n3: extension pglogical", "fail dc1n3: extension plpgsql"}}},
		"join/schema-equal": {
			{"a table is missing", "join", func(in *Input) {
				noStructure(in)
				on(in, "dc1n3").Tables = slices.DeleteFunc(slices.Clone(on(in, "dc1n2").Tables), func(t catalog.Table) bool { return t.String() == "ref.currency" })
			}, each2("fail dc1n3: ", definitionsOf("ref.currency"))},
			{"there", "join", func(in *Input) { noStructure(in); on(in, "dc1n3").Tables = on(in, "dc1n2").Tables }, nil},
		},
		"join/versions-fit": {
			{"older PostgreSQL", "join", func(in *Input) { on(in, "dc1n3").Server.VersionNum = 140009 }, []string{"fail dc1n3"}},
			{"physical from another major", "join", func(in *Input) { physical(in); on(in, "dc1n3").Server.VersionNum = 160002 }, []string{"fail dc1n3"}},
			{"logical into a newer major", "join", func(in *Input) { on(in, "dc1n3").Server.VersionNum = 160002 }, nil},
		},
		"join/interrupted": {
			{"a slot on a member", "join", func(in *Input) {
				node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "pgl_app_dc1n1_dc1n3", Type: "logical", Database: "app"})
			}, []string{"fail dc1n1"}},
			{"a slot of another node", "join", func(in *Input) {
				node1(in).Slots = append(node1(in).Slots, catalog.Slot{Name: "pgl_app_dc1n1_dc1n31", Type: "logical", Database: "app"})
			}, nil},
			{"a member knows it", "join", func(in *Input) {
				node1(in).Peers = append(node1(in).Peers, catalog.Peer{Name: "dc1n3", State: "JOINING"})
			}, []string{"fail dc1n1"}},
			{"a subscription on the joiner", "join", func(in *Input) {
				on(in, "dc1n3").Subscriptions = []catalog.Subscription{{Name: "s", Provider: "dc1n1"}}
			}, []string{"fail dc1n3"}},
			{"an origin on the joiner", "join", func(in *Input) { on(in, "dc1n3").Origins = []catalog.Origin{{Name: "pgl_app_dc1n1"}} }, []string{"fail dc1n3"}},
			{"down", "join", func(in *Input) { lose(in, "dc1n3") }, []string{"unknown dc1n3"}},
		},
		"join/all-available": {{"one is away", "join", func(in *Input) { lose(in, "dc1n1") }, []string{"unknown dc1n1"}}},
		"join/no-significant-lag": {
			{"one edge", "join", func(in *Input) { behindBy(in, "dc1n1", "dr1n2", overLag, time.Second, true) }, []string{"fail dc1n3"}},
			{"one is down", "join", func(in *Input) { lose(in, "dr1n2") }, []string{"unknown dc1n3"}},
		},
		"join/source-latency": {
			{"a nearer member", "join", func(in *Input) { on(in, "dc1n2").RoundTrip = 50 * time.Millisecond }, []string{"fail dc1n3"}},
			{"on one site all are near", "join", func(in *Input) { on(in, "dc1n2").RoundTrip = 5 * time.Millisecond }, nil},
		},
		"join/source-is-active": {
			{"joining itself", "groupjoin", func(in *Input) { on(in, "dc1n2").Peers[1].State = "JOINING" }, []string{"fail dc1n3"}},
			{"in recovery", "join", func(in *Input) { on(in, "dc1n2").Server.InRecovery = true }, []string{"fail dc1n3"}},
			{"no source", "join", func(in *Input) { in.Plan.Joins = nil }, []string{"unknown dc1n3"}},
		},
		"join/free-capacity": {
			{"no slot on the source", "join", func(in *Input) { on(in, "dc1n2").Settings["max_replication_slots"] = "6" }, []string{"fail dc1n2"}},
			{"no walsender on a member", "join", func(in *Input) { node1(in).Settings["max_wal_senders"] = "5" }, []string{"fail dc1n1"}},
			{"too few on the joiner", "join", func(in *Input) {
				on(in, "dc1n3").Settings = map[string]string{"max_replication_slots": "5", "max_wal_senders": "10"}
			}, []string{"fail dc1n3"}},
			{"hidden", "join", func(in *Input) { hide(in, "dc1n1", catalog.PartSenders) }, []string{"unknown dc1n1"}},
		},
	}
)

func fromNode1(status string) (out []string) {
	for _, n := range []string{"dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2"} {
		out = append(out, status+" dc1n1 → "+n)
	}
	return out
}

func toNode(to, status string) (out []string) {
	for _, n := range []string{"dc1n1", "dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2"} {
		if n != to {
			out = append(out, status+" "+n+" → "+to)
		}
	}
	return out
}

func toNode1(status string) []string { return toNode("dc1n1", status) }

func each(list []string, suffix string) (out []string) {
	for _, s := range list {
		out = append(out, s+suffix)
	}
	return out
}

func each2(prefix string, list []string) (out []string) {
	for _, s := range list {
		out = append(out, prefix+s)
	}
	return out
}

func slotName(provider, subscriber string) string {
	return fmt.Sprintf("pgl_app_%[1]s_%[1]s_to_%[2]s", provider, subscriber)
}

func slotsOf1() (out []string) {
	for _, n := range []string{"dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2"} {
		out = append(out, slotName("dc1n1", n))
	}
	return out
}

func definitionsOf(tables ...string) (out []string) {
	for _, what := range []string{"columns", "constraints", "indexes", "owner", "replica identity", "unique indexes"} {
		for _, t := range tables {
			out = append(out, what+" of "+t)
		}
	}
	return out
}

func setOf(in *Input, name, set string) *catalog.Set {
	for i := range on(in, name).Sets {
		if s := &on(in, name).Sets[i]; s.Name == set {
			return s
		}
	}
	panic("no such set")
}

func sender(in *Input, provider, subscriber string) *catalog.Sender {
	f := on(in, provider)
	for i := range f.Senders {
		if f.Senders[i].PID == slot(in, provider, subscriber).ActivePID {
			return &f.Senders[i]
		}
	}
	panic("no such sender")
}

// unapplied makes the walsender have sent more than was applied.
func unapplied(in *Input, provider, subscriber string) { sender(in, provider, subscriber).Sent += 100 }

// keys puts a sequence behind shard1.customer.id on two writers.
func keys(in *Input, start1, step1, start2, step2 int64) {
	d := in.Plan.Shards["first"]
	d.Writers = []string{"dc1n1", "dc1n2"}
	in.Plan.Shards["first"] = d
	s := catalog.Sequence{Schema: "shard1", Name: "customer_id", Type: "bigint", Min: 1, Max: 1 << 62, UsedBy: []string{"shard1.customer.id"}}
	a, b := s, s
	a.Start, a.Increment, b.Start, b.Increment = start1, step1, start2, step2
	node1(in).Sequences, on(in, "dc1n2").Sequences = []catalog.Sequence{a}, []catalog.Sequence{b}
}

func noStructure(in *Input) {
	j := in.Plan.Joins["dc1n3"]
	j.SynchronizeStructure = "none"
	in.Plan.Joins["dc1n3"] = j
}

func physical(in *Input) {
	j := in.Plan.Joins["dc1n3"]
	j.Method = "physical"
	in.Plan.Joins["dc1n3"] = j
}
