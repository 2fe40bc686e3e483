package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// rule is what a rule says of itself.
type rule struct {
	name, severity string
	says           map[string]string // by the names of the fields in CUE
}

// texts are the fields of a rule that are constant text, and their names in Go.
var texts = []struct{ cue, name string }{
	{"title", "Title"}, {"why", "Why"}, {"remedy", "Remedy"}, {"source", "Source"}, {"fails", "Fails"}, {"passes", "Passes"},
}

// writeCatalogue writes what the rules say of themselves as Go.
func writeCatalogue(rs []rule) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprint(&b, made, "package schema\n\n// catalogue is what our rules say of themselves, sorted by name.\nvar catalogue = []Rule{\n")
	for _, r := range rs {
		fmt.Fprintf(&b, "{\nName: %q, Severity: %q, Enabled: true,\n", r.name, r.severity)
		for _, t := range texts {
			if s := r.says[t.cue]; s != "" {
				fmt.Fprintf(&b, "%s: %q,\n", t.name, s)
			}
		}
		fmt.Fprintln(&b, "},")
	}
	fmt.Fprintln(&b, "}")
	return format.Source(b.Bytes())
}

// catalogue reads what the rules say of themselves from their syntax, sorted by
// name. All of that must be constant text.
func (fs sources) catalogue() ([]rule, error) {
	constants := map[string]string{}
	for _, f := range fs {
		for _, d := range f.Decls {
			if name, value, ok := named(d); ok {
				if s, ok := text(value, nil); ok {
					constants[name] = s
				}
			}
		}
	}
	var out []rule
	err := fs.each(func(name string, body *ast.StructLit) error {
		r := rule{name: name, says: map[string]string{}, severity: "error"}
		for _, d := range body.Elts {
			field, value, ok := named(d)
			if field == "violations" {
				continue
			}
			s, constant := text(value, constants)
			switch {
			case !ok || !constant:
				return fmt.Errorf("%s: rule %s: %s is no constant text", d.Pos(), name, field)
			case field == "default_severity":
				r.severity = s
			case slices.ContainsFunc(texts, func(t struct{ cue, name string }) bool { return t.cue == field }):
				r.says[field] = s
			default:
				return fmt.Errorf("%s: rule %s: the field %s is not known here", d.Pos(), name, field)
			}
		}
		out = append(out, r)
		return nil
	})
	slices.SortFunc(out, func(a, b rule) int { return cmp.Compare(a.name, b.name) })
	return out, err
}

// text is what a string says that refers to constants at the most.
func text(e ast.Expr, constants map[string]string) (string, bool) {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		s, err := literal.Unquote(lit.Value)
		return s, err == nil
	}
	in, ok := e.(*ast.Interpolation)
	if !ok {
		return "", false
	}
	first, last := in.Quotes()
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
