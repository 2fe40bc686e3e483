package catalog

import (
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/schema"
)

// pglogicalRights opens the catalogs of pglogical; pg_monitor does not.
// show_subscription_status() asks for nothing more.
var pglogicalRights = []string{
	"GRANT USAGE ON SCHEMA pglogical TO %s",
	"GRANT SELECT ON pglogical.node, pglogical.node_interface, pglogical.local_node, pglogical.subscription, pglogical.local_sync_status, pglogical.replication_set, pglogical.replication_set_table TO %s",
}

// pglogical2 reads pglogical 2. The columns are those of 2.2 to 2.4.
var pglogical2 = flavour{
	names:     []Flavour{PGLogical},
	extension: "pglogical",
	detect: func(p *probe) Flavour {
		// BDR 3 brings a pglogical of its own, 3.x.
		if v, ok := p.Extensions["pglogical"]; ok && strings.HasPrefix(v, "2.") {
			return PGLogical
		}
		return ""
	},
	queries: func(p *probe, _ Flavour) []query {
		return []query{pglogicalNodes, pglogicalSubscriptions, pglogicalSets}
	},
	finish: pglogicalConflicts,
}

var pglogicalNodes = query{
	part: PartNodes, what: "pglogical.node", grants: pglogicalRights,
	// A node may have several interfaces; the one that create_node made bears
	// the node's name.
	sql: `SELECT DISTINCT ON (n.node_name) n.node_name AS name, n.node_id::text AS id, i.if_dsn AS dsn, l.node_id IS NOT NULL AS local
		FROM pglogical.node n LEFT JOIN pglogical.node_interface i ON i.if_nodeid = n.node_id LEFT JOIN pglogical.local_node l ON l.node_id = n.node_id
		ORDER BY n.node_name, i.if_id IS DISTINCT FROM l.node_local_interface, i.if_name <> n.node_name, i.if_id`,
	fill: into(func(f *Facts, rows []struct {
		Name, ID, DSN string
		Local         bool
	}) {
		for _, r := range rows {
			f.Peers = append(f.Peers, Peer{Name: r.Name, ID: r.ID, Address: schema.Address(r.DSN), Asked: askedBy(r.DSN)})
			if r.Local {
				f.LocalName = r.Name
			}
		}
	}),
}

// pglogicalStates are the words of show_subscription_status().
var pglogicalStates = map[string]State{"replicating": StateReplicating, "initializing": StateCatchup, "down": StateDown, "disabled": StateDisabled}

var pglogicalSubscriptions = query{
	part: PartSubscriptions, what: "pglogical.subscription", grants: pglogicalRights,
	sql: `SELECT s.sub_name AS name, n.node_name AS provider, i.if_dsn AS dsn, s.sub_slot_name AS slot, s.sub_replication_sets AS sets, s.sub_forward_origins AS forward,
			s.sub_enabled AS enabled, extract(epoch FROM s.sub_apply_delay)::float8 AS delay, st.status
		FROM pglogical.subscription s JOIN pglogical.node n ON n.node_id = s.sub_origin LEFT JOIN pglogical.node_interface i ON i.if_id = s.sub_origin_if
		LEFT JOIN pglogical.show_subscription_status() st ON st.subscription_name = s.sub_name
		ORDER BY s.sub_name`,
	fill: into(func(f *Facts, rows []struct {
		Name, Provider, DSN, Slot, Status string
		Sets, Forward                     []string
		Enabled                           bool
		Delay                             float64
	}) {
		for _, r := range rows {
			state, ok := pglogicalStates[r.Status]
			if !ok {
				state = StateUnknown
			}
			f.Subscriptions = append(f.Subscriptions, Subscription{Name: r.Name, Provider: r.Provider, Address: schema.Address(r.DSN), Asked: askedBy(r.DSN), Slot: r.Slot,
				Origin: r.Slot, // pglogical names the origin like the slot
				Sets:   r.Sets, Enabled: r.Enabled, State: state, RawState: r.Status, Delay: time.Duration(r.Delay * float64(time.Second)), ForwardOrigins: r.Forward})
		}
	}),
}

var pglogicalSets = query{
	part: PartSets, what: "pglogical.replication_set", grants: pglogicalRights,
	sql: `SELECT s.set_name AS name, s.replicate_insert AS insert, s.replicate_update AS update, s.replicate_delete AS delete, s.replicate_truncate AS truncate,
			coalesce((SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname, 'columns', t.set_att_list, 'row_filter', t.set_row_filter IS NOT NULL, 'filter', pg_get_expr(t.set_row_filter, t.set_reloid))
				ORDER BY n.nspname, c.relname)
				FROM pglogical.replication_set_table t JOIN pg_class c ON c.oid = t.set_reloid JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE t.set_id = s.set_id), '[]') AS tables
		FROM pglogical.replication_set s JOIN pglogical.local_node l ON l.node_id = s.set_nodeid ORDER BY s.set_name`,
	fill: into(func(f *Facts, rows []Set) { f.Sets = rows }),
}

// logLevels orders message levels the way log_min_messages does: LOG stands
// high there.
var logLevels = []string{"debug5", "debug4", "debug3", "debug2", "debug1", "info", "notice", "warning", "error", "log", "fatal", "panic"}

// pglogicalConflicts: conflicts go to the server log only, at
// pglogical.conflict_log_level; nothing counts them.
func pglogicalConflicts(f *Facts) {
	rank := func(name string) int {
		level := f.Settings[name]
		if level == "debug" { // another word for it
			level = "debug2"
		}
		return slices.Index(logLevels, level)
	}
	at, from := rank("pglogical.conflict_log_level"), rank("log_min_messages")
	if at < 0 || from < 0 {
		f.Gaps = append(f.Gaps, Failure{Part: PartConflicts, Attempted: "read pglogical.conflict_log_level and log_min_messages", Reason: "failed", Detail: "a setting is not there or has no value that is known"})
		return
	}
	f.Conflicts = []ConflictLog{{ToLog: at >= from}}
}
