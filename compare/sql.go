package compare

import (
	"fmt"
	"strings"
)

// statements builds the SQL of one task for one node. All of it names columns,
// never the whole row, and differs between nodes only in operators and in how
// partitions are reached.
type statements struct {
	schema  string // of the table
	name    string
	from    string // table, with ONLY where children are compared by themselves
	where   string // " WHERE …" or ""
	shape   *shape
	method  method
	mode    Mode
	buckets buckets
	equal   []string // equality operator per key column on this node
	types   []string // base type per key column on this node
	columns []string // key columns as the operator takes them
	version int
	xmin    string // of a row, as text, and its place when it has a key
	commit  bool   // commit timestamps are to be had
	charset string // that texts are converted to before SHA-256
}

func newStatements(t *task, v *survey, s *shape, m method, mode Mode, where string, b buckets) statements {
	here := t.on[v.node]
	q := statements{schema: t.schema, name: t.name, from: qualified(t.schema, t.name) + " AS t", shape: s, method: m, mode: mode, buckets: b,
		equal: s.equal[v.node], version: v.version, commit: v.commitTS && !v.inRecovery, charset: "UTF8"}
	q.xmin = "concat(t.xmin) AS x" // a cast may be somebody's
	if len(s.key) > 0 {            // the row's version, and where it is
		q.xmin = "concat(t.xmin,' ',t.ctid) AS x"
	}
	if !here.versions {
		q.xmin, q.commit = "'0'::text AS x", false // what is made of it is never persistent
	}
	if here.kind == "r" {
		q.from = "ONLY " + q.from
	}
	if v.encoding == "SQL_ASCII" {
		q.charset = v.encoding
	}
	for _, k := range s.key {
		for _, c := range here.columns {
			if c.name == k.name {
				q.types = append(q.types, castable(c.base, k.base))
				column := "t." + ident(c.name)
				if c.class == "e" { // the server finds no operator for a domain over an enum
					column += "::" + c.base
				}
				q.columns = append(q.columns, column)
			}
		}
	}
	var conditions []string
	for _, w := range []string{t.where, where} {
		if w != "" {
			conditions = append(conditions, "("+w+"\n)") // a comment at its end must not eat the parenthesis
		}
	}
	if len(conditions) > 0 {
		q.where = " WHERE " + strings.Join(conditions, " AND ")
	}
	return q
}

// castable returns what a key column's text is cast to, so that it is the key
// again: a plain "character" or "bit" would be cut to a length of one, and the
// text of "char" is its number, and that of a regproc has its arguments, unless the
// nodes differ in the type.
func castable(base, shared string) string {
	element, array := strings.CutSuffix(base, "[]")
	suffix := ""
	if array {
		suffix = "[]"
	}
	switch {
	case element == "character":
		return "pg_catalog.bpchar" + suffix
	case element == "bit":
		return `pg_catalog."bit"` + suffix
	case shared == `"char"`:
		return `int4::"char"`
	case shared != "" && (element == "regproc" || element == "regoper"):
		return withArguments.Replace(base) + "::" + base
	}
	return base
}

// keyless reports whether rows have no key and are compared as a multiset.
func (q statements) keyless() bool { return len(q.shape.key) == 0 }

// rows returns a query of every row: its bucket b, its key columns' texts k1 …
// and its digest's lanes h1 …; more is added to the select list.
func (q statements) rows(withKey bool, condition string, more ...string) string {
	var list []string
	for i, k := range q.shape.key {
		if withKey {
			list = append(list, fmt.Sprintf("%s AS k%d", textOf(k, q.mode), i+1))
		}
	}
	list = append(list, more...)
	where := q.filter(condition)
	lanes := q.method.rowLanes(q.shape.columns, q.mode)
	if q.method.lanes == 1 {
		bucket := q.buckets.expression(q.shape, q.mode, q.method, lanes[0], q.charset)
		list = append([]string{bucket + " AS b"}, list...)
		for i, l := range lanes {
			list = append(list, fmt.Sprintf("%s AS h%d", l, i+1))
		}
		return "SELECT " + strings.Join(list, ", ") + " FROM " + q.from + where
	}
	// The digest is computed once, in a query that OFFSET keeps from being
	// flattened, and cut into lanes outside.
	bucket := q.buckets.expression(q.shape, q.mode, q.method, "", q.charset)
	keyless := bucket == ""
	if !keyless {
		list = append([]string{bucket + " AS b"}, list...)
	}
	list = append(list, q.method.inner(q.shape.columns, q.mode, q.charset)+" AS d")
	inner := "SELECT " + strings.Join(list, ", ") + " FROM " + q.from + where + " OFFSET 0"
	var outer []string
	if keyless {
		outer = append(outer, fmt.Sprintf("%s & %d AS b", lanes[0], q.buckets.mask()))
	} else {
		outer = append(outer, "b")
	}
	if withKey {
		for i := range q.shape.key {
			outer = append(outer, fmt.Sprintf("k%d", i+1))
		}
	}
	for _, m := range more {
		outer = append(outer, m[strings.LastIndex(m, " AS ")+4:])
	}
	for i, l := range lanes {
		outer = append(outer, fmt.Sprintf("%s AS h%d", l, i+1))
	}
	return "SELECT " + strings.Join(outer, ", ") + " FROM (" + inner + ") s"
}

// lanes lists h1 … as one text.
func (q statements) laneText() string {
	parts := make([]string, q.method.lanes)
	for i := range parts {
		parts[i] = fmt.Sprintf("to_hex(h%d)", i+1)
	}
	return strings.Join(parts, " || '.' || ")
}

// digests returns a query of every row's bucket b and digest h1 …. A native
// digest is never NULL in it: instead the query fails.
func (q statements) digests(condition string) string {
	if q.method.lanes > 1 {
		return q.rows(false, condition)
	}
	h := chain(q.shape.columns, q.mode)
	bucket := q.buckets.expression(q.shape, q.mode, q.method, h, q.charset)
	// Volatile: a constant would be computed, and fail, beforehand.
	fail := "concat(" + literal(noDigest) + ", clock_timestamp())::int8"
	h = "coalesce(" + h + ", " + fail + ") AS h1"
	from := " FROM " + q.from + q.filter(condition) + " OFFSET 0"
	// OFFSET keeps the digest where rows are read: what is grouped then is two
	// numbers, not all columns, and the server expects few groups instead of as many
	// as rows.
	if q.keyless() { // the bucket is of the digest, which is computed once
		return fmt.Sprintf("SELECT h1 & %d AS b, h1 FROM (SELECT %s%s) s", q.buckets.mask(), h, from)
	}
	return "SELECT " + bucket + " AS b, " + h + from
}

// noDigest is what the error of a row without a digest quotes.
const noDigest = "pgconcord: no digest"

// filter returns the WHERE of the table's rows that meet a condition, too.
func (q statements) filter(condition string) string {
	switch {
	case condition == "":
		return q.where
	case q.where == "":
		return " WHERE " + condition
	}
	return q.where + " AND " + condition
}

// scan returns the query of detection: rows and digest sums per bucket. Sums
// of 64-bit lanes are kept at their full width.
func (q statements) scan(condition string) string {
	sums := ""
	for i := range q.method.lanes {
		sums += fmt.Sprintf(", concat(sum(h%d))", i+1)
	}
	// The number of rows is sum / average, which share their state; count(*) costs as
	// much again, and count(h1) more. Both have at least 16 digits, so that the
	// quotient rounds to it. With a sum of zero, which is as likely as two equal
	// digests, it is not known, and -1 is no number of rows.
	count := "coalesce(round(sum(h1) / nullif(avg(h1), 0))::int8, -1)"
	if q.method.lanes > 1 {
		// A sum passes over NULL; count(*) does not.
		count = "CASE coalesce(round(sum(h1) / nullif(avg(h1), 0)), CASE avg(h1) WHEN 0 THEN count(*) END) WHEN count(*) THEN count(*) ELSE -1 END"
	}
	return "SELECT b, " + count + sums + " FROM (" + q.digests(condition) + ") r GROUP BY b"
}

// reading returns the statements of one piece of the table.
func (q statements) reading(p *piece) statements {
	q.from = p.relation + " AS t"
	if p.only {
		q.from = "ONLY " + q.from
	}
	return q
}

// moved returns the query of the rows, as bucket and key, whose transaction may
// not have been over in a snapshot with that xmin.
func (q statements) moved(condition string, xmin int64) string {
	young := fmt.Sprintf("age(t.xmin) <= age('%d'::xid)", uint32(xmin))
	if condition != "" {
		young = condition + " AND " + young
	}
	keys := ""
	for i := range q.shape.key {
		keys += fmt.Sprintf(", k%d", i+1)
	}
	return "SELECT b" + keys + " FROM (" + q.rows(true, young) + ") r"
}

// manyXmin tells one set of versions of equal rows from another, also when it is
// put together from what its parts gave: see [version.and].
const manyXmin = `concat_ws(' ', min(x COLLATE "C"), max(x COLLATE "C"), sum(to_number(x, '9999999999')))`

// drill returns the query of the rows in the given buckets that meet a condition,
// in bucket order: bucket, number of equal rows, digest, xmin, key texts.
func (q statements) drill(bad []int64, condition string) string {
	join := ""
	if q.buckets.width > 0 {
		q.from = q.buckets.ranges(bad, q.shape, q.from)
	} else {
		join = hashed(bad)
	}
	keys := ""
	for i := range q.shape.key {
		keys += fmt.Sprintf(", k%d", i+1)
	}
	if q.keyless() {
		return "SELECT r.b, count(*), " + q.laneText() + ", " + manyXmin + " FROM (" + q.rows(true, condition, q.xmin) + ") r " + join + " GROUP BY r.b, " + q.laneList() + " ORDER BY r.b"
	}
	return "SELECT r.b, 1::int8, " + q.laneText() + ", x" + keys + " FROM (" + q.rows(true, condition, q.xmin) + ") r " + join + " ORDER BY r.b"
}

func (q statements) laneList() string {
	parts := make([]string, q.method.lanes)
	for i := range parts {
		parts[i] = fmt.Sprintf("h%d", i+1)
	}
	return strings.Join(parts, ", ")
}

// pick returns the query of rows by key: the keys are passed as one array of
// text per key column, or one array of digests for rows without a key. It
// gives the digest, the number of rows, xmin, commit timestamp and the largest and
// the smallest origin id (with values only), the key texts, and with values the
// digest of what mode value compares, and the text of every column, cut when long.
// It is of those rows that meet a condition, too.
func (q statements) pick(values bool, condition string) string {
	version := ", " + q.xmin + ", null::timestamptz AS at, null::int8 AS origin"
	join := ""
	switch {
	case !q.commit || !values:
	case q.version >= 140000: // 0: a row of a foreign table, of which the function would fail
		version = ", " + q.xmin + ", pgconcord_ct.pgconcord_at AS at, pgconcord_ct.pgconcord_origin::int8 AS origin"
		join = " CROSS JOIN LATERAL pg_xact_commit_timestamp_origin(nullif(t.xmin,'0'::xid)) pgconcord_ct (pgconcord_at, pgconcord_origin)"
	default:
		version = ", " + q.xmin + ", pg_xact_commit_timestamp(nullif(t.xmin,'0'::xid)) AS at, null::int8 AS origin"
	}
	more := strings.Split(version[2:], ", ")
	outer := ", x, at, origin, origin"
	for i := range q.shape.key {
		outer += fmt.Sprintf(", k%d", i+1)
	}
	if values {
		more = append(more, q.relaxed()+" AS relaxed")
		outer += ", relaxed"
		for i, c := range q.shape.columns {
			more = append(more, fmt.Sprintf("%s AS v%d", q.shown(c), i+1))
			outer += fmt.Sprintf(", v%d", i+1)
		}
	}
	at := q
	if q.keyless() {
		at.from += join
		group := "SELECT " + q.laneText() + " AS h, count(*), " + manyXmin + ", max(at), max(origin), min(origin)"
		if values {
			group += ", min(relaxed)"
			for i := range q.shape.columns {
				group += fmt.Sprintf(", min(v%d)", i+1)
			}
		}
		return group + " FROM (" + at.rows(true, condition, more...) + ") r JOIN unnest($1::text[]) p (h) ON p.h = " + q.laneText() + " GROUP BY " + q.laneList()
	}
	at.from = q.byKey() + join
	return "SELECT " + q.laneText() + ", 1::int8" + outer + " FROM (" + at.rows(true, condition, more...) + ") r"
}

// byKey returns the FROM of the rows that the server finds by keys, which are
// passed as one array of text per key column: those of pgconcord_p, numbered by
// pgconcord_n.
func (q statements) byKey() string {
	var args, names, on []string
	for i := range q.shape.key {
		args = append(args, fmt.Sprintf("$%d::text[]", i+1))
		names = append(names, fmt.Sprintf("pgconcord_k%d", i+1))
		on = append(on, fmt.Sprintf("%s %s pgconcord_p.pgconcord_k%d::%s", q.columns[i], q.equal[i], i+1, q.types[i]))
	}
	return "unnest(" + strings.Join(args, ", ") + ") WITH ORDINALITY pgconcord_p (" + strings.Join(names, ", ") + ", pgconcord_n) JOIN " + q.from + " ON " + strings.Join(on, " AND ")
}

// shown is a column's text for people, in exact mode whatever the mode is: a
// long one by its beginning, its length and its SHA-256.
func (q statements) shown(c compared) string {
	text := textOf(c, Exact)
	return fmt.Sprintf("CASE WHEN length(%[1]s) <= 1000 THEN %[1]s ELSE left(%[1]s, 100) || '... (' || length(%[1]s) || ' characters, SHA-256 ' || encode(sha256(convert_to(%[1]s, %[2]s)), 'hex') || ')' END",
		text, literal(q.charset))
}
