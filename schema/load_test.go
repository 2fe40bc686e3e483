package schema

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestTheSpecifiedTopologyKeepsEveryRule(t *testing.T) {
	p := load(t, worldwide)
	require.Empty(t, p.Violations, listing(p.Violations))
	require.Len(t, p.Digest, 64)
	require.NotEmpty(t, p.Rules)

	top := p.Topology
	require.Equal(t, []string{"dc1n1", "dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2"}, top.NodeNames())
	require.Equal(t, KindData, top.Nodes["dc1n1"].Kind, "a default")
	require.Equal(t, RoleDR, top.Datacenters["DR"].Role)
	require.Equal(t, []string{"shard1"}, top.Shards["first"].ReplicationSets)
	require.Equal(t, "dr1n2", top.Barman["barman-dr"].Sources[1].Server)
	require.Equal(t, "26h", top.Policy.Backup.MaxAge)
	require.Equal(t, int64(10<<30), top.Policy.Slots.MaxRetainedBytes)
	require.Equal(t, "bdr-worldwide.yaml:12:27", top.Pos("nodes", "dc1n1", "dsn").String())
	require.Equal(t, "bdr-worldwide.yaml:12:3", top.Pos("nodes", "dc1n1", "kind").String(), "not written: the nearest ancestor")
	require.Equal(t, "bdr-worldwide.yaml:26:37", top.Pos("shards", "first", "replicas", "2").String())
}

func TestWaysToReadABarmanHost(t *testing.T) {
	yaml := `{name: t, datacenters: {A: {region: a}}, nodes: {n: {datacenter: A, dsn: "host=h"}},
  barman: {b: {datacenter: A, command: [ssh, barman-a, barman], json_dir: saved, config: c, sources: [{node: n, passive: true}]}, empty: {datacenter: A}}}`
	p, err := Load(context.Background(), []Input{{Name: "t.yaml", Data: []byte(yaml)}}, Options{})
	require.NoError(t, err)
	require.Equal(t, Barman{Datacenter: "A", Command: []string{"ssh", "barman-a", "barman"}, JSONDir: "saved", Config: "c",
		Sources: []Source{{Server: "n", Node: "n", StreamingArchiver: true, Passive: true}}}, p.Topology.Barman["b"])
	require.Empty(t, p.Topology.Barman["empty"].Command)

	_, err = Load(context.Background(), []Input{{Name: "t.yaml", Data: []byte(`{name: t, datacenters: {A: {region: a}}, nodes: {}, barman: {b: {datacenter: A, command: ["barman", ""]}}}`)}}, Options{})
	require.ErrorContains(t, err, "a word of a command")
}

func TestEveryFaultOfABrokenTopologyIsNamed(t *testing.T) {
	golden(t, topologies+"/broken.txt", listing(load(t, topologies+"/broken.yaml").Violations))
}

// The same plan gives the same findings in all three formats.
func TestFormatsAgree(t *testing.T) {
	b, err := os.ReadFile(topologies + "/broken.yaml")
	require.NoError(t, err)
	var tree any
	require.NoError(t, yaml.Unmarshal(b, &tree))
	j, err := json.MarshalIndent(tree, "", "  ")
	require.NoError(t, err)
	want := strip(load(t, topologies+"/broken.yaml").Violations)
	for _, in := range []Input{{Name: "b.json", Data: j}, {Name: "b.cue", Data: append([]byte("package topology\n"), j...)}, {Name: "-", Data: j}, {Name: "b.yaml", Data: j}} {
		p, err := Load(context.Background(), []Input{in}, Options{})
		require.NoError(t, err, in.Name)
		require.ElementsMatch(t, want, strip(p.Violations), in.Name)
		for _, v := range p.Violations {
			require.Equal(t, in.Name, v.Pos.File)
			require.Greater(t, v.Pos.Line, 1)
		}
	}
}

func strip(vs []Violation) []string {
	var out []string
	for _, v := range vs {
		out = append(out, v.Rule+" "+v.Subject+" "+v.Message)
	}
	return out
}

// Each file may say a part; what two of them say must agree.
func TestSeveralFilesAreMerged(t *testing.T) {
	whole := load(t, worldwide)
	b, err := os.ReadFile(worldwide)
	require.NoError(t, err)
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal(b, &tree))
	part := func(name string, fields ...string) Input {
		m := map[string]any{}
		for _, f := range fields {
			m[f] = tree[f]
		}
		data, err := json.MarshalIndent(m, "", "  ")
		require.NoError(t, err)
		return Input{Name: name, Data: data}
	}
	ins := []Input{part("a.json", "name", "versions", "datacenters", "nodes"), part("b.yaml", "name", "reference", "shards"), part("c.cue", "barman", "policy")}
	p, err := Load(context.Background(), ins, Options{})
	require.NoError(t, err)
	require.Empty(t, p.Violations)
	require.Equal(t, whole.Topology.Nodes, p.Topology.Nodes)
	require.Equal(t, "a.json", p.Topology.Pos("nodes", "dc1n1").File)
	require.Equal(t, "b.yaml", p.Topology.Pos("shards", "first").File)
	require.Equal(t, "c.cue", p.Topology.Pos("barman", "barman-a", "sources", "0", "slot").File)
	require.NotEqual(t, whole.Digest, p.Digest)

	// A node in two parts, and a finding in the second file.
	ins = append(ins, Input{Name: "d.yaml", Data: []byte("nodes:\n  dc1n1: {kind: witness}\n")})
	p, err = Load(context.Background(), ins, Options{})
	require.NoError(t, err)
	require.Contains(t, listing(p.Violations), "b.yaml:")
	require.Equal(t, Position{"d.yaml", 2, 11}, p.Topology.Pos("nodes", "dc1n1", "kind"))

	ins = append(ins, Input{Name: "e.yaml", Data: []byte("name: another\n")})
	_, err = Load(context.Background(), ins, Options{})
	require.EqualError(t, err, "a.json:14:3: name: two values that differ, at a.json:14:11 and e.yaml:1:7 (keep one of them)")
}

// The evaluator answers the same, in the same order, every time.
func TestFindingsDoNotDependOnTheRun(t *testing.T) {
	first := listing(load(t, topologies+"/broken.yaml").Violations)
	for range 3 {
		require.Equal(t, first, listing(load(t, topologies+"/broken.yaml").Violations))
	}
}
