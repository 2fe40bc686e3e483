package schema

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
)

// loading knows what a run of Load is at, for when it has to be given up.
type loading struct{ at atomic.Pointer[string] }

func (l *loading) enter(s string) { l.at.Store(&s) }

func (l *loading) stage() string {
	if s := l.at.Load(); s != nil {
		return *s
	}
	return "starting"
}

// merge reads all inputs and unifies them: each may say a part, and what two
// of them say must agree.
func merge(ctx *cue.Context, inputs []Input) (source, error) {
	p, err := parse(inputs)
	if err != nil {
		return source{}, err
	}
	return p.build(ctx)
}

// parsed is all inputs as text that was read, not yet evaluated.
type parsed struct {
	texts     []text
	plain     *ast.StructLit // all of it, where it is data that do not disagree; else nil
	positions map[string]Position
	dsns      map[string]string
}

func parse(inputs []Input) (parsed, error) {
	e := &InputError{}
	var out parsed
	agree := true
	for i, in := range inputs {
		x, problems := read(in)
		e.Problems = append(e.Problems, problems...)
		if len(problems) > 0 {
			continue
		}
		out.texts = append(out.texts, x)
		if i == 0 {
			out.positions, out.dsns = x.positions, x.dsns
		} else {
			for k, p := range x.positions {
				if _, known := out.positions[k]; !known {
					out.positions[k] = p
				}
			}
			maps.Copy(out.dsns, x.dsns)
		}
		data, ok := topLevel(x.file)
		if ok = ok && x.kind != "cue"; ok && i > 0 {
			data, ok = joined(out.plain, data)
		}
		agree = agree && ok
		if out.plain = nil; agree {
			out.plain = data
		}
	}
	if len(inputs) == 0 {
		e.Problems = append(e.Problems, Problem{Message: "no topology was given"})
	}
	if len(e.Problems) > 0 {
		return out, e
	}
	out.positions[""] = Position{inputs[0].Name, 1, 1}
	return out, nil
}

// joined merges two maps of plain data; it reports false where both say
// something and it is not plainly the same.
func joined(a, b *ast.StructLit) (*ast.StructLit, bool) {
	if a == nil || b == nil {
		return nil, false
	}
	out := &ast.StructLit{Elts: slices.Clone(a.Elts)}
	at := map[string]int{}
	for i, d := range a.Elts {
		_, name, ok := plainField(d)
		if !ok {
			return nil, false
		}
		at[name] = i
	}
	for _, d := range b.Elts {
		field, name, ok := plainField(d)
		if !ok {
			return nil, false
		}
		i, twice := at[name]
		if !twice {
			out.Elts = append(out.Elts, d)
			continue
		}
		first := a.Elts[i].(*ast.Field) // by plainField
		x, isMap := first.Value.(*ast.StructLit)
		y, areMaps := field.Value.(*ast.StructLit)
		if isMap && areMaps {
			both, ok := joined(x, y)
			if !ok {
				return nil, false
			}
			out.Elts[i] = &ast.Field{Label: first.Label, Value: both}
			continue
		}
		p, okP := readAtom(first.Value)
		q, okQ := readAtom(field.Value)
		if !okP || !okQ || p != q {
			return nil, false
		}
	}
	return out, true
}

// build evaluates all inputs and unifies them.
func (p parsed) build(ctx *cue.Context) (source, error) {
	all := source{positions: p.positions, dsns: p.dsns}
	e := &InputError{}
	for i, x := range p.texts {
		v, problems := x.build(ctx)
		e.Problems = append(e.Problems, problems...)
		if len(problems) > 0 {
			continue
		}
		if x.kind == "cue" {
			w := &walker{source: all}
			w.value(v, "") // what a reference or comprehension made
		}
		if i == 0 {
			all.value = v
		} else {
			all.value = all.value.Unify(v)
		}
	}
	if len(e.Problems) > 0 {
		return all, e
	}
	return all, nil
}

// wellFormed looks at the regular fields alone, which are the topology: rules
// and definitions have errors of their own. What is wrong may be a shape that
// is not ours, or a value that the house does not allow.
func wellFormed(u, def, data cue.Value) error {
	it, err := u.Fields()
	if err != nil {
		return err
	}
	fields, err := def.Fields(cue.Optional(true))
	if err != nil {
		return err
	}
	var all errors.Error
	for fields.Next() { // a map that is required and absent would pass for an empty one
		if s := fields.Selector(); s.ConstraintType() == cue.RequiredConstraint && !data.LookupPath(cue.MakePath(cue.Str(s.Unquoted()))).Exists() {
			all = errors.Append(all, errors.Newf(data.Pos(), "%s is missing", s.Unquoted()))
		}
	}
	for it.Next() {
		if err := it.Value().Validate(final...); err != nil {
			all = errors.Append(all, errors.Promote(err, ""))
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// decode fills the Go form, field by field: an error in a house's helper is
// none of the topology's.
func decode(u cue.Value) (*Topology, error) {
	t := &Topology{}
	v := reflect.ValueOf(t).Elem()
	for i := range v.NumField() {
		field, ok := v.Type().Field(i).Tag.Lookup("json")
		if !ok {
			continue
		}
		if err := u.LookupPath(cue.MakePath(cue.Str(field))).Decode(v.Field(i).Addr().Interface()); err != nil {
			return nil, &InputError{Problems: []Problem{{Message: fmt.Sprintf("%s does not fit its Go form", field)}}}
		}
	}
	t.nameServers()
	return t, nil
}

// nameServers names the server sections that the plan leaves to be called as
// their nodes.
func (t *Topology) nameServers() {
	for _, b := range t.Barman {
		for i, s := range b.Sources {
			if s.Server == "" {
				b.Sources[i].Server = s.Node
			}
		}
	}
}

// misshapen says in words what keeps the data from being a topology.
func misshapen(def, data cue.Value, positions map[string]Position) []Problem {
	err := def.Unify(data).Validate(final...)
	if err == nil {
		return nil
	}
	c := &checker{positions: positions}
	c.check(def, data, "")
	if len(c.problems) == 0 {
		c.cueErrors(err, "")
	}
	return sorted(c.problems)
}

// house reports what a house file demands of a plain value, such as
// policy: min_replicas: >=2, with the place of the demand. Of the errors that
// CUE gives for one value, those of our own alternatives say nothing; where the
// topology leaves the value open, CUE only says that it is: u is asked who has a
// say in it.
func (c *checker) house(err error, u cue.Value) {
	type demand struct {
		detail, remedy string
		by             Position
	}
	demands := map[string]demand{}
	for _, e := range errors.Errors(err) {
		at := key(pathOf(e.Path()))
		d := demands[at]
		format, args := e.Msg()
		if m := fmt.Sprintf(format, args...); d.detail == "" && strings.Contains(m, "out of bound") && !secret(at) {
			d.detail = m
		}
		by := errors.Positions(e)
		if _, given := c.positions[at]; !given {
			d.detail, d.remedy = "the policy does not allow the default", "write the value into the topology"
			_, says := u.LookupPath(pathOf(e.Path())).Expr()
			for _, x := range says {
				by = append(by, x.Pos())
			}
		}
		for _, p := range by {
			if q := position(p); !d.by.IsValid() && q.IsValid() && !strings.HasPrefix(q.File, ours) && q.File != place(c.positions, at).File {
				d.by = q
			}
		}
		demands[at] = d
	}
	for at, d := range demands {
		m := name(at) + ": the policy does not allow this value"
		if d.detail != "" {
			m = name(at) + ": " + d.detail
		}
		if d.by.IsValid() {
			m += ", by " + d.by.String()
		}
		c.add(at, m, d.remedy)
	}
}

// pathOf makes a path of the labels that a CUE error carries.
func pathOf(labels []string) cue.Path {
	var sels []cue.Selector
	for _, l := range labels {
		var n int
		if _, err := fmt.Sscanf(l, "%d", &n); err == nil && fmt.Sprint(n) == l {
			sels = append(sels, cue.Index(n))
			continue
		}
		if p := cue.ParsePath(l); p.Err() == nil {
			sels = append(sels, p.Selectors()...)
			continue
		}
		sels = append(sels, cue.Str(l))
	}
	return cue.MakePath(sels...)
}

func sorted(ps []Problem) []Problem {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(comparePositions(a.Pos, b.Pos), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ps)
}

// markHouse tells our rules from the house's.
func markHouse(rules []Rule) {
	names := map[string]bool{}
	for _, r := range catalogue {
		names[r.Name] = true
	}
	for i := range rules {
		rules[i].House = !names[rules[i].Name]
	}
}
