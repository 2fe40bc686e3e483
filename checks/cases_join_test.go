package checks

import (
	"maps"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
)

// joinBreakers are the cases of joins.
var joinBreakers = map[string][]breakCase{
	"join/physical-leftovers": {
		{"an origin", "join", func(in *Input) { physical(in); on(in, "dc1n3").Origins = []catalog.Origin{{Name: "pgl_app_dc1n1"}} }, []string{"fail dc1n3"}},
		{"an origin of another database", "join", func(in *Input) {
			physical(in)
			on(in, "dc1n3").Origins = []catalog.Origin{{Name: "pgl_sales_dc1n1", Elsewhere: true}}
		}, nil},
		{"the source's name", "join", func(in *Input) { physical(in); on(in, "dc1n3").LocalName = "dc1n2" }, []string{"fail dc1n3"}},
		{"nothing", "join", physical, nil},
	},
	"join/joiner-empty": {
		{"not looked at", "join", func(in *Input) { on(in, "dc1n3").Objects = nil }, []string{"unknown dc1n3"}},
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
		{"an origin of another database there", "join", func(in *Input) {
			on(in, "dc1n3").Origins = []catalog.Origin{{Name: "pgl_sales_dc1n1", Elsewhere: true}}
		}, nil},
		{"origins are hidden", "join", func(in *Input) { hide(in, "dc1n1", catalog.PartOrigins) }, []string{"unknown dc1n1"}},
		{"joins under way are hidden", "groupjoin", func(in *Input) { hide(in, "dc1n1", catalog.PartProgress) }, []string{"unknown dc1n1"}},
		{"the release has none to show", "groupjoin", func(in *Input) {
			node1(in).Gaps = append(node1(in).Gaps, catalog.Failure{Part: catalog.PartProgress, Reason: catalog.NotInRelease})
		}, nil},
		{"an origin on the joiner", "join", func(in *Input) { on(in, "dc1n3").Origins = []catalog.Origin{{Name: "pgl_app_dc1n1"}} }, []string{"fail dc1n3"}},
		{"down", "join", func(in *Input) { lose(in, "dc1n3") }, []string{"unknown dc1n3"}},
	},
	"join/all-available": {{"one is away", "join", func(in *Input) { lose(in, "dc1n1") }, []string{"unknown dc1n1"}}},
	"join/no-significant-lag": {
		{"one edge", "join", func(in *Input) { behindBy(in, "dc1n1", "dr1n2", overLag, time.Second, true) }, []string{"fail dc1n3"}},
		{"one is down", "join", func(in *Input) { lose(in, "dr1n2") }, []string{"unknown dc1n3"}},
		{"after the join, into no data set", "join", func(in *Input) { *in = in.joined() }, []string{"unknown dc1n3"}},
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
			on(in, "dc1n3").Settings = map[string]string{"max_replication_slots": "5", "max_wal_senders": "10", "max_worker_processes": "20"}
		}, []string{"fail dc1n3"}},
		{"no worker on a member", "join", func(in *Input) { node1(in).Settings["max_worker_processes"] = "8" }, []string{"fail dc1n1"}},
		{"one worker on a member", "join", func(in *Input) { node1(in).Settings["max_worker_processes"] = "9" }, nil},
		{"one worker too few on the joiner", "join", func(in *Input) {
			f := on(in, "dc1n3")
			f.Settings, f.Workers = maps.Clone(f.Settings), map[string]int{"logical replication launcher": 1, "pglogical supervisor": 1}
			f.Settings["max_worker_processes"] = "8" // two are taken; six streams and the copy take seven
		}, []string{"fail dc1n3"}},
		{"the four that PostgreSQL has for its own replication", "join", func(in *Input) {
			f := on(in, "dc1n3")
			f.Flavour, f.Settings, f.Workers = catalog.Native, maps.Clone(f.Settings), map[string]int{"logical replication launcher": 1}
			f.Settings["max_logical_replication_workers"] = "4"
		}, []string{"fail dc1n3"}},
		{"writers of a group", "join", func(in *Input) {
			f := on(in, "dc1n3")
			f.Flavour, f.Settings, f.Workers = catalog.PGD5, maps.Clone(f.Settings), map[string]int{"logical replication launcher": 1}
			f.Settings["max_worker_processes"] = "13" // six streams of two, the copy, and the launcher are fourteen
		}, []string{"fail dc1n3"}},
		{"workers of older facts", "join", func(in *Input) { node1(in).Workers = nil }, []string{"unknown dc1n1"}},
		{"hidden", "join", func(in *Input) { hide(in, "dc1n1", catalog.PartSenders) }, []string{"unknown dc1n1"}},
	},
}
