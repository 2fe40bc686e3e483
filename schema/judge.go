package schema

import (
	stdjson "encoding/json"
	"slices"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"

	"github.com/pgconcord/pgconcord/schema/rulesyntax"
)

// judged holds, beside the data, the violations of each rule; a hidden name is
// none that data can have.
const judged = "_violations"

// judge evaluates our rules on plain data that have the right shape and all
// defaults, without the definitions that they keep already. What it cannot
// judge it does not: ok is false, and the whole package has to be evaluated.
func judge(in parsed) (p *Plan, ok bool) {
	data, t, ok := in.complete()
	if !ok {
		return nil, false
	}
	told, err := tell(facts(in.dsns))
	if err != nil {
		return nil, false
	}
	outside, rules := rulesyntax.Rules()
	rules = needed(rules, slices.Concat(data.Decls, told.Decls))
	u, ok := verdicts(data, told, outside, rules)
	if !ok {
		return nil, false
	}
	t.positions = in.positions
	vs, err := violations(named(rules), func(rule string) cue.Value {
		return u.LookupPath(cue.MakePath(cue.Hid(judged, ":topology"), cue.Str(rule)))
	}, in.positions)
	if err != nil {
		return nil, false
	}
	return &Plan{Topology: t, Rules: slices.Clone(catalogue), Violations: vs}, true
}

// named returns what is known of rules that are given as syntax.
func named(rules []ast.Decl) []Rule {
	names := map[string]bool{}
	for _, d := range rules {
		if _, name, ok := plainField(d); ok {
			names[name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(catalogue), func(r Rule) bool { return !names[r.Name] })
}

// verdicts evaluates what computes violations, together with the data and what
// is told of their connection strings.
//
// Their order is that in which the evaluator works. A look into a table that is
// not finished yet walks all of it, so the data come before the tables, and these
// before the rules.
func verdicts(data, told *ast.File, outside, rules []ast.Decl) (cue.Value, bool) {
	told.Decls = slices.Concat(told.Decls, outside, []ast.Decl{&ast.Field{Label: ast.NewIdent(judged), Value: &ast.StructLit{Elts: rules}}})
	inst := build.NewContext().NewInstance("", nil)
	inst.PkgName = "topology"
	// Not AddSyntax, which resolves references: those of rules are, data have none.
	inst.Files = []*ast.File{data, told}
	if inst.Complete() != nil {
		return cue.Value{}, false
	}
	u := cuecontext.New().BuildInstance(inst)
	return u, u.Err() == nil
}

// shapeForm is what a topology has to look like.
var shapeForm = sync.OnceValue(func() *form { return newForms(rulesyntax.Shape()).named("#Topology") })

// complete fills in the defaults and returns the data as a file of the rules'
// package and as Go has them.
func (in parsed) complete() (*ast.File, *Topology, bool) {
	if in.plain == nil {
		return nil, nil, false
	}
	fl := &filling{}
	e, ok := fl.fill(shapeForm(), in.plain)
	if !ok {
		return nil, nil, false
	}
	t := &Topology{}
	if err := stdjson.Unmarshal(fl.json.Bytes(), t); err != nil {
		return nil, nil, false
	}
	t.nameServers()
	data := &ast.File{Filename: "topology", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("topology")}}}
	data.Decls = append(data.Decls, e.(*ast.StructLit).Elts...)
	return data, t, true
}
