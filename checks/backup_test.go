package checks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

var backupNow = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

// healthyBackups is a plan of three nodes in two datacenters and two Barman
// hosts, one of which backs up two nodes on slots of the same name, with facts
// that break no backup check. Each call gives a fresh copy to break.
func healthyBackups() Input {
	plan := &schema.Topology{
		Name:        "t",
		Datacenters: map[string]schema.Datacenter{"A": {Region: "a"}, "B": {Region: "b"}},
		Nodes:       map[string]schema.Node{},
		Barman: map[string]schema.Barman{
			"bm1": {Datacenter: "A", Sources: []schema.Source{{Server: "n1", Node: "n1", Slot: "bm1", StreamingArchiver: true}}},
			"bm2": {Datacenter: "B", Sources: []schema.Source{
				{Server: "s3", Node: "n3", Slot: "bm2", StreamingArchiver: true},
				{Server: "s4", Node: "n4", Slot: "bm2", StreamingArchiver: true},
			}},
		},
		Policy: schema.Policy{Lag: schema.LagPolicy{MaxBytes: 10 << 20}, Backup: schema.BackupPolicy{MaxAge: "26h", MinRedundancy: 1}},
	}
	in := Input{Plan: plan, Now: backupNow, Cluster: &catalog.Cluster{Nodes: map[string]catalog.Node{}}, Barman: map[string]*barman.Host{}}
	for i, n := range []string{"n1", "n2", "n3", "n4"} {
		dc := "A"
		if i > 1 {
			dc = "B"
		}
		plan.Nodes[n] = schema.Node{Datacenter: dc, Kind: schema.KindData, DSN: fmt.Sprintf("host=%s.example port=5432 dbname=app user=x", n)}
		f := &catalog.Facts{Flavour: catalog.BDR36, Server: catalog.Server{SystemID: "700" + n[1:], VersionNum: 150018, User: "pgconcord", WALFlush: 0x5000988}}
		in.Cluster.Nodes[n] = catalog.Node{Facts: f}
	}
	for host, b := range plan.Barman {
		h := &barman.Host{Name: host, Version: "3.4.0", Complete: true, Servers: map[string]barman.Server{}}
		for _, src := range b.Sources {
			id := factsIn(in, src.Node).Server.SystemID
			here := barman.Origin{From: "/etc/barman.conf", At: backupNow}
			h.Servers[src.Server] = barman.Server{
				Name: src.Server,
				Settings: barman.Settings{
					Origin: here, Active: true, Address: src.Node + ".example:5432/postgres", StreamingAddress: src.Node + ".example:5432",
					WALAddress: src.Node + ".example:5432", Slot: src.Slot, StreamingArchiver: true, ArchiverName: "barman_receive_wal",
					BackupMethod: "postgres", MinimumRedundancy: 1, MaximumAge: 24 * time.Hour,
				},
				Home:    barman.Home{Origin: here, SystemID: id},
				Backups: barman.Backups{Origin: here, List: []barman.Backup{{ID: "20261121T200705", Status: "DONE", SystemID: id, VersionNum: 150018, Timeline: 1, Ended: backupNow.Add(-2 * time.Hour)}}},
			}
			streamIn(in, src.Node, src.Slot)
		}
		in.Barman[host] = h
	}
	return in
}

func factsIn(in Input, node string) *catalog.Facts { return in.Cluster.Nodes[node].Facts }

// stream puts a slot that Barman's receiver reads on a node.
func streamIn(in Input, node, slot string) {
	f := factsIn(in, node)
	pid := 4000 + len(f.Senders)
	f.Slots = append(f.Slots, catalog.Slot{Name: slot, Type: "physical", Active: true, ActivePID: pid, RestartLSN: 0x5000000, WALStatus: "reserved"})
	f.Senders = append(f.Senders, catalog.Sender{PID: pid, Application: "barman_receive_wal", State: "streaming", Sent: 0x5000988, Flush: 0x5000000})
}

// change edits one server section.
func changeIn(in Input, host, server string, edit func(*barman.Server)) {
	s := in.Barman[host].Servers[server]
	edit(&s)
	in.Barman[host].Servers[server] = s
}

// down makes a node one that could not be read.
func downIn(in Input, node string) {
	in.Cluster.Nodes[node] = catalog.Node{Failure: &catalog.Failure{Attempted: "connect to " + node, Reason: "unreachable"}}
}

// answers runs a check and renders "status server: message" a line, failing
// findings that lack evidence or identity.
func answers(t *testing.T, c Check, in Input) []string {
	t.Helper()
	fs := c.Run(in)
	Sort(fs)
	var out []string
	for _, f := range fs {
		require.Equal(t, c.Name, f.Check)
		require.NotEmpty(t, f.Severity)
		require.NotEmpty(t, f.Message)
		if f.Status == Fail {
			require.NotEmpty(t, f.Found, f.Message)
			require.NotEmpty(t, f.Expected, f.Message)
			require.NotEmpty(t, f.HowRead, f.Message)
		}
		out = append(out, fmt.Sprintf("%s %s: %s", f.Status, strings.TrimPrefix(f.Subject.Object, "server "), f.Message))
	}
	return out
}

// backupCase breaks the healthy input and says what a check then answers for
// one section: a status and a part of the message. All others must pass.
type backupCase struct {
	name   string
	break_ func(in Input)
	server string
	want   string // "fail: part of the message"
}

func runBackupCases(t *testing.T, c Check, cases []backupCase) {
	t.Run("healthy", func(t *testing.T) {
		for _, a := range answers(t, c, healthyBackups()) {
			require.True(t, strings.HasPrefix(a, "pass "), a)
		}
	})
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			in := healthyBackups()
			tc.break_(in)
			status, part, _ := strings.Cut(tc.want, ": ")
			seen := false
			for _, a := range answers(t, c, in) {
				switch {
				case strings.HasPrefix(a, fmt.Sprintf("%s %s: ", status, tc.server)) && strings.Contains(a, part):
					seen = true
				case !strings.HasPrefix(a, "pass "):
					t.Errorf("unexpected: %s", a)
				}
			}
			require.True(t, seen, "no %q for %s in %q", tc.want, tc.server, answers(t, c, in))
		})
	}
}

func TestNoBarmanInThePlan(t *testing.T) {
	in := healthyBackups()
	in.Plan.Barman = nil
	for _, c := range []Check{BackupWALStreaming, BackupRecent} {
		fs := c.Run(in)
		require.Len(t, fs, 1)
		require.Equal(t, Skipped, fs[0].Status)
	}
}

// Facts may be saved and judged later: what the Barman hosts said survives JSON
// to the last finding.
func TestBackupFindingsSurviveJSON(t *testing.T) {
	in := healthyBackups()
	said(time.Minute, map[string]barman.CheckResult{"x": {Status: "FAILED", Hint: "y"}})(in)
	liveIn(in, "bm2", "s3", barman.Live{SystemID: "7003", SlotKnown: true})
	data, err := json.Marshal(in.Barman)
	require.NoError(t, err)
	again := in
	again.Barman = nil
	require.NoError(t, json.Unmarshal(data, &again.Barman))
	for _, c := range backupChecks {
		require.Equal(t, c.Run(in), c.Run(again), c.Name)
	}
	require.Equal(t, BackupUses(in), BackupUses(again))
}

var backupChecks = []Check{
	BackupAgeRule, BackupBarmanCheck, BackupFreshSinceRepoint, BackupNoMixedSystemIDs, BackupNotPassive, BackupRecent, BackupRedundancy,
	BackupServerPresent, BackupSlotActive, BackupSourceAsDeclared, BackupSourceRepointed, BackupSystemIDCompared, BackupWALStreaming,
}

func TestBackupChecksAreDocumented(t *testing.T) {
	for _, c := range backupChecks {
		require.NotEmpty(t, c.Title, c.Name)
		require.NotEmpty(t, c.Why, c.Name)
		require.True(t, strings.HasSuffix(c.Remedy, "."), c.Name)
		require.NotEmpty(t, c.Source, c.Name)
		require.NotEmpty(t, c.Severity, c.Name)
		require.NotZero(t, c.Needs&NeedsBarman, c.Name)
		for _, f := range c.Run(healthyBackups()) {
			require.Equal(t, c.Name, f.Check)
			require.Equal(t, c.Severity, f.Severity)
		}
	}
}
