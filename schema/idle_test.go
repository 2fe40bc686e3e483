package schema

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema/rulesyntax"
)

// kept returns the rules that are evaluated for a plan, with how many parts.
func kept(t *testing.T, snippet string) map[string]int {
	t.Helper()
	in, err := parse([]Input{{Name: "a.yaml", Data: patch(t, snippet)}})
	require.NoError(t, err)
	data, _, ok := in.complete()
	require.True(t, ok)
	told, err := tell(facts(in.dsns))
	require.NoError(t, err)
	_, rules := rulesyntax.Rules()
	out := map[string]int{}
	for _, d := range needed(rules, slices.Concat(data.Decls, told.Decls)) {
		_, list := violationsOf(d)
		_, n, _ := plainField(d)
		out[n] = len(list.Elts)
	}
	return out
}

func TestRulesThatCanFindNothingAreNotEvaluated(t *testing.T) {
	const join = `{joins: {j: {datacenter: A, source: dc1n1, dsn: "host=j.example dbname=app sslmode=require"}}}`
	without, with := kept(t, "{}"), kept(t, join)
	require.Less(t, len(without), len(with))
	require.NotContains(t, without, "join/source-is-member")
	require.Contains(t, with, "join/source-is-member")
	require.NotContains(t, without, "layout/dsn-tls")
	require.Equal(t, 1, with["layout/dsn-tls"], "the part on nodes, whose connections are all verified, is left out")
	require.NotContains(t, with, "layout/dsn-secret")
	for name, n := range without { // nothing that looks at nodes or shards
		require.LessOrEqual(t, n, with[name], name)
	}
	require.Contains(t, without, "layout/datacenter-known")
}
