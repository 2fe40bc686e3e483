package schema

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
	"cuelang.org/go/encoding/json"
	"cuelang.org/go/encoding/yaml"
)

// source is one input as CUE sees it, and where its values were written.
type source struct {
	value     cue.Value
	positions map[string]Position
	dsns      map[string]string // connection strings by their place, in the form of positions
}

// format tells what an input is written in, by its ending; standard input and
// files with other endings by a look at the text.
func format(in Input) string {
	if in.Syntax != nil {
		return "imported"
	}
	switch strings.ToLower(filepath.Ext(in.Name)) {
	case ".yaml", ".yml":
		return "yaml"
	case ".json":
		return "json"
	case ".cue":
		return "cue"
	}
	text := bytes.TrimSpace(in.Data)
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		return "json"
	case bytes.HasPrefix(text, []byte("package ")), bytes.HasPrefix(text, []byte("import ")):
		return "cue"
	}
	return "yaml"
}

// text is one input as it was parsed.
type text struct {
	name, kind string
	file       *ast.File
	source
}

// read parses one input. What is wrong with it comes back as problems.
func read(in Input) (text, []Problem) {
	kind := format(in)
	if kind != "imported" {
		if ps := unreadable(in, kind); len(ps) > 0 {
			return text{}, ps
		}
	}
	var f *ast.File
	var err error
	switch kind {
	case "imported":
		f = in.Syntax
	case "json":
		var e ast.Expr
		if e, err = json.Extract(in.Name, in.Data); err == nil {
			keysAtQuotes(e)
			f = &ast.File{Filename: in.Name, Decls: []ast.Decl{&ast.EmbedDecl{Expr: e}}}
		}
	case "cue":
		if f, err = parser.ParseFile(in.Name, in.Data, parser.ParseComments); err == nil {
			withoutPackage(f)
		}
	default:
		f, err = yaml.Extract(in.Name, in.Data)
	}
	if err != nil {
		switch kind {
		case "json":
			return text{}, jsonProblems(in, err)
		case "yaml":
			return text{}, yamlProblems(in, err)
		}
		return text{}, syntaxProblems(in.Name, err)
	}
	if kind == "yaml" && severalDocuments(f, in.Data) {
		return text{}, []Problem{{Pos: Position{in.Name, 1, 1}, Message: "the file holds several YAML documents", Remedy: "give each a file of its own; several files are merged"}}
	}
	w := &walker{file: in.Name, source: source{positions: map[string]Position{}, dsns: map[string]string{}}, unique: kind != "cue"}
	w.decls(f.Decls, "")
	if len(w.problems) > 0 {
		return text{}, w.problems
	}
	return text{in.Name, kind, f, w.source}, nil
}

// keysAtQuotes puts the keys of JSON where their quotes are, like all other
// strings: the reader places those that are plain names behind.
func keysAtQuotes(e ast.Expr) {
	ast.Walk(e, func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok {
			if name, ok := field.Label.(*ast.Ident); ok {
				ast.SetPos(name, name.Pos().Add(-1))
			}
		}
		return true
	}, nil)
}

// build evaluates one input by itself.
func (x text) build(ctx *cue.Context) (cue.Value, []Problem) {
	inst := build.NewContext().NewInstance("", nil)
	if err := inst.AddSyntax(x.file); err != nil {
		return cue.Value{}, syntaxProblems(x.name, err)
	}
	if err := inst.Complete(); err != nil {
		return cue.Value{}, syntaxProblems(x.name, err)
	}
	if inst.Err != nil { // an import, for one
		return cue.Value{}, syntaxProblems(x.name, inst.Err)
	}
	return ctx.BuildInstance(inst), nil
}

// withoutPackage takes the import and the embedding of the published package
// out of a user's file. Both are for the plain cue command: here the package is
// unified with the file anyhow, without a module cache or a registry.
func withoutPackage(f *ast.File) {
	names := map[string]bool{}
	var kept []ast.Decl
	for _, d := range f.Decls {
		if i, ok := d.(*ast.ImportDecl); ok {
			i.Specs = slices.DeleteFunc(i.Specs, func(s *ast.ImportSpec) bool {
				path, err := literal.Unquote(s.Path.Value)
				path, name, _ := strings.Cut(path, ":")
				path, _, _ = strings.Cut(path, "@")
				if err != nil || path != ImportPath {
					return false
				}
				if name == "" {
					name = "topology"
				}
				if s.Name != nil {
					name = s.Name.Name
				}
				names[name] = true
				return true
			})
			if len(i.Specs) == 0 {
				continue
			}
		}
		if e, ok := d.(*ast.EmbedDecl); ok {
			if id, ok := e.Expr.(*ast.Ident); ok && names[id.Name] {
				continue
			}
		}
		kept = append(kept, d)
	}
	f.Decls = kept
}

// walker notes where each value was written and finds keys written twice,
// which CUE would silently take for one.
type walker struct {
	file string
	source
	unique   bool
	problems []Problem
}

func (w *walker) note(key string, p token.Pos) {
	if _, known := w.positions[key]; !known && p.IsValid() {
		w.positions[key] = position(p)
	}
}

func (w *walker) decls(ds []ast.Decl, at string) {
	seen := map[string]token.Pos{}
	for _, d := range ds {
		switch d := d.(type) {
		case *ast.EmbedDecl:
			w.expr(d.Expr, at)
		case *ast.Field:
			name, _, err := ast.LabelName(d.Label)
			if err != nil {
				continue // an expression; the value walk finds it
			}
			key := join(at, name)
			if first, twice := seen[name]; twice && w.unique {
				w.problems = append(w.problems, Problem{
					Pos:     position(d.Label.Pos()),
					Message: fmt.Sprintf("the key %s is written twice; first at %s", strconv.Quote(name), position(first)),
					Remedy:  "keep one of them, or give one another name",
				})
			}
			seen[name] = d.Label.Pos()
			w.note(key, d.Label.Pos())
			w.expr(d.Value, key)
		}
	}
}

func (w *walker) expr(e ast.Expr, at string) {
	switch e := e.(type) {
	case *ast.StructLit:
		w.decls(e.Elts, at)
	case *ast.BasicLit:
		if isDSN(at) && e.Kind == token.STRING {
			if s, err := literal.Unquote(e.Value); err == nil {
				w.dsns[at] = s
			}
		}
	case *ast.ListLit:
		for i, x := range e.Elts {
			key := join(at, strconv.Itoa(i))
			w.note(key, x.Pos())
			w.expr(x, key)
		}
	}
}

func (w *walker) value(v cue.Value, at string) {
	switch v.IncompleteKind() {
	case cue.StringKind:
		if s, err := v.String(); err == nil && isDSN(at) {
			w.dsns[at] = s
		}
	case cue.StructKind:
		it, err := v.Fields()
		if err != nil {
			return
		}
		for it.Next() {
			w.value(it.Value(), join(at, it.Selector().Unquoted()))
		}
	case cue.ListKind:
		it, err := v.List()
		if err != nil {
			return
		}
		for i := 0; it.Next(); i++ {
			w.value(it.Value(), join(at, strconv.Itoa(i)))
		}
	}
	if at != "" {
		w.note(at, v.Pos())
	}
}

// isDSN reports whether a connection string stands at a key.
func isDSN(at string) bool {
	return strings.HasSuffix(at, "\x00dsn") && (strings.HasPrefix(at, "nodes\x00") || strings.HasPrefix(at, "joins\x00")) && strings.Count(at, "\x00") == 2
}

// join makes the key of a child, in the form of [Topology.Pos].
func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "\x00" + name
}

func position(p token.Pos) Position {
	q := p.Position()
	return Position{File: q.Filename, Line: q.Line, Column: q.Column}
}

// key turns a CUE path into the form of [Topology.Pos].
func key(p cue.Path) string {
	var parts []string
	for _, s := range p.Selectors() {
		switch s.LabelType() {
		case cue.StringLabel:
			parts = append(parts, s.Unquoted())
		case cue.IndexLabel:
			parts = append(parts, strconv.Itoa(s.Index()))
		}
	}
	return strings.Join(parts, "\x00")
}

// place returns where a path, or its nearest ancestor, was written.
func place(positions map[string]Position, key string) Position {
	for key != "" {
		if p, ok := positions[key]; ok {
			return p
		}
		key = key[:max(0, strings.LastIndexByte(key, 0))]
	}
	return positions[""]
}
