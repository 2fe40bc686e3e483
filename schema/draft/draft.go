// Package draft builds a topology out of something else than a topology: an
// ordered tree that is rendered as YAML for a person to keep, and as CUE syntax
// whose positions lie in the file that it was made from, so that findings about
// the plan point there.
package draft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
	"go.yaml.in/yaml/v3"
)

// Value is a node of the tree: a [*Map], a [*List] or a [Scalar].
type Value interface {
	yaml() *yaml.Node
	syntax(token.Pos) ast.Expr
}

// Map has its fields in the order they were set.
type Map struct {
	Flow   bool // on one line in YAML
	fields []field
}

type field struct {
	name    string
	pos     token.Pos
	value   Value
	comment string
}

// List has its items in order.
type List struct {
	Flow  bool // on one line in YAML
	items []item
}

type item struct {
	pos   token.Pos
	value Value
}

// Scalar is a string, bool or int.
type Scalar struct{ Of any }

// Set adds a field. Pos is the place in the source that it stands for, and
// token.NoPos when there is none.
func (m *Map) Set(name string, pos token.Pos, v Value) {
	m.fields = append(m.fields, field{name: name, pos: pos, value: v})
}

// SetString adds a field with a string.
func (m *Map) SetString(name string, pos token.Pos, s string) { m.Set(name, pos, Scalar{s}) }

// SetMap adds a field with a new map and returns that.
func (m *Map) SetMap(name string, pos token.Pos) *Map {
	n := &Map{}
	m.Set(name, pos, n)
	return n
}

// Comment puts lines above the field that was set last; YAML only.
func (m *Map) Comment(text string) {
	if n := len(m.fields); n > 0 {
		m.fields[n-1].comment = text
	}
}

// Get returns the map in a field, or nil.
func (m *Map) Get(name string) *Map {
	for _, f := range m.fields {
		if f.name == name {
			n, _ := f.value.(*Map)
			return n
		}
	}
	return nil
}

// Names returns the names of the fields, in order.
func (m *Map) Names() []string {
	var names []string
	for _, f := range m.fields {
		names = append(names, f.name)
	}
	return names
}

// Add appends an item.
func (l *List) Add(pos token.Pos, v Value) { l.items = append(l.items, item{pos, v}) }

// AddString appends a string.
func (l *List) AddString(pos token.Pos, s string) { l.Add(pos, Scalar{s}) }

// Len returns the number of items.
func (l *List) Len() int { return len(l.items) }

// YAML renders the tree under a comment of one or more lines.
func (m *Map) YAML(comment string) ([]byte, error) {
	n := m.yaml()
	var out strings.Builder
	out.WriteString(Comment(comment))
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, fmt.Errorf("write the topology as YAML: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("write the topology as YAML: %w", err)
	}
	return []byte(out.String()), nil
}

// Comment renders text of one or more lines as a YAML comment.
func Comment(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(strings.TrimRight("# "+strings.TrimRight(line, "\n"), " ") + "\n")
	}
	return out.String()
}

func (m *Map) yaml() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: style(m.Flow || len(m.fields) == 0)}
	for _, f := range m.fields {
		key := Scalar{f.name}.yaml()
		key.HeadComment = f.comment
		n.Content = append(n.Content, key, f.value.yaml())
	}
	return n
}

func (l *List) yaml() *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: style(l.Flow || len(l.items) == 0)}
	for _, i := range l.items {
		n.Content = append(n.Content, i.value.yaml())
	}
	return n
}

func style(flow bool) yaml.Style {
	if flow {
		return yaml.FlowStyle
	}
	return 0
}

func (s Scalar) yaml() *yaml.Node {
	n := &yaml.Node{}
	n.SetString(fmt.Sprint(s.Of))
	switch v := s.Of.(type) {
	case string:
		// YAML 1.1 reads these as booleans, and a datacenter may be called NO.
		if slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(v)) {
			n.Style = yaml.DoubleQuotedStyle
		}
	case bool:
		n.Tag, n.Style = "!!bool", 0
	case int:
		n.Tag, n.Style = "!!int", 0
	}
	return n
}

// Syntax renders the tree as a CUE file with the positions of its source. A
// value without a place of its own lies where the nearest one around it does.
func (m *Map) Syntax(filename string) *ast.File {
	file := &ast.File{Filename: filename}
	for _, f := range m.fields {
		file.Decls = append(file.Decls, f.syntax(token.NoPos))
	}
	return file
}

func (f field) syntax(around token.Pos) *ast.Field {
	pos := or(f.pos, around)
	label := ast.NewStringLabel(f.name)
	ast.SetPos(label, pos)
	return &ast.Field{Label: label, Value: f.value.syntax(pos)}
}

func (m *Map) syntax(pos token.Pos) ast.Expr {
	s := &ast.StructLit{Lbrace: pos, Rbrace: pos}
	for _, f := range m.fields {
		s.Elts = append(s.Elts, f.syntax(pos))
	}
	return s
}

func (l *List) syntax(pos token.Pos) ast.Expr {
	out := &ast.ListLit{Lbrack: pos, Rbrack: pos}
	for _, i := range l.items {
		out.Elts = append(out.Elts, i.value.syntax(or(i.pos, pos)))
	}
	return out
}

func (s Scalar) syntax(pos token.Pos) ast.Expr {
	lit := &ast.BasicLit{ValuePos: pos}
	switch v := s.Of.(type) {
	case bool:
		lit.Kind, lit.Value = token.FALSE, "false"
		if v {
			lit.Kind, lit.Value = token.TRUE, "true"
		}
	case int:
		lit.Kind, lit.Value = token.INT, strconv.Itoa(v)
	default:
		lit.Kind, lit.Value = token.STRING, literal.String.Quote(fmt.Sprint(v))
	}
	return lit
}

func or(a, b token.Pos) token.Pos {
	if a.IsValid() {
		return a
	}
	return b
}
