package reports_test

import (
	"time"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

// The samples are small clusters in which everything a report can hold occurs:
// the formats are tested on them, and nothing of them comes from a clock.

var (
	t0   = time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC)
	at   = func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	text = func(s string) *string { return &s }
)

var sampleNodes = []string{"dc1n1", "dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2"}

func sampleTopology() *schema.Topology {
	t := &schema.Topology{
		Name: "bdr-worldwide",
		Datacenters: map[string]schema.Datacenter{
			"A": {Region: "a", Role: schema.RoleActive}, "B": {Region: "b", Role: schema.RoleActive}, "DR": {Region: "dr", Role: schema.RoleDR},
		},
		Nodes:     map[string]schema.Node{},
		Reference: schema.DataSet{Replicas: sampleNodes, ReplicationSets: []string{"ref"}},
		Shards: map[string]schema.DataSet{
			"first":  {Replicas: []string{"dc1n1", "dc1n2", "dr1n1"}, ReplicationSets: []string{"shard1"}, Writers: []string{"dc1n1"}},
			"second": {Replicas: []string{"dc2n1", "dc2n2", "dr1n2"}, ReplicationSets: []string{"shard2"}, Writers: []string{"dc2n1"}},
		},
		Barman: map[string]schema.Barman{
			"barman-a":  {Datacenter: "A", Sources: []schema.Source{{Server: "dc1n1", Node: "dc1n1", Slot: "barman_a"}}},
			"barman-b":  {Datacenter: "B", Sources: []schema.Source{{Server: "dc2n1", Node: "dc2n1", Slot: "barman_b"}}},
			"barman-dr": {Datacenter: "DR", Sources: []schema.Source{{Server: "dr1n1", Node: "dr1n1"}, {Server: "dr1n2", Node: "dr1n2"}}},
		},
	}
	for i, n := range sampleNodes {
		dc := []string{"A", "A", "B", "B", "DR", "DR"}[i]
		t.Nodes[n] = schema.Node{Datacenter: dc, Kind: schema.KindData,
			DSN: "host=" + n + ".example port=5432 dbname=app user=pgconcord password=c4nary sslmode=verify-full"}
	}
	return t
}

func sampleCluster() *catalog.Cluster {
	c := &catalog.Cluster{Format: 1, TakenAt: t0, Nodes: map[string]catalog.Node{}}
	for i, n := range sampleNodes {
		f := &catalog.Facts{ReadAt: at(1), Flavour: catalog.PGLogical, LocalName: n,
			Server:     catalog.Server{Version: "15.18", SystemID: "74000000000000000" + string(rune('1'+i)), User: "pgconcord", WALInsert: 0x5000000},
			Extensions: map[string]string{"plpgsql": "1.0", "pglogical": "2.4.2"}}
		for _, peer := range sampleNodes {
			if peer == n {
				continue
			}
			slot := "pgl_app_" + peer + "_" + n
			state := catalog.StateReplicating
			if n == "dc2n2" && peer == "dc1n1" {
				state = catalog.StateDown
			}
			f.Subscriptions = append(f.Subscriptions, catalog.Subscription{Name: "from_" + peer, Provider: peer, Slot: slot, Sets: []string{"ref"}, Enabled: true, State: state})
			f.Slots = append(f.Slots, catalog.Slot{Name: "pgl_app_" + n + "_" + peer, Type: "logical", ConfirmedFlush: catalog.LSN(0x5000000 - 4096*i)})
		}
		c.Nodes[n] = catalog.Node{Facts: f}
	}
	c.Nodes["dr1n2"] = catalog.Node{Failure: &catalog.Failure{Attempted: "connect to dr1n2.example:5432/app", Reason: "unreachable", Detail: "no answer within 5s"}}
	return c
}

var sampleChecks = []checks.Check{
	{Name: "backup/source-colocated", Title: "Every Barman takes from a node in its own datacenter", Why: "A backup over the wide-area link is lost with it.",
		Remedy: "Point the server section to a node of the Barman host's datacenter.", Source: "BDR-Worldwide, Backups", Severity: schema.Error, Needs: checks.NeedsPlan},
	{Name: "mesh/full", Title: "Every node takes changes from every other node", Why: "A missing edge loses changes silently.",
		Remedy: "Create or enable the missing subscription.", Source: "Creating and joining PGD groups", Severity: schema.Error, Needs: checks.NeedsFacts},
	{Name: "lag/bytes", Title: "No subscriber is further behind than the policy allows", Why: "A lagging node serves old rows.",
		Remedy: "Find what holds the subscriber up before anything joins.", Severity: schema.Warning, Needs: checks.NeedsFacts},
	{Name: "slots/wal-retention", Title: "No slot holds back more WAL than the policy allows", Why: "The disk of the provider fills up and it stops.",
		Remedy: "Bring the consumer back, or drop the slot when it is gone for good.", Severity: schema.Warning, Needs: checks.NeedsFacts},
}

func sampleFindings() []checks.Finding {
	pos := func(line int) schema.Position { return schema.Position{File: "topology.yaml", Line: line, Column: 3} }
	fs := []checks.Finding{
		{Check: "backup/source-colocated", Status: checks.Pass, Severity: schema.Error, Subject: checks.Subject{Object: "barman"}, Message: "nothing in the plan breaks it", Pos: pos(30)},
		{Check: "mesh/full", Status: checks.Fail, Severity: schema.Error, Subject: checks.Subject{Node: "dc2n2", Peer: "dc1n1"},
			Message: "the subscription from dc1n1 does not replicate", Found: "state down", Expected: "state replicating",
			HowRead: "pglogical.show_subscription_status()", Pos: pos(14), Related: []schema.Position{pos(11)}},
		{Check: "slots/wal-retention", Status: checks.Fail, Severity: schema.Warning, Subject: checks.Subject{Node: "dc1n1", Object: "slot pgl_app_dc1n1_dc2n2"},
			Message: "the slot holds back 3.2 GB of WAL", Found: "3,435,973,837 bytes", Expected: "at most 1,073,741,824 bytes", Pos: pos(11)},
		{Check: "slots/wal-retention", Status: checks.Waived, Severity: schema.Warning, Subject: checks.Subject{Node: "dr1n1", Object: "slot barman_dr1"},
			Message: "the slot holds back 1.1 GB of WAL", Found: "1,181,116,006 bytes", Expected: "at most 1,073,741,824 bytes", Pos: pos(15),
			Waiver: &checks.Waiver{Name: "dr-disk", Rule: "slots/wal-retention", Subject: checks.Subject{Node: "dr1n1"}, Owner: "Ada", Reason: "the new disk is ordered", Ticket: "OPS-17",
				Expires: "2026-12-01", Pos: schema.Position{File: "waivers.yaml", Line: 2, Column: 3}}},
		{Check: "lag/bytes", Status: checks.Skipped, Severity: schema.Warning, Subject: checks.Subject{Node: "dc1n2"}, Message: "a subscriber-only node sends nothing", Pos: pos(12)},
	}
	for i, n := range sampleNodes {
		if n == "dr1n2" {
			for _, c := range []string{"lag/bytes", "mesh/full", "slots/wal-retention"} {
				fs = append(fs, checks.Finding{Check: c, Status: checks.Unknown, Severity: schema.Error, Subject: checks.Subject{Node: n},
					Message: "the node could not be read: unreachable: no answer within 5s", Pos: pos(11 + i)})
			}
			continue
		}
		if n != "dc2n2" {
			fs = append(fs, checks.Finding{Check: "mesh/full", Status: checks.Pass, Severity: schema.Error, Subject: checks.Subject{Node: n}, Message: "takes from every other node", Pos: pos(11 + i)})
		}
		if n != "dc1n2" {
			fs = append(fs, checks.Finding{Check: "lag/bytes", Status: checks.Pass, Severity: schema.Warning, Subject: checks.Subject{Node: n}, Message: "at most 20 kB behind", Pos: pos(11 + i)})
		}
	}
	return fs
}

func sampleComparison() *compare.Result {
	coverage := func(rows int64, nodes ...string) []compare.Coverage {
		var out []compare.Coverage
		for i, n := range nodes {
			out = append(out, compare.Coverage{Node: n, Rows: rows, Buckets: 64, Digest: "5f1d7a9c33e04b21a8c6d2e900f7b413",
				LSN: "0/50000" + string(rune('A'+i)) + "0", At: at(3 + i), Took: 120 * time.Millisecond})
		}
		return out
	}
	commit := func(s int) *time.Time { v := t0.Add(-time.Hour).Add(time.Duration(s) * time.Second); return &v }
	version := func(node, hash, balance string, s int, origin string) compare.RowVersion {
		return compare.RowVersion{Node: node, Exists: true, Hash: hash, Values: map[string]*string{"balance": text(balance)}, CommitAt: commit(s), Origin: origin, OriginRaw: "pgl_" + origin}
	}
	return &compare.Result{Started: at(2), Finished: at(9), Verdict: compare.Different, Mode: compare.Exact, Policy: "majority",
		Fence: compare.Fence{Needed: true, Passed: true, Edges: []compare.FenceEdge{
			{Provider: "dc1n1", Subscriber: "dc1n2", LSN: "0/5000100", Waited: 15 * time.Millisecond, Passed: true},
			{Provider: "dc1n1", Subscriber: "dr1n1", LSN: "0/5000100", Waited: 40 * time.Millisecond, Passed: true}}},
		Tables: []compare.Table{
			{Schema: "public", Name: "countries", DataSet: "reference", Verdict: compare.Incomplete, Reasons: []string{"dr1n2 was not read: unreachable: no answer within 5s"},
				Key: []string{"code"}, Columns: []string{"code", "name"}, Digest: "native-chain-64",
				Nodes: append(coverage(249, sampleNodes[:5]...), compare.Coverage{Node: "dr1n2", Error: "unreachable: no answer within 5s"})},
			{Schema: "public", Name: "accounts", DataSet: "first", Verdict: compare.Different, Key: []string{"region", "id"}, Columns: []string{"region", "id", "balance", "note"},
				Digest: "native-chain-64", Nodes: coverage(1204311, "dc1n1", "dc1n2", "dr1n1"),
				Counts: compare.Counts{Suspect: 9, Cleared: 5, Volatile: 1, Persistent: 3}, Cut: 1,
				Diffs: []compare.Difference{
					{Key: []string{"EU", "17"}, Kind: compare.Changed, Status: compare.Persistent, Columns: []string{"balance"}, Majority: []string{"dc1n1", "dc1n2"}, Minority: []string{"dr1n1"},
						Versions: []compare.RowVersion{version("dc1n1", "aa01", "100.00", 5, "dc1n2"), version("dc1n2", "aa01", "100.00", 5, "dc1n2"), version("dr1n1", "bb02", "90.00", 9, "dc1n1")},
						Cause:    "copied by a join while the update of dc1n2 was on its way: the row carries the source's newer commit timestamp"},
					{Key: []string{"EU", "\x1b[31mred\n"}, Kind: compare.Missing, Status: compare.Persistent, Majority: []string{"dc1n1", "dr1n1"}, Minority: []string{"dc1n2"},
						Versions: []compare.RowVersion{{Node: "dc1n1", Exists: true, Hash: "cc03", CommitAt: commit(7), OriginRaw: "local"}, {Node: "dc1n2"}, {Node: "dr1n1", Exists: true, Hash: "cc03"}}},
				}},
			{Schema: "public", Name: "orders", DataSet: "second", Verdict: compare.Match, Key: []string{"id"}, Columns: []string{"id", "total"}, Digest: "native-chain-64", Nodes: coverage(88000, "dc2n1", "dc2n2", "dr1n2")},
		}}
}

func sampleBackups() []checks.BackupUse {
	return []checks.BackupUse{
		{Host: "barman-a", Server: "dc1n1", Backup: "20261121T000001", Status: "DONE", Ended: at(-3000), SystemID: "740000000000000001", Postgres: "15", Compatible: []string{"dc1n1"},
			Certain: true, Uses: []checks.Use{checks.UseStandby, checks.UseApart}, Why: "its system identifier is that of dc1n1"},
		{Host: "barman-dr", Server: "dr1n1", Backup: "20261101T000001", Status: "FAILED", Ended: at(-3100), Certain: true, Uses: []checks.Use{}, Why: "it is not complete"},
	}
}

func sampleInput() reports.Input {
	return reports.Input{Version: "1.0.0", RunID: "0123456789abcdef", Started: t0, Finished: at(10), Inputs: []string{"topology.yaml"},
		InputDigest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Topology: sampleTopology(), Cluster: sampleCluster(),
		Checks: sampleChecks, Findings: sampleFindings(), Comparison: sampleComparison(), Backups: sampleBackups(), Notes: []string{"checks that need what the Barman hosts say were not asked for"}}
}

// samples are the reports that every format is tested on, by name.
func samples() map[string]*reports.Report {
	everything := reports.New("report", sampleInput())

	clean := sampleInput()
	clean.Comparison, clean.Notes = nil, nil
	clean.Cluster.Nodes["dr1n2"] = clean.Cluster.Nodes["dr1n1"]
	clean.Findings = nil
	for _, f := range sampleFindings() {
		if f.Status == checks.Pass {
			clean.Findings = append(clean.Findings, f)
		}
	}

	plan := reports.Input{Version: "1.0.0", RunID: "0123456789abcdef", Started: t0, Finished: t0, Inputs: []string{"topology.yaml"}, Topology: sampleTopology(),
		Checks: sampleChecks, Findings: []checks.Finding{{Check: "backup/source-colocated", Status: checks.Fail, Severity: schema.Error,
			Subject: checks.Subject{Object: "barman.barman-a.sources[0]"}, Message: "barman-a lies in A but its source dc2n1 lies in B", Found: "B", Expected: "A",
			Pos: schema.Position{File: "topology.yaml", Line: 31, Column: 52}, Related: []schema.Position{{File: "topology.yaml", Line: 13, Column: 3}}}}}
	return map[string]*reports.Report{"everything": everything, "clean": reports.New("check", clean), "plan": reports.New("validate", plan)}
}
