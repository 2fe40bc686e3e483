-- A STAND-IN for the bdr schema of Postgres-BDR and PGD, over a real pglogical 2 mesh: see README.md.
-- Slots, subscriptions, sets and conflicts, with every column that any version line has.

-- What this node must hold for its peers, and what it holds: real slots, real walsenders, real LSNs.
CREATE VIEW bdr_standin.node_slots AS
    WITH local AS (SELECT * FROM bdr_standin.nodes WHERE is_local),
    expected AS (
        SELECT p.node_id AS target_id, p.node_name AS target_name, p.dbname AS target_dbname,
               pglogical.pglogical_gen_slot_name(current_database()::name, l.node_name, (l.node_name || '_to_' || p.node_name)::name) AS local_slot_name, false AS is_group_slot
          FROM local l JOIN bdr_standin.nodes p ON NOT p.is_local
         WHERE p.state IN ('CATCHUP', 'STANDBY', 'PROMOTE', 'PROMOTING', 'ACTIVE') AND l.kind IN ('data', 'witness') AND NOT (l.kind = 'witness' AND p.kind = 'standby')
        UNION ALL
        SELECT NULL, NULL, NULL, bdr_standin.group_slot(), true FROM bdr_standin.setup WHERE in_group),
    held AS (
        SELECT s.slot_name, s.plugin, s.slot_type, s.datoid, s.database, s.temporary, s.active, s.active_pid, s.xmin, s.catalog_xmin, s.restart_lsn, s.confirmed_flush_lsn
          FROM pg_replication_slots s
         WHERE s.slot_type = 'logical' AND s.database = current_database() AND (s.plugin = 'pglogical_output' OR s.slot_name LIKE 'bdr\_%')),
    position AS (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS now)
    SELECT e.target_dbname::name AS target_dbname, CASE WHEN e.local_slot_name IS NOT NULL THEN u.group_name END AS node_group_name, CASE WHEN e.local_slot_name IS NOT NULL THEN g.group_id END AS node_group_id,
           l.node_name AS origin_name, e.target_name, l.node_id AS origin_id, e.target_id, e.local_slot_name, h.slot_name,
           coalesce(e.is_group_slot, false) AS is_group_slot, false AS is_decoder_slot,
           h.plugin, h.slot_type, h.datoid, h.database, h.temporary, h.active, h.active_pid, h.xmin, h.catalog_xmin, h.restart_lsn, h.confirmed_flush_lsn,
           r.usesysid, r.usename, r.application_name, r.client_addr, r.client_hostname, r.client_port, r.backend_start,
           CASE WHEN h.active THEN r.state ELSE 'disconnected' END AS state,
           coalesce(r.sent_lsn, h.confirmed_flush_lsn) AS sent_lsn, coalesce(r.write_lsn, h.confirmed_flush_lsn) AS write_lsn,
           coalesce(r.flush_lsn, h.confirmed_flush_lsn) AS flush_lsn, coalesce(r.replay_lsn, h.confirmed_flush_lsn) AS replay_lsn,
           r.write_lag, r.flush_lag, r.replay_lag,
           pg_wal_lsn_diff(p.now, coalesce(r.sent_lsn, h.confirmed_flush_lsn))::int8 AS sent_lag_bytes, pg_wal_lsn_diff(p.now, coalesce(r.write_lsn, h.confirmed_flush_lsn))::int8 AS write_lag_bytes,
           pg_wal_lsn_diff(p.now, coalesce(r.flush_lsn, h.confirmed_flush_lsn))::int8 AS flush_lag_bytes, pg_wal_lsn_diff(p.now, coalesce(r.replay_lsn, h.confirmed_flush_lsn))::int8 AS replay_lag_bytes,
           pg_size_pretty(pg_wal_lsn_diff(p.now, coalesce(r.sent_lsn, h.confirmed_flush_lsn))) AS sent_lag_size, pg_size_pretty(pg_wal_lsn_diff(p.now, coalesce(r.write_lsn, h.confirmed_flush_lsn))) AS write_lag_size,
           pg_size_pretty(pg_wal_lsn_diff(p.now, coalesce(r.flush_lsn, h.confirmed_flush_lsn))) AS flush_lag_size, pg_size_pretty(pg_wal_lsn_diff(p.now, coalesce(r.replay_lsn, h.confirmed_flush_lsn))) AS replay_lag_size
      FROM expected e FULL JOIN held h ON h.slot_name = e.local_slot_name
      LEFT JOIN pg_stat_replication r ON r.pid = h.active_pid
     CROSS JOIN position p CROSS JOIN bdr_standin.setup u
      LEFT JOIN bdr_standin.groups g ON g.group_name = u.group_name
      LEFT JOIN local l ON true;

-- The origin's commit time of the last transaction applied from each origin, out of this node's commit timestamps.
CREATE VIEW bdr_standin.applied AS
    SELECT o.roname, max(t."timestamp") AS at
      FROM pg_replication_origin o
      JOIN (SELECT t.* FROM generate_series(greatest(3, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 2000), pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1) x,
                   LATERAL pg_xact_commit_timestamp_origin((x % 4294967296)::text::xid) t) t USING (roident)
     GROUP BY 1;

-- Incoming edges; a reader that compares positions gets the real ones of the origin.
CREATE VIEW bdr_standin.subscriptions AS
    SELECT u.group_name AS node_group_name, s.sub_name, o.node_name AS origin_name, t.node_name AS target_name, s.sub_enabled, s.sub_slot_name,
           s.sub_replication_sets, s.sub_forward_origins, s.sub_apply_delay, s.sub_slot_name AS sub_origin_name, 'n'::"char" AS bdr_subscription_mode,
           coalesce(st.status, 'unknown') AS subscription_status, g.group_id AS node_group_id, s.sub_id, s.sub_origin AS origin_id, s.sub_target AS target_id,
           ro.remote_lsn AS receive_lsn, ro.remote_lsn AS receive_commit_lsn, ro.remote_lsn AS last_xact_replay_lsn, ro.remote_lsn AS last_xact_flush_lsn,
           a.at AS last_xact_replay_timestamp
      FROM pglogical.subscription s
      JOIN pglogical.node o ON o.node_id = s.sub_origin
      JOIN pglogical.node t ON t.node_id = s.sub_target
      LEFT JOIN pglogical.show_subscription_status() st ON st.subscription_name = s.sub_name
      LEFT JOIN pg_replication_origin_status ro ON ro.external_id = s.sub_slot_name
      LEFT JOIN bdr_standin.applied a ON a.roname = s.sub_slot_name
     CROSS JOIN bdr_standin.setup u
      LEFT JOIN bdr_standin.groups g ON g.group_name = u.group_name
     WHERE u.in_group;

CREATE VIEW bdr_standin.subscription AS
    SELECT sub_id, sub_name, node_group_id AS nodegroup_id, origin_id AS origin_node_id, origin_id AS source_node_id, target_id AS target_node_id,
           bdr_subscription_mode AS subscription_mode, sub_enabled, sub_apply_delay AS apply_delay, sub_slot_name AS slot_name, sub_origin_name AS origin_name,
           -1 AS num_writers, 'A'::"char" AS streaming_mode, sub_replication_sets AS replication_sets, sub_forward_origins AS forward_origin, 1::int8 AS ddl_epoch
      FROM bdr_standin.subscriptions;

CREATE VIEW bdr_standin.local_sync_status AS
    SELECT sync_kind, sync_subid, sync_nspname, sync_relname, sync_status, NULL::oid AS sync_remote_relid, sync_statuslsn AS sync_end_lsn
      FROM pglogical.local_sync_status;

CREATE VIEW bdr_standin.replication_set AS
    SELECT r.set_id, r.set_nodeid, r.set_name, r.replicate_insert, r.replicate_update, r.replicate_delete, r.replicate_truncate,
           true AS set_isinternal, false AS set_autoadd_tables, false AS set_autoadd_seqs
      FROM pglogical.replication_set r JOIN pglogical.local_node l ON l.node_id = r.set_nodeid
     WHERE r.set_name NOT IN ('default', 'default_insert_only', 'ddl_sql');

CREATE VIEW bdr_standin.tables AS
    SELECT c.oid AS relid, n.nspname, c.relname, s.set_name,
           array_remove(ARRAY[CASE WHEN s.replicate_insert THEN 'INSERT' END, CASE WHEN s.replicate_update THEN 'UPDATE' END,
                              CASE WHEN s.replicate_delete THEN 'DELETE' END, CASE WHEN s.replicate_truncate THEN 'TRUNCATE' END], NULL) AS set_ops,
           NULL::text[] AS rel_columns, pg_get_expr(t.set_row_filter, t.set_reloid) AS row_filter, 'row_origin'::text AS conflict_detection
      FROM bdr_standin.replication_set s
      JOIN pglogical.replication_set_table t ON t.set_id = s.set_id
      JOIN pg_class c ON c.oid = t.set_reloid
      JOIN pg_namespace n ON n.oid = c.relnamespace;

CREATE VIEW bdr_standin.sequences AS
    SELECT n.nspname, c.relname, 'local'::text AS seqkind
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'S' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('bdr', 'bdr_standin', 'pglogical');

CREATE VIEW bdr_standin.log_configs AS
    SELECT * FROM bdr_standin.log_config
    UNION ALL
    SELECT 'default', true, version_num < 60000, NULL, NULL FROM bdr_standin.setup WHERE NOT EXISTS (SELECT FROM bdr_standin.log_config);

CREATE VIEW bdr_standin.conflict_summary AS
    SELECT nspname::name, relname::name, origin_node_id, remote_commit_lsn, remote_change_nr, local_time, local_tuple_commit_time, remote_commit_time, conflict_type, conflict_resolution
      FROM bdr_standin.conflict;

CREATE VIEW bdr_standin.catchup_info AS
    SELECT n.node_id, s.node_id AS node_source_id, c.slot_name, c.min_node_lsn, c.state::oid AS catchup_state, o.node_id AS origin_node_id, c.parting, n.node_name AS target_node_name
      FROM bdr_standin.catchup c
      LEFT JOIN bdr_standin.nodes n ON n.node_name = c.node_name
      LEFT JOIN bdr_standin.nodes s ON s.node_name = c.source_name
      LEFT JOIN bdr_standin.nodes o ON o.node_name = c.origin_name;

CREATE VIEW bdr_standin.peer_progress AS
    SELECT a.node_id, b.node_id AS peer_node_id, now() - coalesce(p.age, interval '5 s') AS last_update_sent_time, now() - coalesce(p.age, interval '5 s') AS last_update_recv_time,
           pg_current_wal_lsn() AS last_update_node_lsn, pg_current_wal_lsn() AS peer_position, now() - coalesce(p.age, interval '5 s') AS peer_replay_time,
           NULL::oid AS last_update_horizon_xid, NULL::pg_lsn AS last_update_horizon_lsn
      FROM bdr_standin.nodes a JOIN bdr_standin.nodes b ON b.node_id <> a.node_id
      LEFT JOIN bdr_standin.progress p ON p.peer_name = a.node_name;

CREATE VIEW bdr_standin.worker_errors AS
    SELECT s.node_group_name, s.origin_name, s.origin_name AS source_name, s.target_name, e.sub_name, e.worker_role,
           (ARRAY['manager', 'receiver', 'writer', 'output', 'extension'])[e.worker_role] AS worker_role_name, NULL::int4 AS worker_pid, e.error_time, now() - e.error_time AS error_age,
           e.error_message, NULL::text AS error_context_message, NULL::oid AS remoterelid, NULL::oid AS subwriter_id, NULL::name AS subwriter_name
      FROM bdr_standin.worker_error e LEFT JOIN bdr_standin.subscriptions s USING (sub_name);

-- Counters of apply: only errors and skips can be set.
CREATE VIEW bdr_standin.stat_subscription AS
    SELECT s.sub_name, s.sub_id AS subid, NULL::double precision AS mean_apply_time, 0::bigint AS nconnect, 0::bigint AS ncommit, 0::bigint AS nabort,
           coalesce(a.nerror, 0) AS nerror, coalesce(a.nskippedtx, 0) AS nskippedtx, 0::bigint AS ninsert, 0::bigint AS nupdate, 0::bigint AS ndelete,
           0::bigint AS ntruncate, 0::bigint AS nddl, 0::bigint AS ndeadlocks, 0::bigint AS nretries, 0::bigint AS nstream_writer,
           0::bigint AS nstream_file, 0::bigint AS nstream_commit, 0::bigint AS nstream_abort, 0::bigint AS nstream_start, 0::bigint AS nstream_stop,
           0::bigint AS nstream_prepare, 0::bigint AS nstream_insert, 0::bigint AS nstream_update, 0::bigint AS nstream_delete,
           0::bigint AS nstream_truncate, 0::bigint AS shared_blks_hit, 0::bigint AS shared_blks_read, 0::bigint AS shared_blks_dirtied,
           0::bigint AS shared_blks_written, NULL::double precision AS blk_read_time, NULL::double precision AS blk_write_time,
           NULL::timestamp with time zone AS connect_time, NULL::timestamp with time zone AS last_disconnect_time, NULL::pg_lsn AS start_lsn,
           0::bigint AS retries_at_same_lsn, 0::bigint AS curr_ncommit, 0::bigint AS npre_commit_confirmations, 0::bigint AS npre_commit,
           0::bigint AS ncommit_prepared, 0::bigint AS nabort_prepared, 0::bigint AS nprovisional_waits, 0::bigint AS ntuple_waits,
           0::bigint AS ncommit_waits, NULL::timestamp with time zone AS stats_reset
      FROM bdr_standin.subscriptions s LEFT JOIN bdr_standin.applied_stat a USING (sub_name);
