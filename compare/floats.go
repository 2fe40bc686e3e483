package compare

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Before PostgreSQL 12 a server writes floats in another way than since, and the
// types that are made of floats or hold them do, too. Those in [sends] can be
// compared by their binary form; that of composites and of arrays of users' types
// names the types by ids that are a node's own.

// floatExtensions are extensions' types that are written by way of floats.
var floatExtensions = []string{"cube", "vector", "halfvec", "sparsevec"}

// readFloats marks the columns of types that hold floats at any depth.
func readFloats(ctx context.Context, tx pgx.Tx, version int, byOID map[uint32]*table) error {
	multirange := ""
	if version >= 140000 {
		multirange = " UNION ALL SELECT rngmultitypid, rngtypid FROM pg_catalog.pg_range"
	}
	rows, err := tx.Query(ctx, `WITH RECURSIVE part (whole, part) AS (
			SELECT oid, typelem FROM pg_catalog.pg_type WHERE typelem <> 0 UNION ALL SELECT oid, typbasetype FROM pg_catalog.pg_type WHERE typbasetype <> 0
			UNION ALL SELECT rngtypid, rngsubtype FROM pg_catalog.pg_range`+multirange+`
			UNION ALL SELECT c.reltype, a.atttypid FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE c.reltype <> 0 AND a.attnum > 0 AND NOT a.attisdropped),
		floats (oid) AS (
			SELECT oid FROM pg_catalog.pg_type WHERE pg_catalog.format_type(oid, NULL) = ANY ($1) OR typname = ANY ($2) AND typtype = 'b'
			UNION SELECT p.whole FROM floats f JOIN part p ON p.part = f.oid)
		SELECT a.attrelid, a.attname::text FROM floats f JOIN pg_catalog.pg_attribute a ON a.atttypid = f.oid JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
		WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`, slices.Sorted(maps.Keys(sends)), floatExtensions)
	if err != nil {
		return err
	}
	var oid uint32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&oid, &name}, func() error {
		if t := byOID[oid]; t != nil {
			for i := range t.columns {
				t.columns[i].floats = t.columns[i].floats || t.columns[i].name == name
			}
		}
		return nil
	})
	return err
}

// hasBits reports whether a type's binary form is the same on all nodes.
func hasBits(base string) bool { return sends[strings.TrimSuffix(base, "[]")] != "" }
