package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
)

// checker says in words what keeps an input from having the shape of a CUE
// definition. CUE finds that something is wrong and reports one class of error
// at a time, wrapped in disjunctions; this walks definition and input side by
// side and names everything that is wrong, once. All it knows of the shape it
// reads from the definition.
type checker struct {
	positions map[string]Position
	problems  []Problem
}

func (c *checker) add(at, message, remedy string) {
	c.problems = append(c.problems, Problem{Pos: place(c.positions, at), Message: message, Remedy: remedy})
}

// check compares a value of the input with its definition; at is its key.
func (c *checker) check(def, v cue.Value, at string) {
	if err := v.Err(); err != nil {
		c.cueErrors(err, at)
		return
	}
	want, got := def.IncompleteKind(), v.IncompleteKind()
	if got == cue.BottomKind || want&got == 0 {
		c.add(at, fmt.Sprintf("%s: found %s, expected %s", name(at), kindName(v, got), kindName(def, want)), hint(def, want, got))
		return
	}
	switch got {
	case cue.StructKind:
		c.structure(def, v, at)
	case cue.ListKind:
		elem := def.LookupPath(cue.MakePath(cue.AnyIndex))
		it, err := v.List()
		if err != nil {
			c.cueErrors(err, at)
			return
		}
		for i := 0; it.Next(); i++ {
			c.check(elem, it.Value(), join(at, fmt.Sprint(i)))
		}
	default:
		u := def.Unify(v)
		if err := u.Validate(cue.Concrete(true), cue.Final()); err != nil {
			c.scalar(err, at)
		}
	}
}

func (c *checker) structure(def, v cue.Value, at string) {
	known := map[string]cue.Value{}
	var names []string
	fields, err := def.Fields(cue.Optional(true))
	if err != nil {
		c.cueErrors(err, at)
		return
	}
	for fields.Next() {
		if fields.Selector().LabelType() == cue.StringLabel {
			n := fields.Selector().Unquoted()
			known[n], names = fields.Value(), append(names, n)
		}
		if fields.Selector().ConstraintType() == cue.RequiredConstraint && !v.LookupPath(cue.MakePath(cue.Str(fields.Selector().Unquoted()))).Exists() {
			c.add(at, fmt.Sprintf("%s: %s is missing", name(at), fields.Selector().Unquoted()), "")
		}
	}
	every := def.LookupPath(cue.MakePath(cue.AnyString))
	it, err := v.Fields()
	if err != nil {
		c.cueErrors(err, at)
		return
	}
	for it.Next() {
		n := it.Selector().Unquoted()
		key := join(at, n)
		d, ok := known[n]
		switch {
		case ok:
			c.check(d, it.Value(), key)
		case every.Exists():
			c.check(every, it.Value(), key)
		default:
			c.add(key, fmt.Sprintf("%s: unknown field %s", name(at), show(n)), suggest(n, names))
		}
	}
}

// scalar reports the rejection of one value: the text of the schema's own
// error() when there is one. The value is not shown, it may hold a secret.
func (c *checker) scalar(err error, at string) {
	for _, e := range errors.Errors(err) {
		format, args := e.Msg()
		m := fmt.Sprintf(format, args...)
		if strings.Contains(m, "incomplete value") || strings.Contains(m, "non-concrete") {
			c.add(at, name(at)+": "+noValue, "write the value itself; what it refers to is missing, or refers back to it")
			return
		}
		if notOurs.MatchString(m) {
			continue
		}
		c.add(at, name(at)+": "+m, "")
		return
	}
	c.add(at, name(at)+": not an allowed value", "")
}

const noValue = "it has no value yet"

// notOurs matches the evaluator's own messages, which may quote the value.
var notOurs = regexp.MustCompile("conflicting values|empty disjunction|invalid value|parse error|incomplete value|out of bound|mismatched types|undefined|non-concrete")

// cueErrors reports what CUE says of a value that is an error in itself, such
// as two files that disagree, one line for each place.
func (c *checker) cueErrors(err error, at string) {
	seen := map[string]bool{}
	for _, e := range errors.Errors(err) {
		path := at
		if ps := e.Path(); len(ps) > 0 {
			if k := key(pathOf(ps)); at == "" || c.positions[k].IsValid() {
				path = k
			}
		}
		if seen[path] {
			continue
		}
		seen[path] = true
		var also []string
		for _, p := range errors.Positions(e) {
			if q := position(p); !strings.HasPrefix(q.File, ours) && (q.Line > 1 || q.Column > 1) { // not the whole file
				also = append(also, q.String())
			}
		}
		slices.Sort(also)
		also = slices.Compact(also)
		format, args := e.Msg()
		m := fmt.Sprintf(format, args...)
		remedy := ""
		switch {
		case strings.Contains(m, "conflicting values"):
			m, remedy = "two values that differ", "keep one of them"
		case strings.Contains(m, "structural cycle"), strings.Contains(m, "cycle"):
			m, remedy = "the value refers to itself", "break the cycle"
		case strings.Contains(m, "incomplete value"), strings.Contains(m, "non-concrete"):
			m, remedy = noValue, "write the value itself; what it refers to is missing, or refers back to it"
		case strings.Contains(m, "imported but not defined in"):
			m, remedy = "an import that is not there", "import packages of CUE's standard library alone"
		case secret(path):
			m = "not an allowed value"
		}
		if len(also) > 1 {
			m += ", at " + strings.Join(also, " and ")
		}
		c.add(path, name(path)+": "+m, remedy)
	}
}

// secret reports whether a value may hold a password.
func secret(at string) bool { return strings.HasSuffix(at, "\x00dsn") }

// name renders a key for people: nodes.n1.dsn, shards.first.replicas[2].
func name(at string) string {
	if at == "" {
		return "the topology"
	}
	var b strings.Builder
	for i, p := range strings.Split(at, "\x00") {
		switch {
		case p != "" && strings.Trim(p, "0123456789") == "" && i > 1: // entities stand at 1

			fmt.Fprintf(&b, "[%s]", p)
		case i > 0:
			b.WriteString("." + show(p))
		default:
			b.WriteString(show(p))
		}
	}
	return b.String()
}

// show renders a name from the input: quoted when it could be misread, cut
// when it is overlong.
func show(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	for _, r := range s {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return fmt.Sprintf("%q", s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

func kindName(v cue.Value, k cue.Kind) string {
	switch {
	case v.IncompleteKind() == cue.NullKind || k == cue.NullKind:
		return "nothing (null)"
	case k&cue.StructKind != 0:
		return "a map"
	case k&cue.ListKind != 0:
		return "a list"
	case k&cue.StringKind != 0:
		return "text"
	case k == cue.BoolKind:
		return "true or false"
	case k&cue.NumberKind != 0 && k&cue.FloatKind == 0:
		return "a whole number"
	case k&cue.NumberKind != 0:
		return "a number"
	case k == cue.BytesKind:
		return "binary data"
	}
	return k.String()
}

// hint says how to mend a value of the wrong kind.
func hint(def cue.Value, want, got cue.Kind) string {
	switch {
	case want&cue.StringKind != 0 && got&cue.NumberKind != 0:
		return "put it in quotes"
	case want&cue.StringKind != 0 && got == cue.BoolKind:
		return "put it in quotes; YAML reads bare yes, no, on and off as true and false"
	case want == cue.ListKind && got == cue.StringKind:
		return "write it as a list: [a, b]"
	case want == cue.StructKind && got == cue.ListKind:
		return "write a map keyed by name, not a list"
	case got == cue.NullKind:
		return "give it a value, or remove the key"
	case want&cue.NumberKind != 0 && got == cue.StringKind:
		return "remove the quotes"
	}
	return ""
}

// suggest names the fields that the misspelt one may stand for.
func suggest(got string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(strings.ToLower(got), k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	if len(known) == 0 {
		return ""
	}
	return "known here: " + strings.Join(known, ", ")
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour to make one word of the other (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	var rows [3][]int
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		now, before, second := rows[i%3], rows[(i-1)%3], rows[(i+1)%3]
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(before[j]+1, now[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], second[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
