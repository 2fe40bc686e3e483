package tpa_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/tpa"
)

func judge(t *testing.T, text []byte, opt tpa.Options) *schema.Plan {
	t.Helper()
	got, err := tpa.Import("config.yml", text, opt)
	require.NoError(t, err)
	plan, err := schema.Load(context.Background(), []schema.Input{got.Input()}, schema.Options{})
	require.NoError(t, err)
	return plan
}

// broken lists errors as "rule line:column", in the order of config.yml.
func broken(plan *schema.Plan) []string {
	severity := map[string]schema.Severity{}
	for _, r := range plan.Rules {
		severity[r.Name] = r.Severity
	}
	var out []string
	for _, v := range plan.Violations {
		if severity[v.Rule] == schema.Error {
			out = append(out, v.Rule+" "+v.Pos.String())
		}
	}
	return out
}

func TestImportedTopologyIsJudgedAtItsPlaceInConfig(t *testing.T) {
	text := read(t, dir+"/sharded.yml")
	plan := judge(t, text, tpa.Options{DR: []string{"dr"}})
	require.Empty(t, broken(plan))
	require.Equal(t, []string{"n1", "n2", "n5"}, plan.Topology.Shards["first"].Replicas)
	require.Equal(t, []string{"n3", "n4", "n6"}, plan.Topology.Shards["second"].Replicas)
	require.Equal(t, []string{"acme"}, plan.Topology.Reference.ReplicationSets)
	require.Equal(t, schema.RoleDR, plan.Topology.Datacenters["dr"].Role)

	// Until the user says which location stands by: at the sets' places.
	require.Equal(t, []string{
		"layout/shard-has-dr-replica config.yml:41:60", "layout/shard-one-active-region config.yml:41:60",
		"layout/shard-has-dr-replica config.yml:41:75", "layout/shard-one-active-region config.yml:41:75",
	}, broken(judge(t, text, tpa.Options{})))

	// A Barman that backs up a node of another location: where the node says so.
	moved := bytes.Replace(text, []byte("backup: barman-b"), []byte("backup: barman-a"), 1)
	line := strings.Count(string(moved[:bytes.LastIndex(moved, []byte("backup: barman-a"))]), "\n") + 1
	require.Equal(t, 57, line)
	require.Contains(t, broken(judge(t, moved, tpa.Options{DR: []string{"dr"}})), "backup/source-colocated config.yml:57:11")
}

// What a deploy alone knows is missing from the plan, and the plan is refused
// for it at the place of the instance.
func TestTemplatesAreNotGuessed(t *testing.T) {
	got, err := tpa.Import("config.yml", read(t, dir+"/jinja.yml"), tpa.Options{})
	require.NoError(t, err)
	_, err = schema.Load(context.Background(), []schema.Input{got.Input()}, schema.Options{})
	require.ErrorContains(t, err, "config.yml:16:9: nodes.templated: dsn is missing")
	require.ErrorContains(t, err, "config.yml:25:9: nodes.adrift: datacenter is missing")
}
