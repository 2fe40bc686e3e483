package checks

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/majors"
	"github.com/pgconcord/pgconcord/schema"
)

// TestNativeMesh judges two servers that publish to each other, as PostgreSQL
// can from 16 on.
func TestNativeMesh(t *testing.T) {
	for major := 16; major <= 18; major++ {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			nodes, down, err := lab.Servers(ctx, 2, lab.Options{PGBin: majors.Need(t, major)})
			lab.Need(t, err)
			t.Cleanup(func() { require.NoError(t, down()) })
			sql, err := catalog.Grants(catalog.Native, "auditor")
			require.NoError(t, err)
			plan := &schema.Topology{Nodes: map[string]schema.Node{}, Datacenters: map[string]schema.Datacenter{"A": {Region: "a"}},
				Policy: schema.Policy{Lag: schema.LagPolicy{MaxBytes: 10 << 20, MaxSeconds: 30}, Slots: schema.SlotPolicy{MaxRetainedBytes: 1 << 30}}}
			for _, n := range nodes {
				require.NoError(t, n.Exec(ctx, "CREATE TABLE product (id int PRIMARY KEY, name text); CREATE PUBLICATION ref FOR TABLE product"))
				require.NoError(t, n.Exec(ctx, sql), sql)
				plan.Nodes[n.Name] = schema.Node{Datacenter: "A", Kind: schema.KindData, DSN: fmt.Sprintf("host=127.0.0.1 port=%d dbname=app user=auditor", n.Port)}
				plan.Reference.Replicas = append(plan.Reference.Replicas, n.Name)
			}
			plan.Reference.ReplicationSets = []string{"ref"}
			for i, n := range nodes { // one after the other: both at once wait for each other without end
				other := nodes[1-i]
				require.NoError(t, n.Exec(ctx, fmt.Sprintf("CREATE SUBSCRIPTION %s_to_%s CONNECTION 'host=127.0.0.1 port=%d dbname=app user=postgres' PUBLICATION ref WITH (copy_data = false, origin = none)",
					other.Name, n.Name, other.Port)))
			}
			read := func() Input { return readLab(t, plan, catalog.Settings{}) }
			judged := func() string {
				if out := lines(append(Run(read(), Options{}), Run(read(), Options{Gate: PreJoin, Only: []string{"mesh", "slots", "lag"}})...)); out != "" {
					return out + "\n"
				}
				return ""
			}
			got := judged()
			for deadline := time.Now().Add(30 * time.Second); got != "" && time.Now().Before(deadline); got = judged() {
				time.Sleep(200 * time.Millisecond)
			}
			require.Empty(t, got)
		})
	}
}
