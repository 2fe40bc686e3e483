-- A STAND-IN for the bdr schema of Postgres-BDR and PGD, over a real pglogical 2 mesh: see README.md.
-- Nodes, groups and consensus, with every column that any version line has.

CREATE VIEW bdr_standin.groups AS
    SELECT group_name, hashtext('group ' || group_name)::bit(32)::bigint::oid AS group_id, 0::oid AS parent_id, NULL::name AS parent_name,
           'global'::text AS group_type, NULL::text AS location
      FROM bdr_standin.setup
    UNION ALL
    SELECT g.group_name, hashtext('group ' || g.group_name)::bit(32)::bigint::oid, hashtext('group ' || s.group_name)::bit(32)::bigint::oid, s.group_name,
           g.group_type, g.location
      FROM bdr_standin.subgroup g CROSS JOIN bdr_standin.setup s;

CREATE VIEW bdr_standin.nodes AS
    SELECT coalesce(n.node_id, hashtext('node ' || p.node_name)::bit(32)::bigint::oid) AS node_id,
           coalesce(n.node_name, p.node_name) AS node_name,
           CASE WHEN l.node_id IS NULL OR s.in_group THEN coalesce(p.group_name, s.group_name) END AS group_name,
           CASE WHEN l.node_id IS NULL OR s.in_group THEN coalesce(p.state, 'ACTIVE') ELSE 'CREATED' END AS state,
           CASE WHEN l.node_id IS NULL OR s.in_group THEN coalesce(p.target_state, p.state, 'ACTIVE') ELSE 'CREATED' END AS target_state,
           coalesce(p.kind, 'data') AS kind,
           coalesce(p.join_finished, true) AS join_finished,
           p.sets,
           (row_number() OVER (ORDER BY coalesce(n.node_name, p.node_name)))::int AS seq_id,
           current_database() AS dbname,
           bdr_standin.uuid_of('node', coalesce(n.node_name, p.node_name)) AS node_uuid,
           l.node_id IS NOT NULL AS is_local
      FROM pglogical.node n
      FULL JOIN bdr_standin.peer p ON p.node_name = n.node_name
      LEFT JOIN pglogical.local_node l ON l.node_id = n.node_id
     CROSS JOIN bdr_standin.setup s
     WHERE s.in_group OR l.node_id IS NOT NULL;

-- The sets that the local node publishes and takes: what its subscriptions name, and of those what it offers itself.
CREATE VIEW bdr_standin.local_sets AS
    SELECT coalesce((SELECT sets FROM bdr_standin.nodes WHERE is_local),
                    (SELECT array_agg(DISTINCT s ORDER BY s) FROM pglogical.subscription, unnest(sub_replication_sets) s), '{}') AS sets;

-- One row per interface, as before 3.6.25; the lines from 3.7 keep that of the node's own name.
CREATE VIEW bdr_standin.summary AS
    SELECT n.node_name, n.group_name AS node_group_name, coalesce(i.if_name, n.node_name) AS interface_name,
           coalesce(i.if_dsn, 'host=' || n.node_name || ' dbname=' || n.dbname) AS interface_connstr,
           n.state AS peer_state_name, n.target_state AS peer_target_state_name, n.seq_id AS node_seq_id, n.dbname::name AS node_local_dbname,
           CASE WHEN n.is_local THEN ls.sets END AS pub_repsets, CASE WHEN n.is_local THEN ls.sets END AS sub_repsets,
           n.group_name AS default_repset_name, 'INSERT,UPDATE,DELETE,TRUNCATE'::text AS set_repl_ops,
           n.node_id, g.group_id AS node_group_id, i.if_id, n.kind AS node_kind_name, n.node_uuid, n.is_local
      FROM bdr_standin.nodes n
      LEFT JOIN bdr_standin.groups g USING (group_name)
      LEFT JOIN pglogical.node_interface i ON i.if_nodeid = n.node_id
     CROSS JOIN bdr_standin.local_sets ls;

CREATE VIEW bdr_standin.node AS
    SELECT n.node_id, n.node_name, g.group_id AS node_group_id, 0::oid AS source_node_id, 'a'::"char" AS synchronize_structure,
           bdr_standin.state_id(n.state) AS node_state, bdr_standin.state_id(n.target_state) AS target_state, n.seq_id, n.dbname::name AS dbname,
           19::int AS proto_version_max, '{19,19}'::int[] AS proto_version_ranges, 0::int2 AS reserved,
           coalesce((SELECT if_dsn FROM pglogical.node_interface i WHERE i.if_nodeid = n.node_id AND i.if_name = n.node_name), '') AS node_dsn,
           1::smallint AS generation, bdr_standin.kind_id(n.kind) AS node_kind, n.join_finished AS node_join_finished, n.node_uuid
      FROM bdr_standin.nodes n LEFT JOIN bdr_standin.groups g USING (group_name);

CREATE VIEW bdr_standin.node_group AS
    SELECT group_id AS node_group_id, group_name AS node_group_name,
           group_id AS node_group_default_repset, 0::oid AS node_group_default_repset_ext, parent_id AS node_group_parent_id, 0 AS node_group_flags,
           bdr_standin.uuid_of('group', group_name) AS node_group_uuid, interval '0' AS node_group_apply_delay, true AS node_group_check_constraints,
           -1 AS node_group_num_writers, false AS node_group_enable_wal_decoder, 'A'::"char" AS node_group_streaming_mode,
           0::oid AS node_group_default_commit_scope, location AS node_group_location, false AS node_group_enable_routing, true AS node_group_enable_raft,
           group_type, parent_name
      FROM bdr_standin.groups;

CREATE VIEW bdr_standin.voters AS
    SELECT node_id, node_name FROM bdr_standin.nodes
     WHERE state NOT IN ('NONE', 'CREATED', 'JOIN_START', 'JOINING', 'PARTED') AND kind IN ('data', 'witness');

-- Consensus of the top group as this node has it.
CREATE VIEW bdr_standin.consensus AS
    SELECT g.group_id, g.group_name, n.node_id, n.node_name,
           coalesce(r.state, CASE WHEN n.node_name = l.leader THEN 'RAFT_LEADER' ELSE 'RAFT_FOLLOWER' END) AS state,
           l.leader AS leader_name, coalesce((SELECT node_id FROM bdr_standin.nodes WHERE node_name = l.leader), 0::oid) AS leader_id,
           EXISTS (SELECT FROM bdr_standin.voters v WHERE v.node_id = n.node_id) AS voting,
           coalesce(r.term, 2) AS term, coalesce(r.commit_index, 1000) AS commit_index,
           (SELECT count(*)::int FROM bdr_standin.nodes WHERE state <> 'PARTED') AS nodes,
           (SELECT count(*)::int FROM bdr_standin.voters) AS voting_nodes,
           CASE WHEN s.version_num < 30620 THEN 10 WHEN s.version_num < 40000 THEN 3000 + s.version_num % 10000 / 100 ELSE s.version_num / 10000 * 1000 END AS protocol_version,
           r.error
      FROM bdr_standin.setup s
      JOIN bdr_standin.groups g ON g.parent_id = 0
      JOIN bdr_standin.nodes n ON n.is_local
      LEFT JOIN bdr_standin.raft r ON true
     CROSS JOIN LATERAL (SELECT coalesce(r.leader, (SELECT min(node_name::text) FROM bdr_standin.voters), '') AS leader) l
     WHERE s.in_group;

-- The shape of get_raft_status(); ids are text in it.
CREATE FUNCTION bdr_standin.raft_status() RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE c record;
BEGIN
    SELECT * INTO c FROM bdr_standin.consensus;
    IF c.error IS NOT NULL THEN RAISE EXCEPTION '%', c.error; END IF;
    IF c.node_id IS NULL THEN RETURN NULL; END IF;
    RETURN json_build_object('instance_id', c.group_id::text, 'server_id', c.node_id::text, 'state', c.state,
        'leader_type', 'NODE', 'leader', c.leader_id::text, 'voting', c.voting, 'voted_for_type', 'NODE', 'voted_for_id', c.leader_id::text,
        'current_term', c.term, 'commit_index', c.commit_index, 'nodes', c.nodes, 'voting_nodes', c.voting_nodes, 'protocol_version', c.protocol_version);
END
$$;

CREATE VIEW bdr_standin.global_locks AS
    SELECT n.node_id AS origin_node_id, l.* FROM bdr_standin.global_lock l LEFT JOIN bdr_standin.nodes n ON n.node_name = l.origin_node_name;
