package schema

import (
	"slices"

	"cuelang.org/go/cue/ast"
)

// needed leaves out of rules what can find nothing: loops over a map or list of
// the data that is empty, such as all that is said of joins where none is
// planned. What is left out is neither compiled nor evaluated.
func needed(rules, data []ast.Decl) []ast.Decl {
	var out []ast.Decl
	for _, d := range rules {
		rule, list := violationsOf(d)
		if list == nil { // not written as all others: left as it is
			out = append(out, d)
			continue
		}
		elts := slices.DeleteFunc(slices.Clone(list.Elts), func(e ast.Expr) bool { return idle(e, data) })
		if len(elts) > 0 {
			out = append(out, &ast.Field{Label: rule.Label, Value: &ast.StructLit{Elts: []ast.Decl{
				&ast.Field{Label: ast.NewIdent("violations"), Value: &ast.ListLit{Elts: elts}},
			}}})
		}
	}
	return out
}

// violationsOf takes a rule apart that holds a list of violations alone.
func violationsOf(d ast.Decl) (*ast.Field, *ast.ListLit) {
	rule, _, ok := plainField(d)
	if !ok {
		return nil, nil
	}
	body, ok := rule.Value.(*ast.StructLit)
	if !ok || len(body.Elts) != 1 {
		return nil, nil
	}
	field, _, ok := plainField(body.Elts[0])
	if !ok {
		return nil, nil
	}
	list, _ := field.Value.(*ast.ListLit)
	return rule, list
}

// idle reports whether an element of a list is a loop over what is written as an
// empty map or list.
func idle(e ast.Expr, data []ast.Decl) bool {
	c, ok := e.(*ast.Comprehension)
	if !ok {
		return false
	}
	loop, ok := c.Clauses[0].(*ast.ForClause)
	if !ok {
		return false
	}
	switch x := written(loop.Source, data).(type) {
	case *ast.StructLit:
		return len(x.Elts) == 0
	case *ast.ListLit:
		return len(x.Elts) == 0
	}
	return false
}

// written finds what a field of the package, or a field of one, is written as;
// nil where that is not in the data.
func written(e ast.Expr, data []ast.Decl) ast.Expr {
	switch e := e.(type) {
	case *ast.Ident:
		if e.Node == nil { // of the package: rules' own names are resolved
			return fieldNamed(e.Name, data)
		}
	case *ast.SelectorExpr:
		if s, ok := written(e.X, data).(*ast.StructLit); ok {
			if name, _, err := ast.LabelName(e.Sel); err == nil {
				return fieldNamed(name, s.Elts)
			}
		}
	}
	return nil
}

func fieldNamed(name string, decls []ast.Decl) ast.Expr {
	for _, d := range decls {
		if field, ok := d.(*ast.Field); ok {
			if n, _, err := ast.LabelName(field.Label); err == nil && n == name {
				return field.Value
			}
		}
	}
	return nil
}
