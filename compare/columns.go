package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// compared is a column as all compared nodes have it.
type compared struct {
	name    string
	base    string // base type; "" when the nodes differ, and the text image serves
	class   string
	notNull bool // on all nodes
	bits    bool // the nodes do not write it alike: its binary form serves
	cast    bool // on some node x::text is what somebody's cast makes of it
	scaled  bool // a numeric whose scale is the type's, and the same on all nodes
}

// shape is what all nodes of a task share: the columns to compare, by name,
// and the key that tells rows apart.
type shape struct {
	columns []compared          // sorted by name; key columns among them
	key     []compared          // in the key's order; empty: rows are counted as a multiset
	equal   map[string][]string // per node: the key's equality operators
	left    []string            // columns not compared, and why
	notes   []string
	reasons []string
}

// align finds the shape of a task over the nodes on which the table is.
func align(req Request, t *task, u unlike) *shape {
	s := &shape{equal: map[string][]string{}}
	nodes := slices.Sorted(maps.Keys(t.on))
	have := map[string]map[string]column{} // column name, node
	for _, n := range nodes {
		for _, c := range t.on[n].columns {
			if have[c.name] == nil {
				have[c.name] = map[string]column{}
			}
			have[c.name][n] = c
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if why := leftOut(req, t, name); why != "" {
			s.left = append(s.left, name+": "+why)
			continue
		}
		if len(have[name]) < len(nodes) {
			var lack []string
			for _, n := range nodes {
				if _, ok := have[name][n]; !ok {
					lack = append(lack, n)
				}
			}
			why := "not on " + strings.Join(lack, ", ")
			s.left = append(s.left, name+": "+why)
			if !req.CommonColumns {
				s.reasons = append(s.reasons, fmt.Sprintf("column %s is %s; the common columns can be compared on request", name, why))
			}
			continue
		}
		c := compared{name: name, notNull: true}
		types, declared, kinds, parts := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
		for _, n := range nodes {
			h := have[name][n]
			c.notNull = c.notNull && h.notNull
			c.cast = c.cast || h.cast
			c.class = h.class
			types[n], declared[n], kinds[n], parts[n] = h.base, h.typ, h.class, h.parts
		}
		base, same := uniform(types)
		_, alike := uniform(kinds)
		for n := range types {
			if same && !alike {
				types[n] += kindNames[kinds[n]]
			}
		}
		if !same || !alike {
			s.notes = append(s.notes, fmt.Sprintf("column %s has different types (%s): compared as text", name, perNode(types)))
			base, c.class = "", ""
		}
		c.base = base
		if typ, same := uniform(declared); same {
			c.scaled = base == "numeric" && strings.HasPrefix(typ, "numeric(")
		}
		c.bits = u.binary(base)
		if _, same := uniform(parts); !same && alike && base != "" {
			s.reasons = append(s.reasons, fmt.Sprintf("column %s is of a type (%s) whose attributes are not the same, or not in the same order, on all nodes (%s), so what a value's text means is not: compare without it (--exclude-column)", name, base, perNode(parts)))
		}
		if what, since := u.doubt(base, have[name]); what != "" {
			s.reasons = append(s.reasons, fmt.Sprintf("column %s holds %s within its type (%s), which servers before PostgreSQL %s: compare without it (--exclude-column)", name, what, perNode(types), since))
		}
		s.columns = append(s.columns, c)
	}
	if len(s.columns) == 0 && len(nodes) > 0 {
		s.reasons = append(s.reasons, "no column is left to compare")
	}
	s.findKey(t, nodes)
	return s
}

// knownColumns refuses to leave out a column that no node has in any table: it
// would be compared, and reported, under its right name.
func (r *run) knownColumns() error {
	if len(r.failed) > 0 {
		return nil
	}
next:
	for _, x := range r.req.ExcludeColumns {
		for _, v := range r.surveys {
			for _, t := range v.relations {
				for _, c := range t.columns {
					if excludes(x, t.schema, t.name, c.name) {
						continue next
					}
				}
			}
		}
		return refuse("no column %q, to be left out, is in any table", x)
	}
	return nil
}

func excludes(asked, schema, table, column string) bool {
	return asked == column || asked == table+"."+column || asked == schema+"."+table+"."+column
}

func leftOut(req Request, t *task, name string) string {
	for _, x := range req.ExcludeColumns {
		if excludes(x, t.schema, t.name, name) {
			return "excluded on request"
		}
	}
	if t.columns != nil && !slices.Contains(t.columns, name) {
		return "not in the replication sets' column list"
	}
	return ""
}

// kindNames name what a type is that is no base type, by pg_type.typtype.
var kindNames = map[string]string{"c": ", a composite", "e": ", an enum", "r": ", a range", "m": ", a multirange"}

func perNode(m map[string]string) string {
	var parts []string
	for _, n := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, n+" "+m[n])
	}
	return strings.Join(parts, ", ")
}

// findKey takes the first key of the first node whose columns are a key on all
// nodes, primary keys before unique indexes, few columns before many.
func (s *shape) findKey(t *task, nodes []string) {
	if len(nodes) == 0 {
		return
	}
	for _, k := range t.on[nodes[0]].keys {
		equal := map[string][]string{}
		for _, n := range nodes {
			for _, other := range t.on[n].keys {
				if slices.Equal(slices.Sorted(slices.Values(other.columns)), slices.Sorted(slices.Values(k.columns))) {
					ops := make([]string, len(k.columns))
					for i, c := range k.columns {
						ops[i] = other.equal[slices.Index(other.columns, c)]
					}
					equal[n] = ops
					break
				}
			}
		}
		if len(equal) < len(nodes) {
			continue
		}
		var cols []compared
		for _, name := range k.columns {
			i := slices.IndexFunc(s.columns, func(c compared) bool { return c.name == name })
			if i < 0 || s.columns[i].bits { // it is left out, or no row is found by its binary form
				break
			}
			cols = append(cols, s.columns[i])
		}
		if len(cols) < len(k.columns) {
			continue
		}
		s.key, s.equal = cols, equal
		if !k.primary {
			s.notes = append(s.notes, "no primary key is shared by all nodes: rows are told apart by a unique index")
		}
		return
	}
	s.notes = append(s.notes, "no primary key or unique index without NULL is shared by all nodes: rows are compared as a multiset, counting equal ones")
}

func names(cols []compared) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.name
	}
	return out
}
