package checks

import (
	"math"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
)

// settingsBreakers are the cases of settings, versions, tables and drift between nodes.
var settingsBreakers = map[string][]breakCase{
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
	"conflicts/none-recent": {{"some", "group", func(in *Input) { *node1(in).Conflicts[0].Total = 3 }, []string{"fail dc1n1"}},
		{"the history is hidden", "group", func(in *Input) {
			node1(in).Conflicts[0].Total = nil
			hide(in, "dc1n1", catalog.PartHistory)
		}, []string{"unknown dc1n1"}},
		{"a part of the history is hidden, and empty", "group", func(in *Input) { hide(in, "dc1n1", catalog.PartHistory) }, []string{"unknown dc1n1"}},
		{"a part of the history is hidden, and some is seen", "group", func(in *Input) {
			*node1(in).Conflicts[0].Total = 3
			hide(in, "dc1n1", catalog.PartHistory)
		}, []string{"fail dc1n1"}},
		{"hidden, and nothing is kept there", "group", func(in *Input) {
			node1(in).Conflicts[0].ToTable, node1(in).Conflicts[0].Total = false, nil
			hide(in, "dc1n1", catalog.PartHistory)
		}, nil}},
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
		{"by turns after a restart", "", func(in *Input) {
			keys(in, 1, 2, 1, 2)
			two := int64(2)
			on(in, "dc1n2").Sequences[0].First = &two
		}, nil},
		{"out of step after a restart", "", func(in *Input) {
			keys(in, 1, 2, 2, 2)
			two := int64(2)
			node1(in).Sequences[0].First = &two
		}, []string{"fail sequence shard1.customer_id"}},
		{"in step by their starts, but where they are is hidden", "", func(in *Input) {
			keys(in, 1, 2, 1, 2)
			node1(in).Sequences[0].Hidden = true
		}, []string{"unknown first"}},
		{"each value is drawn, wherever they are", "", func(in *Input) {
			keys(in, 1, 1, 1, 1)
			node1(in).Sequences[0].Hidden = true
		}, []string{"fail sequence shard1.customer_id"}},
		{"far apart", "", func(in *Input) {
			keys(in, 1, 10, 1, 10)
			for n, v := range map[string]int64{"dc1n1": math.MaxInt64 - 7, "dc1n2": math.MinInt64 + 8} { // both end in 0
				s := &on(in, n).Sequences[0]
				s.Min, s.Max, s.Last = math.MinInt64, math.MaxInt64, &v
			}
		}, []string{"fail sequence shard1.customer_id"}},
		{"a group's, of a kind that is not known", "group", func(in *Input) { keys(in, 1, 1, 1, 1) }, []string{"unknown first"}},
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
}
