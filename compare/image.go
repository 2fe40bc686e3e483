package compare

import (
	"hash/fnv"
	"io"
	"strconv"
	"strings"
)

// image is how one column enters the digest. text is always there: an SQL
// expression for the text that stands for the value, NULL for NULL. At most one
// of word, long and call says how the native method takes the column, beside bit.
type image struct {
	text    string
	bit     string // boolean SQL expression; NULL counts as false
	word    string // int4 SQL expression, never NULL
	long    string // int8 SQL expression, never NULL
	call    func(seed string) string
	mixing  mixing // of the call
	nullBit bool   // NULL must be told apart by a bit of the bitmap, unless the column is NOT NULL
}

// mixing is how a call's result depends on its seed.
type mixing int

const (
	mixes  mixing = iota // whatever the value, in no linear way
	mostly               // so, but for some value
	linear               // not so: a call that mixes must be made with its result
)

// imageOf returns the image of a column.
func imageOf(c compared, mode Mode) image {
	x := "t." + ident(c.name)
	or := func(expr, null string) string { // NULL would end the chain
		if c.notNull {
			return expr
		}
		return "coalesce(" + expr + ", " + null + ")"
	}
	i := image{text: textOf(c, mode)}
	if mode == Value && i.text != textOf(c, Exact) {
		i.call, i.nullBit = seeded("hashtextextended", or(i.text, "''")+` COLLATE "C"`), true
		return i
	}
	if c.scaled { // else it is hashed as text: 1.5 and 1.50 are the same to the hash of numbers
		// The server hashes the digits without sign and scale, and XORs the place of the
		// decimal point into the result; zero is the seed less one, NaN the seed. The sign
		// is a bit; the scale is the type's; infinities no type with a scale holds.
		i.bit, i.nullBit, i.mixing = x+" < 0", true, linear
		i.call = seeded("hash_numeric_extended", or(x, "'NaN'"))
		return i
	}
	switch c.base {
	case "boolean":
		i.bit, i.nullBit = x, true
	case "smallint":
		i.word = or(x+"::int4", "100000") // beyond the type's range
	case "integer":
		i.word, i.nullBit = or(x, "0"), true
	case "bigint":
		i.long, i.nullBit = or(x, "0"), true
	case "oid":
		i.long = or(x+"::int8", "-1") // beyond the type's range
	case "date":
		// Days; what stands for the infinities and NULL lies beyond the type's range.
		epoch := "date '2000-01-01'"
		i.word = or("CASE WHEN isfinite("+x+") THEN "+x+" - "+epoch+" WHEN "+x+" > "+epoch+" THEN 2147483647 WHEN "+x+" < "+epoch+" THEN -2147483648 END", "-2147483647")
	case "uuid":
		i.call, i.nullBit = seeded("uuid_hash_extended", or(x, "'00000000-0000-0000-0000-000000000000'")), true
	case "timestamp with time zone", "timestamp without time zone":
		// The server hashes a timestamp's 64 bits folded to 32. Its distance from
		// 1900 in seconds, a float of 64 bits, is hashed whole instead. In the 2^33 s
		// (272 years) from 1900 on no two timestamps have the same: microseconds are
		// subtracted exactly, and seconds that are a microsecond apart do not round to
		// the same float. Before and beyond, and for the infinities, the hash of the
		// text is mixed into the seed. For 1900 itself, too: a distance of zero leaves
		// the seed as it is, and only what is mixed in, another number for every
		// column, tells it.
		typ, distance := "timestamptz", "tstzrange_subdiff"
		if c.base == "timestamp without time zone" {
			typ, distance = "timestamp", "tsrange_subdiff"
		}
		from := typ + " '1900-01-01 00:00:00+00'"
		near := x + " > " + from + " AND " + x + " < " + typ + " '2172-01-01 00:00:00+00'"
		i.mixing = mostly
		i.call = func(seed string) string {
			return "hashfloat8extended(" + or(distance+"("+x+", "+from+")", "'NaN'") +
				", " + seed + " # CASE WHEN " + near + " THEN 0 ELSE hashtextextended(" + or(i.text, "''") + ` COLLATE "C", ` + columnSeed(c.name) + ") END)"
		}
	default:
		i.call, i.nullBit = seeded("hashtextextended", or(i.text, "''")+` COLLATE "C"`), !neverEmpty(c)
	}
	return i
}

// columnSeed is a seed that no other column has.
func columnSeed(name string) string {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name)
	return strconv.FormatUint(h.Sum64()>>1, 10)
}

// seeded returns a call of one of the server's hash functions.
func seeded(fn, arg string) func(string) string {
	return func(seed string) string { return fn + "(" + arg + ", " + seed + ")" }
}

// neverEmpty reports whether no value of the type has the empty text, so that
// ” can stand for NULL.
func neverEmpty(c compared) bool {
	switch c.base {
	case "numeric", "real", "double precision", "money", "date", "time without time zone", "time with time zone",
		"timestamp without time zone", "timestamp with time zone", "interval", "inet", "cidr", "macaddr", "macaddr8",
		"json", "jsonb", "bytea", "pg_lsn", "xid", "tid", "point", "lseg", "box", "path", "polygon", "circle", "line":
		return true
	}
	return c.class == "r" || c.class == "m" || c.class == "c" || strings.HasSuffix(c.base, "[]")
}

// sends are the binary output functions of the types that are made of floats,
// whose text is not the same before and since PostgreSQL 12.
var sends = map[string]string{"real": "float4send", "double precision": "float8send", "point": "point_send", "line": "line_send", "lseg": "lseg_send",
	"box": "box_send", "path": "path_send", "polygon": "poly_send", "circle": "circle_send"}

// bigBytes is from where on a bytea is represented by its SHA-256, so that its
// hexadecimal text, twice as long, is never built.
const bigBytes = "65536"

// textOf returns the SQL of a column's text image.
func textOf(c compared, mode Mode) string {
	x := "t." + ident(c.name)
	if mode == Value {
		if r, ok := relaxed(c, x); ok {
			return r
		}
	}
	if c.bits {
		switch c.base {
		case "real", "double precision":
			return "CASE WHEN " + x + " = 'NaN' THEN 'NaN' ELSE encode(" + sends[c.base] + "(" + x + "), 'hex') END"
		}
		if strings.HasSuffix(c.base, "[]") {
			return "encode(array_send(" + x + "), 'hex')"
		}
		return "encode(" + sends[c.base] + "(" + x + "), 'hex')"
	}
	switch c.base {
	case "bytea":
		return "CASE WHEN octet_length(" + x + ") < " + bigBytes + " THEN " + written(c, x) + " ELSE 'sha256:' || encode(sha256(" + x + "), 'hex') END"
	case `"char"`:
		return output(x + "::int4") // its text differs between majors
	case "regproc", "regproc[]", "regoper", "regoper[]": // the name alone may be that of several
		return output(x + "::" + withArguments.Replace(c.base))
	case "character", "inet", "cidr", "xml", "":
		// The cast would drop trailing blanks, keep the encoding that an xml declares and
		// replication takes away, or is not the same for all types.
		return output(x)
	}
	return written(c, x)
}

// withArguments turns a type of functions' or operators' names into that of their
// names with the types of their arguments.
var withArguments = strings.NewReplacer("regproc", "regprocedure", "regoper", "regoperator")

// written is the text of the type's output function. A cast to text may be
// somebody's, whatever the type, and give whatever it likes: it serves for the
// server's own alone.
func written(c compared, x string) string {
	if builtIn(c) && !c.cast {
		return x + "::text"
	}
	return output(x)
}

// output calls the output function whatever casts there are, which costs more
// than the server's own cast.
func output(x string) string {
	return "CASE WHEN " + x + " IS NOT DISTINCT FROM NULL THEN NULL ELSE concat(" + x + ") END"
}

// builtIn reports whether the type comes with the server: format_type
// qualifies every other one, as the search path is pg_catalog alone.
func builtIn(c compared) bool {
	return c.class == "b" && !strings.Contains(strings.TrimSuffix(c.base, "[]"), ".") || c.class == "r" || c.class == "m"
}

// Relaxation is one rule of mode "value".
type Relaxation struct{ Type, Rule string }

// Relaxations returns what mode "value" takes as equal beyond mode "exact".
func Relaxations() []Relaxation {
	return []Relaxation{
		{"numeric", "trailing zeros after the decimal point do not count: 1.50 is 1.5"},
		{"real, double precision", "minus zero is zero"},
		{"character(n)", "trailing blanks do not count"},
		{"citext", "case does not count"},
		{"json", "compared as jsonb: white space, order of keys and repeated keys do not count"},
	}
}

func caseless(c compared) bool {
	return (c.base == "citext" || strings.HasSuffix(c.base, ".citext")) && c.class == "b"
}

func relaxed(c compared, x string) (string, bool) {
	switch c.base {
	case "numeric":
		// trim_scale needs PostgreSQL 13. A text without a point keeps its zeros.
		return `CASE WHEN scale(` + x + `) > 0 THEN rtrim(rtrim(` + written(c, x) + `, '0'), '.') ELSE ` + written(c, x) + ` END`, true
	case "real", "double precision":
		if c.bits {
			return "CASE WHEN " + x + " = 0 THEN '0' ELSE " + textOf(c, Exact) + " END", true
		}
		return "CASE WHEN " + x + " = 0 THEN '0' ELSE " + written(c, x) + " END", true
	case "character":
		return x + "::text", true
	case "json":
		return output(x + "::jsonb"), true
	}
	if caseless(c) {
		return "lower(" + x + "::text)", true
	}
	return "", false
}
