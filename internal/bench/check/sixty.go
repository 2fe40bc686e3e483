package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/internal/bench/plan"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// sixty measures six servers with ten databases each, every one a pglogical
// node of the generated topology that has a subscription to each other: 3540
// edges, each with its slot and its origin, 590 of both on every server. The
// subscriptions are switched off: a live mesh takes an apply worker and a
// walsender for each edge, 7080 processes of some MB, and as many servers as
// nodes run them. So 590 rows of pg_stat_replication a server are not read, and
// the verdict is that of a mesh in which nothing replicates.
func sixty(ctx context.Context, program string, runs int) (over []string, err error) {
	servers, down, err := lab.Servers(ctx, 6, lab.Options{Config: []string{"shared_preload_libraries = 'pglogical'", "max_replication_slots = 700"}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, down()) }()
	topology := string(plan.Topology(60))
	var nodes []member
	for g := range 10 {
		for i, s := range servers {
			m := member{fmt.Sprintf("n%dx%d", g, i+1), s, fmt.Sprintf("app%d", g), fmt.Sprintf("s%dx%d", g, []int{1, 1, 2, 2, 1, 2}[i])}
			nodes = append(nodes, m)
			topology = strings.ReplaceAll(topology, fmt.Sprintf("host=%s.example port=5432 dbname=app user=pgconcord sslmode=verify-full", m.name), m.dsn(lab.Reader))
		}
	}
	topology = regexp.MustCompile(`(?m)^versions:.*\n`).ReplaceAllString(topology, "")
	for _, m := range nodes { // before any connects to one
		if err := m.server.Exec(ctx, "CREATE DATABASE "+m.database); err != nil {
			return nil, err
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(len(servers))
	for _, m := range nodes {
		g.Go(func() error { return m.create(gctx, nodes) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, s := range servers { // a slot waits for the transactions that run on its server
		g.Go(func() error {
			for _, m := range nodes {
				if m.server == s {
					if err := m.createSlots(ctx, nodes); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c := &check{program: program, plan: topology, nodes: servers, want: 1}
	return c.measure(ctx, "sixty nodes: six servers with ten databases each, 3540 subscriptions with slot and origin", max(1, runs/2), sixtyLimit)
}

// member is one of the sixty nodes.
type member struct {
	name     string
	server   *lab.Node
	database string
	shard    string
}

func (m member) dsn(user string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s sslmode=disable", m.server.Port, m.database, user)
}

// create makes tables, the pglogical node, its sets, and its subscriptions
// to all others.
func (m member) create(ctx context.Context, all []member) error {
	var sql strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&sql, format+";\n", a...) }
	p("CREATE EXTENSION pglogical")
	p("SELECT pglogical.create_node('%s', '%s')", m.name, m.dsn(lab.Superuser))
	for _, set := range []string{"ref", m.shard} {
		p("CREATE SCHEMA %s", set)
		for t := range 5 {
			p("CREATE TABLE %s.t%d (id bigint PRIMARY KEY, name text NOT NULL, price numeric(12, 2), at timestamptz)", set, t)
			p("INSERT INTO %s.t%d SELECT g, 'row ' || g, g, now() FROM generate_series(1, 100) g", set, t)
		}
		p("SELECT pglogical.create_replication_set('%s')", set)
		p("SELECT pglogical.replication_set_add_all_tables('%[1]s', '{%[1]s}')", set)
	}
	p("CREATE TEMP TABLE peer (n int, name text, dsn text, sets text[])")
	for i, peer := range all {
		if peer.name == m.name {
			continue
		}
		sets := "{ref}"
		if peer.shard == m.shard {
			sets = "{ref," + m.shard + "}"
		}
		p("INSERT INTO peer VALUES (%d, '%s', '%s', '%s')", 1000+i, peer.name, peer.dsn(lab.Superuser), sets)
	}
	p("INSERT INTO pglogical.node (node_id, node_name) SELECT n, name FROM peer")
	p("INSERT INTO pglogical.node_interface (if_id, if_name, if_nodeid, if_dsn) SELECT n + 1000, name, n, dsn FROM peer")
	p(`INSERT INTO pglogical.subscription (sub_id, sub_name, sub_origin, sub_target, sub_origin_if, sub_target_if, sub_enabled, sub_slot_name, sub_replication_sets,
		sub_forward_origins, sub_apply_delay, sub_force_text_transfer)
		SELECT n + 2000, name || '_to_%[1]s', n, node_id, n + 1000, node_local_interface, false, 'pgl_' || name || '_to_%[1]s', sets, '{}', '0', false FROM peer, pglogical.local_node`,
		m.name)
	p("SELECT pg_replication_origin_create(sub_slot_name) FROM pglogical.subscription")
	p("GRANT USAGE ON SCHEMA pglogical TO %s", lab.Reader)
	p("GRANT SELECT ON ALL TABLES IN SCHEMA pglogical TO %s", lab.Reader)
	p("GRANT SELECT ON pg_replication_origin_status TO %s", lab.Reader)
	p("GRANT EXECUTE ON FUNCTION pg_show_replication_origin_status() TO %s", lab.Reader)
	p("ANALYZE")
	return m.exec(ctx, sql.String())
}

// createSlots makes those of all that subscribe to it, one transaction each.
func (m member) createSlots(ctx context.Context, all []member) error {
	var statements []string
	for _, peer := range all {
		if peer.name != m.name {
			statements = append(statements, fmt.Sprintf("SELECT pg_create_logical_replication_slot('pgl_%s_to_%s', 'pglogical_output')", m.name, peer.name))
		}
	}
	return m.exec(ctx, statements...)
}

func (m member) exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, m.dsn(lab.Superuser))
	if err != nil {
		return fmt.Errorf("node %s: %w", m.name, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("node %s: %w", m.name, err)
		}
	}
	return nil
}
