package schema_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
)

func TestHouseRules(t *testing.T) {
	own, err := schema.Rules()
	require.NoError(t, err)
	rules, err := schema.HouseRules([]schema.Input{{Name: "acme.cue", Data: []byte(`package topology
#rules: "backup/streams": severity: "warning"
#rules: "layout/failover-target": enabled: false
#rules: "acme/prefix": {
	title: "Names begin with acme"
	why:   "the inventory finds nodes by it"
	violations: [for n, v in nodes if n !~ "^acme" {subject: v, message: "node \(n): not one of ours"}]
}
`)}})
	require.NoError(t, err)
	require.Len(t, rules, len(own)+1)
	by := map[string]schema.Rule{}
	for _, r := range rules {
		by[r.Name] = r
	}
	require.True(t, by["acme/prefix"].House)
	require.Equal(t, "Names begin with acme", by["acme/prefix"].Title)
	require.Equal(t, schema.Warning, by["backup/streams"].Severity)
	require.False(t, by["backup/streams"].House)
	require.False(t, by["layout/failover-target"].Enabled)
	require.True(t, by["layout/odd-voters"].Enabled)

	_, err = schema.HouseRules([]schema.Input{{Name: "acme.cue", Data: []byte("package other\n")}})
	require.ErrorContains(t, err, "acme.cue:1:1")
}
