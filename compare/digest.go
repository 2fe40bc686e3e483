package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A digest method turns a row into one or more 64-bit lanes that are the same
// on every node for the same row. Before hashing, the input is injective: no
// two different rows have the same one.
//
// native: PostgreSQL's own hash functions, each seeded with the result of the
// one before, so that the order of columns counts and nothing is linear. Only
// functions that see every bit of their argument are used; every other type is
// hashed as its text. NULLs are told apart by a bitmap that is hashed first, or
// by a text that no value of the type can have.
//
// portable: SHA-256 over the columns' texts in UTF-8, each with its length in
// characters before it, cut into four lanes of 64 bits.
type method struct {
	name  string
	lanes int
}

// The methods.
var (
	native   = method{"native-chain-64-v3", 1}
	with256  = method{"sha256-256", 4}
	maxBits  = 30  // of one bitmap, an int4 that stays positive
	maxChain = 150 // columns of one chain; the parser's stack bounds the nesting of calls
)

// missBound is the chance that two different sets of rows in one bucket have
// the same digest.
func (m method) missBound() float64 {
	p := 1.0
	for range m.lanes * 64 {
		p /= 2
	}
	return p
}

// rowLanes returns one SQL expression of type int8 per lane; they read columns
// of the table directly when the method is native, else of column "d", which
// [method.inner] computes.
func (m method) rowLanes(cols []compared, mode Mode) []string {
	if m.lanes == 1 {
		return []string{chain(cols, mode)}
	}
	out := make([]string, m.lanes)
	for i := range out {
		out[i] = fmt.Sprintf("('x' || substr(d, %d, 16))::bit(64)::int8", 1+16*i)
	}
	return out
}

// inner returns the SQL of the hex digest that the lanes of a portable method
// are cut from.
func (m method) inner(cols []compared, mode Mode, charset string) string {
	return "encode(sha256(convert_to(" + framed(cols, mode) + ", " + literal(charset) + ")), 'hex')"
}

// form names how rows' digests come about: of which columns, as which types, and
// which of them may be NULL.
func (m method) form(cols []compared, mode Mode) string {
	sql := m.inner(cols, mode, "")
	if m.lanes == 1 {
		sql = chain(cols, mode)
	}
	sum := sha256.Sum256([]byte(sql))
	return hex.EncodeToString(sum[:8])
}

// chain returns the native digest of the columns, in the given order.
func chain(cols []compared, mode Mode) string {
	var groups []string
	for len(cols) > 0 {
		n := min(len(cols), maxChain)
		groups = append(groups, link(cols[:n], mode))
		cols = cols[n:]
	}
	h := groups[0]
	for _, g := range groups[1:] {
		h = "hashint4extended(1, hashint4extended(0, " + h + ") # " + g + ")"
	}
	return h
}

// link chains one group of columns. Values of at most 32 bits are the hashed
// argument and values of 64 bits the seed of one and the same call: both are
// seen whole, which hashint8extended does not do.
func link(cols []compared, mode Mode) string {
	var words, longs, nulls []string
	var bits []bit
	var calls [linear + 1][]func(string) string // by how they mix
	for _, c := range cols {
		i := imageOf(c, mode)
		if i.nullBit && !c.notNull {
			nulls = append(nulls, "t."+ident(c.name))
		}
		if i.bit != "" {
			bits = append(bits, bit{i.bit, c.notNull && i.call == nil}) // NULL ends the chain in the call
		}
		switch {
		case i.word != "":
			words = append(words, i.word)
		case i.long != "":
			longs = append(longs, i.long)
		case i.call != nil:
			calls[i.mixing] = append(calls[i.mixing], i.call)
		}
	}
	for len(bits)+len(nulls) > 0 {
		b := min(len(bits), maxBits)
		n := min(len(nulls), maxBits-b)
		words = append(words, bitmap(bits[:b], nulls[:n]))
		bits, nulls = bits[b:], nulls[n:]
	}
	h := ""
	for len(words) > 0 || len(longs) > 0 || h == "" {
		word, seed := "0", "0"
		if len(words) > 0 {
			word, words = words[0], words[1:]
		}
		if len(longs) > 0 {
			seed, longs = longs[0], longs[1:]
		}
		switch {
		case h == "":
			h = seed
		case seed != "0":
			h += " # " + seed
		}
		h = "hashint4extended(" + word + ", " + h + ")"
	}
	mixing := calls[mixes]
	for _, c := range calls[linear] {
		// Else two rows that exchange 1 and 10000, and columns that exchange 0 and NaN,
		// would have the same sum.
		mix := seeded("hashint4extended", "0")
		if len(mixing) > 0 {
			mix, mixing = mixing[0], mixing[1:]
		}
		h = mix(c(h))
	}
	for _, c := range slices.Concat(calls[mostly], mixing) {
		h = c(h)
	}
	return h
}

// bit is a truth value of a row. Without a bit of its own for NULL, which by the
// catalog it cannot be, NULL makes the digest NULL rather than count as false.
type bit struct {
	sql     string
	notNull bool
}

// bitmap packs truth values, and which columns are NULL, into one int4.
func bitmap(bits []bit, nulls []string) string {
	var terms []string
	for i, b := range bits {
		otherwise := "ELSE 0"
		if b.notNull {
			otherwise = "WHEN NOT " + b.sql + " THEN 0"
		}
		terms = append(terms, fmt.Sprintf("CASE WHEN %s THEN %d %s END", b.sql, 1<<i, otherwise))
	}
	var all, each []string
	for i, x := range nulls {
		all = append(all, x+" IS DISTINCT FROM NULL")
		each = append(each, fmt.Sprintf("CASE WHEN %s IS DISTINCT FROM NULL THEN 0 ELSE %d END", x, 1<<(len(bits)+i)))
	}
	if len(nulls) > 0 {
		// Rows without any NULL, mostly all, are done with the first test.
		terms = append(terms, "CASE WHEN "+strings.Join(all, " AND ")+" THEN 0 ELSE "+strings.Join(each, " | ")+" END")
	}
	return strings.Join(terms, " | ")
}

// framed returns the text that a portable method hashes: per column the number
// of characters, a colon and the text, or a dash for NULL.
func framed(cols []compared, mode Mode) string {
	texts := make([]string, len(cols))
	for i, c := range cols {
		texts[i] = imageOf(c, mode).text
	}
	return frame(texts)
}

func frame(texts []string) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = "coalesce(length(" + text + ") || ':' || " + text + ", '-')"
	}
	return strings.Join(parts, " || ")
}
