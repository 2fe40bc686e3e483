package survey_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/standin"
	"github.com/pgconcord/pgconcord/internal/survey"
	"github.com/pgconcord/pgconcord/schema"
)

func load(t *testing.T, text []byte) *schema.Plan {
	t.Helper()
	plan, err := schema.Load(context.Background(), []schema.Input{{Name: "draft.yaml", Data: text}}, schema.Options{})
	require.NoError(t, err)
	return plan
}

// errorsOf names the rules of error severity that a plan breaks, sorted.
func errorsOf(plan *schema.Plan) []string {
	severity := map[string]schema.Severity{}
	for _, r := range plan.Rules {
		severity[r.Name] = r.Severity
	}
	broken := map[string]bool{}
	for _, v := range plan.Violations {
		if severity[v.Rule] == schema.Error {
			broken[v.Rule] = true
		}
	}
	return slices.Sorted(maps.Keys(broken))
}

// sets gives what a data set is, whatever it is called.
func sets(t *schema.Topology) []string {
	var out []string
	for _, d := range t.DataSets() {
		replicas := slices.Clone(d.Replicas)
		slices.Sort(replicas)
		out = append(out, strings.Join(d.ReplicationSets, ",")+" on "+strings.Join(replicas, ","))
	}
	slices.Sort(out)
	return out
}

// From one connection string to a plan that says what the lab's own says.
func TestDraftOfARunningMesh(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	l, err := lab.Up(ctx, lab.Options{})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, l.Down()) })
	real := load(t, l.Topology())

	seen, missed, err := survey.Look(ctx, []string{l.Node("dc2n1").ReaderDSN() + " password=s3cret-canary"}, catalog.Settings{})
	require.NoError(t, err)
	require.Empty(t, missed)
	seen.DR = []string{"dr1"}
	d, err := survey.Make(seen)
	require.NoError(t, err)
	require.Empty(t, d.Incomplete)
	require.NotContains(t, string(d.YAML)+strings.Join(d.Notes, ""), "s3cret-canary")

	plan := load(t, d.YAML)
	require.Equal(t, sets(real.Topology), sets(plan.Topology))
	require.Equal(t, real.Topology.NodeNames(), plan.Topology.NodeNames())
	for name, n := range plan.Topology.Nodes {
		require.Equal(t, real.Topology.Nodes[name].Address(), n.Address())
		require.Equal(t, name[:3], n.Datacenter, "guessed from the names")
	}
	require.Equal(t, schema.RoleDR, plan.Topology.Datacenters["dr1"].Role)
	require.Equal(t, real.Topology.Versions.Postgres, plan.Topology.Versions.Postgres)
	for _, rule := range errorsOf(plan) {
		require.Contains(t, []string{"backup/datacenter-has-barman", "layout/dsn-reachable"}, rule,
			"only what the catalogs cannot know is left open; all nodes of the lab are on the loopback")
	}

	// Every flavour gives the same draft: the stand-ins show the same mesh.
	for _, line := range standin.Lines {
		require.NoError(t, standin.Load(ctx, l, line.Name))
		seen, missed, err := survey.Look(ctx, []string{l.Node("dr1n1").DSN()}, catalog.Settings{})
		require.NoError(t, err)
		require.Empty(t, missed, line.Name)
		require.Equal(t, "bdrgroup", seen.Name)
		d, err := survey.Make(seen)
		require.NoError(t, err)
		drafted := load(t, d.YAML).Topology
		require.Equal(t, sets(real.Topology), sets(drafted), line.Name)
		require.Equal(t, line.Version, drafted.Versions.BDR, line.Name)
	}
	require.NoError(t, standin.Unload(ctx, l))

	// A node that is down is said to be missing, and is in the draft all the same.
	require.NoError(t, l.Node("dc2n2").Crash())
	seen, missed, err = survey.Look(ctx, []string{l.Node("dc2n1").ReaderDSN()}, catalog.Settings{})
	require.NoError(t, err)
	require.Len(t, missed, 1)
	require.Contains(t, missed[0], "node dc2n2 ("+real.Topology.Nodes["dc2n2"].Address()+") was not read: ")
	d, err = survey.Make(seen)
	require.NoError(t, err)
	require.Contains(t, strings.Join(d.Incomplete, "\n"), "dc2n2")
	require.Equal(t, sets(real.Topology), sets(load(t, d.YAML).Topology), "the others know what they share with it")
}
