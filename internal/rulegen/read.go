package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

// The files that say what shapes are, the one of tables that rules share, and
// the one that serves the plain cue command alone.
const (
	shapeFile = "shape.cue"
	ruleFile  = "rule.cue"
	indexFile = "index.cue"
	vetFile   = "vet.cue"
)

// sources are the CUE files of the package, the tables first: a look into a
// table that is not finished yet walks all of it.
type sources []*ast.File

func read(dir string) (sources, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.cue"))
	if err != nil {
		return nil, err
	}
	var out sources
	for _, name := range names { // Glob sorts
		f, err := parser.ParseFile(name, nil)
		if err != nil {
			return nil, err
		}
		if f.Filename = filepath.Base(name); f.Filename != vetFile {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b *ast.File) int {
		rank := func(f *ast.File) int {
			if f.Filename == indexFile {
				return 0
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no CUE files", dir)
	}
	return out, nil
}

// bare returns the fields outside of rules, and for each rule a field that holds
// nothing but its violations.
func (fs sources) bare() (tables, rules []ast.Decl) {
	for _, f := range fs {
		if f.Filename == shapeFile || f.Filename == ruleFile {
			continue
		}
		for _, d := range f.Decls {
			if name, _, ok := named(d); ok && name != "#rules" {
				tables = append(tables, d)
			}
		}
	}
	_ = fs.each(func(_ string, body *ast.StructLit) error {
		body.Elts = slices.DeleteFunc(body.Elts, func(d ast.Decl) bool {
			name, _, _ := named(d)
			return name != "violations"
		})
		return nil
	})
	for _, f := range fs {
		for _, d := range f.Decls {
			if name, value, ok := named(d); ok && name == "#rules" {
				if s, ok := value.(*ast.StructLit); ok && f.Filename != ruleFile {
					rules = append(rules, s.Elts...)
				}
			}
		}
	}
	return tables, rules
}

// shape returns the definitions of data.
func (fs sources) shape() []ast.Decl {
	var out []ast.Decl
	for _, f := range fs {
		for _, d := range f.Decls {
			if name, _, ok := named(d); ok && f.Filename == shapeFile && strings.HasPrefix(name, "#") {
				out = append(out, d)
			}
		}
	}
	return out
}

// each calls visit with every rule.
func (fs sources) each(visit func(name string, body *ast.StructLit) error) error {
	for _, f := range fs {
		for _, d := range f.Decls {
			name, value, ok := named(d)
			s, isStruct := value.(*ast.StructLit)
			if !ok || !isStruct || name != "#rules" {
				continue
			}
			for _, e := range s.Elts {
				if field, ok := e.(*ast.Field); ok {
					name, _, err := ast.LabelName(field.Label)
					if body, ok := field.Value.(*ast.StructLit); ok && err == nil {
						if err := visit(name, body); err != nil {
							return err
						}
					}
				}
			}
		}
	}
	return nil
}

// named takes a field apart whose key is plain.
func named(d ast.Decl) (name string, value ast.Expr, ok bool) {
	field, ok := d.(*ast.Field)
	if !ok {
		return "", nil, false
	}
	name, _, err := ast.LabelName(field.Label)
	return name, field.Value, err == nil
}
