package catalog

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/jackc/pgx/v5"
)

// probe is what is there to be read, and what the tool's role may read of it:
// flavours ask it instead of assuming a relation, a column or a function.
type probe struct {
	VersionNum       int                 `json:"version_num"`
	User             string              `json:"user"`
	Superuser        bool                `json:"superuser"`
	InRecovery       bool                `json:"in_recovery"`
	CommitTimestamps bool                `json:"commit_timestamps"`
	Extensions       map[string]string   `json:"extensions"`
	Member           map[string]bool     `json:"member"`    // predefined roles whose rights the tool's role has
	Relations        map[string][]string `json:"relations"` // "schema.relation" to its columns
	Functions        []string            `json:"functions"` // "schema.function"
	Publications     int                 `json:"publications"`
	NativeSubs       int                 `json:"native_subscriptions"`
	Conninfo         bool                `json:"conninfo"`       // the tool's role may read native connection strings
	PGLogicalUsed    bool                `json:"pglogical_used"` // it has a slot or an origin here
}

// nativeOnly reports whether pglogical, although there, does nothing while
// PostgreSQL's own replication does.
func (p *probe) nativeOnly() bool { return !p.PGLogicalUsed && p.Publications+p.NativeSubs > 0 }

// has reports whether a relation exists, and has all the columns.
func (p *probe) has(relation string, columns ...string) bool {
	have, ok := p.Relations[relation]
	for _, c := range columns {
		ok = ok && slices.Contains(have, c)
	}
	return ok
}

// hasFunction reports whether a function exists, under any arguments.
func (p *probe) hasFunction(name string) bool { return slices.Contains(p.Functions, name) }

// probeSQL looks at the schemas of the flavours whole, and at those relations
// of pg_catalog that differ between PostgreSQL's versions.
const probeSQL = `SELECT json_build_object(
	'version_num', current_setting('server_version_num')::int,
	'user', current_user,
	'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
	'in_recovery', pg_is_in_recovery(),
	'commit_timestamps', current_setting('track_commit_timestamp')::bool,
	'extensions', (SELECT coalesce(json_object_agg(extname, extversion), '{}') FROM pg_extension),
	'member', (SELECT coalesce(json_object_agg(rolname, pg_has_role(oid, 'USAGE')), '{}') FROM pg_roles WHERE rolname ~ '^(pg|bdr)_'),
	'publications', (SELECT count(*) FROM pg_publication),
	'native_subscriptions', (SELECT count(s.subname) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()),
	'conninfo', has_column_privilege('pg_subscription', 'subconninfo', 'SELECT'),
	'pglogical_used', EXISTS (SELECT FROM pg_replication_slots WHERE plugin = 'pglogical_output' AND database = current_database())
		OR EXISTS (SELECT FROM pg_replication_origin WHERE starts_with(roname, 'pgl_')),
	'relations', (SELECT coalesce(json_object_agg(name, columns), '{}') FROM (
		SELECT n.nspname || '.' || c.relname AS name, coalesce(json_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attnum > 0), '[]') AS columns
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relkind IN ('r', 'v', 'm', 'p') AND (n.nspname IN ('pglogical', 'bdr')
			OR n.nspname = 'pg_catalog' AND c.relname IN ('pg_replication_slots', 'pg_subscription', 'pg_subscription_rel', 'pg_stat_subscription', 'pg_stat_subscription_stats',
				'pg_publication', 'pg_publication_rel', 'pg_publication_namespace', 'pg_stat_replication', 'pg_database', 'pg_attribute', 'pg_replication_origin_status'))
		GROUP BY 1) t),
	'functions', (SELECT coalesce(json_agg(DISTINCT n.nspname || '.' || p.proname), '[]') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname IN ('pglogical', 'bdr') OR n.nspname = 'pg_catalog' AND p.proname IN ('pg_xact_commit_timestamp_origin', 'pg_database_collation_actual_version'))
)::text`

// look fills the probe inside the open transaction.
func look(ctx context.Context, tx pgx.Tx) (*probe, error) {
	var text string
	if err := tx.QueryRow(ctx, probeSQL).Scan(&text); err != nil {
		return nil, err
	}
	p := &probe{}
	return p, json.Unmarshal([]byte(text), p)
}
