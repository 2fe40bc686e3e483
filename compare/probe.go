package compare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// probes hold, per base type, values on which servers could disagree: the
// builder's own expression over them must give the same on every node before
// its digests of a table are trusted.
var probes = []struct {
	base   string   // or a type with its modifiers
	values []string // SQL literals
}{
	{"boolean", []string{"true", "false"}},
	{"smallint", []string{"0", "1", "-1", "32767", "-32768"}},
	{"integer", []string{"0", "1", "-1", "2147483647", "-2147483648"}},
	{"bigint", []string{"0", "1", "-1", "4294967296", "9223372036854775807", "-9223372036854775808"}},
	{"oid", []string{"0", "1", "4294967295"}},
	{"uuid", []string{"'00000000-0000-0000-0000-000000000001'", "'f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f'"}},
	{"text", []string{"''", "'a'", "'Ab'", "'ä€𝄞'", "repeat('x', 1000)"}},
	{"numeric", []string{"5.25", "-5.25", "1.500", "0", "'NaN'", "1e30", "-0.000001"}},
	{"numeric(40,10)", []string{"5.25", "-5.25", "10000", "0", "'NaN'", "-123456789012345678901234567890.0123456789"}},
	{"real", []string{"0.1", "'-0'", "1e-30", "16777217", "'NaN'", "'Infinity'"}},
	{"double precision", []string{"0.1", "'-0'", "1e-300", "123456789.123456789", "'NaN'", "'-Infinity'"}},
	{"money", []string{"'1234.56'", "'-0.01'"}},
	{"date", []string{"'2000-02-29'", "'infinity'", "'0044-03-15 BC'"}},
	{"time without time zone", []string{"'23:59:59.999999'", "'24:00'"}},
	{"time with time zone", []string{"'23:59:59.999999+05:30'"}},
	{"timestamp without time zone", []string{"'2026-03-29 02:30:00.000001'", "'-infinity'", "'0044-03-15 00:00:00 BC'"}},
	{"timestamp with time zone", []string{"'2026-03-29 02:30:00.000001+02'", "'infinity'", "'0044-03-15 00:00:00+00 BC'", "'1999-12-31 22:48:25.032704+00'", "'1900-01-01 00:00:00+00'"}},
	{"interval", []string{"'1 mon'", "'30 days'", "'-1 day +00:00:00.000001'", "'14 mons'"}},
	{"bytea", []string{`'\x00ff'`, `'\x'`}},
	{"inet", []string{"'10.0.0.1'", "'10.0.0.1/8'", "'::1'"}},
	{"json", []string{`'{"a": 1, "a":2}'`}},
	{"jsonb", []string{`'{"b":[1,[2,{"x":null}]],"a":-1.50}'`, `'"ä\n\u0001"'`}},
	{"text[]", []string{`'{a,"b c",NULL,""}'`, `'[0:1]={x,y}'`, `'{{1},{2}}'`}},
	{"int4range", []string{"'[1,5)'", "'empty'", "'(,3]'"}},
	{"bit varying", []string{"'101'", "''"}},
	{"point", []string{"'(0.1,-2)'"}},
	{"tsvector", []string{"'fat:2A cat'"}},
}

// probe computes the digests of the fixed values on one node, per type; ascii
// leaves out those with letters that not every encoding has, and cast names the
// types with a cast to text of somebody's.
func probe(ctx context.Context, s *cluster.Session, mode Mode, ascii bool, cast map[string]bool) (map[string]string, error) {
	var parts []string
	for _, p := range probes {
		base, _, declared := strings.Cut(p.base, "(")
		c := compared{name: "c", base: base, class: "b", cast: cast[base], scaled: declared}
		if strings.HasSuffix(p.base, "range") {
			c.class = "r"
		}
		values := "(NULL::" + p.base + ")"
		for _, v := range p.values {
			if ascii && strings.ContainsFunc(v, func(r rune) bool { return r > unicode.MaxASCII }) {
				continue
			}
			values += ", ((" + v + ")::" + p.base + ")"
		}
		parts = append(parts, fmt.Sprintf("SELECT %s, concat(sum(%s)) FROM (VALUES %s) t (c)", literal(p.base), chain([]compared{c}, mode), values))
	}
	if mode == Value {
		parts = append(parts, foldProbe)
	}
	out := map[string]string{}
	err := s.Read(ctx, "probe the digest", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, strings.Join(parts, " UNION ALL "))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var base, digest string
			if err := rows.Scan(&base, &digest); err != nil {
				return err
			}
			out[base] = digest
		}
		return rows.Err()
	})
	return out, err
}

// foldProbe tells how a database makes small letters of capital ones, by its
// locale: of ASCII, in UTF-8 of Latin, Greek and Cyrillic too, and in encodings of
// one byte a letter of the upper quarter, where these have their letters. The numbers
// are no constants, which a server would turn into letters of which it has none.
const foldProbe = `SELECT 'citext', (SELECT encode(convert_to(lower(string_agg(chr(n), '' ORDER BY n)), 'UTF8'), 'hex') FROM unnest(CASE
	WHEN current_setting('server_encoding') = 'UTF8' THEN ARRAY[73, 196, 216, 304, 931, 1046]
	WHEN current_setting('server_encoding') IN ('LATIN1', 'LATIN2', 'LATIN9', 'WIN1250', 'WIN1251', 'WIN1252', 'KOI8R', 'KOI8U') THEN 73 || ARRAY(SELECT generate_series(192, 255)) ELSE ARRAY[73] END) n)`

// casts returns the types of columns that on some node have a cast to text of
// somebody's.
func (r *run) casts() map[string]bool {
	out := map[string]bool{}
	for _, v := range r.surveys {
		for _, t := range v.relations {
			for _, c := range t.columns {
				if c.cast {
					out[c.base] = true
				}
			}
		}
	}
	return out
}

// hashed types are those whose digest does not go through their text: when
// nodes disagree about one of them, the native method is of no use.
var hashTypes = []string{"boolean", "smallint", "integer", "bigint", "oid", "uuid", "text", "numeric(40,10)", "date", "timestamp with time zone", "timestamp without time zone"}

// probedBy returns the type whose probe speaks for a column's.
func probedBy(base string) string {
	base = strings.TrimSuffix(base, "[]")
	switch base {
	case "line", "lseg", "box", "path", "polygon", "circle":
		return "point"
	}
	return base
}

// byBytes reports whether values of a type hold several texts in an order that goes
// by how long they are, or what they are, in the database's encoding.
func byBytes(c compared) bool {
	base := strings.TrimSuffix(c.base, "[]")
	return base == "jsonb" || base == "tsvector" || base == "hstore" || strings.HasSuffix(base, ".hstore")
}

// choose picks the digest method for a table, and says what speaks against
// comparing it at all.
func (r *run) choose(ctx context.Context, s *shape, nodes []string) (m method, note string, err error) {
	m = native
	encodings := map[string]string{}
	ascii := false
	for _, v := range r.surveys {
		ascii = ascii || v.encoding != "UTF8"
	}
	for _, n := range nodes {
		v := r.surveys[n]
		encodings[n] = v.encoding
		if v.probed == nil {
			err = r.persist(ctx, []string{n}, func() (err error) {
				v.probed, err = probe(ctx, v.session, r.req.Mode, ascii, r.casts())
				return err
			})
			if err != nil {
				return m, "", err
			}
		}
	}
	if _, same := uniform(encodings); !same {
		if slices.Contains(slices.Collect(maps.Values(encodings)), "SQL_ASCII") {
			return m, "", fmt.Errorf("the nodes' databases have different encodings (%s), and what text means in SQL_ASCII is not known", perNode(encodings))
		}
		if i := slices.IndexFunc(s.columns, byBytes); i >= 0 {
			return m, "", fmt.Errorf("the nodes' databases have different encodings (%s), and the order of what is in a %s, as column %s is, goes by the bytes of its letters: compare without it (--exclude-column)", perNode(encodings), s.columns[i].base, s.columns[i].name)
		}
		m, note = with256, "the nodes' databases have different encodings: compared in UTF-8"
	}
	for _, p := range probes {
		digests := map[string]string{}
		for _, n := range nodes {
			digests[n] = r.surveys[n].probed[p.base]
		}
		if _, same := uniform(digests); same {
			continue
		}
		switch {
		case slices.Contains(hashTypes, p.base):
			m, note = with256, "the nodes compute the native digest differently"
		case slices.ContainsFunc(s.columns, func(c compared) bool { return !c.bits && probedBy(c.base) == p.base }):
			return m, "", fmt.Errorf("the nodes' servers write values of type %s differently", p.base)
		}
	}
	folds := map[string]string{}
	for _, n := range nodes {
		folds[n] = r.surveys[n].probed["citext"]
	}
	if _, same := uniform(folds); !same && r.req.Mode == Value && slices.ContainsFunc(s.columns, caseless) {
		return m, "", errors.New("the nodes' databases take other letters as the same whatever their case, by their locales, and mode value compares citext so: use mode exact, or leave such columns out")
	}
	if r.req.Mode == Strong {
		m, note = with256, ""
	}
	return m, note, nil
}
