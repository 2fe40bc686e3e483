package schema

import (
	"cmp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// ruleFiles are the embedded files, parsed anew: building an instance writes
// into the syntax. Those that only serve the plain cue command are left out.
//
// Their order is that in which the evaluator works. A look into a table that is
// not finished yet walks all of it, so the topology comes before the tables, and
// these before the rules.
func ruleFiles() ([]*ast.File, error) {
	var out []*ast.File
	for _, f := range Files() {
		if f.Name == vetFile {
			continue
		}
		file, err := parser.ParseFile(ours+f.Name, f.Data)
		if err != nil {
			return nil, err
		}
		out = append(out, file)
	}
	order := []string{ours + shapeFile, ours + indexFile}
	slices.SortStableFunc(out, func(a, b *ast.File) int {
		i, j := slices.Index(order, a.Filename), slices.Index(order, b.Filename)
		return cmp.Compare(uint(i), uint(j)) // those that are not named last
	})
	return out, nil
}

// ownRules calls visit with each entry of #rules in our own files.
func ownRules(files []*ast.File, visit func(name string, rule *ast.StructLit)) {
	for _, f := range files {
		for _, d := range f.Decls {
			rules, ok := definition(d, "#rules")
			if !ok {
				continue
			}
			for _, e := range rules.Elts {
				r, ok := e.(*ast.Field)
				if !ok {
					continue
				}
				name, _, err := ast.LabelName(r.Label)
				if rule, ok := r.Value.(*ast.StructLit); ok && err == nil {
					visit(name, rule)
				}
			}
		}
	}
}

// definition returns the struct that a declaration gives to a name.
func definition(d ast.Decl, name string) (*ast.StructLit, bool) {
	field, ok := d.(*ast.Field)
	if !ok {
		return nil, false
	}
	if id, ok := field.Label.(*ast.Ident); !ok || id.Name != name {
		return nil, false
	}
	s, ok := field.Value.(*ast.StructLit)
	return s, ok
}

// catalogue reads what our rules say of themselves from their syntax: constant
// text, whose evaluation would take longer than that of the rules. It reports
// false when a rule is written in a way that it does not know.
func catalogue(files []*ast.File) ([]Rule, bool) {
	constants := map[string]string{}
	for _, f := range files {
		for _, d := range f.Decls {
			if field, ok := d.(*ast.Field); ok {
				if id, ok := field.Label.(*ast.Ident); ok {
					if a, ok := readAtom(field.Value); ok && a.kind == token.STRING {
						constants[id.Name] = a.text
					}
				}
			}
		}
	}
	var out []Rule
	all := true
	ownRules(files, func(name string, rule *ast.StructLit) {
		r := Rule{Name: name, Severity: Error, Enabled: true}
		for _, d := range rule.Elts {
			field, name, ok := plainField(d)
			if !ok {
				all = false
				return
			}
			into := map[string]*string{"title": &r.Title, "why": &r.Why, "remedy": &r.Remedy, "source": &r.Source,
				"fails": &r.Fails, "passes": &r.Passes, "default_severity": (*string)(&r.Severity)}[name]
			if into == nil {
				all = all && name == "violations"
				continue
			}
			if *into, ok = constant(field.Value, constants); !ok {
				all = false
			}
		}
		out = append(out, r)
	})
	slices.SortFunc(out, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
	return out, all
}

// constant is the text of a string that refers to other constants at the most.
func constant(e ast.Expr, constants map[string]string) (string, bool) {
	in, ok := e.(*ast.Interpolation)
	if !ok {
		a, ok := readAtom(e)
		return a.text, ok && a.kind == token.STRING
	}
	first, _ := in.Elts[0].(*ast.BasicLit)
	last, _ := in.Elts[len(in.Elts)-1].(*ast.BasicLit)
	if first == nil || last == nil {
		return "", false
	}
	quotes, skip, _, err := literal.ParseQuotes(first.Value, last.Value)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	for _, x := range in.Elts {
		switch x := x.(type) {
		case *ast.Ident:
			s, known := constants[x.Name]
			if !known {
				return "", false
			}
			b.WriteString(s)
		case *ast.BasicLit: // from a quote or a parenthesis to the next
			s, err := quotes.Unquote(x.Value[skip:])
			if err != nil {
				return "", false
			}
			b.WriteString(s)
			skip = len(")")
		default:
			return "", false
		}
	}
	return b.String(), true
}
