package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// bare is one server without any replication, of whatever major is found first.
func bare(t *testing.T, config ...string) *lab.Node {
	t.Helper()
	nodes, down, err := lab.Servers(t.Context(), 1, lab.Options{Config: config})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, down()) })
	return nodes[0]
}

func exec(t *testing.T, n *lab.Node, sql string) {
	t.Helper()
	require.NoError(t, n.Exec(context.Background(), sql), sql)
}

func planOf(dsns map[string]string) *schema.Topology {
	p := &schema.Topology{Nodes: map[string]schema.Node{}}
	for name, dsn := range dsns {
		p.Nodes[name] = schema.Node{DSN: dsn, Kind: schema.KindData}
	}
	return p
}

// find returns the first of some things that a condition holds for.
func find[T any](t *testing.T, list []T, is func(T) bool) T {
	t.Helper()
	for _, x := range list {
		if is(x) {
			return x
		}
	}
	require.Fail(t, "not there", "%+v", list)
	panic("unreachable")
}

func TestGenericFacts(t *testing.T) {
	n := bare(t, "max_prepared_transactions = 5", "track_commit_timestamp = on", "wal_level = logical")
	exec(t, n, `CREATE SCHEMA "Odd Name"`)
	exec(t, n, `CREATE TABLE "Odd Name"."T.1" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "a ""b" text COLLATE "C" NOT NULL DEFAULT 'x', n numeric(10,2) UNIQUE, CHECK (n > 0))`)
	exec(t, n, `CREATE TABLE public.nokey (a int)`)
	exec(t, n, `CREATE TABLE public.full_identity (a int); ALTER TABLE public.full_identity REPLICA IDENTITY FULL`)
	exec(t, n, `CREATE UNLOGGED TABLE public.unlogged (id serial PRIMARY KEY)`)
	exec(t, n, `CREATE TABLE public.parts (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE public.part1 PARTITION OF public.parts FOR VALUES FROM (0) TO (10)`)
	exec(t, n, `CREATE TABLE public.secured (id int PRIMARY KEY); ALTER TABLE public.secured ENABLE ROW LEVEL SECURITY; GRANT SELECT ON public.secured TO pgconcord`)
	exec(t, n, `CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER always BEFORE INSERT ON public.nokey FOR EACH ROW EXECUTE FUNCTION public.f();
		ALTER TABLE public.nokey ENABLE ALWAYS TRIGGER always`)
	exec(t, n, `CREATE TABLE public.deferred (id int PRIMARY KEY DEFERRABLE); CREATE SEQUENCE public.turns INCREMENT 10; ALTER SEQUENCE public.turns RESTART WITH 3`)
	exec(t, n, `CREATE TYPE public.mood AS ENUM ('good'); CREATE ROLE app LOGIN PASSWORD 'c4n4ry-secret'; CREATE ROLE boss; GRANT boss TO app`)
	exec(t, n, `SELECT nextval('public.unlogged_id_seq')`)
	exec(t, n, `BEGIN; INSERT INTO public.nokey VALUES (1); LOCK TABLE public.deferred IN EXCLUSIVE MODE; PREPARE TRANSACTION 'forgotten'`)
	exec(t, n, `SELECT pg_replication_origin_create(name) FROM unnest('{pgl_app_n1_s, pgl_template1_n1_s, other_4711, pgl_elsewhere_n1_s}'::text[]) name`)
	locker, err := n.Connect(t.Context())
	require.NoError(t, err)
	defer func() { _ = locker.Close(context.Background()) }()
	_, err = locker.Exec(t.Context(), "BEGIN; LOCK TABLE public.full_identity")
	require.NoError(t, err)

	plan := planOf(map[string]string{"n": n.DSN(), "r": n.ReaderDSN()})
	plan.Joins = map[string]schema.Join{"j": {DSN: n.DSN()}}
	c := Read(t.Context(), plan, Settings{Joiner: "j"})
	f := c.Nodes["n"].Facts
	require.NotNil(t, f, "%+v", c.Nodes["n"].Failure)
	require.Empty(t, f.Gaps)
	require.Equal(t, Unknown, f.Flavour)
	require.NotEmpty(t, f.Server.SystemID)
	require.NotZero(t, f.Server.WALFlush)
	require.Equal(t, "UTF8", f.Server.Encoding)
	require.Equal(t, "logical", f.Settings["wal_level"])
	require.Equal(t, "postgres", f.Server.User)
	require.WithinDuration(t, time.Now(), f.ServerNow, time.Minute)

	table := func(name string) Table { return find(t, f.Tables, func(x Table) bool { return x.String() == name }) }
	odd := table("Odd Name.T.1")
	require.Equal(t, IdentityKey, odd.Identity)
	require.True(t, odd.PrimaryKey)
	require.Equal(t, []Column{{Name: "id", Type: "bigint", NotNull: true, Identity: true}, {Name: `a "b`, Type: "text", NotNull: true, Default: "'x'::text", Collation: "C"}, {Name: "n", Type: "numeric(10,2)"}}, odd.Columns)
	require.Len(t, odd.Indexes, 2)
	require.Len(t, odd.Constraints, 3)
	require.Equal(t, IdentityNone, table("public.nokey").Identity)
	require.Equal(t, []string{"always"}, table("public.nokey").AlwaysTriggers)
	require.Equal(t, IdentityFull, table("public.full_identity").Identity)
	require.True(t, table("public.unlogged").Unlogged)
	require.True(t, table("public.parts").Partitioned)
	require.Equal(t, "public.parts", table("public.part1").Parent)
	require.True(t, table("public.secured").RowSecurity)
	require.False(t, table("public.secured").RowsHidden, "not from a superuser")

	seq := find(t, f.Sequences, func(s Sequence) bool { return s.String() == "Odd Name.T.1_id_seq" })
	require.Equal(t, []string{"Odd Name.T.1.id"}, seq.UsedBy)
	require.Nil(t, seq.Last)
	seq = find(t, f.Sequences, func(s Sequence) bool { return s.String() == "public.unlogged_id_seq" })
	require.Equal(t, int64(1), *seq.Last)
	require.Equal(t, []string{"public.unlogged.id"}, seq.UsedBy)

	require.Equal(t, int64(3), *find(t, f.Sequences, func(s Sequence) bool { return s.String() == "public.turns" }).First)
	require.True(t, table("public.deferred").PrimaryKey)
	require.Equal(t, IdentityNone, table("public.deferred").Identity, "PostgreSQL takes no deferrable key for it")
	require.Equal(t, []Origin{{Name: "other_4711"}, {Name: "pgl_app_n1_s"}, {Name: "pgl_elsewhere_n1_s"}, {Name: "pgl_template1_n1_s", Elsewhere: true}}, f.Origins)

	require.Equal(t, "forgotten", f.Prepared[0].GID)
	require.Equal(t, Lock{Relation: "public.deferred", Mode: "ExclusiveLock", Granted: true}, find(t, f.Locks, func(l Lock) bool { return l.Relation == "public.deferred" }), "of no process")
	lock := find(t, f.Locks, func(l Lock) bool { return l.Relation == "public.full_identity" })
	require.Equal(t, "AccessExclusiveLock", lock.Mode)
	require.True(t, lock.Granted)
	require.Equal(t, []string{"boss"}, find(t, f.Roles, func(r Role) bool { return r.Name == "app" }).MemberOf)

	reader := c.Nodes["r"].Facts
	require.Empty(t, reader.Gaps, "the least-privilege role reads all generic facts")
	require.True(t, find(t, reader.Tables, func(x Table) bool { return x.String() == "public.secured" }).RowsHidden)

	var kinds []string
	for _, o := range c.Nodes["j"].Facts.Objects {
		kinds = append(kinds, o.Kind+" "+o.Name)
	}
	for _, want := range []string{"table public.nokey", "partitioned table public.parts", "sequence public.unlogged_id_seq", "type public.mood", "function public.f()", "schema Odd Name"} {
		require.Contains(t, kinds, want)
	}
	require.Len(t, kinds, 14, "%v", kinds)
	require.Nil(t, f.Objects, "read of joiners alone")

	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.NotContains(t, string(text), "c4n4ry")
	require.NotContains(t, string(text), "SCRAM-SHA")
}

func TestEmptyDatabaseHasNoObjects(t *testing.T) {
	n := bare(t)
	exec(t, n, "CREATE EXTENSION IF NOT EXISTS plpgsql")
	plan := planOf(nil)
	plan.Joins = map[string]schema.Join{"j": {DSN: n.DSN()}}
	f := Read(t.Context(), plan, Settings{Joiner: "j"}).Nodes["j"].Facts
	require.Empty(t, f.Gaps)
	require.Empty(t, f.Objects)
}

// A part that fails is a gap with its remedy; the parts behind it are read all
// the same.
func TestGapsNameTheMissingGrant(t *testing.T) {
	n := bare(t, "wal_level = logical", "track_commit_timestamp = off")
	exec(t, n, "CREATE ROLE nothing LOGIN")
	dsn := strings.Replace(n.ReaderDSN(), "user=pgconcord", "user=nothing", 1)
	f := Read(t.Context(), planOf(map[string]string{"n": dsn}), Settings{}).Nodes["n"].Facts
	gaps := map[Part]Failure{}
	for _, g := range f.Gaps {
		gaps[g.Part] = g
	}
	for _, p := range []Part{PartSenders, PartOrigins, PartWAL, PartArchiver, PartLocks, PartSettings, PartWorkers} {
		require.Equal(t, string(cluster.Denied), gaps[p].Reason, p)
		require.Regexp(t, `^GRANT .* TO "nothing";$`, gaps[p].Remedy, p)
	}
	require.Equal(t, "track_commit_timestamp is off", gaps[PartCommits].Detail)
	require.NotEmpty(t, gaps[PartCommits].Remedy)
	require.Len(t, f.Gaps, 8, "%+v", f.Gaps)
	require.NotEmpty(t, f.Settings["wal_level"])
	require.NotEmpty(t, f.Roles)
}

// Rows of data that the plan keeps elsewhere are looked for in the tables that
// the sets of its replicas name.
func TestForeignRows(t *testing.T) {
	n := bare(t)
	exec(t, n, `CREATE SCHEMA shard; CREATE TABLE shard.empty (id int); CREATE TABLE shard.emptied (id int); CREATE TABLE shard.full (id int); CREATE TABLE shard.both (id int);
		INSERT INTO shard.full VALUES (1); INSERT INTO shard.both VALUES (1); INSERT INTO shard.emptied VALUES (1); DELETE FROM shard.emptied`)
	exec(t, n, `CREATE ROLE nothing LOGIN; REVOKE ALL ON ALL TABLES IN SCHEMA shard FROM pgconcord`)
	plan := planOf(map[string]string{"here": n.DSN(), "there": n.DSN()})
	plan.Shards = map[string]schema.DataSet{"far": {Replicas: []string{"there"}, ReplicationSets: []string{"s"}}, "near": {Replicas: []string{"here"}, ReplicationSets: []string{"t"}}}
	set := func(name string, tables ...string) Set {
		s := Set{Name: name}
		for _, t := range tables {
			s.Tables = append(s.Tables, SetTable{Schema: "shard", Name: t})
		}
		return s
	}
	look := func(dsn string) map[string]string {
		session, err := cluster.Open(t.Context(), "here", dsn, cluster.Settings{})
		require.NoError(t, err)
		defer session.Close()
		here := Read(t.Context(), planOf(map[string]string{"here": dsn}), Settings{}).Nodes["here"].Facts
		here.Sets = []Set{set("t", "both")}
		r := &round{plan: plan, left: 1, all: make(chan struct{}), facts: map[string]*Facts{
			"there": {Sets: []Set{set("s", "empty", "emptied", "full", "both", "absent"), set("other", "full")}},
		}}
		r.arrive("here", here)
		require.NoError(t, r.foreign(t.Context(), session, "here", here))
		out := map[string]string{}
		for _, f := range here.ForeignData {
			out[f.Name] = f.Reason
			if f.HasRows != nil {
				out[f.Name] = fmt.Sprint(*f.HasRows)
			}
		}
		return out
	}
	require.Equal(t, map[string]string{"empty": "false", "emptied": "false", "full": "true"}, look(n.DSN()))
	plain := look(strings.Replace(n.ReaderDSN(), "user=pgconcord", "user=nothing", 1))
	require.Equal(t, "false", plain["empty"], "an empty file needs no right to be seen")
	require.Contains(t, plain["full"], "may not read it")
	require.Contains(t, plain["emptied"], "may not read it")
}

// Connection strings of the catalog are reduced to addresses at once.
func TestCatalogStringsAreReduced(t *testing.T) {
	row, err := json.Marshal([]map[string]any{{"name": "n", "provider": "n", "id": "1", "dsn": "postgresql://u:c4n4ry@h:6000/d?sslpassword=c4n4ry", "status": "replicating", "local": true}})
	require.NoError(t, err)
	f := &Facts{}
	require.NoError(t, pglogicalNodes.fill(f, row))
	require.NoError(t, pglogicalSubscriptions.fill(f, row))
	text, err := json.Marshal(f)
	require.NoError(t, err)
	require.NotContains(t, string(text), "c4n4ry")
	require.Contains(t, string(text), "h:6000/d")
}

// Extensions tell before PostgreSQL 14 what it tells itself from then on.
func TestCommitsThroughExtensions(t *testing.T) {
	l, err := lab.Up(t.Context(), lab.Options{})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, l.Down()) })
	read := func(p *probe) []Commit {
		session, err := cluster.Open(t.Context(), "n", l.Node("dc1n1").DSN(), cluster.Settings{})
		require.NoError(t, err)
		defer session.Close()
		f := &Facts{ServerNow: time.Now()}
		p.CommitTimestamps = true
		require.NoError(t, session.Read(t.Context(), "read", func(ctx context.Context, _ pgx.Tx) error { return run(ctx, session, p, []query{commitsQuery(p)}, f) }))
		require.Empty(t, f.Gaps)
		return f.Commits
	}
	own := read(&probe{VersionNum: 150000, Functions: []string{"pg_catalog.pg_xact_commit_timestamp_origin"}})
	require.Greater(t, len(own), 1, "seed rows came from several nodes")
	through := read(&probe{VersionNum: 110000, Functions: []string{"pglogical.xact_commit_timestamp_origin"}})
	for i := range own {
		require.Equal(t, own[i].Origin, through[i].Origin)
		require.Equal(t, own[i].Times[len(own[i].Times)-1], through[i].Times[len(through[i].Times)-1])
	}
}
