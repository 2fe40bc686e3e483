package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/internal/config"
)

// setting is what a command would run with, and where that comes from.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

func newConfigCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "config [COMMAND]",
		Short: "Show the settings of a command and where each comes from",
		Long: `Shows every setting that can be configured, its value for COMMAND (without one:
report), and where that comes from. A setting is, in this order: what its flag
says; what the environment says, PGCONCORD_FAIL_ON for --fail-on; what the file
of defaults says, under the command's name or else at its top; the default.

The file is the one that --config or PGCONCORD_CONFIG names (none: no file), else
pgconcord.cue, pgconcord.yaml or pgconcord.json in the working directory. Its
keys are the names of the flags; paths in it are relative to its folder.
'pgconcord config --format markdown' prints its CUE definition with the settings.`,
		Example: example(
			"pgconcord config",
			"pgconcord config check --config none",
		),
		Args: args(cobra.MaximumNArgs(1), "name one command"),
		RunE: func(cmd *cobra.Command, names []string) error {
			return runConfig(a, cmd, append(names, "report")[0])
		},
	}
}

func runConfig(a *app, self *cobra.Command, name string) error {
	target, _, err := self.Root().Find([]string{name})
	if err != nil || target == self.Root() || !slices.Contains(config.Sections(), target.Name()) {
		return usagef("%q has no settings: expected one of %s", name, strings.Join(config.Sections(), ", "))
	}
	target.InheritedFlags() // cobra joins the common flags to a command's own only when somebody asks
	shown := a.flags.outputs
	a.flags.outputs.list = nil
	if err := a.configureAs(target); err != nil {
		return err
	}
	all := a.settingsOf(target)
	a.flags.outputs = shown
	return a.document(all, func(format string) string {
		if format == "markdown" {
			return settingsMarkdown(target.Name(), all)
		}
		return settingsText(all)
	})
}

// settingsOf lists the settings of a command, configured as they are.
func (a *app) settingsOf(cmd *cobra.Command) []setting {
	var out []setting
	add := func(name, value string, changed bool) {
		from, ok := a.settings.origins[name]
		switch {
		case ok:
		case changed:
			from = "--" + name
		default:
			from = "default"
		}
		out = append(out, setting{name, value, from})
	}
	if strings.Contains(cmd.Use, "[TOPOLOGY") {
		add("topology", strings.Join(a.settings.topology, ", "), false)
	}
	for _, name := range config.Names(cmd.Name()) {
		f := cmd.Flags().Lookup(name)
		switch {
		case f == nil:
		case name == "format":
			add(name, a.flags.outputs.text(), false)
		default:
			add(name, flagText(f), f.Changed)
		}
	}
	return out
}

// text renders where reports go.
func (o outputs) text() string {
	if len(o.list) == 0 {
		return "text"
	}
	var out []string
	for _, x := range o.list {
		switch {
		case x.format == "" || x.file == "":
			out = append(out, x.format+x.file)
		default:
			out = append(out, x.format+" to "+x.file)
		}
	}
	return strings.Join(out, ", ")
}

func flagText(f *pflag.Flag) string {
	if s, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(s.GetSlice(), ", ")
	}
	return f.Value.String()
}

func settingsText(all []setting) string {
	name, value := 0, 0
	for _, s := range all {
		name, value = max(name, len(s.Name)), max(value, len(s.Value))
	}
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%-*s  %-*s  %s\n", name, s.Name, min(value, 40), orNothing(s.Value), s.From)
	}
	return b.String()
}

func settingsMarkdown(command string, all []setting) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Settings of `pgconcord %s`\n\n| setting | value | from |\n| --- | --- | --- |\n", command)
	for _, s := range all {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, orNothing(s.Value), s.From)
	}
	fmt.Fprintf(&b, "\n## The file of defaults\n\n```cue\n%s```\n", config.Definition().Data)
	return b.String()
}

func orNothing(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
