package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func allCommands(c *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			out = append(out, allCommands(sub)...)
		}
	}
	return out
}

// shellWords cuts a line at blanks outside of quotes.
func shellWords(line string) []string {
	var quote rune
	var out []string
	for _, field := range strings.FieldsFunc(line, func(r rune) bool {
		switch {
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		}
		return quote == 0 && r == ' '
	}) {
		out = append(out, strings.Trim(field, `'"`))
	}
	return out
}

// Every command shows an example, and every example is one that the command
// line takes: the command exists, its flags do, its arguments fit.
func TestExamplesAreTaken(t *testing.T) {
	for _, c := range allCommands(newRootCmd(newApp())) {
		if !c.Runnable() || c.Hidden {
			continue
		}
		require.NotEmpty(t, c.Example, c.CommandPath())
		require.NotEmpty(t, c.Short, c.CommandPath())
		for _, line := range strings.Split(c.Example, "\n") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " > ")
			line, _, _ = strings.Cut(line, " | ")
			line, _, _ = strings.Cut(line, " #")
			words := shellWords(line)
			require.Equal(t, "pgconcord", words[0], line)
			root := newRootCmd(newApp())
			found, rest, err := root.Find(words[1:])
			require.NoError(t, err, line)
			require.NoError(t, found.ParseFlags(rest), line)
			require.NoError(t, found.ValidateArgs(found.Flags().Args()), line)
		}
	}
}

// The manual tells of every command and flag, and man(1) can set it.
func TestManual(t *testing.T) {
	root := newRootCmd(newApp())
	page := manual(root, "1.0.0", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC))
	for _, title := range []string{"NAME", "SYNOPSIS", "RISKS", "DESCRIPTION", "EXIT STATUS", "ENVIRONMENT", "LIMITATIONS"} {
		require.Contains(t, page, "\n.SH "+title+"\n")
	}
	for _, c := range allCommands(root) {
		if c.Runnable() && c.HasParent() {
			require.Contains(t, page, ".SS "+roff(useLine(c))+"\n")
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("no groff to set the page with")
	}
	cmd := exec.Command(groff, "-man", "-Tutf8", "-ww")
	cmd.Stdin = strings.NewReader(page)
	var faults bytes.Buffer
	cmd.Stderr = &faults
	require.NoError(t, cmd.Run())
	require.Empty(t, faults.String())
}

// What a panic holds is not shown: it may be a connection string.
func TestCrashShowsNoSecret(t *testing.T) {
	for _, value := range []any{"postgresql://u:c4nary@h/db", error(usageError{}), 42} {
		a := newApp()
		var out bytes.Buffer
		a.stderr = &out
		func() {
			defer func() { a.crashed(recover()) }()
			panic(value)
		}()
		require.NotContains(t, out.String(), "c4nary")
		require.Contains(t, out.String(), "fault of pgconcord")
		require.Contains(t, out.String(), "help_test.go:")
	}
}
