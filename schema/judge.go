package schema

import (
	stdjson "encoding/json"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
)

// judged holds, beside the data, the violations of each rule; a hidden name is
// none that data can have.
const judged = "_violations"

// judge evaluates our rules on plain data that have the right shape and all
// defaults, without the definitions that they keep already. What it cannot
// judge it does not: ok is false, and the whole package has to be evaluated.
func judge(in parsed) (p *Plan, ok bool) {
	files, err := ruleFiles()
	if err != nil {
		return nil, false
	}
	data, t, ok := in.complete(files)
	if !ok {
		return nil, false
	}
	rules, ok := catalogue(files)
	if !ok {
		return nil, false
	}
	u, ok := verdicts(append([]*ast.File{data}, bare(files)...), in.dsns)
	if !ok {
		return nil, false
	}
	t.positions = in.positions
	vs, err := violations(rules, func(rule string) cue.Value {
		return u.LookupPath(cue.MakePath(cue.Hid(judged, ":topology"), cue.Str(rule)))
	}, in.positions)
	if err != nil {
		return nil, false
	}
	return &Plan{Topology: t, Rules: rules, Violations: vs}, true
}

// verdicts evaluates what computes violations, together with data.
func verdicts(files []*ast.File, dsns map[string]string) (cue.Value, bool) {
	known, err := stdjson.Marshal(facts(dsns))
	if err != nil {
		return cue.Value{}, false
	}
	told, err := parser.ParseFile("facts.cue", append([]byte("package topology\n#facts: "), known...))
	if err != nil {
		return cue.Value{}, false
	}
	inst := build.NewContext().NewInstance("", nil)
	inst.PkgName = "topology"
	// Not AddSyntax, which resolves references: the parser did, data have none.
	inst.Files = append(files, told)
	if inst.Complete() != nil {
		return cue.Value{}, false
	}
	u := cuecontext.New().BuildInstance(inst)
	return u, u.Err() == nil
}

// complete fills in the defaults and returns the data as a file of the rules'
// package and as Go has them.
func (in parsed) complete(files []*ast.File) (*ast.File, *Topology, bool) {
	if in.plain == nil {
		return nil, nil, false
	}
	var shape *form
	for _, f := range files {
		if f.Filename == ours+shapeFile {
			shape = newForms(f).named("#Topology")
		}
	}
	if shape == nil {
		return nil, nil, false
	}
	fl := &filling{}
	e, ok := fl.fill(shape, in.plain)
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

// The files that say what shapes are, and the one of tables that rules share.
const (
	shapeFile = "shape.cue"
	ruleFile  = "rule.cue"
	indexFile = "index.cue"
)

// bare leaves of our files what computes violations.
func bare(files []*ast.File) []*ast.File {
	ownRules(files, func(_ string, rule *ast.StructLit) {
		var kept []ast.Decl
		for _, d := range rule.Elts {
			if _, name, _ := plainField(d); name == "violations" {
				kept = append(kept, d)
			}
		}
		rule.Elts = kept
	})
	var out, first []*ast.File
	for _, f := range files {
		if f.Filename == ours+shapeFile || f.Filename == ours+ruleFile {
			continue
		}
		var tables, rules []ast.Decl
		for _, d := range f.Decls {
			if field, ok := d.(*ast.Field); ok {
				if id, ok := field.Label.(*ast.Ident); ok && id.Name == "#rules" {
					field.Label = ast.NewIdent(judged)
					rules = append(rules, d)
					continue
				}
			}
			tables = append(tables, d)
		}
		f.Decls = append(tables, rules...)
		if f.Filename == ours+"index.cue" {
			first = append(first, f)
		} else {
			out = append(out, f)
		}
	}
	return append(first, out...)
}
