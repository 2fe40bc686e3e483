package checks

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
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
	committed(f, "", at.Add(-time.Hour), at)
	for _, n := range in.Plan.NodeNames() {
		if n == provider || in.Cluster.Nodes[n].Facts == nil {
			continue
		}
		applied := at
		if n == subscriber || !seen {
			applied = at.Add(-time.Hour)
		}
		committed(on(in, n), sub(in, provider, n).Origin, applied)
	}
}

// committed makes the node know these commits of an origin, oldest first.
func committed(f *catalog.Facts, origin string, at ...time.Time) {
	f.Commits = slices.DeleteFunc(f.Commits, func(c catalog.Commit) bool { return c.Origin == origin })
	f.Commits = append(f.Commits, catalog.Commit{Origin: origin, Times: at})
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
	yes     = true
	one     = int64(1)
	zero    = int64(0)
	overLag = int64(11 << 20)
	someLag = int64(1 << 20)
	edge12  = "dc1n1 → dc1n2"
)

// breakers are the cases of all families.
var breakers = merged(meshBreakers, lagBreakers, settingsBreakers, joinBreakers, tlsBreakers, walBreakers)

func merged(families ...map[string][]breakCase) map[string][]breakCase {
	out := map[string][]breakCase{}
	for _, f := range families {
		maps.Copy(out, f)
	}
	return out
}

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
