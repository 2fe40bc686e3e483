package schema

import (
	"testing"

	"cuelang.org/go/cue/ast"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/bench/plan"
)

// BenchmarkRule evaluates a plan of 3000 nodes with one rule alone, and the
// tables that all rules share: a rule that is not linear stands out.
func BenchmarkRule(b *testing.B) {
	in, err := parse([]Input{{Name: "generated.yaml", Data: plan.Topology(3000)}})
	require.NoError(b, err)
	rules, err := Rules()
	require.NoError(b, err)
	for _, r := range append([]Rule{{Name: "none"}}, rules...) {
		b.Run(r.Name, func(b *testing.B) {
			for b.Loop() {
				files, err := ruleFiles()
				require.NoError(b, err)
				data, _, ok := in.complete(files)
				require.True(b, ok)
				files = bare(files)
				ownRulesOnly(files, r.Name)
				_, ok = verdicts(append([]*ast.File{data}, files...), in.dsns)
				require.True(b, ok)
			}
		})
	}
}

// ownRulesOnly keeps the other rules from looking at anything.
func ownRulesOnly(files []*ast.File, name string) {
	for _, f := range files {
		for _, d := range f.Decls {
			rules, ok := definition(d, judged)
			if !ok {
				continue
			}
			for _, e := range rules.Elts {
				rule := e.(*ast.Field)
				if n, _, err := ast.LabelName(rule.Label); err == nil && n == name {
					continue
				}
				for _, x := range rule.Value.(*ast.StructLit).Elts[0].(*ast.Field).Value.(*ast.ListLit).Elts {
					c := x.(*ast.Comprehension)
					c.Clauses = append([]ast.Clause{&ast.IfClause{Condition: ast.NewBool(false)}}, c.Clauses...)
				}
			}
		}
	}
}
