package compare

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// originNames maps the ids of a node's replication origins to their names. Ids
// mean nothing on another node.
func originNames(ctx context.Context, tx pgx.Tx) (map[int64]string, error) {
	rows, err := tx.Query(ctx, "SELECT roident::int8, roname FROM pg_catalog.pg_replication_origin")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int64]string{}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, err
		}
		out[id] = name
	}
	return out, rows.Err()
}

// resolveOrigin names the node that a version was written on: the node itself
// for its own transactions, the provider of the subscription whose origin it
// bears, or nobody.
func (f *fencer) resolveOrigin(v *survey, names map[int64]string, id *int64) (node, raw string) {
	switch {
	case id == nil:
		return "", ""
	case *id == 0:
		return v.node, localOrigin
	}
	raw = names[*id]
	for _, s := range v.repl.subs {
		if s.Origin == raw {
			return f.provider(v.node, s), raw
		}
	}
	return "", raw
}
