package schema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
)

var (
	pathRules    = cue.ParsePath("#rules")
	pathTopology = cue.ParsePath("#Topology")
	final        = []cue.Option{cue.Concrete(true), cue.Final()}
)

// BrokenRuleError says that a house rule could not be evaluated: its verdict
// is unknown, so no verdict on the plan is given. Exit code 2.
type BrokenRuleError struct {
	Rule    string // "family/name"; empty when no single rule could be named
	Pos     Position
	Message string
}

func (e *BrokenRuleError) Error() string {
	s := "broken rule"
	if e.Rule != "" {
		s += " " + e.Rule
	}
	if e.Pos.IsValid() {
		s = e.Pos.String() + ": " + s
	}
	return s + ": " + e.Message
}

// Rules returns the built-in layout rules, sorted by name.
func Rules() []Rule { return slices.Clone(catalogue) }

func readRules(v cue.Value) ([]Rule, error) {
	it, err := v.LookupPath(pathRules).Fields()
	if err != nil {
		return nil, err
	}
	var out []Rule
	for it.Next() {
		r := it.Value()
		on, err := r.LookupPath(cue.MakePath(cue.Str("enabled"))).Bool()
		if err != nil {
			return nil, err
		}
		out = append(out, Rule{
			Name: it.Selector().Unquoted(), Title: textOf(r, "title"), Why: textOf(r, "why"), Remedy: textOf(r, "remedy"),
			Source: textOf(r, "source"), Severity: Severity(textOf(r, "severity")), Enabled: on,
			Fails: textOf(r, "fails"), Passes: textOf(r, "passes"),
		})
	}
	slices.SortFunc(out, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func textOf(v cue.Value, field string) string {
	s, _ := v.LookupPath(cue.MakePath(cue.Str(field))).String() // absent and default read as ""
	return s
}

// violations reads what the rules computed, in the order of the user's text.
// Where a rule's value is, of tells.
func violations(rules []Rule, of func(rule string) cue.Value, positions map[string]Position) ([]Violation, error) {
	var out []Violation
	var broken []error
	for _, rule := range rules {
		if !rule.Enabled {
			continue
		}
		r := of(rule.Name)
		if err := r.Validate(final...); err != nil {
			broken = append(broken, brokenRule(rule.Name, err))
			continue
		}
		it, err := r.LookupPath(cue.MakePath(cue.Str("violations"))).List()
		if err != nil {
			broken = append(broken, brokenRule(rule.Name, err))
			continue
		}
		for it.Next() {
			v, err := violation(rule.Name, it.Value(), positions)
			if err != nil {
				broken = append(broken, err)
				break
			}
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Message, b.Message))
	})
	return out, errors.Join(broken...)
}

func violation(rule string, x cue.Value, positions map[string]Position) (Violation, error) {
	v := Violation{Rule: rule, Message: textOf(x, "message"), Found: textOf(x, "found"), Expect: textOf(x, "expected")}
	subject := x.LookupPath(cue.MakePath(cue.Str("subject")))
	if at := textOf(x, "at"); at != "" {
		p := cue.ParsePath(at)
		if p.Err() != nil {
			return v, &BrokenRuleError{rule, position(x.Pos()), fmt.Sprintf("at: %q is no path", at)}
		}
		v.Subject, v.Pos = at, place(positions, key(p))
	} else if p, ok := follow(subject); ok {
		v.Subject, v.Pos = p.String(), place(positions, key(p))
	} else {
		return v, &BrokenRuleError{rule, position(subject.Pos()), "its subject is no reference to a value of the topology; write it as nodes[n].dsn, not as a copy"}
	}
	rel, err := x.LookupPath(cue.MakePath(cue.Str("related"))).Fields()
	if err != nil {
		return v, nil // none
	}
	for rel.Next() {
		if p, ok := follow(rel.Value()); ok {
			v.Related = append(v.Related, place(positions, key(p)))
		}
	}
	slices.SortFunc(v.Related, comparePositions)
	v.Related = slices.Compact(v.Related)
	return v, nil
}

func comparePositions(a, b Position) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// follow finds the path of the value that a reference names. A reference can
// reach one value through several conjuncts, the definition and the input; the
// first that is a path of the topology wins.
func follow(v cue.Value) (cue.Path, bool) {
	from := v.Path().String()
	try := func(x cue.Value) (cue.Path, bool) {
		p := cue.Dereference(x).Path()
		s := p.Selectors()
		return p, len(s) > 0 && s[0].LabelType() == cue.StringLabel && p.String() != from
	}
	if p, ok := try(v); ok {
		return p, true
	}
	if op, args := v.Expr(); op == cue.AndOp {
		for _, a := range args {
			if p, ok := try(a); ok {
				return p, true
			}
		}
	}
	return cue.Path{}, false
}

// brokenRule names a rule whose evaluation failed. Where no rule is given, the
// error's own path may name one.
func brokenRule(name string, err error) error {
	b := &BrokenRuleError{Rule: name}
	for _, e := range cueerrors.Errors(err) {
		format, args := e.Msg()
		m := strings.TrimSpace(fmt.Sprintf(format, args...))
		if path := e.Path(); name == "" && len(path) > 1 && path[0] == "#rules" {
			if p := cue.ParsePath(path[1]); p.Err() == nil {
				b.Rule = p.Selectors()[0].Unquoted()
			}
		}
		for _, p := range cueerrors.Positions(e) {
			q := position(p)
			if house, known := !strings.HasPrefix(q.File, ours), b.Pos.IsValid(); !known || house && strings.HasPrefix(b.Pos.File, ours) {
				b.Pos = q // the house's own text goes before ours
			}
		}
		if b.Message == "" || strings.Contains(b.Message, "empty disjunction") {
			b.Message = m
		}
	}
	if b.Message == "" {
		b.Message = err.Error()
	}
	return b
}
