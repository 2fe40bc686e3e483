package schema

import (
	"slices"
	"testing"

	"cuelang.org/go/cue/ast"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/bench/plan"
	"github.com/pgconcord/pgconcord/schema/rulesyntax"
)

// BenchmarkRule evaluates a plan of 3000 nodes with one rule alone, and the
// tables that all rules share: a rule that is not linear stands out.
func BenchmarkRule(b *testing.B) {
	in, err := parse([]Input{{Name: "generated.yaml", Data: plan.Topology(3000)}})
	require.NoError(b, err)
	outside, rules := rulesyntax.Rules()
	for _, r := range append([]Rule{{Name: "none"}}, Rules()...) {
		b.Run(r.Name, func(b *testing.B) {
			for b.Loop() {
				data, _, ok := in.complete()
				require.True(b, ok)
				told, err := tell(facts(in.dsns))
				require.NoError(b, err)
				_, ok = verdicts(data, told, outside, only(r.Name, rules))
				require.True(b, ok)
			}
		})
	}
}

// only keeps one rule.
func only(name string, rules []ast.Decl) []ast.Decl {
	return slices.DeleteFunc(slices.Clone(rules), func(d ast.Decl) bool {
		n, _, err := ast.LabelName(d.(*ast.Field).Label)
		return err != nil || n != name
	})
}
