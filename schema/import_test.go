package schema

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const importing = `package acme

import (
	"strings"

	"github.com/pgconcord/pgconcord/schema:topology"
)

topology

_host: {for n in ["left", "right"] {(n): "\(n).example"}}

name: "importing"
datacenters: main: region: "north"
nodes: {for n, h in _host {(n): {datacenter: "main", dsn: "host=\(h) dbname=app sslmode=verify-full"}}}
shards: app: {replicas: ["left", "right", "middle"], replication_sets: ["default"], writers: ["left"]}
barman: barman: {datacenter: "main", sources: [{node: "left", slot: "Barman"}]}
policy: {min_replicas: 2, min_dr_replicas: 0}
#rules: "acme/domain": {
	why: "certificates are issued for .example.org"
	violations: [for n, v in nodes if !strings.Contains(v.dsn, ".example.org") {
		subject: v.dsn, message: "node \(n): outside .example.org"
	}]
}
`

// A topology in CUE may import the published package, compute its values and
// carry rules of its own; no registry is asked, and the plain cue command says
// the same of it.
func TestATopologyImportsThePackage(t *testing.T) {
	p, err := Load(context.Background(), []Input{{Name: "topology.cue", Data: []byte(importing)}}, Options{})
	require.NoError(t, err)
	require.Equal(t, `topology.cue:15:54: nodes.left.dsn: node left: outside .example.org [acme/domain]
topology.cue:15:54: nodes.right.dsn: node right: outside .example.org [acme/domain]
topology.cue:16:43: shards.app.replicas[2]: shard app: replica middle is not a node of this topology [layout/replica-known]
    found "middle", expected ""
topology.cue:17:63: barman.barman.sources[0].slot: barman barman: Barman is no name for a slot of its own [backup/slot-valid]
    found "Barman", expected ""
`, listing(p.Violations))

	if testing.Short() {
		t.Skip("runs the cue command")
	}
	dir := t.TempDir()
	pkg := filepath.Join(dir, "cue.mod", "pkg", filepath.FromSlash(ImportPath))
	require.NoError(t, os.MkdirAll(pkg, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cue.mod", "module.cue"), []byte("module: \"acme.example/plan@v0\"\nlanguage: version: \"v0.17.0\"\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "topology.cue"), []byte(importing), 0o644))
	for _, f := range Files() {
		require.NoError(t, os.WriteFile(filepath.Join(pkg, f.Name), f.Data, 0o644))
	}
	cue := filepath.Join(t.TempDir(), "cue")
	built, err := exec.Command("go", "build", "-o", cue, "cuelang.org/go/cmd/cue").CombinedOutput()
	require.NoError(t, err, string(built))
	c := exec.Command(cue, "vet", "-c", ".")
	c.Dir = dir
	out, err := c.CombinedOutput()
	require.Error(t, err)
	for _, v := range p.Violations {
		require.Contains(t, string(out), v.Message)
	}
	require.Equal(t, len(p.Violations), strings.Count(string(out), "_vet."), string(out))
}
