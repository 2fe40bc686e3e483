package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/majors"
)

// until waits for a query on a node to give a value.
func until(ctx context.Context, t *testing.T, n *lab.Node, query, want string) {
	t.Helper()
	var got string
	require.Eventually(t, func() bool {
		var err error
		got, err = n.Scalar(ctx, query)
		return err == nil && got == want
	}, time.Minute, 50*time.Millisecond, "%s: %s: want %s", n.Name, query, want)
}

// nativeMesh makes two servers of a major publish one table to each other. One
// direction after the other: each CREATE SUBSCRIPTION holds a transaction that
// the slot of the other would wait for, for ever.
func nativeMesh(ctx context.Context, t *testing.T, major int) (a, b *lab.Node) {
	nodes, down, err := lab.Servers(ctx, 2, lab.Options{PGBin: majors.Need(t, major)})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, down()) })
	for _, n := range nodes {
		require.NoError(t, n.Exec(ctx, `CREATE TABLE product (id int PRIMARY KEY, name text, price numeric);
			CREATE PUBLICATION ref FOR TABLE product`))
	}
	origin := ""
	if major >= 16 {
		origin = ", origin = none"
	}
	for i, n := range nodes {
		if i == 1 && major < 16 {
			break // without it a change would run in circles
		}
		other := nodes[1-i]
		require.NoError(t, n.Exec(ctx, fmt.Sprintf(`CREATE SUBSCRIPTION %s_to_%s CONNECTION 'host=127.0.0.1 port=%d dbname=app user=postgres' PUBLICATION ref WITH (copy_data = false%s)`,
			other.Name, n.Name, other.Port, origin)))
		until(ctx, t, other, "SELECT bool_and(active)::text FROM pg_replication_slots", "true")
	}
	return nodes[0], nodes[1]
}

func TestNative(t *testing.T) {
	for major := 14; major <= 18; major++ {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
			defer cancel()
			a, b := nativeMesh(ctx, t, major)
			running := "SELECT (count(*) = 1)::text FROM pg_stat_subscription WHERE pid IS NOT NULL AND relid IS NULL"
			until(ctx, t, a, running, "true")
			plan := planOf((*lab.Node).DSN, a, b)

			f := catalog.Read(ctx, plan, catalog.Settings{}).Nodes[a.Name].Facts
			require.NotNil(t, f)
			require.Equal(t, catalog.Native, f.Flavour)
			require.Equal(t, a.Name, f.LocalName)
			require.Empty(t, f.Gaps, details(f.Gaps))
			if major < 18 {
				require.Empty(t, f.Conflicts)
			} else {
				require.Len(t, f.Conflicts, 1)
				require.True(t, f.Conflicts[0].Counted && f.Conflicts[0].ToLog)
				require.Zero(t, *f.Conflicts[0].Total)
			}
			require.Len(t, f.Subscriptions, 1)
			s := f.Subscriptions[0]
			require.Equal(t, b.Name, s.Provider)
			require.Equal(t, b.Address(), s.Address)
			require.Equal(t, b.Name+"_to_"+a.Name, s.Slot)
			require.Equal(t, catalog.StateReplicating, s.State, s.RawState)
			require.Equal(t, []string{"ref"}, s.Sets)
			require.Regexp(t, "^pg_[0-9]+$", s.Origin)
			if major >= 16 {
				require.Empty(t, s.ForwardOrigins)
			} else {
				require.Equal(t, []string{"all"}, s.ForwardOrigins)
			}
			require.Equal(t, []catalog.Set{{Name: "ref", Insert: true, Update: true, Delete: true, Trunc: true,
				Tables: []catalog.SetTable{{Schema: "public", Name: "product"}}}}, f.Sets)

			// The role of the tool cannot see connection strings: the slot tells the provider.
			reader := catalog.Read(ctx, planOf((*lab.Node).ReaderDSN, a, b), catalog.Settings{}).Nodes[a.Name].Facts
			require.NotNil(t, reader)
			require.Equal(t, gapParts(f), gapParts(reader), details(reader.Gaps))
			require.Equal(t, b.Name, reader.Subscriptions[0].Provider)
			require.Equal(t, catalog.StateReplicating, reader.Subscriptions[0].State)

			require.Empty(t, reader.Subscriptions[0].Address)

			// With the rights that are printed it sees what a superuser sees.
			sql, err := catalog.Grants(catalog.Native, "auditor")
			require.NoError(t, err)
			for _, n := range []*lab.Node{a, b} {
				require.NoError(t, n.Exec(ctx, sql), sql)
			}
			auditor := catalog.Read(ctx, planOf(func(n *lab.Node) string {
				return fmt.Sprintf("host=127.0.0.1 port=%d dbname=app user=auditor", n.Port)
			}, a, b), catalog.Settings{}).Nodes[a.Name].Facts
			require.NotNil(t, auditor)
			require.Equal(t, gapParts(f), gapParts(auditor), details(auditor.Gaps))
			require.Equal(t, f.Subscriptions, auditor.Subscriptions)
			require.Equal(t, f.Sets, auditor.Sets)

			if major >= 15 {
				require.NoError(t, b.Exec(ctx, "ALTER PUBLICATION ref SET TABLE product (id, name) WHERE (id > 0)"))
				f = catalog.Read(ctx, plan, catalog.Settings{}).Nodes[b.Name].Facts
				require.Equal(t, []catalog.SetTable{{Schema: "public", Name: "product", Columns: []string{"id", "name"}, RowFilter: true, Filter: "(id > 0)"}}, f.Sets[0].Tables)
				// All of the schema is sent whole, whatever the filter of one of its tables.
				require.NoError(t, b.Exec(ctx, "ALTER PUBLICATION ref SET TABLE product WHERE (id > 0), TABLES IN SCHEMA public"))
				f = catalog.Read(ctx, plan, catalog.Settings{}).Nodes[b.Name].Facts
				require.Equal(t, []catalog.SetTable{{Schema: "public", Name: "product"}}, f.Sets[0].Tables)
				require.NoError(t, b.Exec(ctx, "ALTER PUBLICATION ref SET TABLE product"))

				// A row that cannot be applied: the worker dies again and again.
				require.NoError(t, a.Exec(ctx, "ALTER TABLE product ADD CHECK (price IS NULL OR price < 100)"))
				require.NoError(t, b.Exec(ctx, "INSERT INTO product VALUES (1, 'dear', 1000)"))
				until(ctx, t, a, "SELECT (apply_error_count > 0)::text FROM pg_stat_subscription_stats", "true")
				f = catalog.Read(ctx, plan, catalog.Settings{}).Nodes[a.Name].Facts
				require.Positive(t, *f.Subscriptions[0].Errors)
			}

			require.NoError(t, a.Exec(ctx, fmt.Sprintf("ALTER SUBSCRIPTION %s_to_%s DISABLE", b.Name, a.Name)))
			f = catalog.Read(ctx, plan, catalog.Settings{}).Nodes[a.Name].Facts
			require.Equal(t, catalog.StateDisabled, f.Subscriptions[0].State)

			// A slot of a first copy is PostgreSQL's own; another is not.
			require.NoError(t, a.Exec(ctx, "SELECT pg_create_logical_replication_slot('pg_16400_sync_16390_7654321', 'pgoutput'), pg_create_logical_replication_slot('cdc', 'pgoutput')"))
			f = catalog.Read(ctx, plan, catalog.Settings{}).Nodes[a.Name].Facts
			require.Equal(t, []catalog.OwnedName{{Name: "pg_16400_sync_16390_7654321", Use: catalog.UseJoin, From: catalog.FromRule}}, f.OwnedSlots)
		})
	}
}

// TestGenericFactsOfEachMajor reads a server where nothing replicates, as an
// administrator and as the tool's own role.
func TestGenericFactsOfEachMajor(t *testing.T) {
	for major := 11; major <= 18; major++ {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			nodes, down, err := lab.Servers(ctx, 1, lab.Options{PGBin: majors.Need(t, major)})
			lab.Need(t, err)
			t.Cleanup(func() { require.NoError(t, down()) })
			n := nodes[0]
			require.NoError(t, n.Exec(ctx, `CREATE TABLE product (id serial PRIMARY KEY, name text);
				INSERT INTO product (name) VALUES ('a'), ('b');
				CREATE ROLE app_user LOGIN; ALTER ROLE app_user SET session_replication_role = 'replica'`))
			require.NoError(t, n.Exec(ctx, "SELECT pg_create_logical_replication_slot('cdc', 'test_decoding')"))

			for _, dsn := range []func(*lab.Node) string{(*lab.Node).DSN, (*lab.Node).ReaderDSN} {
				node := catalog.Read(ctx, planOf(dsn, n), catalog.Settings{}).Nodes[n.Name]
				require.Nil(t, node.Failure)
				f := node.Facts
				require.Equal(t, catalog.Unknown, f.Flavour)
				if major < 14 { // which commit came from where is not to be had from SQL
					require.Equal(t, []catalog.Part{catalog.PartCommits}, gapParts(f), details(f.Gaps))
				} else {
					require.Empty(t, f.Gaps, details(f.Gaps))
				}
				require.Equal(t, major, f.Server.VersionNum/10000)
				require.NotEmpty(t, f.Server.SystemID)
				require.NotZero(t, f.Server.WALFlush)
				require.Equal(t, "logical", f.Settings["wal_level"])
				require.Equal(t, "on", f.Settings["track_commit_timestamp"])
				require.Len(t, f.Slots, 1)
				require.NotZero(t, f.Slots[0].RestartLSN)
				require.Len(t, f.Tables, 1)
				require.Len(t, f.Sequences, 1)
				require.Equal(t, []catalog.SettingDefault{{Role: "app_user", Name: "session_replication_role", Value: "replica"}}, f.Defaults)
				require.Positive(t, f.WALBytes)
			}
		})
	}
}
