package checks

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/standin"
	"github.com/pgconcord/pgconcord/schema"
)

// groupChecks are those that only groups with consensus have.
var groupChecks = []string{"bdr", "group", "raft", "join/majority-reachable", "join/no-promotion-under-way", "join/no-ddl-under-way", "versions/known-faults", "mesh", "slots"}

// against renders what two gates' worth of checks have against a cluster.
func against(in Input, only ...string) string {
	if len(only) == 0 {
		only = groupChecks
	}
	return lines(append(Run(in, Options{Gate: Nightly, Only: only}), Run(in, Options{Gate: PreJoin, Only: only})...))
}

// group puts the stand-in of a version line on the lab and reads as superuser.
func group(t *testing.T, line string) (l *lab.Lab, read func() Input) {
	l = theLab(t)
	require.NoError(t, standin.Load(t.Context(), l, line))
	t.Cleanup(func() { require.NoError(t, standin.Unload(context.Background(), l)) })
	plan := labPlan(t, l)
	for _, n := range l.Nodes() {
		declared := plan.Nodes[n.Name]
		declared.DSN = n.DSN()
		plan.Nodes[n.Name] = declared
	}
	return l, func() Input { return readLab(t, plan, catalog.Settings{}) }
}

func TestGroupOfEachLine(t *testing.T) {
	for _, line := range standin.Lines {
		t.Run(line.Name, func(t *testing.T) {
			_, read := group(t, line.Name)
			in := read()
			got := strings.TrimSpace(lines(Run(in, Options{})) + "\n" + lines(Run(in, Options{Gate: PreJoin, Only: groupChecks})))
			if line.Name != "3.6.4" {
				require.Empty(t, got)
				return
			}
			// 3.6.4 is in the range of the join fault, and does not tell where it logs conflicts.
			for _, l := range strings.Split(got, "\n") {
				require.Regexp(t, `^(fail versions/known-faults d[cr]...: (logical-join-data-loss|lag-overflow): |unknown conflicts/.*came with BDR 3.6.17)`, l)
			}
			require.Equal(t, 12, strings.Count(got, "logical-join-data-loss"), "six nodes, two gates")
		})
	}
}

func TestGroupFaults(t *testing.T) {
	for _, line := range []string{"3.7", "6"} {
		t.Run(line, func(t *testing.T) {
			l, read := group(t, line)
			everywhere := func(t *testing.T, sql string) {
				t.Helper()
				for _, n := range l.Nodes() {
					require.NoError(t, n.Exec(t.Context(), sql))
				}
			}
			for _, c := range []struct {
				name    string
				on      string // the node; "" all
				sql     string
				heal    string
				against []string // expected lines by their beginnings, in any order; others are not
				only    []string
			}{
				{"a node lost its leader", "dr1n1", "INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_CANDIDATE', '')", "DELETE FROM bdr_standin.raft",
					[]string{"fail raft/has-leader dr1n1: dr1n1 stands for election"}, []string{"raft"}},
				{"consensus stopped", "dr1n1", "INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_STOPPED', '')", "DELETE FROM bdr_standin.raft",
					[]string{"fail raft/has-leader dr1n1: consensus"}, []string{"raft"}},
				{"a word that nobody knows", "dr1n1", "INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_DREAMER', 'dc1n1')", "DELETE FROM bdr_standin.raft",
					[]string{"unknown raft/has-leader dr1n1: "}, []string{"raft"}},
				{"no leader anywhere", "", "INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_FOLLOWER', '')", "DELETE FROM bdr_standin.raft",
					[]string{"fail raft/has-leader dc1n1: ", "fail raft/has-leader dc1n2: ", "fail raft/has-leader dc2n1: ", "fail raft/has-leader dc2n2: ",
						"fail raft/has-leader dr1n1: ", "fail raft/has-leader dr1n2: ", "fail raft/one-leader : no node"}, []string{"raft"}},
				{"two leaders", "dr1n1", "INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_LEADER', 'dr1n1')", "DELETE FROM bdr_standin.raft",
					[]string{"fail raft/one-leader : 2 nodes"}, []string{"raft"}},
				{"a node follows another leader", "dr1n1", "INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_FOLLOWER', 'dc2n1')", "DELETE FROM bdr_standin.raft",
					[]string{"fail raft/one-leader : the nodes"}, []string{"raft"}},
				{"the leader does not know", "dc1n1", "INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_CANDIDATE', '')", "DELETE FROM bdr_standin.raft",
					[]string{"fail raft/has-leader dc1n1: ", "fail raft/one-leader : the nodes"}, []string{"raft"}},
				{"the status cannot be had", "dc2n1", "INSERT INTO bdr_standin.raft (error) VALUES ('could not find consensus worker')", "DELETE FROM bdr_standin.raft",
					map[string][]string{"3.7": {"unknown raft/has-leader dc2n1: ", "unknown raft/one-leader : all nodes"}}[line], []string{"raft"}},

				{"a node is being promoted", "dc1n1", "INSERT INTO bdr_standin.peer (node_name, state, target_state) VALUES ('dr1n2', 'PROMOTING', 'ACTIVE')", "DELETE FROM bdr_standin.peer",
					[]string{"fail join/no-promotion-under-way : dr1n2 is being promoted, says dc1n1", "fail group/member-state dc1n1: member dr1n2: dc1n1 says that dr1n2, a data node, is PROMOTING on its way to ACTIVE"}, []string{"group", "join/no-promotion-under-way"}},
				{"a promotion is asked for", "dc1n1", "INSERT INTO bdr_standin.peer (node_name, state, target_state) VALUES ('dr1n2', 'STANDBY', 'PROMOTE')", "DELETE FROM bdr_standin.peer",
					[]string{"fail join/no-promotion-under-way : dr1n2 is being promoted"}, []string{"join/no-promotion-under-way"}},
				{"an unknown word for a state", "dc1n1", "INSERT INTO bdr_standin.peer (node_name, state) VALUES ('dr1n2', 'WOBBLING')", "DELETE FROM bdr_standin.peer",
					[]string{"unknown join/no-promotion-under-way : ", "unknown group/member-state dc1n1: member dr1n2: "}, []string{"group", "join/no-promotion-under-way"}},
				{"a parted node", "", "INSERT INTO bdr_standin.peer (node_name, state) VALUES ('old', 'PARTED')", "DELETE FROM bdr_standin.peer", nil, nil},
				{"a parted node's slot", "dc1n1", "INSERT INTO bdr_standin.peer (node_name, state) VALUES ('old', 'PARTED'); COMMIT; SELECT pg_create_logical_replication_slot('bdr_app_bdrgroup_old', 'pglogical_output')",
					"DELETE FROM bdr_standin.peer; SELECT pg_drop_replication_slot('bdr_app_bdrgroup_old')",
					[]string{"fail slots/known-owner dc1n1: slot bdr_app_bdrgroup_old: ", "fail slots/inactive dc1n1: slot bdr_app_bdrgroup_old: "}, []string{"slots"}},

				{"DDL under way", "", "INSERT INTO bdr_standin.global_lock (origin_node_name, relation) VALUES ('dc2n1', 'ref.product')", "DELETE FROM bdr_standin.global_lock",
					[]string{"fail join/no-ddl-under-way dc1n1: lock on ref.product: global lock GLOBAL_LOCK_DDL GLOBAL_LOCK_ACQUIRED of dc2n1 on ref.product is held"}, []string{"join/no-ddl-under-way"}},

				{"xact replication off for a role", "dc2n2", "CREATE ROLE batch; ALTER ROLE batch SET bdr.xact_replication = off", "DROP ROLE batch",
					[]string{"fail bdr/xact-replication-on dc2n2: role batch: bdr.xact_replication is off for role batch"}, []string{"bdr"}},
				{"DDL replication off for the database", "dc2n2", "ALTER DATABASE app SET bdr.ddl_replication = off", "ALTER DATABASE app SET bdr.ddl_replication = on",
					[]string{"fail bdr/ddl-replication-on dc2n2: database app: "}, []string{"bdr"}},
				{"a setting that should be there is not", "dc2n2", "ALTER DATABASE app RESET bdr.xact_replication", "ALTER DATABASE app SET bdr.xact_replication = on",
					[]string{"unknown bdr/xact-replication-on dc2n2: "}, []string{"bdr"}},

				{"a catch-up that lasts", "dr1n2", "INSERT INTO bdr_standin.catchup (node_name, source_name) VALUES ('dc1n2', 'dc1n1')", "DELETE FROM bdr_standin.catchup",
					[]string{"fail group/nothing-pending dr1n2: catch-up of dc1n2 with dc1n1: "}, []string{"group"}},
				{"a silent peer", "dr1n2", "INSERT INTO bdr_standin.progress VALUES ('dc1n2', '3 hours')", "DELETE FROM bdr_standin.progress",
					[]string{"fail group/progress-fresh dr1n2: member dc1n2: "}, []string{"group"}},
				{"transactions that were skipped", "dr1n2", "INSERT INTO bdr_standin.failed (sub_name, total_skips) VALUES ('dc1n1_to_dr1n2', 3)", "DELETE FROM bdr_standin.failed",
					map[string][]string{"6": {"fail group/nothing-pending dr1n2: failed transactions of dr1n2", "fail group/nothing-pending dr1n2: subscription dc1n1_to_dr1n2: "}}[line], []string{"group"}},
				{"a resynchronisation", "dr1n2", "INSERT INTO bdr_standin.resync (origin, source, target, sync_status) VALUES ('old', 'dc1n1', 'dc1n2', 'SYNCING')", "DELETE FROM bdr_standin.resync",
					map[string][]string{"6": {"fail group/nothing-pending dr1n2: resynchronisation of dc1n2 with old: "}}[line], []string{"group"}},
			} {
				t.Run(c.name, func(t *testing.T) {
					do := everywhere
					if c.on != "" {
						do = func(t *testing.T, sql string) {
							t.Helper()
							for _, s := range strings.Split(sql, "; COMMIT; ") {
								require.NoError(t, l.Node(c.on).Exec(t.Context(), s))
							}
						}
					}
					do(t, c.sql)
					got := against(read(), c.only...)
					do(t, c.heal)
					distinct := map[string]bool{}
					for _, line := range strings.Split(got, "\n") {
						if line != "" {
							distinct[line] = true
						}
					}
					for _, begin := range c.against {
						found := ""
						for line := range distinct {
							if strings.HasPrefix(line, begin) {
								found = line
							}
						}
						require.NotEmpty(t, found, "nothing begins with %q in:\n%s", begin, got)
						delete(distinct, found)
					}
					require.Empty(t, distinct, "not expected; all were:\n%s", got)
				})
			}
		})
	}
}

func TestMajority(t *testing.T) {
	_, read := group(t, "5")
	down := func(in Input, reason string, nodes ...string) Input {
		for _, n := range nodes {
			in.Cluster.Nodes[n] = catalog.Node{Failure: &catalog.Failure{Attempted: "connect", Reason: reason}}
		}
		return in
	}
	check := func(in Input) string {
		fs := Run(in, Options{Gate: PreJoin, Only: []string{"join/majority-reachable"}})
		require.Len(t, fs, 1)
		return fmt.Sprint(fs[0].Status, " ", fs[0].Message)
	}
	require.Equal(t, "pass all 6 voting members answer", check(read()))
	require.Equal(t, "pass 4 of 6 voting members answer; not dc1n1 (unreachable), dc1n2 (unreachable)", check(down(read(), "unreachable", "dc1n1", "dc1n2")))
	require.Equal(t, "fail only 3 of 6 voting members answer; not dc1n1 (unreachable), dc1n2 (unreachable), dc2n1 (unreachable)", check(down(read(), "unreachable", "dc1n1", "dc1n2", "dc2n1")))
	require.Equal(t, "unknown 3 of 6 voting members answer, which is no majority; of others it could not be told: dc1n1 (login refused), dc1n2 (login refused), dc2n1 (login refused)",
		check(down(read(), "login refused", "dc1n1", "dc1n2", "dc2n1")))
	require.Contains(t, check(down(read(), "unreachable", "dc1n1", "dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2")), "unknown whether the nodes form a group could not be told")

	// Who has no vote does not count: with two such nodes, two of four are no majority.
	in := read()
	for _, n := range []string{"dc1n1", "dc1n2"} {
		declared := in.Plan.Nodes[n]
		declared.Kind = schema.KindSubscriberOnly
		in.Plan.Nodes[n] = declared
	}
	for name := range in.Cluster.Nodes {
		for i := range in.Cluster.Nodes[name].Facts.Peers {
			if p := &in.Cluster.Nodes[name].Facts.Peers[i]; p.Name == "dc1n1" || p.Name == "dc1n2" {
				p.Kind = "subscriber-only"
			}
		}
	}
	require.Equal(t, "fail only 2 of 4 voting members answer; not dc2n1 (unreachable), dc2n2 (unreachable)", check(down(in, "unreachable", "dc2n1", "dc2n2")))
}

func TestPromotionExemptsSubscriberOnlyNodes(t *testing.T) {
	l, read := group(t, "5")
	check := func(in Input) Status {
		fs := Run(in, Options{Gate: PreJoin, Only: []string{"join/no-promotion-under-way"}})
		require.Len(t, fs, 1)
		return fs[0].Status
	}
	require.NoError(t, l.Node("dc1n1").Exec(t.Context(), "INSERT INTO bdr_standin.peer (node_name, state, kind) VALUES ('dr1n2', 'PROMOTING', 'subscriber-only')"))
	require.Equal(t, Pass, check(read()), "a subscriber-only node may be promoted beside others")
	require.NoError(t, l.Node("dc1n1").Exec(t.Context(), "UPDATE bdr_standin.peer SET kind = 'data'"))
	in := read()
	require.Equal(t, Fail, check(in))
	in.Joiner = "ro"
	in.Plan.Joins = map[string]schema.Join{"ro": {Kind: schema.KindSubscriberOnly}}
	require.Equal(t, Pass, check(in), "nor does the one that joins then wait for others")
	require.NoError(t, l.Node("dc1n1").Exec(t.Context(), "DELETE FROM bdr_standin.peer"))
}

func TestDDLOnTheSource(t *testing.T) {
	l, read := group(t, "3.7")
	conn, err := l.Node("dc1n2").Connect(t.Context())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "BEGIN; LOCK TABLE ref.currency IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	check := func(source string) Finding {
		in := read()
		in.Source = source
		fs := Run(in, Options{Gate: PreJoin, Only: []string{"join/no-ddl-under-way"}})
		require.Len(t, fs, 1)
		return fs[0]
	}
	require.Equal(t, Fail, check("dc1n2").Status)
	require.Equal(t, "lock on ref.currency", check("dc1n2").Subject.Object)
	require.Equal(t, Pass, check("dc1n1").Status, "another node's lock keeps no copy from running")
	_, err = conn.Exec(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	require.Equal(t, Pass, check("dc1n2").Status)
}

func TestGroupChecksElsewhere(t *testing.T) {
	l := theLab(t)
	in := readLab(t, labPlan(t, l), catalog.Settings{})
	for _, f := range Run(in, Options{Gate: PreJoin, Only: []string{"bdr", "group", "raft", "join/majority-reachable", "join/no-promotion-under-way", "versions/known-faults"}}) {
		require.Equal(t, Skipped, f.Status, "%s %s: %s", f.Check, f.Subject, f.Message)
	}
}

func TestKnownFaults(t *testing.T) {
	for version, want := range map[string]int{"3.6.4": 30604, "3.6.20": 30620, "3.7.9-1": 30709, "5.6": 50600, "6.1.0rc1": 60100, "x": 0, "": 0} {
		require.Equal(t, want, bdrNum(version), version)
	}
	plan := &schema.Topology{Nodes: map[string]schema.Node{"a": {}}, Joins: map[string]schema.Join{"j": {Method: "logical"}, "p": {Method: "physical"}}}
	check := func(version, joiner string) (out []string) {
		facts := &catalog.Facts{Flavour: catalog.BDR36, Extensions: map[string]string{"bdr": version}}
		in := Input{Plan: plan, Joiner: joiner, Cluster: &catalog.Cluster{Nodes: map[string]catalog.Node{"a": {Facts: facts}}}}
		for _, f := range Run(in, Options{Gate: PreJoin, Only: []string{"versions/known-faults"}}) {
			out = append(out, fmt.Sprint(f.Status, " ", f.Severity, " ", f.Subject.Object))
		}
		return out
	}
	require.Equal(t, []string{"fail info lag-overflow", "fail error logical-join-data-loss"}, check("3.6.19", "j"))
	require.Equal(t, []string{"fail info lag-overflow", "fail warning logical-join-data-loss"}, check("3.6.19", "p"))
	require.Equal(t, []string{"fail info lag-overflow", "fail warning raft-snapshot"}, check("3.6.20", "j"))
	require.Equal(t, []string{"pass error "}, check("3.6.31", "j"))
	require.Equal(t, []string{"unknown error "}, check("nonsense", "j"))
}
