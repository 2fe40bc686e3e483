package compare

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// A snapshot is taken before a statement locks its table. Where somebody rewrites
// the table then (an ALTER TABLE that changes a column's type), or puts another in
// its place, the statement waits and then sees none of its rows: all that was
// rewritten is younger than the snapshot. On all nodes at once, as migrations run,
// that would be rows which are gone everywhere. The scan locks its tables before its
// snapshot; a short read, which some roles may not lock for, proves afterwards, by
// the locks that it has by then, that the catalog as the snapshot has it and as it
// is now name the same files.

// errRewritten says that what was read of a table says nothing.
var errRewritten = errors.New("the table was rewritten or replaced while it was read")

// unchanged is the query of whether the table $3, of schema $1 and name $2, and all
// of its partitions have the files that they had at the transaction's snapshot.
// pg_relation_filenode and to_regclass look beyond that.
const unchanged = `WITH RECURSIVE tree AS (SELECT c.oid, c.relkind, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
		UNION ALL SELECT c.oid, c.relkind, c.relfilenode FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid JOIN pg_class c ON c.oid = i.inhrelid WHERE tree.relkind = 'p')
	SELECT coalesce(bool_or(oid = to_regclass($3)) AND bool_and(coalesce(pg_relation_filenode(oid), relfilenode) = relfilenode), false) FROM tree`

// readTable runs fn, which reads rows of the statements' table, as
// [cluster.Session.Read] does; errRewritten: fn is to be run again.
func readTable(ctx context.Context, s *cluster.Session, q statements, attempted string, fn func(ctx context.Context, tx pgx.Tx) error) error {
	same := true
	err := s.Read(ctx, attempted, func(ctx context.Context, tx pgx.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, unchanged, q.schema, q.name, qualified(q.schema, q.name)).Scan(&same)
	})
	if err == nil && !same {
		return &cluster.Error{Node: s.Node, Attempted: attempted, Reason: cluster.Failed, Err: errRewritten}
	}
	return err
}
