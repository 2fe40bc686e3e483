package checks

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// recorded is the plan and the facts of a healthy lab, recorded once.
const (
	recordedPlan  = "../testdata/facts/lab.yaml"
	recordedFacts = "../testdata/facts/healthy.json"
)

// TestRecordFacts records them anew with RECORD_FACTS=1; ports and users of the
// run become names that do not change.
func TestRecordFacts(t *testing.T) {
	if os.Getenv("RECORD_FACTS") == "" {
		t.Skip("set RECORD_FACTS=1 to record the facts of a healthy lab")
	}
	l, err := lab.Up(t.Context(), lab.Options{}) // without Barman
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, l.Down()) })
	require.NoError(t, l.Settle(t.Context()))
	plan := labPlan(t, l)
	var facts strings.Builder
	c := catalog.Read(t.Context(), plan, catalog.Settings{})
	asOneWouldWish(c)
	require.NoError(t, c.Save(&facts))
	var pairs []string
	for _, n := range l.Nodes() {
		host := n.Name + ".example"
		pairs = append(pairs, n.Address(), host+":5432/"+lab.Database, n.ReaderDSN(), "host="+host+" port=5432 dbname="+lab.Database+" user="+lab.Reader+" sslmode=verify-full")
	}
	names := strings.NewReplacer(append(pairs, "127.0.0.1", "192.0.2.1")...)
	require.NoError(t, os.MkdirAll(filepath.Dir(recordedPlan), 0o755))
	require.NoError(t, os.WriteFile(recordedPlan, []byte(names.Replace(string(l.Topology()))), 0o644))
	require.NoError(t, os.WriteFile(recordedFacts, []byte(names.Replace(facts.String())), 0o644))
}

// asOneWouldWish makes of the lab, where all is on one machine, what it would be
// with the names that the record gets: nodes that reach each other over TLS, and
// archive their WAL.
func asOneWouldWish(c *catalog.Cluster) {
	for name, n := range c.Nodes {
		f := n.Facts
		f.Settings["ssl"], f.Settings["archive_mode"] = "on", "on"
		f.Archiver.Configured, f.Archiver.LastArchived = true, new(f.ServerNow.Add(-time.Minute))
		f.Session = &catalog.Session{TLS: "TLS 1.3", ServerTLS: true, Certificates: []catalog.Certificate{{Subject: "CN=" + name + ".example", Issuer: "CN=Example CA",
			NotBefore: f.ReadAt.AddDate(0, -1, 0).Truncate(time.Hour), NotAfter: f.ReadAt.AddDate(1, 0, 0).Truncate(time.Hour)}}}
		for i := range f.Senders {
			f.Senders[i].Encrypted = new(true)
		}
		for i := range f.Peers {
			f.Peers[i].Asked = catalog.Asked{SSLMode: "verify-full"}
		}
		for i := range f.Subscriptions {
			f.Subscriptions[i].Asked = catalog.Asked{SSLMode: "verify-full"}
		}
	}
}

// loadRecordedPlan reads the plan once: reading CUE takes a while.
var loadRecordedPlan = sync.OnceValue(func() *schema.Topology {
	text, err := os.ReadFile(recordedPlan)
	if err != nil {
		panic(err)
	}
	plan, err := schema.Load(context.Background(), []schema.Input{{Name: "lab.yaml", Data: text}}, schema.Options{})
	if err != nil {
		panic(err)
	}
	return plan.Topology
})

// healthy is a fresh copy of the recorded lab, to be broken.
func healthy(t *testing.T) *Input {
	t.Helper()
	plan := *loadRecordedPlan()
	plan.Nodes, plan.Shards, plan.Joins, plan.Barman = maps.Clone(plan.Nodes), maps.Clone(plan.Shards), maps.Clone(plan.Joins), maps.Clone(plan.Barman)
	file, err := os.Open(recordedFacts)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	c, err := catalog.LoadCluster(file)
	require.NoError(t, err)
	return &Input{Plan: &plan, Cluster: c, Now: c.TakenAt.Add(time.Second)}
}

// healthyGroup is the same mesh as a group of PGD 5 would show it.
func healthyGroup(t *testing.T) *Input {
	in := healthy(t)
	for name, n := range in.Cluster.Nodes {
		f := n.Facts
		f.Flavour, f.Group = catalog.PGD5, "world"
		for i := range f.Peers {
			p := &f.Peers[i]
			p.State, p.Target, p.Kind, p.Group = "ACTIVE", "ACTIVE", "data", "world"
		}
		f.Raft = []catalog.Raft{{Group: "world", State: "RAFT_FOLLOWER", Leader: "dc1n1", Term: 3}}
		if name == "dc1n1" {
			f.Raft[0].State = "RAFT_LEADER"
		}
		f.Settings["bdr.xact_replication"], f.Settings["bdr.ddl_replication"] = "on", "on"
		f.Conflicts = []catalog.ConflictLog{{ToTable: true, Total: new(int64)}}
		for i := range f.Subscriptions {
			f.Subscriptions[i].Errors, f.Subscriptions[i].Skipped = &zero, &zero
		}
	}
	return in
}

// healthyJoin is the recorded lab before dc1n3 joins from dc1n2.
func healthyJoin(t *testing.T) *Input {
	in := healthy(t)
	withJoiner(in)
	return in
}

func withJoiner(in *Input) {
	in.Joiner = "dc1n3"
	in.Plan.Joins = map[string]schema.Join{"dc1n3": {Datacenter: "A", Source: "dc1n2", DSN: "host=dc1n3.example dbname=app", Kind: schema.KindData, Method: "logical", SynchronizeStructure: "all", Empty: true}}
	f := *in.Cluster.Nodes["dc1n2"].Facts
	f.LocalName, f.Peers, f.Subscriptions, f.Slots, f.Senders, f.Origins, f.Sets, f.Commits, f.Tables, f.Objects = "", nil, nil, nil, nil, nil, nil, nil, nil, []catalog.Object{}
	in.Cluster.Nodes["dc1n3"] = catalog.Node{Facts: &f}
}
