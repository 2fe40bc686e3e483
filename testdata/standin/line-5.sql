-- A STAND-IN for the bdr schema of EDB Postgres Distributed 5, over a real pglogical 2 mesh: see README.md.

CREATE VIEW bdr.node AS
    SELECT node_id, node_name, node_group_id, source_node_id, synchronize_structure, node_state, target_state, seq_id, dbname, proto_version_ranges, node_dsn, generation, node_kind, node_join_finished
      FROM bdr_standin.node;

CREATE VIEW bdr.node_group AS
    SELECT node_group_id, node_group_name, node_group_default_repset, node_group_default_repset_ext, node_group_parent_id, node_group_flags, node_group_uuid, node_group_apply_delay,
           node_group_check_constraints, node_group_num_writers, node_group_enable_wal_decoder, node_group_streaming_mode, node_group_default_commit_scope, node_group_location,
           node_group_enable_routing AS node_group_enable_proxy_routing, node_group_enable_raft
      FROM bdr_standin.node_group;

CREATE VIEW bdr.node_summary AS
    SELECT node_name, node_group_name, interface_connstr, peer_state_name, peer_target_state_name, node_seq_id, node_local_dbname, node_id, node_group_id, node_kind_name
      FROM bdr_standin.summary WHERE interface_name = node_name;

CREATE VIEW bdr.local_node_summary AS
    SELECT node_name, node_group_name, interface_connstr, peer_state_name, peer_target_state_name, node_seq_id, node_local_dbname, node_id, node_group_id, node_kind_name, pub_repsets, sub_repsets
      FROM bdr_standin.summary WHERE interface_name = node_name AND is_local;

CREATE VIEW bdr.node_local_info AS
    SELECT n.node_id, bdr_standin.state_id(n.state) AS applied_state, 1::int8 AS ddl_epoch,
           (SELECT s.sub_slot_name FROM pglogical.subscription s WHERE s.sub_origin = n.node_id LIMIT 1) AS slot_name
      FROM bdr_standin.nodes n;

CREATE VIEW bdr.local_node AS
    SELECT n.node_id, s.sets AS pub_repsets, s.sets AS sub_repsets
      FROM bdr_standin.nodes n CROSS JOIN bdr_standin.local_sets s WHERE n.is_local;

CREATE VIEW bdr.node_group_summary AS
    SELECT node_group_name, node_group_name AS default_repset, parent_name AS parent_group_name, group_type AS node_group_type, node_group_apply_delay AS apply_delay,
           node_group_check_constraints AS check_constraints, node_group_num_writers AS num_writers, node_group_enable_wal_decoder AS enable_wal_decoder,
           'auto'::text AS streaming_mode, NULL::name AS default_commit_scope, node_group_location::name AS location,
           node_group_enable_routing AS enable_proxy_routing, node_group_enable_raft AS enable_raft,
           -1::bigint AS route_writer_max_lag, -1::bigint AS route_reader_max_lag, false AS route_writer_wait_flush
      FROM bdr_standin.node_group;

CREATE VIEW bdr.node_slots AS
    SELECT target_dbname, node_group_name, node_group_id, origin_name, target_name, origin_id, target_id, local_slot_name, slot_name, is_group_slot, is_decoder_slot, plugin, slot_type, datoid, database, temporary, active, active_pid,
           xmin, catalog_xmin, restart_lsn, confirmed_flush_lsn, usesysid, usename, application_name, client_addr, client_hostname, client_port, backend_start, state,
           sent_lsn, write_lsn, flush_lsn, replay_lsn, write_lag, flush_lag, replay_lag, sent_lag_bytes, write_lag_bytes, flush_lag_bytes, replay_lag_bytes,
           sent_lag_size, write_lag_size, flush_lag_size, replay_lag_size
      FROM bdr_standin.node_slots;

CREATE VIEW bdr.subscription_summary AS
    SELECT node_group_name, sub_name, origin_name, target_name, sub_enabled, sub_slot_name, sub_replication_sets, sub_forward_origins, sub_apply_delay, sub_origin_name, bdr_subscription_mode,
           subscription_status, node_group_id, sub_id, origin_id, target_id, receive_lsn, receive_commit_lsn, last_xact_replay_lsn, last_xact_flush_lsn, last_xact_replay_timestamp
      FROM bdr_standin.subscriptions;

CREATE VIEW bdr.subscription AS
    SELECT sub_id, sub_name, nodegroup_id, origin_node_id, source_node_id, target_node_id, subscription_mode, sub_enabled, apply_delay, slot_name, origin_name,
           num_writers, streaming_mode, replication_sets, forward_origin
      FROM bdr_standin.subscription;

CREATE VIEW bdr.replication_sets AS
    SELECT set_id, set_name, replicate_insert, replicate_update, replicate_delete, replicate_truncate, set_autoadd_tables, set_autoadd_seqs
      FROM bdr_standin.replication_set;

CREATE VIEW bdr.replication_set AS
    SELECT *
      FROM bdr_standin.replication_set;

CREATE VIEW bdr.replication_set_table AS
    SELECT t.*
      FROM pglogical.replication_set_table t JOIN bdr_standin.replication_set s USING (set_id);

CREATE VIEW bdr.tables AS
    SELECT *
      FROM bdr_standin.tables;

CREATE VIEW bdr.node_group_replication_sets AS
    SELECT node_group_name, node_group_name AS def_repset, '{INSERT,UPDATE,DELETE,TRUNCATE}'::text[] AS def_repset_ops, NULL::name AS def_repset_ext, NULL::text[] AS def_repset_ext_ops
      FROM bdr_standin.node_group;

CREATE VIEW bdr.ddl_replication AS
    SELECT group_name AS set_ddl_name, NULL::text AS set_ddl_tag, NULL::text AS set_ddl_role, group_name AS set_name FROM bdr_standin.setup;

CREATE VIEW bdr.global_locks AS
    SELECT origin_node_id, origin_node_name, lock_type, relation, pid, acquire_stage, waiters, global_lock_request_time, local_lock_request_time, last_state_change_time
      FROM bdr_standin.global_locks;

CREATE VIEW bdr.sequences AS
    SELECT *
      FROM bdr_standin.sequences;

CREATE VIEW bdr.node_conflict_resolvers AS
    SELECT 'update_origin_change'::text AS conflict_type, 'update_if_newer'::text AS conflict_resolver;

CREATE VIEW bdr.conflict_history AS
    SELECT sub_id, origin_node_id, local_xid, local_lsn, local_time, remote_xid, remote_change_nr, remote_commit_lsn, remote_commit_time, conflict_type, conflict_resolution, conflict_index, reloid,
           nspname, relname, key_tuple, remote_tuple, local_tuple, apply_tuple, local_tuple_xmin, local_tuple_node_id, local_tuple_commit_time
      FROM bdr_standin.conflict;

CREATE VIEW bdr.conflict_history_summary AS
    SELECT *
      FROM bdr_standin.conflict_summary;

CREATE VIEW bdr.node_log_config AS
    SELECT *
      FROM bdr_standin.log_configs;

CREATE VIEW bdr.local_sync_status AS
    SELECT *
      FROM bdr_standin.local_sync_status;

CREATE VIEW bdr.node_catchup_info AS
    SELECT node_id, node_source_id, slot_name, min_node_lsn, catchup_state, origin_node_id
      FROM bdr_standin.catchup_info WHERE NOT parting;

CREATE VIEW bdr.node_peer_progress AS
    SELECT *
      FROM bdr_standin.peer_progress;

-- On the product this view asks every node; here it has the local one.
CREATE VIEW bdr.group_raft_details AS
    SELECT node_id, node_name, group_name AS node_group_name, state, leader_id, term::int AS current_term, commit_index::int AS commit_index, nodes, voting_nodes, protocol_version
      FROM bdr_standin.consensus;

CREATE VIEW bdr.group_versions_details AS
    SELECT n.node_id, n.node_name, current_setting('server_version') AS postgres_version, u.version AS bdr_version
      FROM bdr_standin.nodes n CROSS JOIN bdr_standin.setup u;

CREATE VIEW bdr.stat_raft_state AS
    SELECT group_name, replace(state, 'RAFT_', '') AS raft_stat, nullif(leader_name, '')::name AS leader_name, nullif(leader_name, '')::name AS voted_for_name, voting AS is_voting,
           NULL::bigint AS heartbeat_timeout_ms, NULL::bigint AS heartbeat_elapsed_ms, term AS current_term, commit_index, commit_index AS apply_index,
           NULL::bigint AS last_log_term, NULL::bigint AS last_log_index, NULL::bigint AS oldest_log_index, NULL::bigint AS newest_prunable_log_index,
           NULL::bigint AS snapshot_term, NULL::bigint AS snapshot_index, nodes AS nnodes, voting_nodes AS nvoting_nodes
      FROM bdr_standin.consensus;

CREATE VIEW bdr.sync_node_requests_summary AS
    SELECT *
      FROM bdr_standin.resync;

CREATE VIEW bdr.stat_subscription AS
    SELECT sub_name, subid, mean_apply_time, nconnect, ncommit, nabort, nerror, nskippedtx, ninsert, nupdate, ndelete, ntruncate, nddl, ndeadlocks,
           nretries, nstream_writer, nstream_file, nstream_commit, nstream_abort, nstream_start, nstream_stop, nstream_prepare, nstream_insert,
           nstream_update, nstream_delete, nstream_truncate, shared_blks_hit, shared_blks_read, shared_blks_dirtied, shared_blks_written,
           blk_read_time, blk_write_time, connect_time, last_disconnect_time, start_lsn, retries_at_same_lsn, curr_ncommit, npre_commit_confirmations,
           npre_commit, ncommit_prepared, nabort_prepared, nprovisional_waits, ntuple_waits, ncommit_waits, stats_reset
      FROM bdr_standin.stat_subscription;
