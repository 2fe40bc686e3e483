package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/config"
)

// Every setting is a flag of the command under whose name it may stand, and
// every section a command.
func TestEverySettingIsAFlag(t *testing.T) {
	root := newRootCmd(newApp())
	for _, section := range config.Sections() {
		cmd, _, err := root.Find([]string{section})
		require.NoError(t, err)
		cmd.InheritedFlags()
		for _, name := range config.Names(section) {
			require.NotNil(t, cmd.Flags().Lookup(name), "%s has no --%s", section, name)
		}
	}
}

// What is asked of one run alone is no setting: a forgotten line in a file must
// not narrow what is looked at.
func TestNoSettingNarrowsARun(t *testing.T) {
	for _, section := range config.Sections() {
		for _, name := range []string{"facts", "gate", "joiner", "source", "node", "only", "shard", "table", "where", "exclude-column", "no-rows", "static", "head", "dry-run", "ledger", "resume", "differences"} {
			require.NotContains(t, config.Names(section), name, section)
		}
	}
}

func TestCommandsThatTakeTheConfiguredTopology(t *testing.T) {
	var names []string
	for _, cmd := range newRootCmd(newApp()).Commands() {
		if strings.Contains(cmd.Use, "[TOPOLOGY") {
			names = append(names, cmd.Name())
		}
	}
	require.Equal(t, []string{"audit", "check", "compare", "facts", "report", "validate"}, names)
}

// Commands that must work whatever is configured exist.
func TestNoConfigNamesCommands(t *testing.T) {
	root := newRootCmd(newApp())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	known := map[string]*cobra.Command{}
	for _, cmd := range root.Commands() {
		known[cmd.Name()] = cmd
	}
	for _, name := range noConfig {
		require.Contains(t, known, name)
	}
}

// The file that the README shows is one, and its settings reach the flags.
func TestConfigOfTheREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "<!-- config -->\n```yaml\n")
	require.True(t, ok)
	shown, _, _ := strings.Cut(rest, "```")
	name := filepath.Join(t.TempDir(), "pgconcord.yaml")
	require.NoError(t, os.WriteFile(name, []byte(shown), 0o644))
	a := newApp()
	var out bytes.Buffer
	a.stdout, a.stderr, a.getenv = &out, &out, func(string) string { return "" }
	require.Equal(t, 0, a.run([]string{"config", "report", "--config", name}), out.String())
	require.Regexp(t, `(?m)^within +2h0m0s +.*pgconcord\.yaml:6:3$`, out.String())
	require.Regexp(t, `(?m)^format +/var/lib/pgconcord/latest\.html, .*pgconcord\.prom +.*:8:3$`, out.String())
}

// The log is lines of text or of JSON, each with the run it belongs to, and no
// part of it goes where reports go.
func TestLogForms(t *testing.T) {
	for form, line := range map[string]string{"json": `^\{"time":"2026-11-21T01:00:00Z","level":"INFO","msg":".*,"run":"0123456789abcdef".*\}$`,
		"text": `^time=2026-11-21T01:00:00Z level=INFO msg=.* run=0123456789abcdef `} {
		t.Run(form, func(t *testing.T) {
			code, stdout, stderr := sh(t, t.TempDir(), "pgconcord validate "+absolute(t, "../../testdata/topologies/bdr-worldwide.yaml")+" --verbose --format json --log-format "+form)
			require.Equal(t, 0, code, stderr)
			require.True(t, json.Valid([]byte(stdout)))
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			require.NotEmpty(t, lines[0])
			for _, l := range lines {
				require.Regexp(t, line, l)
				require.Equal(t, form == "json", json.Valid([]byte(l)))
			}
		})
	}
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	abs, err := filepath.Abs(name)
	require.NoError(t, err)
	return abs
}
