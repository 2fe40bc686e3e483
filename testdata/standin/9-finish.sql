-- A STAND-IN for the bdr schema of Postgres-BDR and PGD, over a real pglogical 2 mesh: see README.md.
-- Functions of the line that setup names, roles, settings, and the extension's row.

CREATE FUNCTION bdr.bdr_version() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT version FROM bdr_standin.setup';
CREATE FUNCTION bdr.bdr_version_num() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT version_num FROM bdr_standin.setup';
CREATE FUNCTION bdr.peer_state_name(state oid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT CASE WHEN s.version_num < 30700 THEN 'BDR_PEER_STATE_' ELSE '' END || w.word
      FROM bdr_standin.setup s,
           unnest('{NONE,CREATED,JOIN_START,JOINING,CATCHUP,STANDBY,PROMOTE,PROMOTING,ACTIVE,PART_START,PARTING,PART_CATCHUP,PART_CLEANUP,PARTED}'::text[]) WITH ORDINALITY w(word, id)
     WHERE w.id = state::bigint
$$;
CREATE FUNCTION bdr.get_raft_status() RETURNS json LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT bdr_standin.raft_status()';
CREATE FUNCTION bdr.get_consensus_status() RETURNS json LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT bdr_standin.raft_status()';
CREATE FUNCTION bdr.local_node_info(OUT node_id oid, OUT node_name text, OUT node_local_state oid, OUT node_seq_id int, OUT nodegroup_id oid, OUT nodegroup_name text,
                                    OUT pgl_interface_id oid, OUT pgl_interface_name text, OUT pgl_interface_dsn text, OUT bdr_dbname text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT node_id, node_name, bdr_standin.state_id(peer_state_name), node_seq_id, node_group_id, node_group_name, if_id, interface_name, interface_connstr, node_local_dbname
      FROM bdr_standin.summary WHERE is_local
$$;

DO $finish$
DECLARE
    s bdr_standin.setup;
    o record;
BEGIN
    SELECT * INTO STRICT s FROM bdr_standin.setup;
    IF s.version_num < 40000 THEN
        CREATE FUNCTION bdr.bdr_edition() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT edition FROM bdr_standin.setup';
    END IF;
    IF s.version_num >= 30709 THEN
        CREATE FUNCTION bdr.local_group_slot_name() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT bdr_standin.group_slot()::text';
    END IF;
    IF s.version_num >= 30705 THEN
        CREATE FUNCTION bdr.node_group_type(node_group_name name) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$
            SELECT CASE WHEN u.version_num < 50000 AND g.parent_id = 0 THEN 'normal' ELSE g.group_type END
              FROM bdr_standin.groups g, bdr_standin.setup u WHERE g.group_name = $1
        $$;
    END IF;
    IF s.version_num >= 40300 THEN
        CREATE FUNCTION bdr.node_kind_name(kind oid) RETURNS text LANGUAGE sql STABLE AS $$
            SELECT coalesce(('{data,standby,witness,subscriber-only}'::text[])[$1::int], 'unknown')
        $$;
    END IF;
    IF s.version_num >= 30617 THEN
        CREATE FUNCTION bdr.monitor_local_replslots(OUT status text, OUT message text) LANGUAGE sql STABLE SECURITY DEFINER AS $$
            SELECT CASE WHEN NOT u.in_group THEN 'UNKNOWN'
                        WHEN EXISTS (SELECT FROM bdr_standin.node_slots WHERE local_slot_name IS NOT NULL AND NOT is_group_slot AND active IS NOT TRUE) THEN 'CRITICAL' ELSE 'OK' END,
                   'stand-in'::text
              FROM bdr_standin.setup u
        $$;
    END IF;

    -- The roles, and what the vendor's list lets them read.
    FOR o IN SELECT unnest('{bdr_superuser,bdr_read_all_stats,bdr_monitor,bdr_application,bdr_read_all_conflicts}'::text[]) AS name LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = o.name) THEN EXECUTE format('CREATE ROLE %I', o.name); END IF;
    END LOOP;
    GRANT bdr_read_all_stats TO bdr_monitor;
    GRANT USAGE ON SCHEMA bdr TO bdr_read_all_stats;
    FOR o IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'bdr'::regnamespace AND c.relkind = 'v'
              AND (c.relname = ANY ('{conflict_history_summary,ddl_epoch,ddl_replication,global_lock,global_locks,local_consensus_state,local_node_summary,node,node_catchup_info,
                       node_conflict_resolvers,node_group,node_local_info,node_peer_progress,node_slots,node_summary,replication_sets,sequences,state_journal_details,stat_relation,
                       stat_subscription,subscription,subscription_summary,tables,worker_errors}'::text[])
                   OR s.version_num >= 50000 AND c.relname LIKE 'stat\_%') LOOP
        EXECUTE format('GRANT SELECT ON bdr.%I TO bdr_read_all_stats', o.relname);
    END LOOP;
    IF s.version_num >= 30710 THEN
        GRANT SELECT ON bdr.group_raft_details, bdr.group_versions_details TO bdr_monitor;
    END IF;

    -- Settings of a library that is not there are placeholders: current_setting() knows them, pg_settings does not list them.
    FOR o IN SELECT * FROM (VALUES ('bdr.ddl_replication', 'on'), ('bdr.role_replication', 'on'), ('bdr.xact_replication', 'on'), ('bdr.accept_connections', 'on'),
                                   ('bdr.replay_progress_frequency', '60000')) v(name, value) LOOP
        IF o.name <> 'bdr.xact_replication' OR s.version_num >= 30607 THEN -- it came with 3.6.7
            EXECUTE format('ALTER DATABASE %I SET %s = %L', current_database(), o.name, o.value);
        END IF;
    END LOOP;

    -- What detection looks at. Everything made here belongs to the extension, so that DROP EXTENSION bdr takes it away again.
    SET LOCAL allow_system_table_mods = on;
    INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    SELECT pg_nextoid('pg_extension', 'oid', 'pg_extension_oid_index'), 'bdr', r.oid, 'pg_catalog'::regnamespace, false, s.version
      FROM pg_roles r WHERE r.rolname = current_user;
    FOR o IN SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, c.oid::regclass::text AS name
               FROM pg_class c WHERE c.relnamespace IN ('bdr'::regnamespace, 'bdr_standin'::regnamespace) AND c.relkind IN ('v', 'r')
              UNION ALL
             SELECT 'FUNCTION', p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace IN ('bdr'::regnamespace, 'bdr_standin'::regnamespace)
              UNION ALL
             SELECT 'SCHEMA', unnest('{bdr,bdr_standin}'::text[]) LOOP
        EXECUTE format('ALTER EXTENSION bdr ADD %s %s', o.kind, o.name);
    END LOOP;
END
$finish$;
