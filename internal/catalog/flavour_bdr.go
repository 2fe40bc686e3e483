package catalog

import (
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/schema"
)

// What the lines of Postgres-BDR and EDB Postgres Distributed share. Columns
// moved between releases, and 3.6 has no public reference at all: every
// statement asks the probe for what is there.

// bdrRights open the catalogs of BDR 3.6 and later, as the vendor's list of
// what bdr_read_all_stats may read has them.
var bdrRights = []string{"GRANT bdr_read_all_stats TO %s"}

// bdrLine returns the detection of one version line: the extension's version
// begins with prefix ("3.6.", "5.").
func bdrLine(name Flavour, prefix string) func(*probe) Flavour {
	return func(p *probe) Flavour {
		if v, ok := p.Extensions["bdr"]; ok && strings.HasPrefix(v+".", prefix) {
			return name
		}
		return ""
	}
}

// pick returns "expression AS name" when the probe has all columns of the
// relation, and "NULL AS name" otherwise.
func (p *probe) pick(name, expression, relation string, columns ...string) string {
	if p.has(relation, columns...) {
		return expression + " AS " + name
	}
	return "NULL AS " + name
}

// bdrLocal gives the id of the local node; no row where there is none.
const bdrLocal = "(SELECT node_id FROM bdr.local_node_summary LIMIT 1)"

// bdrGroup reads the top group's name, of which slots and origins bear a part.
func bdrGroup(p *probe) query {
	top := ""
	if p.has("bdr.node_group", "node_group_parent_id") { // sub-groups came with 3.7
		top = " WHERE node_group_parent_id = 0"
	}
	return query{
		part: PartNodes, what: "bdr.node_group", grants: bdrRights,
		sql: "SELECT node_group_name AS name FROM bdr.node_group" + top + " ORDER BY 1 LIMIT 1",
		fill: into(func(f *Facts, rows []struct{ Name string }) {
			for _, r := range rows {
				f.Group = r.Name
			}
		}),
	}
}

// bdrNodes reads the members. Before 3.6.25 a node had a row per interface, of
// which BDR uses the one of the node's own name.
func bdrNodes(p *probe) query {
	const view = "bdr.node_summary"
	order, kind, join := "s.node_id", p.pick("kind", "s.node_kind_name", view, "node_kind_name"), ""
	if p.has(view, "interface_name") {
		order += ", s.interface_name <> s.node_name"
	}
	switch {
	case p.has(view, "node_kind_name"):
	case p.has("bdr.node", "node_kind") && p.hasFunction("bdr.node_kind_name"): // 4.3 and later
		kind, join = "bdr.node_kind_name(k.node_kind) AS kind", " LEFT JOIN bdr.node k ON k.node_id = s.node_id"
	case p.hasFunction("bdr.node_group_type"): // 3.7.5 and later
		kind = "CASE bdr.node_group_type(s.node_group_name) WHEN 'subscriber-only' THEN 'subscriber-only' END AS kind"
	}
	return query{
		part: PartNodes, what: view, grants: bdrRights,
		sql: `SELECT DISTINCT ON (s.node_id) s.node_name AS name, s.node_id::text AS id, s.interface_connstr AS dsn, s.node_group_name AS "group", s.peer_state_name AS state, ` +
			p.pick("target", "s.peer_target_state_name", view, "peer_target_state_name") + `, ` + kind + `, s.node_id = ` + bdrLocal + ` AS local
			FROM bdr.node_summary s` + join + ` ORDER BY ` + order,
		fill: into(func(f *Facts, rows []struct {
			Name, ID, DSN, Group, State, Target, Kind string
			Local                                     bool
		}) {
			for _, r := range rows {
				f.Peers = append(f.Peers, Peer{Name: r.Name, ID: r.ID, Address: schema.Address(r.DSN), Asked: askedBy(r.DSN), Group: r.Group,
					State: stateWord(r.State), Target: stateWord(r.Target), Kind: kindWord(r.Kind)})
				if r.Local {
					f.LocalName = r.Name
				}
			}
			slices.SortFunc(f.Peers, func(a, b Peer) int { return strings.Compare(a.Name, b.Name) })
		}),
	}
}

// kindWord: "unknown" is what PGD 5 says of nodes that came with an upgrade and
// were given no kind since.
func kindWord(kind string) string {
	if kind = strings.ToLower(kind); kind == "unknown" {
		return ""
	}
	return kind
}

var bdrStates = map[string]State{
	"replicating": StateReplicating, "initializing": StateCatchup, "synchronizing": StateCatchup, "catchup": StateCatchup,
	"down": StateDown, "disabled": StateDisabled, "provider disabled": StateDisabled,
}

// bdrSubscriptions reads the incoming edges. A subscription's origin bears the
// name of the node it comes from; the column is younger than 3.6's references.
func bdrSubscriptions(p *probe) query {
	const view = "bdr.subscription_summary"
	origin := "s.sub_origin_name"
	if !p.has(view, "sub_origin_name") {
		origin = `coalesce((SELECT roname FROM pg_replication_origin WHERE roname = ` + slotRule("s.origin_name") + `),
			(SELECT roname FROM pg_replication_origin WHERE roname = s.sub_slot_name), ` + slotRule("s.origin_name") + `)`
	}
	errors, join := "NULL AS errors, NULL AS skipped", ""
	if p.has("bdr.stat_subscription", "sub_name", "nerror", "nskippedtx") {
		errors, join = "t.nerror AS errors, t.nskippedtx AS skipped", " LEFT JOIN bdr.stat_subscription t ON t.sub_name = s.sub_name"
	}
	if p.has("bdr.subscription_error_status", "sub_name", "total_skips") { // 6.4
		errors = strings.Replace(errors, "NULL AS skipped", "e.total_skips AS skipped", 1)
		errors = strings.Replace(errors, "t.nskippedtx", "coalesce(t.nskippedtx, 0) + coalesce(e.total_skips, 0)", 1)
		join += " LEFT JOIN bdr.subscription_error_status e ON e.sub_name = s.sub_name"
	}
	return query{
		part: PartSubscriptions, what: view, grants: bdrRights,
		sql: `SELECT DISTINCT ON (s.sub_name) s.sub_name AS name, s.origin_name AS provider, n.interface_connstr AS dsn, s.sub_slot_name AS slot, ` + origin + ` AS origin,
			s.sub_replication_sets AS sets, s.sub_forward_origins AS forward, s.sub_enabled AS enabled, extract(epoch FROM s.sub_apply_delay)::float8 AS delay,
			s.subscription_status AS status, to_json(s)->>'last_xact_replay_timestamp' AS last, ` + errors + `
			FROM bdr.subscription_summary s LEFT JOIN bdr.node_summary n ON n.node_id = s.origin_id` + join + ` ORDER BY s.sub_name`,
		fill: into(func(f *Facts, rows []struct {
			Name, Provider, DSN, Slot, Origin, Status string
			Sets, Forward                             []string
			Enabled                                   bool
			Delay                                     float64
			Errors, Skipped                           *int64
			Last                                      *time.Time // 3.6.1
		}) {
			for _, r := range rows {
				state, ok := bdrStates[strings.ToLower(r.Status)]
				if !ok {
					state = StateUnknown
				}
				f.Subscriptions = append(f.Subscriptions, Subscription{Name: r.Name, Provider: r.Provider, Address: schema.Address(r.DSN), Asked: askedBy(r.DSN), Slot: r.Slot, Origin: r.Origin,
					Sets: r.Sets, Enabled: r.Enabled, State: state, RawState: r.Status, Delay: time.Duration(r.Delay * float64(time.Second)), ForwardOrigins: r.Forward,
					Errors: r.Errors, Skipped: r.Skipped, LastApplied: r.Last})
			}
		}),
	}
}

// bdrLocalSets are the sets that the local node publishes, from 3.7 on.
const bdrLocalSets = "SELECT pub_repsets FROM bdr.local_node_summary LIMIT 1"

// bdrTables are the tables of a set s; lists of columns are not shown there.
const bdrTables = `SELECT json_agg(json_build_object('schema', t.nspname, 'name', t.relname, 'row_filter', t.row_filter IS NOT NULL, 'filter', t.row_filter) ORDER BY t.nspname, t.relname)
		FROM bdr.tables t WHERE t.set_name = s.set_name`

// bdrSetsQuery reads the sets that the node publishes, with their tables; an
// empty list of sets stands for the group's default set.
func bdrSetsQuery(sets, tables string) query {
	return query{
		part: PartSets, what: "bdr.replication_sets", grants: bdrRights,
		sql: `SELECT s.set_name AS name, s.replicate_insert AS insert, s.replicate_update AS update, s.replicate_delete AS delete, s.replicate_truncate AS truncate,
			coalesce((` + tables + `), '[]') AS tables
			FROM bdr.replication_sets s
			WHERE s.set_name = ANY (coalesce(nullif((` + sets + `)::text[], '{}'), (SELECT array_agg(node_group_name::text) FROM bdr.local_node_summary)))
			ORDER BY s.set_name`,
		fill: into(func(f *Facts, rows []Set) { f.Sets = rows }),
	}
}

// bdrRaft reads consensus as the node sees it: get_raft_status() of all lines,
// whose keys changed; ids in it are text.
var bdrRaft = query{
	part: PartRaft, what: "bdr.get_raft_status()", grants: bdrRights,
	missing: func(p *probe) (string, string) {
		if !p.hasFunction("bdr.get_raft_status") {
			return "this release has no function bdr.get_raft_status()", ""
		}
		return "", ""
	},
	sql: `SELECT x.s ->> 'state' AS state, coalesce(nullif(coalesce(x.s ->> 'leader', x.s ->> 'leader_id'), '0'), '') AS leader_id,
		coalesce((SELECT n.node_name::text FROM bdr.node_summary n WHERE n.node_id::text = coalesce(x.s ->> 'leader', x.s ->> 'leader_id') LIMIT 1), '') AS leader,
		(x.s ->> 'current_term')::bigint AS term, (x.s ->> 'nodes')::int AS nodes, (x.s ->> 'voting_nodes')::int AS voting_nodes, (x.s ->> 'protocol_version')::int AS protocol_version
		FROM (SELECT bdr.get_raft_status()::json AS s) x WHERE x.s IS NOT NULL`,
	fill: into(func(f *Facts, rows []struct {
		Raft
		LeaderID string `json:"leader_id"`
	}) {
		for _, r := range rows {
			if r.State = strings.ToUpper(r.State); r.Leader == "" {
				r.Leader = r.LeaderID // a node that is not among the members
			}
			f.Raft = append(f.Raft, r.Raft)
		}
	}),
}

// bdrStatRaft reads every Raft instance of PGD 5 and later, one per group.
var bdrStatRaft = query{
	part: PartRaft, what: "bdr.stat_raft_state", grants: append(slices.Clone(bdrRights), "GRANT SELECT ON bdr.stat_raft_state TO %s"),
	sql: `SELECT r.group_name AS "group", 'RAFT_' || r.raft_stat AS state, coalesce(r.leader_name::text, '') AS leader, r.current_term AS term,
		r.nnodes AS nodes, r.nvoting_nodes AS voting_nodes
		FROM bdr.stat_raft_state r LEFT JOIN bdr.node_group g ON g.node_group_name = r.group_name ORDER BY g.node_group_parent_id IS DISTINCT FROM 0, r.group_name`,
	fill: into(func(f *Facts, rows []Raft) { f.Raft = rows }),
}

// raftQuery prefers what tells the instances of sub-groups apart.
func raftQuery(p *probe) query {
	if p.has("bdr.stat_raft_state", "group_name", "raft_stat", "leader_name", "current_term", "nnodes", "nvoting_nodes") {
		return bdrStatRaft
	}
	return bdrRaft
}

// bdrLocks reads global locks, held or asked for; their times came with 3.6.14.
func bdrLocks(p *probe) query {
	return query{
		part: PartLocks, what: "bdr.global_locks", grants: bdrRights,
		sql: `SELECT origin_node_name AS origin, coalesce(relation, '') AS relation, coalesce(pid, 0) AS pid, lock_type AS mode, coalesce(acquire_stage, '') AS stage,
			` + p.pick("age", "extract(epoch FROM clock_timestamp() - global_lock_request_time)::float8", "bdr.global_locks", "global_lock_request_time") + `
			FROM bdr.global_locks ORDER BY 1, 4, 2, 3`,
		fill: into(func(f *Facts, rows []struct {
			Origin, Relation, Mode, Stage string
			PID                           int
			Age                           float64
		}) {
			for _, r := range rows {
				f.Locks = append(f.Locks, Lock{PID: r.PID, Relation: r.Relation, Mode: strings.TrimSpace(r.Mode + " " + r.Stage), Granted: strings.Contains(r.Stage, "ACQUIRED"),
					Age: time.Duration(r.Age * float64(time.Second)), Origin: r.Origin})
			}
		}),
	}
}

// bdrLogging reads where conflicts are recorded: releases differ in whether the
// table is filled by default, so an empty history proves nothing by itself.
var bdrLogging = query{
	part: PartConflicts, what: "bdr.node_log_config", grants: append(slices.Clone(bdrRights), "GRANT SELECT ON bdr.node_log_config TO %s"), newer: true,
	missing: func(p *probe) (string, string) {
		if !p.has("bdr.node_log_config", "log_to_file", "log_to_table") {
			return "this release has no relation bdr.node_log_config: it came with BDR 3.6.17", "Upgrade, or look for the settings of bdr.alter_node_add_log_config by hand."
		}
		return "", ""
	},
	sql: `SELECT CASE WHEN coalesce(cardinality(log_conflict_type::text[]), 0) = 0 AND coalesce(cardinality(log_conflict_res::text[]), 0) = 0 THEN ''
		ELSE log_name || ' (some types only)' END AS subject, log_to_table AS to_table, log_to_file AS to_log
		FROM bdr.node_log_config ORDER BY log_name`,
	fill: into(func(f *Facts, rows []ConflictLog) { f.Conflicts = rows }),
}

// bdrHistory counts the conflicts that are kept, for 30 days by default. It says
// something only where the table is written at all; conflicts of tables
// of other owners are hidden by row-level security from who is no member of the role
// for them, which came with 3.7, as the relation did.
var bdrHistory = query{
	part: PartHistory, what: "bdr.conflict_history_summary", grants: append(slices.Clone(bdrRights), "GRANT bdr_read_all_conflicts TO %s"), sees: "bdr_read_all_conflicts",
	sql: "SELECT count(*) AS total FROM bdr.conflict_history_summary",
	fill: into(func(f *Facts, rows []struct{ Total int64 }) {
		for i := range f.Conflicts {
			if f.Conflicts[i].ToTable {
				f.Conflicts[i].Total = &rows[0].Total
				return
			}
		}
	}),
}

var bdrSequences = query{
	part: PartSequences, what: "bdr.sequences", grants: bdrRights,
	sql: "SELECT nspname || '.' || relname AS name, seqkind AS kind FROM bdr.sequences ORDER BY 1",
	fill: into(func(f *Facts, rows []struct{ Name, Kind string }) {
		kinds := map[string]string{}
		for _, r := range rows {
			kinds[r.Name] = r.Kind
		}
		for i := range f.Sequences {
			f.Sequences[i].Kind = kinds[f.Sequences[i].String()]
		}
	}),
}

// bdrSettings are those of the library that checks judge and that pg_settings
// may not list: what superusers only see raises an error here, not a silence.
var bdrSettings = query{
	part: PartSettings, what: "settings of bdr", grants: monitor,
	sql: `SELECT name, value FROM (SELECT name, current_setting(name, true) AS value FROM unnest('{bdr.accept_connections,bdr.ddl_locking,bdr.ddl_replication,
		bdr.default_conflict_detection,bdr.maximum_clock_skew,bdr.maximum_clock_skew_action,bdr.raft_election_timeout,bdr.replay_progress_frequency,bdr.role_replication,
		bdr.xact_replication}'::text[]) name WHERE name NOT IN (SELECT name FROM pg_settings)) s WHERE value IS NOT NULL`,
	fill: into(func(f *Facts, rows []struct{ Name, Value string }) {
		for _, r := range rows {
			f.Settings[r.Name] = r.Value
		}
	}),
}
