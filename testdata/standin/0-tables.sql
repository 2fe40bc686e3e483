-- A STAND-IN for the bdr schema of Postgres-BDR and PGD, over a real pglogical 2 mesh: see README.md.
-- Settable tables: what a mesh of pglogical 2 has no counterpart for. Empty tables mean a healthy group.

CREATE SCHEMA bdr_standin;
CREATE SCHEMA bdr;

CREATE TABLE bdr_standin.setup (
    version_num int NOT NULL,           -- 30604
    version     text NOT NULL,          -- '3.6.4'
    edition     text,                   -- SE or EE, 3.x only
    group_name  name NOT NULL DEFAULT 'bdrgroup',
    in_group    boolean NOT NULL DEFAULT true  -- false: the local node was created and joined nothing
);

-- A node has the defaults of its columns until it has a row; a row whose name the mesh does not know is one more node.
CREATE TABLE bdr_standin.peer (
    node_name     name PRIMARY KEY,
    state         text NOT NULL DEFAULT 'ACTIVE',
    target_state  text,                             -- NULL: as state
    kind          text NOT NULL DEFAULT 'data',
    group_name    name,                             -- NULL: the top group
    join_finished boolean NOT NULL DEFAULT true,
    sets          text[]                            -- NULL: those of the mesh
);

CREATE TABLE bdr_standin.subgroup (
    group_name name PRIMARY KEY,
    group_type text NOT NULL DEFAULT 'data',
    location   text
);

-- This node's view of consensus; NULLs mean: the first node by name leads, everybody votes.
CREATE TABLE bdr_standin.raft (
    state        text,      -- RAFT_LEADER, RAFT_FOLLOWER, RAFT_CANDIDATE, RAFT_STOPPED
    leader       text,      -- '' for none
    term         bigint NOT NULL DEFAULT 2,
    commit_index bigint NOT NULL DEFAULT 1000,
    error        text       -- what asking for the status raises
);

CREATE TABLE bdr_standin.global_lock (
    origin_node_name         name NOT NULL,
    lock_type                text NOT NULL DEFAULT 'GLOBAL_LOCK_DDL',
    relation                 text,
    pid                      int,
    acquire_stage            text NOT NULL DEFAULT 'GLOBAL_LOCK_ACQUIRED',
    waiters                  text,
    global_lock_request_time timestamptz DEFAULT now(),
    local_lock_request_time  timestamptz DEFAULT now(),
    last_state_change_time   timestamptz DEFAULT now()
);

CREATE TABLE bdr_standin.log_config (
    log_name          text PRIMARY KEY,
    log_to_file       boolean NOT NULL,
    log_to_table      boolean NOT NULL,
    log_conflict_type text[],
    log_conflict_res  text[]
);

CREATE TABLE bdr_standin.conflict (
    sub_id                  oid,
    origin_node_id          oid,
    local_xid               xid,
    local_lsn               pg_lsn,
    local_time              timestamptz NOT NULL DEFAULT now(),
    remote_xid              xid,
    remote_change_nr        oid,
    remote_commit_lsn       pg_lsn,
    remote_commit_time      timestamptz,
    conflict_type           text NOT NULL,
    conflict_resolution     text NOT NULL,
    conflict_index          regclass,
    reloid                  oid,
    nspname                 text,
    relname                 text,
    key_tuple               json,
    remote_tuple            json,
    local_tuple             json,
    apply_tuple             json,
    local_tuple_xmin        xid,
    local_tuple_node_id     oid,
    local_tuple_commit_time timestamptz
);

CREATE TABLE bdr_standin.catchup (
    node_name    name NOT NULL,
    source_name  name,
    origin_name  name,
    slot_name    name,
    min_node_lsn pg_lsn,
    state        int NOT NULL DEFAULT 30,   -- 10 setup, 20 start, 30 catchup, 40 done
    parting      boolean NOT NULL DEFAULT false
);

CREATE TABLE bdr_standin.resync (
    origin         text NOT NULL,
    source         text NOT NULL,
    target         text NOT NULL,
    sync_start_lsn pg_lsn,
    sync_start_ts  timestamptz DEFAULT now(),
    sync_end_lsn   pg_lsn,
    sync_status    text NOT NULL
);

CREATE TABLE bdr_standin.failed (       -- 6.4: transactions that apply gave up on
    sub_name        name PRIMARY KEY,
    disable_reason  text,
    total_skips     int NOT NULL DEFAULT 0,
    pending_changes bigint NOT NULL DEFAULT 0
);

-- What apply has counted for a subscription; one without a row has counted nothing.
CREATE TABLE bdr_standin.applied_stat (
    sub_name   name PRIMARY KEY,
    nerror     bigint NOT NULL DEFAULT 0,
    nskippedtx bigint NOT NULL DEFAULT 0
);

CREATE TABLE bdr_standin.worker_error (
    sub_name           name,
    worker_role        int NOT NULL DEFAULT 3,
    error_time         timestamptz NOT NULL DEFAULT now(),
    error_message      text NOT NULL
);

-- How old the last word of a peer's replay progress is.
CREATE TABLE bdr_standin.progress (
    peer_name name PRIMARY KEY,
    age       interval NOT NULL
);

-- The parts of a slot name: too long a part is cut and ends in seven digits of its hash.
CREATE FUNCTION bdr_standin.shorten(part text, most int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN octet_length(part) <= most THEN part
                ELSE left(part, most - 8) || left(lpad(to_hex(hashtext(part)), 8, '0'), 7) END
$$;

CREATE FUNCTION bdr_standin.uuid_of(kind text, name text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(kind || ':' || name)::uuid
$$;

CREATE FUNCTION bdr_standin.group_slot() RETURNS name LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN version_num >= 60000
                THEN 'bdr_' || replace(bdr_standin.uuid_of('group', group_name)::text, '-', '') || '_' || to_hex(hashtext(current_database()))
                ELSE 'bdr_' || bdr_standin.shorten(current_database(), 16) || '_' || bdr_standin.shorten(group_name, 16) END
      FROM bdr_standin.setup
$$;

-- Numbers of states and kinds are invented; the words are the product's, in their order.
CREATE FUNCTION bdr_standin.state_id(state text) RETURNS oid LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_position('{NONE,CREATED,JOIN_START,JOINING,CATCHUP,STANDBY,PROMOTE,PROMOTING,ACTIVE,PART_START,PARTING,PART_CATCHUP,PART_CLEANUP,PARTED}'::text[], state), 99)::oid
$$;

CREATE FUNCTION bdr_standin.kind_id(kind text) RETURNS oid LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_position('{data,standby,witness,subscriber-only}'::text[], kind), 0)::oid
$$;
