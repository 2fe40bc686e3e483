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
	e := &InputError{}
	all := source{positions: map[string]Position{}, dsns: map[string]string{}}
	for i, in := range inputs {
		s, problems := read(ctx, in)
		e.Problems = append(e.Problems, problems...)
		if len(problems) > 0 {
			continue
		}
		for k, p := range s.positions {
			if _, known := all.positions[k]; !known {
				all.positions[k] = p
			}
		}
		maps.Copy(all.dsns, s.dsns)
		if i == 0 {
			all.value = s.value
		} else {
			all.value = all.value.Unify(s.value)
		}
	}
	if len(inputs) == 0 {
		e.Problems = append(e.Problems, Problem{Message: "no topology was given"})
	}
	if len(e.Problems) > 0 {
		return all, e
	}
	all.positions[""] = Position{inputs[0].Name, 1, 1}
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
	for _, b := range t.Barman {
		for i, s := range b.Sources {
			if s.Server == "" {
				b.Sources[i].Server = s.Node
			}
		}
	}
	return t, nil
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
// CUE gives for one value, those of our own alternatives say nothing.
func (c *checker) house(err error) {
	type demand struct {
		detail string
		by     Position
	}
	demands := map[string]demand{}
	for _, e := range errors.Errors(err) {
		at := key(pathOf(e.Path()))
		d := demands[at]
		format, args := e.Msg()
		if m := fmt.Sprintf(format, args...); d.detail == "" && strings.Contains(m, "out of bound") && !secret(at) {
			d.detail = m
		}
		for _, p := range errors.Positions(e) {
			if q := position(p); !d.by.IsValid() && !strings.HasPrefix(q.File, ours) && q.File != place(c.positions, at).File {
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
		c.add(at, m, "")
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
func markHouse(rules []Rule) error {
	own, err := Rules()
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, r := range own {
		names[r.Name] = true
	}
	for i := range rules {
		rules[i].House = !names[rules[i].Name]
	}
	return nil
}
