package catalog

import "time"

// tableFilter leaves out what belongs to PostgreSQL or to an extension.
const tableFilter = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
	AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')`

func tablesQuery(p *probe) query {
	generated := "false"
	if p.has("pg_catalog.pg_attribute", "attgenerated") { // PostgreSQL 12
		generated = "a.attgenerated <> ''"
	}
	return query{
		part: PartTables, what: "pg_class",
		sql: `SELECT n.nspname AS schema, c.relname AS name, pg_get_userbyid(c.relowner) AS owner, c.relkind = 'p' AS partitioned, CASE WHEN c.relispartition THEN
				(SELECT pn.nspname || '.' || pc.relname FROM pg_inherits i JOIN pg_class pc ON pc.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = pc.relnamespace WHERE i.inhrelid = c.oid) END AS parent,
			c.relpersistence = 'u' AS unlogged, k.primary_key, c.relrowsecurity AS row_security, row_security_active(c.oid) AS rows_hidden,
			has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
			CASE c.relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing'
				WHEN 'i' THEN CASE WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) THEN 'index' ELSE 'nothing' END
				ELSE CASE WHEN k.identifies THEN 'primary key' ELSE 'nothing' END END AS replica_identity,
			(SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
				'default', coalesce(pg_get_expr(d.adbin, d.adrelid), ''), 'generated', ` + generated + `, 'identity', a.attidentity <> '',
				'collation', CASE WHEN a.attcollation <> t.typcollation THEN (SELECT collname FROM pg_collation o WHERE o.oid = a.attcollation) ELSE '' END) ORDER BY a.attnum)
				FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
			(SELECT json_agg(x ORDER BY x) FROM (SELECT conname || ' ' || pg_get_constraintdef(oid) AS x FROM pg_constraint o WHERE o.conrelid = c.oid AND contype <> 'n') s) AS constraints,
			(SELECT json_agg(x ORDER BY x) FROM (SELECT pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END AS x FROM pg_index i WHERE i.indrelid = c.oid) s) AS indexes,
			(SELECT json_agg(tgname ORDER BY tgname) FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled = 'A') AS always_triggers,
			(SELECT json_agg(tgname ORDER BY tgname) FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled = 'R') AS replica_triggers
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
				-- a primary key that is deferrable names no row to subscribers
				LATERAL (SELECT count(*) > 0 AS primary_key, count(*) FILTER (WHERE i.indimmediate) > 0 AS identifies FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) k
			WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND ` + tableFilter + ` ORDER BY 1, 2`,
		fill: into(func(f *Facts, rows []Table) { f.Tables = rows }),
	}
}

var sequencesQuery = query{
	part: PartSequences, what: "pg_sequence",
	sql: `SELECT n.nspname AS schema, c.relname AS name, format_type(s.seqtypid, NULL) AS type, s.seqstart AS start, s.seqmin AS min, s.seqmax AS max, s.seqincrement AS increment,
			s.seqcycle AS cycle, CASE WHEN has_sequence_privilege(c.oid, 'SELECT, USAGE') AND NOT pg_is_in_recovery() THEN pg_sequence_last_value(c.oid) END AS last,
			NOT (has_sequence_privilege(c.oid, 'SELECT, USAGE') AND NOT pg_is_in_recovery()) AS hidden,
			(SELECT json_agg(DISTINCT x ORDER BY x) FROM (
				SELECT tn.nspname || '.' || tc.relname || '.' || a.attname AS x FROM pg_depend d JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
					JOIN pg_class tc ON tc.oid = f.adrelid JOIN pg_namespace tn ON tn.oid = tc.relnamespace JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
					WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
				UNION ALL
				SELECT tn.nspname || '.' || tc.relname || '.' || a.attname FROM pg_depend d JOIN pg_class tc ON tc.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = tc.relnamespace
					JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
					WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i') u) AS used_by
			FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ` + tableFilter + ` ORDER BY 1, 2`,
	fill: into(func(f *Facts, rows []Sequence) { f.Sequences = rows }),
}

var rolesQuery = query{
	part: PartRoles, what: "pg_roles",
	sql: `SELECT rolname AS name, rolsuper AS superuser, rolinherit AS inherit, rolcreaterole AS create_role, rolcreatedb AS create_db, rolcanlogin AS login,
			rolreplication AS replication, rolbypassrls AS bypass_rls,
			(SELECT json_agg(DISTINCT g.rolname ORDER BY g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS member_of
			FROM pg_roles r WHERE rolname !~ '^pg_' ORDER BY 1`,
	fill: into(func(f *Facts, rows []Role) { f.Roles = rows }),
}

var preparedQuery = query{
	part: PartPrepared, what: "pg_prepared_xacts",
	sql:  "SELECT gid, prepared AS since, owner FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1",
	fill: into(func(f *Facts, rows []Prepared) { f.Prepared = rows }),
}

// locksQuery: modes that stop readers or writers; autovacuum takes one for a
// moment to cut a table short, which is no DDL. A prepared transaction has locks
// and no process.
var locksQuery = query{
	part: PartLocks, what: "pg_locks", grants: monitor, member: "pg_read_all_stats",
	sql: `SELECT coalesce(l.pid, 0) AS pid, coalesce(a.application_name, '') AS application, n.nspname || '.' || c.relname AS relation, l.mode, l.granted,
			coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::float8, 0) AS age
			FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.pid IS DISTINCT FROM pg_backend_pid()
				AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
				AND n.nspname !~ '^pg_toast' AND n.nspname !~ '^pg_temp' AND a.backend_type IS DISTINCT FROM 'autovacuum worker' ORDER BY 3, 4, 1`,
	fill: into(func(f *Facts, rows []struct {
		PID                         int
		Application, Relation, Mode string
		Granted                     bool
		Age                         float64
	}) {
		for _, r := range rows {
			f.Locks = append(f.Locks, Lock{PID: r.PID, Application: r.Application, Relation: r.Relation, Mode: r.Mode, Granted: r.Granted, Age: time.Duration(r.Age * float64(time.Second))})
		}
	}),
}

// objectsQuery lists what a database holds beside PostgreSQL and extensions; it
// is read of joiners, which must be empty.
var objectsQuery = query{
	part: PartObjects, what: "pg_class, pg_type, pg_proc, pg_namespace",
	sql: `WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
		ns AS (SELECT oid, nspname FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
		SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
				WHEN 'f' THEN 'foreign table' ELSE 'composite type' END AS kind, n.nspname || '.' || c.relname AS name
			FROM pg_class c JOIN ns n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM member)
				AND NOT (c.relkind = 'c' AND EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = c.reltype))
		UNION ALL SELECT 'type', n.nspname || '.' || t.typname FROM pg_type t JOIN ns n ON n.oid = t.typnamespace
			WHERE t.typtype IN ('d', 'e', 'r') AND ('pg_type'::regclass, t.oid) NOT IN (SELECT * FROM member)
		UNION ALL SELECT 'function', n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' FROM pg_proc p JOIN ns n ON n.oid = p.pronamespace
			WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM member) AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')
		UNION ALL SELECT 'schema', nspname FROM ns WHERE nspname <> 'public' AND ('pg_namespace'::regclass, oid) NOT IN (SELECT * FROM member)
				AND oid NOT IN (SELECT extnamespace FROM pg_extension) -- the schema that CREATE EXTENSION made is no member of it
		UNION ALL SELECT 'event trigger', evtname FROM pg_event_trigger e WHERE ('pg_event_trigger'::regclass, e.oid) NOT IN (SELECT * FROM member)
		UNION ALL SELECT 'publication', pubname FROM pg_publication
		UNION ALL SELECT 'subscription', subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		UNION ALL SELECT 'large object', oid::text FROM pg_largeobject_metadata
		ORDER BY 1, 2`,
	fill: into(func(f *Facts, rows []Object) { f.Objects = append([]Object{}, rows...) }),
}
