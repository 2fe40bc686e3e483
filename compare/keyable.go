package compare

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// A key of one node may be none on another: a label that its enum lacks, a number
// beyond its integer, a letter that its encoding has not. The server refuses such a
// text, and with it all keys that are looked up beside it. That node has no row with
// that key.

// refusesValue reports whether a server refused a value (SQLSTATE class 22).
func refusesValue(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(pg.Code, "22")
}

// keyable returns those of some keys whose texts a node takes for keys: all or, when
// it refuses them, what it takes of either half.
func keyable(ctx context.Context, s *cluster.Session, q statements, keys [][]string) ([][]string, error) {
	err := s.Read(ctx, "read keys from their text", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, q.readBack(), keyArrays(keys, len(q.shape.key))...)
		return err
	})
	switch {
	case err == nil:
		return keys, nil
	case !refusesValue(err):
		return nil, err
	case len(keys) == 1:
		return nil, nil
	}
	half := len(keys) / 2
	first, err := keyable(ctx, s, q, keys[:half])
	if err != nil {
		return nil, err
	}
	second, err := keyable(ctx, s, q, keys[half:])
	return append(first[:len(first):len(first)], second...), err
}

// withKeys has fn look up keys, without those that the node refuses when it
// refuses one.
func withKeys(ctx context.Context, s *cluster.Session, q statements, keys [][]string, fn func(keys [][]string) error) error {
	err := fn(keys)
	if !refusesValue(err) || q.keyless() {
		return err
	}
	fit, why := keyable(ctx, s, q, keys)
	if why != nil || len(fit) == len(keys) {
		return errors.Join(err, why)
	}
	if len(fit) == 0 {
		return nil
	}
	return fn(fit)
}
