package tpa

import (
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
	"cuelang.org/go/encoding/yaml"

	"github.com/pgconcord/pgconcord/schema"
)

// value is a node of config.yml: where it was written, and whether the import
// has made use of it, so that nothing is lost without being listed.
type value struct {
	pos    token.Pos
	kind   kind
	text   string // scalars, as written but unquoted
	items  []*value
	fields []*entry
	used   bool
}

type kind int

const (
	null kind = iota
	scalar
	list
	mapping
)

type entry struct {
	key   string
	pos   token.Pos
	value *value
}

// get returns the field of a map and marks it used; nil when it is absent or
// null.
func (v *value) get(key string) *value {
	if v == nil {
		return nil
	}
	for _, e := range v.fields {
		if e.key == key && e.value.kind != null {
			e.value.used = true
			return e.value
		}
	}
	return nil
}

// use marks everything below as used.
func (v *value) use() {
	if v == nil {
		return
	}
	v.used = true
	for _, i := range v.items {
		i.use()
	}
	for _, e := range v.fields {
		e.value.use()
	}
}

// jinja reports whether a scalar holds an expression or statement of Ansible's
// template language, whose value only a deploy knows.
func (v *value) jinja() bool {
	return v != nil && v.kind == scalar && (strings.Contains(v.text, "{{") || strings.Contains(v.text, "{%"))
}

// truth reads a scalar as Ansible's bool filter does.
func (v *value) truth() bool {
	if v == nil {
		return false
	}
	switch strings.ToLower(v.text) {
	case "true", "yes", "on", "1", "y", "t":
		return true
	}
	return false
}

// parse reads config.yml. What is wrong with it as YAML comes back as problems.
func parse(name string, data []byte) (*value, []schema.Problem) {
	if p := schema.OddText(name, data); p != nil {
		return nil, []schema.Problem{*p}
	}
	f, err := yaml.Extract(name, data)
	if err != nil {
		return nil, syntaxProblems(name, err)
	}
	p := &parser{}
	root := p.decls(f.Decls, file(name, data).Pos(0, token.NoRelPos))
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	if root.kind != mapping {
		return nil, []schema.Problem{{Pos: schema.Position{File: name, Line: 1, Column: 1},
			Message: "this is no config.yml of TPA: " + root.what() + " where a map was expected",
			Remedy:  "give the config.yml that tpaexec configure wrote, one document"}}
	}
	return root, nil
}

func file(name string, data []byte) *token.File {
	f := token.NewFile(name, -1, len(data))
	f.SetLinesForContent(data)
	return f
}

// what names the kind of a value for a message.
func (v *value) what() string {
	switch v.kind {
	case scalar:
		return strconv.Quote(v.text)
	case list:
		return "a list"
	case mapping:
		return "a map"
	}
	return "nothing"
}

func syntaxProblems(name string, err error) []schema.Problem {
	var out []schema.Problem
	for _, e := range errors.Errors(err) {
		// The YAML reader puts the line into the text, and some of the text
		// nowhere else: "config.yml:5: did not find expected key".
		p := schema.Problem{Pos: schema.Position{File: name, Line: 1, Column: 1}, Message: e.Error()}
		if rest, ok := strings.CutPrefix(p.Message, name+":"); ok {
			if n, text, ok := strings.Cut(rest, ": "); ok {
				if line, err := strconv.Atoi(n); err == nil {
					p.Pos.Line, p.Message = line, text
				}
			}
		}
		if ps := errors.Positions(e); len(ps) > 0 && ps[0].IsValid() {
			p.Pos = position(ps[0])
		}
		switch {
		case strings.Contains(p.Message, "invalid map key"):
			p.Remedy = `put a Jinja expression in quotes: "{{ … }}"`
		case strings.Contains(p.Message, "tab character"):
			p.Remedy = "indent with spaces, not with tabs"
		}
		p.Message = "not YAML: " + p.Message
		out = append(out, p)
	}
	return out
}

func position(p token.Pos) schema.Position {
	if !p.IsValid() {
		return schema.Position{}
	}
	q := p.Position()
	return schema.Position{File: q.Filename, Line: q.Line, Column: q.Column}
}

type parser struct{ problems []schema.Problem }

// decls reads the fields of a map. A key that is written twice is a problem:
// the YAML reader of TPA would silently take the last.
func (p *parser) decls(ds []ast.Decl, pos token.Pos) *value {
	v := &value{pos: pos}
	seen := map[string]token.Pos{}
	for _, d := range ds {
		switch d := d.(type) {
		case *ast.EmbedDecl:
			return p.expr(d.Expr)
		case *ast.Field:
			v.kind = mapping
			key, _, err := ast.LabelName(d.Label)
			if err != nil {
				p.problems = append(p.problems, schema.Problem{Pos: position(d.Label.Pos()), Message: "a key that is no string"})
				continue
			}
			if first, twice := seen[key]; twice {
				p.problems = append(p.problems, schema.Problem{Pos: position(d.Label.Pos()),
					Message: fmt.Sprintf("the key %q is written twice; first at %s", key, position(first)),
					Remedy:  "keep one of them; TPA would take the last"})
				continue
			}
			seen[key] = d.Label.Pos()
			v.fields = append(v.fields, &entry{key: key, pos: d.Label.Pos(), value: p.expr(d.Value)})
		}
	}
	return v
}

func (p *parser) expr(e ast.Expr) *value {
	switch e := e.(type) {
	case *ast.StructLit:
		v := p.decls(e.Elts, e.Pos())
		v.kind = mapping
		return v
	case *ast.ListLit:
		v := &value{pos: e.Pos(), kind: list}
		for _, x := range e.Elts {
			v.items = append(v.items, p.expr(x))
		}
		return v
	case *ast.BasicLit:
		switch e.Kind {
		case token.NULL:
			return &value{pos: e.Pos()}
		case token.STRING:
			s, err := literal.Unquote(e.Value)
			if err != nil {
				s = e.Value
			}
			return &value{pos: e.Pos(), kind: scalar, text: s}
		}
		return &value{pos: e.Pos(), kind: scalar, text: e.Value}
	case *ast.UnaryExpr:
		v := p.expr(e.X)
		v.pos, v.text = e.Pos(), e.Op.String()+v.text
		return v
	}
	return &value{pos: e.Pos()}
}
