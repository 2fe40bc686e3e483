package main

import (
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
		for _, name := range []string{"facts", "gate", "joiner", "source", "node", "only", "shard", "table", "where", "exclude-column", "no-rows", "static", "head"} {
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
