package schema

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	topologies = "../testdata/topologies"
	worldwide  = topologies + "/bdr-worldwide.yaml"
)

// load reads files as a user names them.
func load(t *testing.T, names ...string) *Plan {
	t.Helper()
	var ins []Input
	for _, n := range names {
		b, err := os.ReadFile(n)
		require.NoError(t, err)
		ins = append(ins, Input{Name: filepath.Base(n), Data: b})
	}
	p, err := Load(context.Background(), ins, Options{})
	require.NoError(t, err)
	return p
}

// patch merges a YAML snippet over the BDR-Worldwide topology: maps are merged,
// null takes away, all else replaces.
func patch(t *testing.T, snippet string) []byte {
	t.Helper()
	b, err := os.ReadFile(worldwide)
	require.NoError(t, err)
	var base, over yaml.Node
	require.NoError(t, yaml.Unmarshal(b, &base))
	require.NoError(t, yaml.Unmarshal([]byte(snippet), &over), snippet)
	mergeYAML(base.Content[0], over.Content[0])
	base.HeadComment, base.FootComment = "", ""
	plain(base.Content[0])
	out, err := yaml.Marshal(&base)
	require.NoError(t, err)
	return out
}

func plain(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, c := range n.Content {
		plain(c)
	}
}

func mergeYAML(base, over *yaml.Node) {
	for i := 0; i < len(over.Content); i += 2 {
		k, v := over.Content[i], over.Content[i+1]
		at := -1
		for j := 0; j < len(base.Content); j += 2 {
			if base.Content[j].Value == k.Value {
				at = j
			}
		}
		switch {
		case v.Tag == "!!null" && at >= 0:
			base.Content = append(base.Content[:at], base.Content[at+2:]...)
		case v.Tag == "!!null":
		case at < 0:
			base.Content = append(base.Content, k, v)
		case v.Kind == yaml.MappingNode && base.Content[at+1].Kind == yaml.MappingNode:
			mergeYAML(base.Content[at+1], v)
		default:
			base.Content[at+1] = v
		}
	}
}

// listing renders violations as the golden files hold them.
func listing(vs []Violation) string {
	var b strings.Builder
	for _, v := range vs {
		fmt.Fprintf(&b, "%s: %s: %s [%s]\n", v.Pos, v.Subject, v.Message, v.Rule)
		if v.Found != "" || v.Expect != "" {
			fmt.Fprintf(&b, "    found %q, expected %q\n", v.Found, v.Expect)
		}
		for _, r := range v.Related {
			fmt.Fprintf(&b, "    see %s\n", r)
		}
	}
	return b.String()
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err, "run go test ./schema -update")
	require.Equal(t, string(want), got, name)
}

func TestEveryRuleHasAFixtureThatBreaksItAlone(t *testing.T) {
	require.NotEmpty(t, Rules())
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			dir := filepath.Join("../testdata/rules", filepath.FromSlash(r.Name))
			golden(t, filepath.Join(dir, "topology.yaml"), string(patch(t, r.Fails)))
			p := load(t, filepath.Join(dir, "topology.yaml"))
			require.NotEmpty(t, p.Violations)
			for _, v := range p.Violations {
				require.Equal(t, r.Name, v.Rule, listing(p.Violations))
				require.True(t, v.Pos.IsValid(), v)
				require.NotEmpty(t, v.Message)
			}
			golden(t, filepath.Join(dir, "want.txt"), listing(p.Violations))

			p, err := Load(context.Background(), []Input{{Name: "passes.yaml", Data: patch(t, r.Passes)}}, Options{})
			require.NoError(t, err)
			for _, v := range p.Violations {
				require.NotEqual(t, r.Name, v.Rule, "the passing snippet breaks the rule: %s", listing(p.Violations))
			}
		})
	}
}

func TestEveryRuleExplainsItself(t *testing.T) {
	for _, r := range Rules() {
		require.Regexp(t, `^(layout|versions|backup|join)/[a-z0-9]+(-[a-z0-9]+)*$`, r.Name)
		for what, s := range map[string]string{"title": r.Title, "why": r.Why, "remedy": r.Remedy, "source": r.Source, "fails": r.Fails, "passes": r.Passes} {
			require.NotEmpty(t, strings.TrimSpace(s), "%s of %s", what, r.Name)
		}
		require.True(t, strings.HasSuffix(r.Remedy, "."), r.Name)
		require.Positive(t, r.Severity.Rank(), r.Name)
		require.True(t, r.Enabled, r.Name)
	}
}

func TestNoFixtureIsLeftOver(t *testing.T) {
	known := map[string]bool{}
	for _, r := range Rules() {
		known[r.Name] = true
	}
	dirs, err := filepath.Glob("../testdata/rules/*/*")
	require.NoError(t, err)
	for _, d := range dirs {
		rel, err := filepath.Rel("../testdata/rules", d)
		require.NoError(t, err)
		require.True(t, known[filepath.ToSlash(rel)], "%s belongs to no rule", d)
	}
}
