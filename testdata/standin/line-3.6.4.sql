-- A STAND-IN for the bdr schema of Postgres-BDR 3.6.4, over a real pglogical 2 mesh: see README.md.
-- 3.6 has no public reference: here are only the columns that release notes and public tools vouch for, and none of what
-- came after 3.6.4: no monitor functions, no group_* views, no node_log_config, no times of global locks.

CREATE VIEW bdr.node AS
    SELECT node_id, node_group_id, node_state, seq_id, dbname, proto_version_max
      FROM bdr_standin.node;

CREATE VIEW bdr.node_group AS
    SELECT node_group_id, node_group_name, node_group_default_repset
      FROM bdr_standin.node_group;

CREATE VIEW bdr.node_summary AS
    SELECT node_name, node_group_name, interface_name, interface_connstr, 'BDR_PEER_STATE_' || peer_state_name AS peer_state_name, node_seq_id, node_local_dbname,
           set_repl_ops, node_id, node_group_id, if_id
      FROM bdr_standin.summary;

CREATE VIEW bdr.local_node_summary AS
    SELECT node_name, node_group_name, interface_name, interface_connstr, 'BDR_PEER_STATE_' || peer_state_name AS peer_state_name, node_seq_id, node_local_dbname,
           set_repl_ops, node_id, node_group_id, if_id
      FROM bdr_standin.summary WHERE is_local;

CREATE VIEW bdr.node_local_info AS
    SELECT n.node_id, CASE WHEN n.is_local THEN s.sets END AS replication_sets
      FROM bdr_standin.nodes n CROSS JOIN bdr_standin.local_sets s;

CREATE VIEW bdr.node_slots AS
    SELECT target_dbname, node_group_name, node_group_id, origin_name, target_name, origin_id, target_id, slot_name, plugin, slot_type, datoid, database, temporary, active, active_pid,
           xmin, catalog_xmin, restart_lsn, confirmed_flush_lsn, usesysid, usename, application_name, client_addr, client_hostname, client_port, backend_start, state,
           sent_lsn, write_lsn, flush_lsn, replay_lsn, write_lag, flush_lag, replay_lag, sent_lag_bytes, write_lag_bytes, flush_lag_bytes, replay_lag_bytes
      FROM bdr_standin.node_slots;

CREATE VIEW bdr.subscription_summary AS
    SELECT node_group_name, sub_name, origin_name, target_name, sub_enabled, sub_slot_name, sub_replication_sets, sub_forward_origins, sub_apply_delay, bdr_subscription_mode,
           subscription_status, node_group_id, sub_id, origin_id, target_id, last_xact_replay_timestamp
      FROM bdr_standin.subscriptions;

CREATE VIEW bdr.subscription AS
    SELECT sub_id AS pgl_subscription_id, nodegroup_id, origin_node_id, target_node_id, subscription_mode
      FROM bdr_standin.subscription;

CREATE VIEW bdr.replication_sets AS
    SELECT set_id, set_name, replicate_insert, replicate_update, replicate_delete, replicate_truncate, set_autoadd_tables, set_autoadd_seqs
      FROM bdr_standin.replication_set;

CREATE VIEW bdr.global_locks AS
    SELECT origin_node_id, origin_node_name, lock_type, relation, pid, acquire_stage, waiters
      FROM bdr_standin.global_locks;

CREATE VIEW bdr.sequences AS
    SELECT *
      FROM bdr_standin.sequences;

CREATE VIEW bdr.node_conflict_resolvers AS
    SELECT 'update_origin_change'::text AS conflict_type, 'update_if_newer'::text AS conflict_resolver;
