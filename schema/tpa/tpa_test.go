package tpa_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/encoding/yaml"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/tpa"
)

var update = flag.Bool("update", false, "write the golden files")

const dir = "../../testdata/tpa"

// options of the examples that are not imported with none.
var options = map[string]tpa.Options{
	"sharded":       {DR: []string{"dr"}},
	"bdr-always-on": {Addresses: true},
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	require.Equal(t, string(read(t, path)), got)
}

func examples(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func list(title string, ps []schema.Problem) string {
	if len(ps) == 0 {
		return ""
	}
	return title + "\n" + (&schema.InputError{Problems: ps}).Error() + "\n"
}

func TestImport(t *testing.T) {
	for _, file := range examples(t, "*.yml") {
		name := strings.TrimSuffix(filepath.Base(file), ".yml")
		t.Run(name, func(t *testing.T) {
			got, err := tpa.Import(filepath.Base(file), read(t, file), options[name])
			require.NoError(t, err)
			golden(t, filepath.Join(dir, name+".topology.yaml"), string(got.YAML))
			golden(t, filepath.Join(dir, name+".listed.txt"),
				list("not carried over:", got.Unmapped)+list("notes:", got.Notes)+list("without a place in a topology:", got.Ignored))

			for _, p := range append(append(got.Unmapped, got.Notes...), got.Ignored...) {
				require.True(t, p.Pos.IsValid(), p.Message)
			}
			require.JSONEq(t, asJSON(t, extract(t, got.YAML)), asJSON(t, cuecontext.New().BuildFile(got.File)),
				"the topology that is kept and the one that is judged")
		})
	}
}

func extract(t *testing.T, text []byte) cue.Value {
	t.Helper()
	f, err := yaml.Extract("topology.yaml", text)
	require.NoError(t, err)
	return cuecontext.New().BuildFile(f)
}

func asJSON(t *testing.T, v cue.Value) string {
	t.Helper()
	b, err := v.MarshalJSON()
	require.NoError(t, err)
	return string(b)
}

func TestRefused(t *testing.T) {
	for _, file := range examples(t, "refused/*.yml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got, err := tpa.Import(filepath.Base(file), read(t, file), tpa.Options{})
			require.Nil(t, got)
			e := &schema.InputError{}
			require.ErrorAs(t, err, &e)
			for _, p := range e.Problems {
				require.True(t, p.Pos.IsValid(), p.Message)
			}
			golden(t, strings.TrimSuffix(file, ".yml")+".txt", err.Error()+"\n")
		})
	}
}

func TestUnknownDRLocationIsRefused(t *testing.T) {
	_, err := tpa.Import("config.yml", read(t, dir+"/sharded.yml"), tpa.Options{DR: []string{"elsewhere"}})
	require.ErrorContains(t, err, "no location is called elsewhere")
	require.ErrorContains(t, err, "name one of: a, b, dr")
}

// Every value that stands for something in config.yml lies there.
func TestPositionsLieInConfig(t *testing.T) {
	text := read(t, dir+"/sharded.yml")
	got, err := tpa.Import("config.yml", text, tpa.Options{DR: []string{"dr"}})
	require.NoError(t, err)
	v := cuecontext.New().BuildFile(got.File)
	lines := strings.Split(string(text), "\n")
	for path, want := range map[string]string{
		"name":                              "acme",
		"versions.postgres":                 "'16'",
		"versions.bdr":                      "'5.6*'",
		"datacenters.dr":                    "dr",
		"datacenters.dr.role":               "dr",
		"nodes.n3":                          "n3",
		"nodes.n3.datacenter":               "b",
		"nodes.n3.dsn":                      "n3",
		"reference.replicas[5]":             "n6",
		"reference.replication_sets[0]":     "acme",
		"shards.second":                     "second}",
		"shards.second.replicas[0]":         "second]",
		`barman."barman-dr"`:                "barman-dr,",
		`barman."barman-dr".datacenter`:     "dr,",
		`barman."barman-dr".sources[1]`:     "barman-dr]",
		`barman."barman-a".sources[0].slot`: "barman-a",
	} {
		p := v.LookupPath(cue.ParsePath(path)).Pos().Position()
		require.Equal(t, "config.yml", p.Filename, path)
		require.True(t, strings.HasPrefix(lines[p.Line-1][p.Column-1:], want), fmt.Sprintf("%s is at %s: %q", path, p, lines[p.Line-1][p.Column-1:]))
	}
}
