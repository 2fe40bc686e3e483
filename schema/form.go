package schema

import (
	"regexp"
	"slices"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// form is what a definition of shape.cue asks of plain data, read from its
// syntax. It knows the few constructs that definitions of data are made of; one
// that it does not know makes a form that fits nothing, and the evaluator is
// asked instead. So a form may refuse what CUE accepts, never the reverse.
type form struct {
	fields []formField       // of a map with fixed keys
	every  *form             // of a map keyed by name
	elem   *form             // of a list
	ways   []func(atom) bool // of a scalar: it fits one of them
	preset *atom             // what an absent scalar is
	kind   formKind
}

type formKind int

const (
	unknownForm formKind = iota
	structForm
	mapForm
	listForm
	scalarForm
)

type formField struct {
	name string
	mark token.Token // token.NOT where it is required, token.OPTION where it may be absent
	form *form
}

// atom is a scalar of the data: a string, a whole number or a truth value.
type atom struct {
	kind token.Token // STRING, INT, TRUE or FALSE
	text string
	n    int64
}

func (f *form) field(name string) *formField {
	for i := range f.fields {
		if f.fields[i].name == name {
			return &f.fields[i]
		}
	}
	return nil
}

// forms reads definitions out of their syntax.
type forms struct {
	defs map[string]ast.Expr
	done map[string]*form
}

func newForms(decls []ast.Decl) *forms {
	fs := &forms{defs: map[string]ast.Expr{}, done: map[string]*form{}}
	for _, d := range decls {
		if field, ok := d.(*ast.Field); ok {
			if id, ok := field.Label.(*ast.Ident); ok {
				fs.defs[id.Name] = field.Value
			}
		}
	}
	return fs
}

func (fs *forms) named(name string) *form {
	if f, ok := fs.done[name]; ok {
		return f
	}
	f := &form{}
	fs.done[name] = f // a definition that refers to itself fits nothing
	if e, ok := fs.defs[name]; ok {
		*f = *fs.read(e)
	}
	return f
}

func (fs *forms) read(e ast.Expr) *form {
	switch e := e.(type) {
	case *ast.StructLit:
		return fs.structure(e)
	case *ast.ListLit:
		if len(e.Elts) == 1 {
			if rest, ok := e.Elts[0].(*ast.Ellipsis); ok && rest.Type != nil {
				return &form{kind: listForm, elem: fs.read(rest.Type)}
			}
		}
		return &form{}
	case *ast.Ident:
		if _, ok := fs.defs[e.Name]; ok {
			return fs.named(e.Name)
		}
	case *ast.ParenExpr:
		return fs.read(e.X)
	}
	out := &form{kind: scalarForm}
	if !fs.alternatives(e, out) || len(out.ways) == 0 {
		return &form{}
	}
	return out
}

func (fs *forms) structure(s *ast.StructLit) *form {
	out := &form{kind: structForm}
	for _, d := range s.Elts {
		field, ok := d.(*ast.Field)
		if !ok {
			return &form{}
		}
		if l, ok := field.Label.(*ast.ListLit); ok { // [string]: #X
			id, ok := l.Elts[0].(*ast.Ident)
			if !ok || len(s.Elts) != 1 || id.Name != "string" {
				return &form{}
			}
			return &form{kind: mapForm, every: fs.read(field.Value)}
		}
		id, ok := field.Label.(*ast.Ident)
		if !ok {
			return &form{}
		}
		out.fields = append(out.fields, formField{id.Name, field.Constraint, fs.read(field.Value)})
	}
	return out
}

// alternatives adds the ways that a disjunction leaves open.
func (fs *forms) alternatives(e ast.Expr, out *form) bool {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		if e.Op == token.OR {
			return fs.alternatives(e.X, out) && fs.alternatives(e.Y, out)
		}
	case *ast.UnaryExpr:
		if e.Op == token.MUL { // the default
			a, ok := readAtom(e.X)
			if ok {
				out.preset = &a
				out.ways = append(out.ways, func(x atom) bool { return x == a })
			}
			return ok
		}
	case *ast.CallExpr: // error("…") accepts nothing
		id, ok := e.Fun.(*ast.Ident)
		return ok && id.Name == "error"
	case *ast.Ident:
		if _, ok := fs.defs[e.Name]; ok {
			f := fs.named(e.Name)
			out.ways = append(out.ways, f.ways...)
			return f.kind == scalarForm && f.preset == nil
		}
	case *ast.ParenExpr:
		return fs.alternatives(e.X, out)
	}
	w, ok := fs.way(e)
	out.ways = append(out.ways, w)
	return ok
}

// way reads one alternative that is no reference: a type, a value, a pattern, a
// bound, or several of these joined by &.
func (fs *forms) way(e ast.Expr) (func(atom) bool, bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return fs.way(e.X)
	case *ast.Ident:
		kinds, ok := map[string][]token.Token{"string": {token.STRING}, "int": {token.INT}, "bool": {token.TRUE, token.FALSE}}[e.Name]
		return func(a atom) bool { return slices.Contains(kinds, a.kind) }, ok
	case *ast.BasicLit:
		want, ok := readAtom(e)
		return func(a atom) bool { return a == want }, ok
	case *ast.UnaryExpr:
		want, ok := readAtom(e.X)
		if !ok {
			return nil, false
		}
		switch e.Op {
		case token.MAT:
			re, err := regexp.Compile(want.text)
			if err != nil || want.kind != token.STRING {
				return nil, false
			}
			return func(a atom) bool { return a.kind == token.STRING && re.MatchString(a.text) }, true
		case token.GEQ:
			return func(a atom) bool { return a.kind == token.INT && a.n >= want.n }, want.kind == token.INT
		case token.LEQ:
			return func(a atom) bool { return a.kind == token.INT && a.n <= want.n }, want.kind == token.INT
		}
	case *ast.BinaryExpr:
		if e.Op == token.AND {
			x, okX := fs.way(e.X)
			y, okY := fs.way(e.Y)
			return func(a atom) bool { return x(a) && y(a) }, okX && okY
		}
	}
	return nil, false
}

// readAtom reads a literal. Numbers in other than plain decimal notation, and
// those that Go's int64 does not hold, are left to the evaluator.
func readAtom(e ast.Expr) (atom, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return atom{}, false
	}
	switch lit.Kind {
	case token.STRING:
		if len(lit.Value) > 0 && lit.Value[0] == '\'' {
			return atom{}, false // bytes
		}
		s, err := literal.Unquote(lit.Value)
		return atom{kind: token.STRING, text: s}, err == nil
	case token.INT:
		n, err := strconv.ParseInt(lit.Value, 10, 64)
		return atom{kind: token.INT, n: n}, err == nil && strconv.FormatInt(n, 10) == lit.Value
	case token.TRUE, token.FALSE:
		return atom{kind: lit.Kind}, true
	}
	return atom{}, false
}
