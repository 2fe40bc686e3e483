package checks

import (
	"slices"

	"github.com/pgconcord/pgconcord/internal/catalog"
)

// meshBreakers are the cases of members, edges, sets and origins.
var meshBreakers = map[string][]breakCase{
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
		{"a subscription that may lead there by another address", "", func(in *Input) {
			s := sub(in, "dc1n1", "dc1n2")
			s.Provider, s.Address = "", "10.0.0.1:5432/app"
		}, []string{"unknown " + edge12}},
		{"one of the first node in a group, of whose node it is not known what replicates", "group", func(in *Input) {
			in.Plan.Shards, in.Plan.Reference.Replicas = nil, nil // a member of a group hears of all, whatever they share
			node1(in).Flavour = catalog.Unknown
			f := on(in, "dr1n2")
			f.Subscriptions = slices.DeleteFunc(f.Subscriptions, func(s catalog.Subscription) bool { return s.Provider == "dc1n2" })
		}, []string{"fail dc1n2 → dr1n2"}},
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
}
