package compare

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/cluster"
)

// While a table gets its first copy, or a new one, the worker that applies what a
// provider sends leaves the table out and goes on with all others: it confirms
// positions that say nothing of that table. Once the copy has caught up (native:
// "s", pglogical: "y") the worker takes over where it ended, and what it confirms
// holds for the table again.
//
// In a group of BDR or PGD a node is copied as a whole, when it joins: its state
// says so, and a list of what is under way, beside the subscription's own status. A
// table by itself is copied by bdr.resynchronize_table_from_node, which the status
// of tables tells of. Which letters that has is not published: the ones that it
// shares with pglogical, from which it comes, are known, others say nothing.
//
// https://www.postgresql.org/docs/current/catalog-pg-subscription-rel.html
// https://github.com/2ndQuadrant/pglogical/blob/REL2_x_STABLE/pglogical_sync.h

// belowTable are the table $1 and its partitions, at every level.
const belowTable = `WITH RECURSIVE tree AS (
		SELECT c.oid, c.relnamespace, c.relname, c.relkind FROM pg_class c WHERE c.oid = to_regclass($1)
		UNION ALL SELECT c.oid, c.relnamespace, c.relname, c.relkind FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid JOIN pg_class c ON c.oid = i.inhrelid WHERE tree.relkind = 'p') `

// unready says why a node of a group may lack what its peers wrote before its
// subscriptions began: it is joining, or something of that is under way.
func unready(f *catalog.Facts) string {
	if !f.Flavour.Grouped() {
		return ""
	}
	for _, p := range f.Peers {
		if p.Name == f.LocalName && slices.Contains([]catalog.Phase{catalog.PhaseNone, catalog.PhaseCreated, catalog.PhaseJoining}, catalog.PhaseOf(p.State)) {
			return "the node is " + p.State + " in its group, and still gets what was written before"
		}
	}
	for _, p := range f.Pending {
		if p.Node == f.LocalName && p.Kind != catalog.PendingFailed {
			return fmt.Sprintf("the node still gets what was written before: %s, in state %s", p.Kind, p.State)
		}
	}
	if gap := f.Gap(catalog.PartProgress); gap != nil && gap.Reason == string(cluster.Denied) {
		return fmt.Sprintf("whether the node still gets what was written before could not be read: %s; %s", gap.Detail, gap.Remedy)
	}
	return ""
}

// syncing selects the subscriptions of a group's node that are copying a table,
// where the release has such a status, and the role may read it.
const syncing = `SELECT DISTINCT s.sub_name::text FROM %s y JOIN bdr.subscription_summary s ON s.sub_id = y.sync_subid
	JOIN (SELECT n.nspname, tree.relname FROM tree JOIN pg_namespace n ON n.oid = tree.relnamespace) t ON t.nspname = y.sync_nspname AND t.relname = y.sync_relname
	WHERE y.sync_status IN ('i', 'd', 'c', 'w', 'u')`

// copying returns the node's subscriptions that are still copying a table. Of
// flavours other than these it is not known how they tell.
func copying(ctx context.Context, s *cluster.Session, flavour catalog.Flavour, table string) (out map[string]bool, err error) {
	var sql string
	switch flavour {
	case catalog.Native:
		sql = belowTable + `SELECT DISTINCT s.subname::text FROM tree JOIN pg_subscription_rel r ON r.srrelid = tree.oid JOIN pg_subscription s ON s.oid = r.srsubid
			WHERE r.srsubstate NOT IN ('s', 'r')`
	case catalog.PGLogical:
		sql = belowTable + `SELECT DISTINCT s.sub_name::text FROM pglogical.local_sync_status y JOIN pglogical.subscription s ON s.sub_id = y.sync_subid
			WHERE y.sync_status NOT IN ('y', 'r') AND (y.sync_nspname IS NULL
				OR EXISTS (SELECT FROM tree JOIN pg_namespace n ON n.oid = tree.relnamespace WHERE n.nspname = y.sync_nspname AND tree.relname = y.sync_relname))`
	default:
		if !flavour.Grouped() {
			return nil, nil
		}
	}
	out = map[string]bool{}
	err = s.Read(ctx, fmt.Sprintf("read whether %s is being copied", table), func(ctx context.Context, tx pgx.Tx) error {
		if sql == "" {
			holder := "bdr"
			if flavour == catalog.BDR36 || flavour == catalog.BDR37 {
				holder = "pglogical"
			}
			var status *string
			err := tx.QueryRow(ctx, `SELECT max(c.oid::regclass::text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE (n.nspname, c.relname) = ($1, 'local_sync_status') AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
				AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('sync_subid', 'sync_nspname', 'sync_relname', 'sync_status')) = 4`,
				holder).Scan(&status)
			if err != nil || status == nil {
				return err
			}
			sql = belowTable + fmt.Sprintf(syncing, *status)
		}
		rows, err := tx.Query(ctx, sql, table)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, n := range names {
			out[n] = true
		}
		return err
	})
	return out, err
}
