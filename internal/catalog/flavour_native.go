package catalog

import (
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

// native reads PostgreSQL's own publications and subscriptions, as of 14 to 18.
// It gives a node no name: the plan's is taken. Of a mesh they are capable from
// 16 on, where a subscription can ask for changes without an origin only.
var native = flavour{
	names: []Flavour{Native},
	detect: func(p *probe) Flavour {
		if p.Publications+p.NativeSubs > 0 {
			return Native
		}
		return ""
	},
	queries: func(p *probe, _ Flavour) []query {
		q := []query{nativeSubscriptions(p), nativeSets(p), nativeSlots}
		if counters := conflictCounters(p); len(counters) > 0 {
			q = append(q, nativeConflicts(counters))
		}
		return q
	},
}

// nativeSubscriptions: the connection string is closed to all but superusers,
// since it may hold a password; of it only the address is kept. Without it the
// provider is found by the slot, see resolve.
func nativeSubscriptions(p *probe) query {
	dsn := "'' AS dsn"
	if p.Conninfo {
		dsn = "s.subconninfo AS dsn"
	}
	errors, join := "NULL AS errors", ""
	if p.has("pg_catalog.pg_stat_subscription_stats", "subid", "apply_error_count", "sync_error_count") { // 15
		errors, join = "coalesce(t.apply_error_count + t.sync_error_count, 0) AS errors", " LEFT JOIN pg_stat_subscription_stats t ON t.subid = s.oid"
	}
	worker := "w.relid IS NULL"
	if p.has("pg_catalog.pg_stat_subscription", "leader_pid") { // 16: parallel workers bear it
		worker += " AND w.leader_pid IS NULL"
	}
	return query{
		part: PartSubscriptions, what: "pg_subscription",
		grants: []string{"GRANT SELECT (subconninfo) ON pg_catalog.pg_subscription TO %s /* may hold passwords; without it mesh/dsn-as-declared and tls/mode-as-declared are unknown */"},
		sql: `SELECT s.subname AS name, ` + dsn + `, coalesce(s.subslotname::text, '') AS slot, 'pg_' || s.oid AS origin, s.subpublications AS sets, s.subenabled AS enabled,
			` + p.pick("source", "s.suborigin", "pg_catalog.pg_subscription", "suborigin") + `, ` + errors + `,
			EXISTS (SELECT FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.pid IS NOT NULL AND ` + worker + `) AS running,
			EXISTS (SELECT FROM pg_subscription_rel r WHERE r.srsubid = s.oid AND r.srsubstate <> 'r') AS copying
			FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid` + join + ` WHERE d.datname = current_database() ORDER BY s.subname`,
		fill: into(func(f *Facts, rows []struct {
			Name, DSN, Slot, Origin, Source string
			Sets                            []string
			Enabled, Running, Copying       bool
			Errors                          *int64
		}) {
			for _, r := range rows {
				sub := Subscription{Name: r.Name, Slot: r.Slot, Origin: r.Origin, Sets: r.Sets, Enabled: r.Enabled, Errors: r.Errors, Asked: askedBy(r.DSN)}
				if r.DSN != "" {
					sub.Address = schema.Address(r.DSN)
				}
				switch {
				case !r.Enabled:
					sub.State, sub.RawState = StateDisabled, "disabled"
				case !r.Running:
					sub.State, sub.RawState = StateDown, "no apply worker"
				case r.Copying:
					sub.State, sub.RawState = StateCatchup, "tables are being copied"
				default:
					sub.State, sub.RawState = StateReplicating, "apply worker runs"
				}
				if r.Source != "none" { // before 16 there is no choice
					sub.ForwardOrigins = []string{"all"}
				}
				f.Subscriptions = append(f.Subscriptions, sub)
			}
		}),
	}
}

// nativeSets reads publications as the sets that they are. Before 15 there are
// neither lists of columns nor row filters. A publication that has a table and
// all of its schema sends the table whole, whatever filter it has for it
// (pgoutput_row_filter_init in pgoutput.c).
func nativeSets(p *probe) query {
	columns, filter, condition := "NULL::name[]", "false", "NULL::text"
	if p.has("pg_catalog.pg_publication_rel", "prattrs", "prqual") {
		columns = `(SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_publication_rel r JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)
			WHERE r.prpubid = p.oid AND r.prrelid = c.oid)`
		filtered := "FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = c.oid AND r.prqual IS NOT NULL AND NOT EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid AND s.pnnspid = c.relnamespace)"
		filter = "EXISTS (SELECT " + filtered + ")"
		condition = "(SELECT pg_get_expr(r.prqual, r.prrelid) " + filtered + ")"
	}
	return query{
		part: PartSets, what: "pg_publication",
		sql: `SELECT p.pubname AS name, p.pubinsert AS insert, p.pubupdate AS update, p.pubdelete AS delete, p.pubtruncate AS truncate,
			coalesce((SELECT json_agg(json_build_object('schema', t.schemaname, 'name', t.tablename, 'columns', ` + columns + `, 'row_filter', ` + filter + `, 'filter', ` + condition + `)
				ORDER BY t.schemaname, t.tablename)
				FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
				WHERE t.pubname = p.pubname), '[]') AS tables
			FROM pg_publication p ORDER BY p.pubname`,
		fill: into(func(f *Facts, rows []Set) { f.Sets = rows }),
	}
}

// nativeSlots are those of a table's first copy: pg_<subscription>_sync_<table>_<system>,
// gone when it is done.
var nativeSlots = query{
	part: PartNames, what: "pg_replication_slots",
	sql: `SELECT slot_name AS name, 'join' AS use, 'naming rule' AS "from" FROM pg_replication_slots
		WHERE slot_name ~ '^pg_[0-9]+_sync_[0-9]+_[0-9]+$' AND database = current_database() ORDER BY 1`,
	fill: into(func(f *Facts, rows []OwnedName) { f.OwnedSlots = rows }),
}

// conflictCounters are the columns in which 18 counts conflicts. Before that
// nothing is recorded of an update that meets another: no gap in what is known,
// but a node that has no conflict log.
func conflictCounters(p *probe) []string {
	var out []string
	for _, c := range p.Relations["pg_catalog.pg_stat_subscription_stats"] {
		if strings.HasPrefix(c, "confl_") {
			out = append(out, "t."+c)
		}
	}
	slices.Sort(out)
	return out
}

// nativeConflicts: 18 also writes them to the server log.
func nativeConflicts(counters []string) query {
	return query{
		part: PartConflicts, what: "pg_stat_subscription_stats",
		sql: `SELECT t.subname AS subject, true AS to_log, true AS counted, (` + strings.Join(counters, " + ") + `)::bigint AS total
			FROM pg_stat_subscription_stats t JOIN pg_subscription s ON s.oid = t.subid JOIN pg_database d ON d.oid = s.subdbid
			WHERE d.datname = current_database() ORDER BY 1`,
		fill: into(func(f *Facts, rows []ConflictLog) { f.Conflicts = rows }),
	}
}

// resolveSlot finds the provider of a native subscription by its slot: the one
// node whose slot of that name streams with PostgreSQL's own plugin.
func (c *Cluster) resolveSlot(subscriber, slot string) string {
	found := ""
	for name, n := range c.Nodes {
		if name == subscriber || n.Facts == nil {
			continue
		}
		for _, s := range n.Facts.Slots {
			if s.Name == slot && s.Plugin == "pgoutput" && s.Database == n.Facts.Server.Database { // not of another database of the server
				if found != "" {
					return "" // two of them bear the name
				}
				found = name
			}
		}
	}
	return found
}
