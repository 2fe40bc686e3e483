package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// monitor is the predefined role that opens the server's statistics.
var monitor = []string{"GRANT pg_monitor TO %s"}

// settingsRead are the server settings that checks judge, beside all of bdr.*
// and pglogical.*. None of them can hold a secret.
var settingsRead = []string{
	"archive_mode", "block_size", "data_checksums", "default_text_search_config", "default_transaction_isolation", "fsync", "full_page_writes", "hot_standby_feedback",
	"idle_replication_slot_timeout", "idle_session_timeout", "integer_datetimes", "lc_collate", "lc_ctype", "lc_messages", "lc_numeric", "lc_time",
	"log_min_messages", "logical_decoding_work_mem", "max_active_replication_origins", "max_connections", "max_identifier_length", "max_index_keys",
	"max_logical_replication_workers", "max_prepared_transactions", "max_replication_slots", "max_slot_wal_keep_size",
	"max_sync_workers_per_subscription", "max_wal_senders", "max_wal_size", "max_worker_processes", "output_plugin_libraries",
	"password_encryption", "server_encoding", "session_replication_role", "shared_preload_libraries", "ssl", "superuser_reserved_connections",
	"synchronous_commit", "synchronous_standby_names", "track_commit_timestamp", "transaction_timeout", "vacuum_freeze_min_age",
	"autovacuum_freeze_max_age", "wal_keep_size", "wal_keep_segments", "wal_level", "wal_receiver_status_interval", "wal_receiver_timeout",
	"wal_segment_size", "wal_sender_timeout", "xmlbinary",
}

// genericQueries read what PostgreSQL 11 to 18 knows by itself.
func genericQueries(p *probe) []query {
	return []query{serverQuery(p), sessionQuery, systemIDQuery, settingsQuery, hiddenSettings, defaultsQuery, slotsQuery, sendersQuery(p), originsQuery(p), commitsQuery(p), walQuery(p), archiverQuery(p), workersQuery,
		tablesQuery(p), sequencesQuery, rolesQuery, preparedQuery, locksQuery}
}

// serverQuery comes first: WAL positions are read before the slots, so that
// what a slot is found to have confirmed held for all that was written by then.
func serverQuery(p *probe) query {
	lsn := "pg_current_wal_insert_lsn() AS wal_insert, pg_current_wal_flush_lsn() AS wal_flush"
	if p.InRecovery {
		lsn = "pg_last_wal_replay_lsn() AS wal_insert, pg_last_wal_replay_lsn() AS wal_flush"
	}
	collation := ""
	if p.has("pg_catalog.pg_database", "datcollversion", "datlocprovider") && p.hasFunction("pg_catalog.pg_database_collation_actual_version") {
		collation = ", datlocprovider AS collation_provider, datcollversion AS collation_recorded, pg_database_collation_actual_version(oid) AS collation_actual"
	}
	return query{
		part: PartServer, what: "pg_database",
		sql: `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_num, datname AS database, current_user AS user,
			pg_is_in_recovery() AS in_recovery, pg_encoding_to_char(encoding) AS encoding, datcollate AS collation, datctype AS ctype, ` + lsn + collation + `
			FROM pg_database WHERE datname = current_database()`,
		fill: into(func(f *Facts, rows []Server) {
			for _, r := range rows {
				r.SystemID = f.Server.SystemID
				r.Version, _, _ = strings.Cut(r.Version, " ") // without "(Debian …)"
				f.Server = r
			}
		}),
	}
}

var systemIDQuery = query{
	part: PartSystemID, what: "pg_control_system()", grants: monitor,
	sql:  "SELECT system_identifier::text AS id FROM pg_control_system()",
	fill: into(func(f *Facts, rows []struct{ ID string }) { f.Server.SystemID = rows[0].ID }),
}

// settingsQuery takes reset_val: what a session of this role starts with, not
// what the tool pinned for its own.
var settingsQuery = query{
	part: PartSettings, what: "pg_settings", grants: monitor,
	sql: `SELECT name, reset_val AS value, coalesce(unit, '') AS unit FROM pg_settings WHERE name IN ('` + strings.Join(settingsRead, "', '") + `')
		OR name ~ '^(bdr|pglogical)\.' AND name !~ '(conn|dsn|password|secret)'`,
	fill: into(func(f *Facts, rows []struct{ Name, Value, Unit string }) {
		f.Settings = map[string]string{}
		for _, r := range rows {
			f.Settings[r.Name] = r.Value + r.Unit
		}
	}),
}

// hiddenSettings is the gap that explains why a setting may be absent although
// the server has it: those for superusers have no row for others.
var hiddenSettings = query{
	part: PartSettings, what: "settings that only superusers see", grants: monitor, member: "pg_read_all_settings",
	sql:  "SELECT 1 AS one",
	fill: func(*Facts, json.RawMessage) error { return nil },
}

// defaultsQuery: an application may run with other settings than the tool.
var defaultsQuery = query{
	part: PartDefaults, what: "pg_db_role_setting",
	sql: `SELECT coalesce(r.rolname, '') AS role, coalesce(d.datname, '') AS database, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
		FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c
		WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND (split_part(c, '=', 1) IN ('` + strings.Join(settingsRead, "', '") + `')
			OR c ~ '^(bdr|pglogical)\.' AND split_part(c, '=', 1) !~ '(conn|dsn|password|secret)') ORDER BY 3, 2, 1`,
	fill: into(func(f *Facts, rows []SettingDefault) { f.Defaults = rows }),
}

var slotsQuery = query{
	part: PartSlots, what: "pg_replication_slots",
	sql: "SELECT * FROM pg_replication_slots ORDER BY slot_name",
	fill: into(func(f *Facts, rows []struct {
		SlotName           string     `json:"slot_name"`
		Plugin             string     `json:"plugin"`
		SlotType           string     `json:"slot_type"`
		Database           string     `json:"database"`
		Temporary          bool       `json:"temporary"`
		Active             bool       `json:"active"`
		ActivePID          int        `json:"active_pid"`
		RestartLSN         LSN        `json:"restart_lsn"`
		ConfirmedFlushLSN  LSN        `json:"confirmed_flush_lsn"`
		WALStatus          string     `json:"wal_status"`
		SafeWALSize        *int64     `json:"safe_wal_size"`
		InvalidationReason string     `json:"invalidation_reason"`
		InactiveSince      *time.Time `json:"inactive_since"`
	}) {
		for _, r := range rows {
			f.Slots = append(f.Slots, Slot{Name: r.SlotName, Plugin: r.Plugin, Type: r.SlotType, Database: r.Database, Temporary: r.Temporary, Active: r.Active,
				ActivePID: r.ActivePID, RestartLSN: r.RestartLSN, ConfirmedFlush: r.ConfirmedFlushLSN, WALStatus: r.WALStatus, SafeWALSize: r.SafeWALSize,
				Invalidation: r.InvalidationReason, InactiveSince: r.InactiveSince})
		}
	}),
}

func sendersQuery(p *probe) query {
	encrypted, join := "s.ssl", ""
	if p.VersionNum >= 120000 { // GSSAPI encryption came with 12
		encrypted, join = "s.ssl OR coalesce(g.encrypted, false)", " LEFT JOIN pg_stat_gssapi g ON g.pid = r.pid"
	}
	return query{
		part: PartSenders, what: "pg_stat_replication", grants: monitor, member: "pg_read_all_stats",
		// Several senders may bear one application name, as pg_basebackup's do.
		sql: "SELECT r.*, clock_timestamp() AS asked, " + encrypted + " AS is_encrypted, lower(a.wait_event) = 'walsenderwaitforwal' AS waits_for_wal FROM pg_stat_replication r LEFT JOIN pg_stat_activity a ON a.pid = r.pid LEFT JOIN pg_stat_ssl s ON s.pid = r.pid" + join + " ORDER BY r.application_name, r.pid",
		fill: into(func(f *Facts, rows []struct {
			PID             int        `json:"pid"`
			ApplicationName string     `json:"application_name"`
			ClientAddr      string     `json:"client_addr"`
			State           string     `json:"state"`
			SentLSN         LSN        `json:"sent_lsn"`
			WriteLSN        LSN        `json:"write_lsn"`
			FlushLSN        LSN        `json:"flush_lsn"`
			ReplayLSN       LSN        `json:"replay_lsn"`
			ReplyTime       *time.Time `json:"reply_time"` // PostgreSQL 12+
			Asked           time.Time  `json:"asked"`
			IsEncrypted     *bool      `json:"is_encrypted"`
			WaitsForWAL     *bool      `json:"waits_for_wal"`
		}) {
			for _, r := range rows {
				s := Sender{WaitsForWAL: r.WaitsForWAL != nil && *r.WaitsForWAL, PID: r.PID, Application: r.ApplicationName, Client: r.ClientAddr, State: r.State, Sent: r.SentLSN, Write: r.WriteLSN, Flush: r.FlushLSN, Replay: r.ReplayLSN, Encrypted: r.IsEncrypted}
				if r.ReplyTime != nil {
					s.ReplyAge, s.ReplyKnown = r.Asked.Sub(*r.ReplyTime), true
				}
				f.Senders = append(f.Senders, s)
			}
		}),
	}
}

// originsQuery: an origin that has applied nothing since the server started has
// no row in the status view. Origins are shared by all databases; which one has
// an origin only its name tells: pgl_<database>_… and bdr_<database>_… where the
// database's name is not cut, pg_<subscription>[_<table>].
func originsQuery(p *probe) query {
	const named = `o.roname ~ '^(pgl|bdr)_' AND NOT starts_with(substr(o.roname, 5), current_database() || '_') AND EXISTS (SELECT FROM pg_database d
			WHERE d.datname <> current_database() AND octet_length(d.datname::text) <= 16 AND starts_with(substr(o.roname, 5), d.datname || '_'))`
	elsewhere := named
	if p.VersionNum >= 140000 { // before, not everybody may see the oid of a subscription
		elsewhere += ` OR EXISTS (SELECT FROM pg_subscription n JOIN pg_database d ON d.oid = n.subdbid WHERE d.datname <> current_database()
			AND (o.roname = 'pg_' || n.oid OR starts_with(o.roname, 'pg_' || n.oid || '_')))`
	}
	return query{
		part: PartOrigins, what: "pg_replication_origin_status",
		grants: []string{"GRANT SELECT ON pg_catalog.pg_replication_origin_status TO %s", "GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_replication_origin_status() TO %s"},
		sql: `SELECT o.roname AS name, coalesce(s.remote_lsn, '0/0') AS remote, ` + elsewhere + ` AS elsewhere FROM pg_replication_origin o
			LEFT JOIN pg_replication_origin_status s ON s.local_id = o.roident ORDER BY o.roname`,
		fill: into(func(f *Facts, rows []Origin) { f.Origins = rows }),
	}
}

// commitWindow is how many of the newest transaction ids are asked for their
// commit timestamp: 2,000 take some 30 ms.
const commitWindow = 2000

// commitOrigin is how the timestamp and origin of a commit g are told on the
// server: by PostgreSQL from 14 on, before by extensions; "" when not at all.
func commitOrigin(p *probe) string {
	const xid = "(g % 4294967296)::text::xid"
	switch {
	case p.hasFunction("pg_catalog.pg_xact_commit_timestamp_origin"):
		return "SELECT t.\"timestamp\", t.roident FROM pg_xact_commit_timestamp_origin(" + xid + ") t"
	case p.hasFunction("pglogical.xact_commit_timestamp_origin"): // pglogical 2
		return "SELECT t.\"timestamp\", t.roident FROM pglogical.xact_commit_timestamp_origin(" + xid + ") t"
	case p.hasFunction("bdr.pg_xact_origin"): // BDR 3.6.11
		return "SELECT pg_xact_commit_timestamp(" + xid + ") AS \"timestamp\", bdr.pg_xact_origin(" + xid + ") AS roident"
	}
	return ""
}

func commitsQuery(p *probe) query {
	newest := "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
	if p.VersionNum < 130000 {
		newest = "txid_snapshot_xmax(txid_current_snapshot())"
	}
	return query{
		part: PartCommits, what: "commit timestamps",
		missing: func(p *probe) (string, string) {
			switch {
			case p.InRecovery:
				return "the server is in recovery", ""
			case !p.CommitTimestamps:
				return "track_commit_timestamp is off", "Set track_commit_timestamp = on and restart the server."
			case commitOrigin(p) == "":
				return "PostgreSQL before 14 does not tell the origin of a commit", ""
			}
			return "", ""
		},
		sql: fmt.Sprintf(`SELECT CASE WHEN coalesce(x.roident, 0) = 0 THEN '' ELSE coalesce(o.roname, 'origin ' || x.roident) END AS origin, json_agg(x."timestamp" ORDER BY x."timestamp") AS times
			FROM (SELECT t.* FROM generate_series(greatest(3, %[1]s - %[2]d), %[1]s - 1) g, LATERAL (%[3]s) t WHERE g %% 4294967296 >= 3 AND t."timestamp" IS NOT NULL) x
			LEFT JOIN pg_replication_origin o ON o.roident = x.roident GROUP BY 1 ORDER BY 1`, newest, commitWindow, commitOrigin(p)),
		fill: into(func(f *Facts, rows []struct {
			Origin string
			Times  []time.Time
		}) {
			for _, r := range rows {
				for i := range r.Times {
					r.Times[i] = r.Times[i].UTC()
				}
				f.Commits = append(f.Commits, Commit{Origin: r.Origin, Times: r.Times})
			}
		}),
	}
}

// workersQuery counts what takes a place of max_worker_processes: everything
// but clients, walsenders and the server's own processes. The workers of
// parallel queries come and go.
var workersQuery = query{
	part: PartWorkers, what: "pg_stat_activity", grants: monitor, member: "pg_read_all_stats",
	sql: `SELECT regexp_replace(backend_type, ' [0-9:]+$', '') AS type, count(*) AS count FROM pg_stat_activity WHERE backend_type NOT IN ('client backend', 'walsender', 'walreceiver', 'walwriter', 'walsummarizer',
		'background writer', 'checkpointer', 'startup', 'archiver', 'logger', 'autovacuum launcher', 'autovacuum worker', 'slotsync worker', 'io worker', 'standalone backend', 'parallel worker')
		GROUP BY 1 ORDER BY 1`,
	fill: into(func(f *Facts, rows []struct {
		Type  string
		Count int
	}) {
		f.Workers = map[string]int{}
		for _, r := range rows {
			f.Workers[r.Type] = r.Count
		}
	}),
}
