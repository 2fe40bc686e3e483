package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/bench/plan"
)

// Plain data are judged without their definitions. What comes of that must be
// what comes of evaluating the whole package.
func TestPlainDataAreJudgedAsTheWholePackageJudgesThem(t *testing.T) {
	inputs := map[string][]byte{"generated.yaml": plan.Topology(60)}
	for _, pattern := range []string{topologies + "/*.yaml", "../testdata/rules/*/*/*.yaml"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, n := range names {
			inputs[n], err = os.ReadFile(n)
			require.NoError(t, err)
		}
	}
	for n, data := range inputs {
		same(t, n, Input{Name: n, Data: data})
	}
}

func same(t *testing.T, name string, inputs ...Input) {
	t.Helper()
	in, err := parse(inputs)
	require.NoError(t, err, name)
	got, ok := judge(in)
	require.True(t, ok, "%s: it was not judged as plain data", name)
	want, err := (&loading{}).whole(in, nil)
	require.NoError(t, err, name)
	require.Equal(t, want, got, name)
}

// All runs share the syntax of the rules, so none may write into it: the race
// detector sees it.
func TestPlainDataAreJudgedSeveralAtOnce(t *testing.T) {
	data := patch(t, "{nodes: {dc1n1: {kind: witness}}}")
	plans := make(chan *Plan)
	for range 3 {
		go func() {
			in, err := parse([]Input{{Name: "a.yaml", Data: data}})
			if err != nil {
				plans <- nil
				return
			}
			p, _ := judge(in)
			plans <- p
		}()
	}
	first := <-plans
	require.NotNil(t, first)
	require.NotEmpty(t, first.Violations)
	for range 2 {
		require.Equal(t, first, <-plans)
	}
}

func TestPlainDataInSeveralFiles(t *testing.T) {
	whole := string(patch(t, "{}"))
	i := strings.Index(whole, "reference:")
	a, b := Input{Name: "a.yaml", Data: []byte(whole[:i])}, Input{Name: "b.yaml", Data: []byte(whole[i:])}
	same(t, "two parts", a, b)
	same(t, "one in two", a, b, Input{Name: "c.json", Data: []byte(`{"name": "bdr-worldwide", "nodes": {"dc1n1": {"kind": "witness"}, "w1": {"datacenter": "A", "dsn": "host=w1"}}}`)})
}

// Whatever shape.cue does not take is left to the evaluator, which says why.
func TestWhatDoesNotFitIsNotJudged(t *testing.T) {
	for _, snippet := range []string{
		"{nodes: {dc1n1: {kind: master}}}", "{nodes: {dc1n1: {dns: x}}}", "{nodes: {dc1n1: {dsn: ''}}}", "{nodes: {dc1n1: {dsn: 1}}}",
		"{nodes: {dc1n1: {postgres: 11.4}}}", "{nodes: {dc1n1: {postgres: '11.x'}}}", "{name: ''}", "{name: [a]}", "{nodes: []}", "{shards: {first: {replicas: dc1n1}}}",
		"{policy: {min_replicas: -1}}", "{policy: {min_replicas: 1.5}}", "{policy: {min_replicas: 9223372036854775808}}", "{policy: {lag: {max_byte: 1}}}",
		"{policy: {backup: {max_age: 26}}}", "{barman: {barman-a: {command: ['']}}}", "{barman: {barman-a: {sources: [{slot: x}]}}}", "{joins: {j: {datacenter: A, source: dc1n1, dsn: 'host=j', order: 0}}}",
		"{joins: {j: {datacenter: A, source: dc1n1, dsn: 'host=j', empty: 'yes'}}}", "{extra: 1}", "{datacenters: {A: {role: standby}}}",
	} {
		in, err := parse([]Input{{Name: "a.yaml", Data: patch(t, snippet)}})
		require.NoError(t, err, snippet)
		_, ok := judge(in)
		require.False(t, ok, snippet)
		_, err = (&loading{}).whole(in, nil)
		require.Error(t, err, "%s: left to the evaluator without need", snippet)
	}
}

// What our rules say of themselves is read from their syntax, by rulegen.
func TestTheCatalogueIsWhatEvaluationGives(t *testing.T) {
	v, err := compile(cuecontext.New(), nil, facts(nil))
	require.NoError(t, err)
	want, err := readRules(v)
	require.NoError(t, err)
	require.Equal(t, want, Rules())
}
