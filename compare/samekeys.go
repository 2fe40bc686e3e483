package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A key that somebody writes, or that a result lists, may be that of a row whose
// key has another text: 1.5 in a numeric(10,2), abc in a character(6), a in a
// citext that holds A, or any of them after its column's length was altered. To
// look for the text alone would find no such row on any node, and pass for a row
// that is gone everywhere.

// equals returns the query of the texts of keys that the server takes for some,
// with the place of these.
func (q statements) equals() string {
	list := []string{"pgconcord_n"}
	for _, k := range q.shape.key {
		list = append(list, textOf(k, q.mode))
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + q.byKey() + q.where
}

// otherForms returns the query of the rows that the server finds by some keys and
// whose keys have another text: the place of the key, and the digest of what mode
// value compares.
func (q statements) otherForms() string {
	var differs []string
	for i, k := range q.shape.key {
		differs = append(differs, fmt.Sprintf(`%s COLLATE "C" <> pgconcord_p.pgconcord_k%d`, textOf(k, q.mode), i+1))
	}
	return "SELECT pgconcord_n, " + q.relaxed() + " FROM " + q.byKey() + q.filter("("+strings.Join(differs, " OR ")+")")
}

// severalForms reports whether two values of a key column may be equal and not the
// same; of the types that are not named here it is not known that they cannot.
func severalForms(c compared) bool {
	switch c.base {
	case "smallint", "integer", "bigint", "oid", "uuid", "boolean", "date", "bytea", "timestamp with time zone", "timestamp without time zone", `"char"`:
		return false
	}
	return true
}

// markOtherForms marks the versions, one for each key that the node has not, of
// which it has the key in another form.
func markOtherForms(ctx context.Context, tx pgx.Tx, q statements, keys [][]string, lacking []*RowVersion) error {
	rows, err := tx.Query(ctx, q.otherForms(), keyArrays(keys, len(q.shape.key))...)
	if err != nil {
		return err
	}
	var at int
	var relaxed string
	_, err = pgx.ForEachRow(rows, []any{&at, &relaxed}, func() error {
		lacking[at-1].OtherForm, lacking[at-1].Relaxed = true, relaxed
		return nil
	})
	return err
}

// asHeld adds to keys those that some node holds and takes as equal, and those of
// others that some node holds. A key that no node holds as it is written makes way for
// them when it need not stay. It counts what it added.
func (r *run) asHeld(ctx context.Context, t *task, s *shape, nodes []string, m method, keys, others [][]string, stay bool) (out [][]string, added int, err error) {
	if len(s.key) == 0 {
		return keys, 0, nil
	}
	listed, other := map[string]bool{}, map[string]bool{}
	for _, k := range keys {
		listed[strings.Join(k, sep)] = true
	}
	for _, k := range others {
		other[strings.Join(k, sep)] = true
	}
	for batch := range slices.Chunk(slices.Concat(keys, others), recheckBatch) {
		held := map[string][][]string{}
		for _, n := range nodes {
			q := r.statements(t, s, n, m, buckets{count: 1})
			read := func(keys [][]string) error {
				return readTable(ctx, r.surveys[n].session, q, "read the keys that rows have", func(ctx context.Context, tx pgx.Tx) error {
					rows, err := tx.Query(ctx, q.equals(), keyArrays(keys, len(s.key))...)
					if err != nil {
						return err
					}
					var at int
					texts := make([]string, len(s.key))
					dest := []any{&at}
					for i := range texts {
						dest = append(dest, &texts[i])
					}
					_, err = pgx.ForEachRow(rows, dest, func() error {
						k := strings.Join(keys[at-1], sep)
						held[k] = append(held[k], slices.Clone(texts))
						return nil
					})
					return err
				})
			}
			err := r.persist(ctx, []string{n}, func() error { return withKeys(ctx, r.surveys[n].session, q, batch, read) })
			if err != nil {
				return nil, 0, err
			}
		}
		for _, k := range batch {
			held := held[strings.Join(k, sep)]
			same := func(h []string) bool { return slices.Equal(h, k) }
			if !other[strings.Join(k, sep)] && (stay || len(held) == 0 || slices.ContainsFunc(held, same)) {
				out = append(out, k)
			}
			for _, h := range held {
				if !listed[strings.Join(h, sep)] {
					listed[strings.Join(h, sep)] = true
					out, added = append(out, h), added+1
				}
			}
		}
	}
	return out, added, nil
}
