package compare

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// survey is what one node says of itself before anything is compared.
type survey struct {
	node       string
	session    *cluster.Session
	version    int // server_version_num
	encoding   string
	inRecovery bool
	system     string            // that a primary and its physical standbys share; "" when the role may not know
	timeline   int64             // of the system: a standby that was promoted has another one than its primary; 0 when the role may not know
	database   string            // of the system: another one of it may be another node
	commitTS   bool              // track_commit_timestamp is on
	relations  map[string]*table // keyed by schema.name as [qualified] writes it
	repl       replication
	slots      []string          // logical ones
	probed     map[string]string // what the node answered to the probe, per type
}

// table is a table as one node has it.
type table struct {
	schema, name string
	oid          uint32
	kind         string // relkind: r, p, f …
	unlogged     bool
	rowSecurity  bool
	versions     bool    // the role may read which version of a row is where: ctid and xmin
	rows         float64 // estimate; negative when never analysed
	pages        int64
	root         string // topmost partitioned table, when this is a partition
	leaves       []string
	foreign      []string // partitions, at any level, that are foreign tables
	heirs        bool     // tables inherit from it, and are no partitions
	columns      []column // in attribute order, dropped ones left out
	keys         []key    // primary key first
}

// estimate returns about how many rows the table has.
func (t *table) estimate() float64 {
	if t.rows > 0 || t.pages == 0 {
		return max(t.rows, 0)
	}
	return float64(t.pages) * 50 // never analysed
}

// column of a table.
type column struct {
	name      string
	num       int16
	typ       string // format_type, qualified
	base      string // name of the base type behind domains, without typmod, qualified unless built in
	class     string // typtype of the base: b, c, e, r, m
	category  string // typcategory of the base
	floats    bool   // of a type that holds floats
	chars     bool   // of a type that is or holds "char"
	cast      bool   // of a type of the server's, which somebody gave a cast to text
	parts     string // attributes of a composite, or of what an array holds, by name
	notNull   bool
	generated string
}

// key is a unique, immediate index over columns that cannot be NULL.
type key struct {
	primary bool
	columns []string
	equal   []string // the index's equality operator per column, qualified: OPERATOR(x.=)
}

// internalSchemas belong to the server or to what replicates it.
var internalSchemas = []string{"pg_catalog", "information_schema", "pg_toast", "pglogical", "pglogical_origin", "bdr", "pgactive", "spock", "pglogical_ticker"}

// qualified writes a name so that no two tables share it.
func qualified(schema, name string) string { return ident(schema) + "." + ident(name) }

// ident quotes an SQL identifier.
func ident(s string) string { return pgx.Identifier{s}.Sanitize() }

// literal quotes an SQL string.
func literal(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return " E'" + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}

// look reads a node's survey in one short transaction.
func look(ctx context.Context, s *cluster.Session) (*survey, error) {
	v := &survey{node: s.Node, session: s, relations: map[string]*table{}}
	err := s.Read(ctx, "read the tables", func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery(),
			current_setting('track_commit_timestamp') = 'on', current_database(),
			CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE') THEN (SELECT system_identifier::text FROM pg_control_system()) ELSE '' END,
			CASE WHEN NOT pg_is_in_recovery() THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int8
				WHEN has_function_privilege('pg_control_checkpoint()', 'EXECUTE') AND has_function_privilege('pg_control_recovery()', 'EXECUTE') THEN (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline,
					(SELECT received_tli FROM pg_stat_wal_receiver)) FROM pg_control_checkpoint() c, pg_control_recovery() r) ELSE 0 END`).
			Scan(&v.version, &v.encoding, &v.inRecovery, &v.commitTS, &v.database, &v.system, &v.timeline)
		if err != nil {
			return err
		}
		byOID, err := v.readTables(ctx, tx)
		if err != nil {
			return fmt.Errorf("tables: %w", err)
		}
		if err := readColumns(ctx, tx, v.version, byOID); err != nil {
			return fmt.Errorf("columns: %w", err)
		}
		if v.version < writesAlike { // others write what these hold as all others do
			if err := readParts(ctx, tx, v.version, byOID); err != nil {
				return fmt.Errorf("types of columns: %w", err)
			}
		}
		if err := readKeys(ctx, tx, v.version, byOID); err != nil {
			return fmt.Errorf("indexes: %w", err)
		}
		return v.readSlots(ctx, tx)
	})
	if err == nil {
		v.repl, err = readReplication(ctx, s)
	}
	return v, err
}

// readSlots reads the names of the database's logical slots, by which the provider
// of a subscription is found that does not name it.
func (v *survey) readSlots(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "SELECT slot_name::text FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary AND database = current_database()")
	if err != nil {
		return err
	}
	v.slots, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

func (v *survey) readTables(ctx context.Context, tx pgx.Tx) (map[uint32]*table, error) {
	// These functions look beyond the snapshot: of a table that was dropped since they
	// give NULL.
	rows, err := tx.Query(ctx, `SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence = 'u', c.relrowsecurity, c.reltuples::float8,
			coalesce(pg_catalog.pg_relation_size(c.oid), 0) / current_setting('block_size')::int8, c.relispartition,
			coalesce(has_table_privilege(c.oid, 'SELECT') OR has_column_privilege(c.oid, 'ctid', 'SELECT') AND has_column_privilege(c.oid, 'xmin', 'SELECT'), false)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT n.nspname = ANY ($1) AND n.nspname !~ '^pg_(toast|temp)'`, internalSchemas)
	if err != nil {
		return nil, err
	}
	byOID, partition := map[uint32]*table{}, map[uint32]bool{}
	for rows.Next() {
		t, part := &table{}, false
		if err := rows.Scan(&t.oid, &t.schema, &t.name, &t.kind, &t.unlogged, &t.rowSecurity, &t.rows, &t.pages, &part, &t.versions); err != nil {
			return nil, err
		}
		byOID[t.oid], partition[t.oid] = t, part
		v.relations[qualified(t.schema, t.name)] = t
	}
	if rows.Err() != nil {
		return nil, rows.Err()
	}
	attached := ""
	if v.version >= 140000 { // one that is being detached is a table of its own
		attached = " WHERE NOT i.inhdetachpending"
	}
	rows, err = tx.Query(ctx, `SELECT i.inhrelid, i.inhparent, c.relispartition, n.nspname, c.relname
		FROM pg_catalog.pg_inherits i LEFT JOIN (pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) ON f.ftrelid = i.inhrelid`+attached)
	if err != nil {
		return nil, err
	}
	parent, foreign := map[uint32]uint32{}, map[uint32]string{}
	for rows.Next() {
		var child, up uint32
		var part *bool // of a foreign table alone
		var schema, name *string
		if err := rows.Scan(&child, &up, &part, &schema, &name); err != nil {
			return nil, err
		}
		if part != nil && *part {
			foreign[child] = qualified(*schema, *name)
		}
		if partition[child] || foreign[child] != "" { // plain inheritance is no partitioning
			parent[child] = up
		} else if p := byOID[up]; p != nil {
			p.heirs = true
		}
	}
	topmost := func(oid uint32) uint32 {
		for up, ok := parent[oid]; ok; up, ok = parent[oid] {
			oid = up
		}
		return oid
	}
	for oid, name := range foreign {
		if r := byOID[topmost(oid)]; r != nil {
			r.foreign = append(r.foreign, name)
		}
	}
	for oid, t := range byOID {
		root := topmost(oid)
		if r := byOID[root]; root != oid && r != nil {
			t.root = qualified(r.schema, r.name)
			if t.kind == "r" {
				r.leaves = append(r.leaves, qualified(t.schema, t.name))
				r.pages += t.pages
				r.rows = max(0, r.rows) + max(0, t.rows)
			}
		}
	}
	return byOID, rows.Err()
}

func readColumns(ctx context.Context, tx pgx.Tx, version int, byOID map[uint32]*table) error {
	generated := "a.attgenerated::text"
	if version < 120000 {
		generated = "''"
	}
	rows, err := tx.Query(ctx, `WITH RECURSIVE base AS (
			SELECT t.oid, t.oid AS base, t.typtype, t.typbasetype FROM pg_catalog.pg_type t WHERE t.typtype <> 'd'
			UNION ALL SELECT d.oid, b.base, b.typtype, b.typbasetype FROM base b JOIN pg_catalog.pg_type d ON d.typbasetype = b.oid AND d.typtype = 'd')
		SELECT a.attrelid, a.attname, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.format_type(b.base, NULL),
			b.typtype::text, t.typcategory::text, EXISTS (SELECT FROM pg_catalog.pg_cast x WHERE x.castsource = b.base AND x.casttarget = 'text'::regtype AND x.oid >= 16384),
			`+notNull(version)+`, `+generated+`,
			coalesce(CASE WHEN t.typtype = 'c' OR t.typcategory = 'A' THEN (SELECT string_agg(pg_catalog.quote_ident(p.attname), ', ' ORDER BY p.attnum) FROM pg_catalog.pg_attribute p WHERE p.attnum > 0 AND NOT p.attisdropped
				AND p.attrelid = CASE WHEN t.typtype = 'c' THEN t.typrelid ELSE (SELECT e.typrelid FROM pg_catalog.pg_type e WHERE e.oid = t.typelem) END) END, '')
		FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		JOIN base b ON b.oid = a.atttypid JOIN pg_catalog.pg_type t ON t.oid = b.base
		WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND NOT n.nspname = ANY ($1)
		ORDER BY a.attrelid, a.attnum`, internalSchemas)
	if err != nil {
		return err
	}
	for rows.Next() {
		var oid uint32
		var c column
		if err := rows.Scan(&oid, &c.name, &c.num, &c.typ, &c.base, &c.class, &c.category, &c.cast, &c.notNull, &c.generated, &c.parts); err != nil {
			return err
		}
		if t := byOID[oid]; t != nil {
			t.columns = append(t.columns, c)
		}
	}
	return rows.Err()
}

// notNull returns the SQL of whether a column a holds no NULL.
func notNull(version int) string {
	if version < 180000 {
		return "a.attnotnull"
	}
	// A NOT NULL constraint that is not yet validated sets attnotnull too.
	return `(a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
		WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated))`
}

func readKeys(ctx context.Context, tx pgx.Tx, version int, byOID map[uint32]*table) error {
	rows, err := tx.Query(ctx, `SELECT i.indrelid, i.indisprimary, x.names, x.operators
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_index i ON i.indrelid = c.oid
			JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid,
		LATERAL (SELECT array_agg(a.attname::text ORDER BY k.n) AS names, bool_and(`+notNull(version)+`) AS not_null, count(*) AS n,
				array_agg('OPERATOR(' || pg_catalog.quote_ident(opn.nspname) || '.' || op.oprname || ')' ORDER BY k.n) AS operators
			FROM unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY k (att, class, n)
			JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.att
			JOIN pg_catalog.pg_opclass oc ON oc.oid = k.class
			JOIN pg_catalog.pg_amop am ON am.amopfamily = oc.opcfamily AND am.amoplefttype = oc.opcintype AND am.amoprighttype = oc.opcintype
			JOIN pg_catalog.pg_operator op ON op.oid = am.amopopr JOIN pg_catalog.pg_namespace opn ON opn.oid = op.oprnamespace
			WHERE k.n <= i.indnkeyatts AND CASE WHEN ic.relam = 403 THEN am.amopstrategy = 3 ELSE op.oprname = '=' END) x -- 403: btree; others are unique WITHOUT OVERLAPS
		WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
			AND x.n = i.indnkeyatts AND x.not_null AND NOT n.nspname = ANY ($1)
		ORDER BY i.indrelid, i.indisprimary DESC, array_length(x.names, 1), ic.relname`, internalSchemas)
	if err != nil {
		return err
	}
	for rows.Next() {
		var oid uint32
		var k key
		if err := rows.Scan(&oid, &k.primary, &k.columns, &k.equal); err != nil {
			return err
		}
		if t := byOID[oid]; t != nil {
			t.keys = append(t.keys, k)
		}
	}
	return rows.Err()
}
