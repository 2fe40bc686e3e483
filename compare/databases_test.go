package compare_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// Nodes of a plan may be databases of one server: each has slots of its own.
func TestDatabasesOfOneServer(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"wal_level = logical", "track_commit_timestamp = on"}})
	const other = "second"
	first, receiver := nodes[0].DSN(), nodes[1].DSN()
	second := strings.Replace(first, "dbname="+lab.Database, "dbname="+other, 1)
	execIn(t, first, "CREATE DATABASE "+other)
	for _, dsn := range []string{first, receiver} {
		execIn(t, dsn, "CREATE TABLE product (id int PRIMARY KEY, v text); INSERT INTO product SELECT g, 'p' FROM generate_series(1, 100) g")
	}
	for _, dsn := range []string{second, receiver} {
		execIn(t, dsn, "CREATE TABLE price (id int PRIMARY KEY, v int); INSERT INTO price SELECT g, g FROM generate_series(1, 100) g")
	}
	execIn(t, first, "CREATE PUBLICATION ref FOR TABLE product")
	execIn(t, second, "CREATE PUBLICATION ref FOR TABLE price")
	execIn(t, receiver, "UPDATE product SET v = 'stale' WHERE id = 50; UPDATE price SET v = 0 WHERE id = 60")
	follow := func(name, database string) {
		t.Helper()
		execIn(t, receiver, fmt.Sprintf("CREATE SUBSCRIPTION %s CONNECTION 'host=127.0.0.1 port=%d dbname=%s user=postgres' PUBLICATION ref WITH (copy_data = false)", name, nodes[0].Port, database))
		require.Eventually(t, func() bool {
			active, err := nodes[0].Scalar(t.Context(), "SELECT bool_and(active)::text FROM pg_replication_slots")
			return err == nil && active == "true"
		}, time.Minute, 20*time.Millisecond)
	}
	set := func(replicas ...string) schema.DataSet {
		return schema.DataSet{Replicas: replicas, ReplicationSets: []string{"ref"}}
	}
	top := &schema.Topology{Name: "databases", Nodes: map[string]schema.Node{"first": {DSN: first}, "receiver": {DSN: receiver, Kind: schema.KindSubscriberOnly}}, Reference: set("first", "receiver")}

	follow("from_second", other)
	r := run(t, compare.Request{Topology: top, Tables: []string{"product"}})
	require.Equal(t, compare.Counts{Suspect: 1, Unverified: 1}, tableOf(t, r, "product").Counts, "the slot is of another database: %s", summary(r))

	follow("from_first", lab.Database)
	top.Nodes["second"] = schema.Node{DSN: second}
	top.Shards = map[string]schema.DataSet{"prices": set("second", "receiver")}
	execIn(t, first, "UPDATE product SET v = 'new' WHERE id <= 10")
	execIn(t, second, "UPDATE price SET v = v + 1 WHERE id <= 10")
	r = run(t, compare.Request{Topology: top})
	require.Equal(t, []string{"public.price(60) changed ", "public.product(50) changed "}, found(r, compare.Persistent), summary(r))
	require.Equal(t, compare.Different, r.Verdict)
	require.Empty(t, found(r, compare.Unverified), summary(r))
	execIn(t, second, "UPDATE price SET v = -1 WHERE id = 60")
	require.Eventually(t, func() bool {
		n, err := nodes[1].Scalar(t.Context(), "SELECT count(*)::text FROM price WHERE v = -1")
		return err == nil && n == "1"
	}, time.Minute, 20*time.Millisecond)
	execIn(t, receiver, "ALTER SUBSCRIPTION from_first DISABLE")
	execIn(t, first, "UPDATE product SET v = 'newer' WHERE id <= 10")
	r = run(t, compare.Request{Topology: top})
	require.Equal(t, compare.Match, tableOf(t, r, "price").Verdict, summary(r))
	require.Equal(t, compare.Counts{Suspect: 11, Unverified: 11}, tableOf(t, r, "product").Counts, summary(r))
}
