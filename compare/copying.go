package compare

import (
	"context"
	"fmt"

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
// https://www.postgresql.org/docs/current/catalog-pg-subscription-rel.html
// https://github.com/2ndQuadrant/pglogical/blob/REL2_x_STABLE/pglogical_sync.h

// belowTable are the table $1 and its partitions, at every level.
const belowTable = `WITH RECURSIVE tree AS (
		SELECT c.oid, c.relnamespace, c.relname, c.relkind FROM pg_class c WHERE c.oid = to_regclass($1)
		UNION ALL SELECT c.oid, c.relnamespace, c.relname, c.relkind FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid JOIN pg_class c ON c.oid = i.inhrelid WHERE tree.relkind = 'p') `

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
		return nil, nil
	}
	out = map[string]bool{}
	err = s.Read(ctx, fmt.Sprintf("read whether %s is being copied", table), func(ctx context.Context, tx pgx.Tx) error {
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
