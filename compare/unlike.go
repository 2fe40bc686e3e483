package compare

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Before PostgreSQL 12 a server writes floats in another way than since, and
// before 15 a "char" beyond ASCII: as the byte itself, which may be no text at all,
// since as a backslash and three octal digits. The types that are made of them or
// hold them do, too. Those in [sends], and arrays of "char", can be compared by
// their binary form; that of composites and of arrays of users' types names the
// types by ids that are a node's own.

// unlike says which values the servers of a run do not write alike.
type unlike struct {
	floats, chars bool
	bytes         bool // some write a "char" as the byte itself
}

// writesAlike is the version from which on servers write all values alike.
const writesAlike = 150000

// unlike looks at the servers' versions.
func (r *run) unlike() unlike {
	before := func(version int) (some, all bool) {
		all = true
		for _, v := range r.surveys {
			some, all = some || v.version < version, all && v.version < version
		}
		return some, all
	}
	floats, allFloats := before(120000)
	chars, allChars := before(writesAlike)
	return unlike{floats: floats && !allFloats, chars: chars && !allChars, bytes: chars}
}

// floatExtensions are extensions' types that are written by way of floats.
var floatExtensions = []string{"cube", "vector", "halfvec", "sparsevec"}

// readParts marks the columns of types that hold floats, or "char", at any depth.
func readParts(ctx context.Context, tx pgx.Tx, version int, byOID map[uint32]*table) error {
	multirange := ""
	if version >= 140000 {
		multirange = " UNION ALL SELECT rngmultitypid, rngtypid FROM pg_catalog.pg_range"
	}
	rows, err := tx.Query(ctx, `WITH RECURSIVE part (whole, part) AS (
			SELECT oid, typelem FROM pg_catalog.pg_type WHERE typelem <> 0 AND typname <> 'name' UNION ALL SELECT oid, typbasetype FROM pg_catalog.pg_type WHERE typbasetype <> 0
			UNION ALL SELECT rngtypid, rngsubtype FROM pg_catalog.pg_range`+multirange+`
			UNION ALL SELECT c.reltype, a.atttypid FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE c.reltype <> 0 AND a.attnum > 0 AND NOT a.attisdropped),
		holder (oid, float) AS (
			SELECT oid, oid <> '"char"'::pg_catalog.regtype FROM pg_catalog.pg_type WHERE oid = '"char"'::pg_catalog.regtype OR pg_catalog.format_type(oid, NULL) = ANY ($1) OR typname = ANY ($2) AND typtype = 'b'
			UNION SELECT p.whole, h.float FROM holder h JOIN part p ON p.part = h.oid)
		SELECT a.attrelid, a.attname::text, h.float FROM holder h JOIN pg_catalog.pg_attribute a ON a.atttypid = h.oid JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
		WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`, slices.Sorted(maps.Keys(sends)), floatExtensions)
	if err != nil {
		return err
	}
	var oid uint32
	var name string
	var float bool
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &float}, func() error {
		if t := byOID[oid]; t != nil {
			for i := range t.columns {
				if c := &t.columns[i]; c.name == name {
					c.floats, c.chars = c.floats || float, c.chars || !float
				}
			}
		}
		return nil
	})
	return err
}

// binary reports whether a type that is not written alike is compared by its
// binary form, which is the same on all nodes.
func (u unlike) binary(base string) bool {
	return u.floats && sends[strings.TrimSuffix(base, "[]")] != "" || u.bytes && base == `"char"[]`
}

// doubt says what a column holds of which the texts cannot be compared, and which
// servers write it otherwise; "" when there is nothing of that.
func (u unlike) doubt(base string, on map[string]column) (what, since string) {
	floats, chars := false, false
	for _, c := range on {
		floats, chars = floats || c.floats, chars || c.chars
	}
	switch {
	case u.binary(base):
	case u.floats && floats:
		return "floats", "12 write in another way"
	case u.chars && chars && base != `"char"`:
		return `"char"`, "15 write in another way beyond ASCII"
	}
	return "", ""
}
