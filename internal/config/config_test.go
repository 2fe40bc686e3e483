package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/config"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

func TestTheDefinitionKnowsEveryFormat(t *testing.T) {
	require.ElementsMatch(t, reports.FormatNames(), config.Formats())
}

func TestWhatIsGiven(t *testing.T) {
	c, err := config.Load(schema.Input{Name: "etc/pgconcord.yaml", Data: []byte(`
topology: [a.yaml, /abs/b.yaml]
policy: rules
profile: general
within: 1h
report: {within: 2h, profile: ours.cue, max-differences: 5, new-only: true, outputs: [{format: text, output: -}, {output: out/r.html}]}
`)})
	require.NoError(t, err)
	for _, w := range []struct {
		section, name string
		texts         []string
		line          int
	}{
		{"report", "topology", []string{"etc/a.yaml", "/abs/b.yaml"}, 2},
		{"check", "policy", []string{"etc/rules"}, 3},
		{"check", "profile", []string{"general"}, 4},
		{"report", "profile", []string{"etc/ours.cue"}, 6},
		{"report", "within", []string{"2h"}, 6},
		{"audit", "within", []string{"1h"}, 5},
		{"report", "max-differences", []string{"5"}, 6},
		{"report", "new-only", []string{"true"}, 6},
	} {
		v, ok := c.Value(w.section, w.name)
		require.True(t, ok, w.name)
		require.Equal(t, w.texts, v.Texts, w.name)
		require.Equal(t, w.line, v.Pos.Line, w.name)
	}
	_, ok := c.Value("report", "history")
	require.False(t, ok)
	require.Equal(t, []config.Output{{Format: "text", File: "-"}, {File: "etc/out/r.html"}}, c.Outputs("report"))
	require.Empty(t, c.Outputs("check"))
}

func TestNames(t *testing.T) {
	require.Equal(t, []string{"audit", "check", "compare", "facts", "report", "validate", "verify"}, config.Sections())
	require.Equal(t, []string{"fail-on", "log-format", "policy", "quiet", "verbose"}, config.Names(config.Other))
	require.Contains(t, config.Names("report"), "within")
	require.NotContains(t, config.Names("check"), "within")
	require.NotContains(t, config.Names("report"), "outputs")
	require.True(t, slices.IsSorted(config.Names("report")))
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	name, err := config.Find(dir)
	require.NoError(t, err)
	require.Empty(t, name)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "pgconcord.json"), 0o755)) // no file
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pgconcord.yml"), nil, 0o644))
	name, err = config.Find(dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "pgconcord.yml"), name)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pgconcord.cue"), nil, 0o644))
	_, err = config.Find(dir)
	require.ErrorContains(t, err, "both here")
}
