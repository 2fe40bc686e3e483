package survey_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/survey"
)

// Native replication names no nodes: they are found by the subscriptions'
// addresses, and named after their hosts.
func TestDraftOfNativeReplication(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	nodes, down, err := lab.Servers(ctx, 2, lab.Options{})
	lab.Need(t, err)
	t.Cleanup(func() { require.NoError(t, down()) })
	a, b := nodes[0], nodes[1]
	for _, n := range nodes {
		require.NoError(t, n.Exec(ctx, `CREATE TABLE product (id int PRIMARY KEY, name text)`))
	}
	require.NoError(t, a.Exec(ctx, `CREATE PUBLICATION goods FOR TABLE product`))
	require.NoError(t, b.Exec(ctx, fmt.Sprintf(`CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=%d dbname=%s user=postgres' PUBLICATION goods WITH (copy_data = false)`, a.Port, lab.Database)))

	names := map[int]string{}
	for _, n := range nodes {
		names[n.Port] = fmt.Sprintf("127.0.0.1_%d", n.Port)
	}
	for _, given := range [][]string{{b.DSN()}, {a.DSN(), b.DSN()}} {
		seen, missed, err := survey.Look(ctx, given, catalog.Settings{})
		require.NoError(t, err)
		require.Empty(t, missed)
		d, err := survey.Make(seen)
		require.NoError(t, err)
		top := load(t, d.YAML).Topology
		require.Len(t, top.Nodes, 2)
		for port, name := range names {
			require.Equal(t, fmt.Sprintf("127.0.0.1:%d/%s", port, lab.Database), top.Nodes[name].Address())
		}
		require.ElementsMatch(t, []string{names[a.Port], names[b.Port]}, top.Reference.Replicas)
		require.Equal(t, []string{"goods"}, top.Reference.ReplicationSets)
	}

	// A server without any replication is no node of a mesh.
	require.NoError(t, b.Exec(ctx, `DROP SUBSCRIPTION s`))
	_, _, err = survey.Look(ctx, []string{b.DSN()}, catalog.Settings{})
	require.ErrorContains(t, err, "is no node of a mesh")
	require.NotContains(t, err.Error(), "user=")

	// The same node twice.
	other := strings.Replace(a.DSN(), "127.0.0.1", "localhost", 1)
	require.NotEqual(t, a.DSN(), other)
	_, _, err = survey.Look(ctx, []string{a.DSN(), other}, catalog.Settings{})
	require.ErrorContains(t, err, "--dsn number 1 and --dsn number 2 both lead to one database (localhost:")
}
