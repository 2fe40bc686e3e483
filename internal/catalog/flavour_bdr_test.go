package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/standin"
	"github.com/pgconcord/pgconcord/schema"
)

// planOf declares the nodes of a lab.
func planOf(dsn func(*lab.Node) string, nodes ...*lab.Node) *schema.Topology {
	plan := &schema.Topology{Nodes: map[string]schema.Node{}}
	for _, n := range nodes {
		plan.Nodes[n.Name] = schema.Node{DSN: dsn(n), Kind: schema.KindData}
	}
	return plan
}

// details renders gaps for a failed test.
func details(gaps []catalog.Failure) string {
	out := ""
	for _, g := range gaps {
		out += fmt.Sprintf("%s: %s: %s: %s [%s]\n", g.Part, g.Attempted, g.Reason, g.Detail, g.Remedy)
	}
	return out
}

// gapParts returns the parts that could not be read.
func gapParts(f *catalog.Facts) []catalog.Part {
	out := []catalog.Part{}
	for _, g := range f.Gaps {
		out = append(out, g.Part)
	}
	return out
}

func TestGroupFlavours(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	l, err := lab.Up(ctx, lab.Options{})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, l.Down()) })
	plan := planOf((*lab.Node).DSN, l.Nodes()...)
	one := l.Node("dc1n1")
	exec := func(t *testing.T, sql string) {
		t.Helper()
		require.NoError(t, one.Exec(ctx, sql))
	}
	read := func(t *testing.T) *catalog.Facts {
		t.Helper()
		f := catalog.Read(ctx, plan, catalog.Settings{}).Nodes["dc1n1"].Facts
		require.NotNil(t, f)
		return f
	}

	for _, line := range []struct {
		name    string
		flavour catalog.Flavour
		gaps    []catalog.Part // what the line does not show at all
	}{
		{"3.6.4", catalog.BDR36, []catalog.Part{catalog.PartConflicts, catalog.PartProgress, catalog.PartPeerProgress}},
		{"3.7", catalog.BDR37, []catalog.Part{}},
		{"4", catalog.PGD4, []catalog.Part{}},
		{"5", catalog.PGD5, []catalog.Part{}},
		{"6", catalog.PGD6, []catalog.Part{}},
	} {
		t.Run(line.name, func(t *testing.T) {
			require.NoError(t, standin.Load(ctx, l, line.name))
			cluster := catalog.Read(ctx, plan, catalog.Settings{})
			for i, name := range lab.NodeNames {
				require.Nil(t, cluster.Nodes[name].Failure, name)
				f := cluster.Nodes[name].Facts
				require.Equal(t, line.gaps, gapParts(f), details(f.Gaps))
				require.Equal(t, line.flavour, f.Flavour)
				require.Equal(t, name, f.LocalName)
				require.Equal(t, "bdrgroup", f.Group)

				var peers []string
				for _, p := range f.Peers {
					peers = append(peers, p.Name)
					require.Equal(t, catalog.PhaseActive, catalog.PhaseOf(p.State), p)
					require.Equal(t, l.Node(p.Name).Address(), p.Address)
					require.Equal(t, "bdrgroup", p.Group)
					require.Equal(t, map[string]string{"5": "data", "6": "data", "4": "data"}[line.name], p.Kind)
				}
				require.Equal(t, lab.NodeNames, peers)

				require.Len(t, f.Subscriptions, 5)
				for _, s := range f.Subscriptions {
					require.Equal(t, catalog.StateReplicating, s.State, s)
					require.Equal(t, l.Slot(s.Provider, name), s.Slot)
					require.Equal(t, s.Slot, s.Origin)
					require.Contains(t, s.Sets, "ref")
					require.True(t, s.Enabled)
				}

				// Every slot here has an owner that is known, the group's too.
				owned := map[string]catalog.OwnedName{}
				for _, o := range f.OwnedSlots {
					owned[o.Name] = o
				}
				require.Len(t, f.Slots, 6)
				group := 0
				for _, s := range f.Slots {
					require.Contains(t, owned, s.Name)
					if owned[s.Name].Use == catalog.UseGroup {
						group++
						require.True(t, owned[s.Name].Idle)
					} else {
						require.Equal(t, catalog.UsePeer, owned[s.Name].Use)
						require.Equal(t, l.Slot(name, owned[s.Name].Peer), s.Name)
					}
				}
				require.Equal(t, 1, group)

				require.Len(t, f.Raft, 1)
				require.Equal(t, "dc1n1", f.Raft[0].Leader)
				require.Equal(t, map[bool]string{true: "RAFT_LEADER", false: "RAFT_FOLLOWER"}[i == 0], f.Raft[0].State)
				require.Equal(t, 6, f.Raft[0].Nodes)
				require.Equal(t, 6, f.Raft[0].VotingNodes)

				require.Len(t, f.Sets, 2)
				require.Equal(t, "ref", f.Sets[0].Name)
				require.NotEmpty(t, f.Sets[0].Tables)
				require.True(t, f.Sets[0].Insert && f.Sets[0].Update && f.Sets[0].Delete && f.Sets[0].Trunc)
				require.Equal(t, "on", f.Settings["bdr.ddl_replication"])
				require.Empty(t, f.Locks)
				require.Empty(t, f.Pending)
			}
		})

		t.Run(line.name+" as settable", func(t *testing.T) {
			exec(t, `INSERT INTO bdr_standin.peer (node_name, state, target_state, kind) VALUES ('dc1n2', 'PROMOTING', 'ACTIVE', 'data'),
				('dr1n2', 'WOBBLING', 'ACTIVE', 'subscriber-only'), ('gone', 'PARTED', 'PARTED', 'data')`)
			exec(t, `INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_CANDIDATE', '')`)
			exec(t, `INSERT INTO bdr_standin.global_lock (origin_node_name, relation) VALUES ('dc2n1', 'ref.product')`)
			exec(t, `INSERT INTO bdr_standin.catchup (node_name, source_name) VALUES ('dc1n2', 'dc1n1'), ('dr1n1', 'dc1n1')`)
			exec(t, `UPDATE bdr_standin.catchup SET state = 40 WHERE node_name = 'dr1n1'`)
			exec(t, `ALTER DATABASE app SET bdr.ddl_replication = 'off'`)
			exec(t, `INSERT INTO bdr_standin.applied_stat VALUES ('dr1n2_to_dc1n1', 7, 2)`)
			exec(t, `INSERT INTO bdr_standin.conflict (conflict_type, conflict_resolution) VALUES ('update_missing', 'skip'), ('insert_exists', 'apply_remote')`)
			exec(t, `INSERT INTO bdr_standin.log_config VALUES ('all', true, true, NULL, NULL)`)
			exec(t, `SELECT pg_create_logical_replication_slot('bdr_app_bdrgroup_gone', 'pglogical_output')`)
			exec(t, `SELECT pg_create_logical_replication_slot('bdr_app_bdrgroup_dr1n1', 'pglogical_output')`)
			f := read(t)
			peers := map[string]catalog.Peer{}
			for _, p := range f.Peers {
				peers[p.Name] = p
			}
			require.Equal(t, catalog.PhasePromoting, catalog.PhaseOf(peers["dc1n2"].State))
			require.Equal(t, "WOBBLING", peers["dr1n2"].State)
			require.Equal(t, catalog.PhaseUnknown, catalog.PhaseOf(peers["dr1n2"].State))
			require.Equal(t, catalog.PhaseParted, catalog.PhaseOf(peers["gone"].State))
			require.Equal(t, "RAFT_CANDIDATE", f.Raft[0].State)
			require.Empty(t, f.Raft[0].Leader)
			require.Len(t, f.Locks, 1)
			require.Equal(t, "dc2n1", f.Locks[0].Origin)
			require.Equal(t, "ref.product", f.Locks[0].Relation)
			require.Equal(t, line.name == "3.6.4", f.Locks[0].Age == 0, "times of locks came with 3.6.14")
			if line.name != "3.6.4" {
				require.Equal(t, []catalog.Pending{{Kind: "catch-up", Node: "dc1n2", Peer: "dc1n1", State: "30"}}, f.Pending)
			}
			if line.name != "3.6.4" {
				require.Equal(t, []int64{7, 2}, []int64{*f.Subscriptions[4].Errors, *f.Subscriptions[4].Skipped})
				require.Len(t, f.Conflicts, 1)
				require.Equal(t, int64(2), *f.Conflicts[0].Total)
				require.Empty(t, f.Conflicts[0].Subject)
			}
			require.Equal(t, "off", f.Settings["bdr.ddl_replication"])
			require.Contains(t, f.Defaults, catalog.SettingDefault{Database: "app", Name: "bdr.ddl_replication", Value: "off"})
			owned := map[string]catalog.OwnedName{}
			for _, o := range f.OwnedSlots {
				owned[o.Name] = o
			}
			require.NotContains(t, owned, "bdr_app_bdrgroup_gone", "a parted node owns no slot")
			require.Equal(t, catalog.OwnedName{Name: "bdr_app_bdrgroup_dr1n1", Use: catalog.UsePeer, Peer: "dr1n1", From: catalog.FromRule}, owned["bdr_app_bdrgroup_dr1n1"])
			exec(t, `SELECT pg_drop_replication_slot('bdr_app_bdrgroup_gone'), pg_drop_replication_slot('bdr_app_bdrgroup_dr1n1')`)
		})
	}

	// A node that stands for election at the first look, and not at the second.
	t.Run("an election that ends", func(t *testing.T) {
		require.NoError(t, standin.Load(ctx, l, "6"))
		n := l.Node("dr1n1")
		var seen []catalog.Raft
		for range 5 { // in case the machine sleeps over the moment between the looks
			require.NoError(t, n.Exec(ctx, "INSERT INTO bdr_standin.raft (state, leader) VALUES ('RAFT_CANDIDATE', '')"))
			read := make(chan struct{})
			go func() {
				defer close(read)
				seen = catalog.Read(ctx, plan, catalog.Settings{}).Nodes["dr1n1"].Facts.Raft
			}()
			between := func() bool { // or past both
				select {
				case <-read:
					return true
				default:
				}
				v, err := n.Scalar(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgconcord' AND state = 'idle' AND query ILIKE 'commit%'")
				return err == nil && v == "1"
			}
			require.Eventually(t, between, time.Minute, 10*time.Millisecond)
			require.NoError(t, n.Exec(ctx, "DELETE FROM bdr_standin.raft"))
			<-read
			if len(seen) == 1 && seen[0].State == "RAFT_FOLLOWER" {
				break
			}
		}
		require.Len(t, seen, 1)
		require.Equal(t, "RAFT_FOLLOWER", seen[0].State)
		require.Equal(t, "dc1n1", seen[0].Leader)
	})

	t.Run("rights", func(t *testing.T) {
		for _, line := range []struct {
			name    string
			flavour catalog.Flavour
		}{{"3.6.4", catalog.BDR36}, {"3.7", catalog.BDR37}, {"4", catalog.PGD4}, {"5", catalog.PGD5}, {"6", catalog.PGD6}} {
			require.NoError(t, standin.Load(ctx, l, line.name))
			as := func(role string) func(*lab.Node) string {
				return func(n *lab.Node) string {
					return fmt.Sprintf("host=127.0.0.1 port=%d dbname=app user=%s", n.Port, role)
				}
			}
			require.NoError(t, one.Exec(ctx, "DROP ROLE IF EXISTS nobody_special; CREATE ROLE nobody_special LOGIN"))
			sql, err := catalog.Grants(line.flavour, "just_enough")
			require.NoError(t, err)
			require.NoError(t, one.Exec(ctx, sql), sql)

			all := catalog.Read(ctx, planOf((*lab.Node).DSN, one), catalog.Settings{}).Nodes["dc1n1"].Facts
			some := catalog.Read(ctx, planOf(as("just_enough"), one), catalog.Settings{}).Nodes["dc1n1"].Facts
			require.Equal(t, gapParts(all), gapParts(some), line.name+"\n"+details(some.Gaps))
			require.Equal(t, all.Peers, some.Peers)
			require.Equal(t, all.Subscriptions, some.Subscriptions)
			require.Equal(t, all.OwnedSlots, some.OwnedSlots)
			require.Equal(t, all.Raft, some.Raft)
			require.Equal(t, all.Sets, some.Sets)
			require.Equal(t, all.Conflicts, some.Conflicts)
			if line.flavour != catalog.BDR36 { // which keeps no conflicts, and has no role for them
				require.Contains(t, sql, `GRANT bdr_read_all_conflicts TO "just_enough";`)
				require.NoError(t, one.Exec(ctx, "REVOKE bdr_read_all_conflicts FROM just_enough"))
				partly := catalog.Read(ctx, planOf(as("just_enough"), one), catalog.Settings{}).Nodes["dc1n1"].Facts
				require.Equal(t, all.Conflicts, partly.Conflicts, "what it sees is read all the same")
				require.Contains(t, partly.Gap(catalog.PartHistory).Remedy, "GRANT bdr_read_all_conflicts")
			} else {
				require.NotContains(t, sql, "bdr_read_all_conflicts")
			}

			none := catalog.Read(ctx, planOf(as("nobody_special"), one), catalog.Settings{}).Nodes["dc1n1"].Facts
			require.Equal(t, line.flavour, none.Flavour)
			for _, part := range []catalog.Part{catalog.PartNodes, catalog.PartSubscriptions, catalog.PartSets, catalog.PartNames, catalog.PartRaft, catalog.PartLocks, catalog.PartConflicts,
				catalog.PartProgress, catalog.PartPeerProgress} {
				gap := none.Gap(part)
				require.NotNil(t, gap, "%s %s", line.name, part)
				if all.Gap(part) == nil {
					require.Equal(t, "permission denied", gap.Reason, "%s %s: %s", line.name, part, gap.Detail)
					if part == catalog.PartLocks {
						continue // its first gap is that of PostgreSQL's own locks
					}
					require.Contains(t, gap.Remedy, "GRANT bdr_read_all_stats TO \"nobody_special\"", part)
				}
			}
			require.NoError(t, one.Exec(ctx, "DROP OWNED BY just_enough; DROP ROLE just_enough"))
		}
	})

	t.Run("names of PGD 6", func(t *testing.T) {
		require.NoError(t, standin.Load(ctx, l, "6"))
		names, err := one.Rows(ctx, `SELECT x.use, 'bdr_' || x.name || '_' || to_hex(hashtext('app')) || CASE x.use WHEN 'join' THEN '_tmp' ELSE '' END FROM (
			SELECT 'decoder' AS use, 'decoder_' || replace(node_group_uuid::text, '-', '') AS name FROM bdr.node_group
			UNION ALL SELECT 'analytics', 'analytics_' || replace(node_group_uuid::text, '-', '') FROM bdr.node_group
			UNION ALL SELECT 'peer', 'node_' || replace(node_uuid::text, '-', '') FROM bdr.node_summary WHERE node_name = 'dc1n2'
			UNION ALL SELECT 'join', 'node_' || replace(node_uuid::text, '-', '') FROM bdr.node_summary WHERE node_name = 'dr1n2'
			UNION ALL SELECT 'forward', 'node_' || replace(a.node_uuid::text, '-', '') || '_' || to_hex(b.node_id::bigint) FROM bdr.node_summary a, bdr.node_summary b
				WHERE a.node_name = 'dc1n2' AND b.node_name = 'dr1n2') x`)
		require.NoError(t, err)
		require.Len(t, names, 5)
		for _, n := range names {
			require.NoError(t, one.Exec(ctx, `SELECT pg_create_logical_replication_slot($1, 'pglogical_output')`, n[1]))
		}
		f := read(t)
		for _, n := range names {
			found := false
			for _, o := range f.OwnedSlots {
				if o.Name == n[1] {
					found = true
					require.Equal(t, catalog.NameUse(n[0]), o.Use)
					require.Equal(t, catalog.FromRule, o.From)
				}
			}
			require.True(t, found, n[1])
		}
	})

	t.Run("an unknown line gives generic facts and says so", func(t *testing.T) {
		exec(t, `BEGIN; SET LOCAL allow_system_table_mods = on; UPDATE pg_extension SET extversion = '7.0.0' WHERE extname = 'bdr'; COMMIT`)
		f := read(t)
		require.Equal(t, catalog.Unknown, f.Flavour)
		require.NotEmpty(t, f.Slots)
		require.NotNil(t, f.Gap(catalog.PartNodes))
		require.Contains(t, f.Gap(catalog.PartSubscriptions).Detail, "bdr 7.0.0")
	})

	t.Run("told to read it as another flavour", func(t *testing.T) {
		f := catalog.Read(ctx, plan, catalog.Settings{Flavour: catalog.PGLogical}).Nodes["dc1n1"].Facts
		require.Equal(t, catalog.PGLogical, f.Flavour)
		require.Len(t, f.Subscriptions, 5)
		require.Empty(t, f.Gaps, details(f.Gaps))
	})
}
