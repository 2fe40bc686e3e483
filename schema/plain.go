package schema

import (
	"bytes"
	stdjson "encoding/json"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// Most topologies are plain data: YAML or JSON without a house's demands on
// them. What the shape asks of those is told without the evaluator, which would
// unify every value with its closed definition: for thousands of nodes that
// takes longer than all rules.

// filling compares plain data with a form and makes of them the data with all
// defaults filled in, as JSON and as syntax.
type filling struct{ json bytes.Buffer }

// fill returns data as the form completes it, and whether it fits.
func (fl *filling) fill(f *form, e ast.Expr) (ast.Expr, bool) {
	switch f.kind {
	case structForm:
		s, ok := e.(*ast.StructLit)
		if !ok {
			return nil, false
		}
		return fl.structure(f, s)
	case mapForm:
		s, ok := e.(*ast.StructLit)
		if !ok {
			return nil, false
		}
		out := &ast.StructLit{Lbrace: s.Lbrace, Rbrace: s.Rbrace}
		fl.json.WriteByte('{')
		for i, d := range s.Elts {
			field, name, ok := plainField(d)
			if !ok {
				return nil, false
			}
			if i > 0 {
				fl.json.WriteByte(',')
			}
			fl.text(name)
			fl.json.WriteByte(':')
			v, ok := fl.fill(f.every, field.Value)
			if !ok {
				return nil, false
			}
			out.Elts = append(out.Elts, &ast.Field{Label: field.Label, Value: v})
		}
		fl.json.WriteByte('}')
		return out, true
	case listForm:
		l, ok := e.(*ast.ListLit)
		if !ok {
			return nil, false
		}
		out := &ast.ListLit{Lbrack: l.Lbrack, Rbrack: l.Rbrack}
		fl.json.WriteByte('[')
		for i, x := range l.Elts {
			if i > 0 {
				fl.json.WriteByte(',')
			}
			v, ok := fl.fill(f.elem, x)
			if !ok {
				return nil, false
			}
			out.Elts = append(out.Elts, v)
		}
		fl.json.WriteByte(']')
		return out, true
	case scalarForm:
		a, ok := readAtom(e)
		if !ok {
			return nil, false
		}
		for _, fits := range f.ways {
			if fits(a) {
				fl.atom(a)
				return e, true
			}
		}
	}
	return nil, false
}

func (fl *filling) structure(f *form, s *ast.StructLit) (ast.Expr, bool) {
	given := make(map[string]*ast.Field, len(s.Elts))
	for _, d := range s.Elts {
		field, name, ok := plainField(d)
		if !ok || given[name] != nil || f.field(name) == nil {
			return nil, false
		}
		given[name] = field
	}
	out := &ast.StructLit{Lbrace: s.Lbrace, Rbrace: s.Rbrace}
	fl.json.WriteByte('{')
	for _, want := range f.fields {
		field := given[want.name]
		var v ast.Expr
		switch {
		case field != nil:
			v = field.Value
		case want.mark == token.OPTION:
			continue
		case want.mark != token.ILLEGAL:
			return nil, false
		default:
			if v = want.form.absent(); v == nil {
				return nil, false
			}
		}
		if len(out.Elts) > 0 {
			fl.json.WriteByte(',')
		}
		fl.text(want.name)
		fl.json.WriteByte(':')
		v, ok := fl.fill(want.form, v)
		if !ok {
			return nil, false
		}
		out.Elts = append(out.Elts, &ast.Field{Label: ast.NewIdent(want.name), Value: v})
	}
	fl.json.WriteByte('}')
	return out, true
}

// absent is what stands for a value that was not given, nil if nothing can.
func (f *form) absent() ast.Expr {
	switch {
	case f.kind == structForm, f.kind == mapForm:
		return &ast.StructLit{}
	case f.kind == listForm:
		return &ast.ListLit{}
	case f.preset == nil:
		return nil
	}
	switch f.preset.kind {
	case token.STRING:
		return ast.NewString(f.preset.text)
	case token.INT:
		return ast.NewLit(token.INT, strconv.FormatInt(f.preset.n, 10))
	}
	return ast.NewBool(f.preset.kind == token.TRUE)
}

// plainField returns a field whose key is a name or a string.
func plainField(d ast.Decl) (*ast.Field, string, bool) {
	field, ok := d.(*ast.Field)
	if !ok || field.Constraint != token.ILLEGAL || len(field.Attrs) > 0 {
		return nil, "", false
	}
	switch l := field.Label.(type) {
	case *ast.Ident:
		if l.Name == "" || l.Name[0] == '_' || l.Name[0] == '#' { // hidden, or a definition
			return nil, "", false
		}
	case *ast.BasicLit:
	default:
		return nil, "", false
	}
	name, _, err := ast.LabelName(field.Label)
	return field, name, err == nil
}

func (fl *filling) atom(a atom) {
	switch a.kind {
	case token.STRING:
		fl.text(a.text)
	case token.INT:
		fl.json.WriteString(strconv.FormatInt(a.n, 10))
	default:
		fl.json.WriteString(strconv.FormatBool(a.kind == token.TRUE))
	}
}

func (fl *filling) text(s string) {
	b, _ := stdjson.Marshal(s) // a string always has a form
	fl.json.Write(b)
}

// topLevel returns the map that a file of plain data is.
func topLevel(f *ast.File) (*ast.StructLit, bool) {
	out := &ast.StructLit{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.Field:
			out.Elts = append(out.Elts, d)
		case *ast.EmbedDecl:
			s, ok := d.Expr.(*ast.StructLit)
			return s, ok && len(f.Decls) == 1
		case *ast.Package, *ast.CommentGroup:
		default:
			return nil, false
		}
	}
	return out, true
}
