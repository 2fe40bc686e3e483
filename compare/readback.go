package compare

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// A suspect that no node has any more was deleted everywhere, or its key's text
// is not read as the key again, and then nothing can be told of it.

// readBack returns the query of the positions, from 1, of those keys whose text
// gives the same text when it has been a key of this node.
func (q statements) readBack() string {
	var args, names, casts, same []string
	for i, k := range q.shape.key {
		args = append(args, fmt.Sprintf("$%d::text[]", i+1))
		names = append(names, fmt.Sprintf("pgconcord_k%d", i+1))
		casts = append(casts, fmt.Sprintf("pgconcord_k%d::%s AS %s", i+1, q.types[i], ident(k.name)))
		same = append(same, fmt.Sprintf(`(%s) COLLATE "C" = pgconcord_k%d`, textOf(k, q.mode), i+1))
	}
	return "SELECT pgconcord_n FROM unnest(" + strings.Join(args, ", ") + ") WITH ORDINALITY pgconcord_p (" + strings.Join(names, ", ") + ", pgconcord_n) CROSS JOIN LATERAL (SELECT " +
		strings.Join(casts, ", ") + " OFFSET 0) t WHERE " + strings.Join(same, " AND ")
}

// keyArrays turns keys into one array of text per key column.
func keyArrays(keys [][]string, n int) []any {
	args := make([]any, n)
	for i := range n {
		column := make([]string, len(keys))
		for j, k := range keys {
			column[j] = k[i]
		}
		args[i] = column
	}
	return args
}

// proveGone fails when there is a key, seen on no node, whose text is read back
// as that key on none.
func (l looked) proveGone(ctx context.Context, sessions []*cluster.Session, qs []statements, keys [][]string) error {
	if qs[0].keyless() {
		return nil
	}
	var gone [][]string
	for _, k := range keys {
		if l.nowhere(strings.Join(k, sep)) {
			gone = append(gone, k)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	good := make([]bool, len(gone))
	at := map[string]int{}
	for i, k := range gone {
		at[strings.Join(k, sep)] = i
	}
	for i, s := range sessions {
		err := withKeys(ctx, s, qs[i], gone, func(keys [][]string) error {
			return s.Read(ctx, "read keys back from their text", func(ctx context.Context, tx pgx.Tx) error {
				rows, err := tx.Query(ctx, qs[i].readBack(), keyArrays(keys, len(qs[i].shape.key))...)
				if err != nil {
					return err
				}
				positions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
				for _, n := range positions {
					good[at[strings.Join(keys[n-1], sep)]] = true
				}
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	for i, k := range gone {
		if !good[i] {
			return fmt.Errorf("the key (%s) differs between the nodes, and is not found again by its text", strings.Join(k, ", "))
		}
	}
	return nil
}
