package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/internal/config"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

// envPrefix is what the environment's settings begin with.
const envPrefix = "PGCONCORD_"

// envName is the variable of a flag: PGCONCORD_FAIL_ON for --fail-on.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// noConfig are the commands that must work whatever is configured.
var noConfig = []string{"version", "help", "completion", "man", "demo", "config"}

// variables are the names of the environment's settings, those too that
// nobody knows.
func (a *app) variables() []string {
	var out []string
	for _, v := range a.environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, envPrefix) && value != "" {
			out = append(out, name)
		}
	}
	return out
}

// configured is what a command line leaves open and where it was found.
type configured struct {
	done     bool
	topology []string
	origins  map[string]string // by flag; what the command line gave is not in it
}

// configure fills what the command line leaves open: from the environment,
// else from the file of defaults.
func (a *app) configure(cmd *cobra.Command) error {
	for c := cmd; c != nil; c = c.Parent() {
		if slices.Contains(noConfig, c.Name()) || strings.HasPrefix(c.Name(), "__") {
			return nil
		}
	}
	return a.configureAs(cmd)
}

func (a *app) configureAs(cmd *cobra.Command) error {
	if a.settings.done {
		return nil
	}
	a.settings = configured{done: true, origins: map[string]string{}}
	file, err := a.findConfig()
	if err != nil {
		return err
	}
	if file == nil && len(a.variables()) == 0 {
		return nil // and the definition, whose evaluation takes longer than a plan's, is not asked
	}
	section := cmd.Name()
	if cmd.HasParent() && cmd.Parent() != cmd.Root() { // compare recheck takes what holds for compare
		section = cmd.Parent().Name()
	}
	if !slices.Contains(config.Sections(), section) {
		section = config.Other
	}
	if err := a.configureOutputs(cmd.Flags(), file, section); err != nil {
		return err
	}
	for _, name := range config.Names(section) {
		f := cmd.Flags().Lookup(name)
		if f == nil || f.Changed || name == "format" {
			continue
		}
		if err := a.configureFlag(cmd.Flags(), f, file, section); err != nil {
			return err
		}
	}
	if v := a.getenv(envName("topology")); v != "" {
		a.settings.topology, a.settings.origins["topology"] = []string{v}, envName("topology")
	} else if v, ok := file.value("", "topology"); ok {
		a.settings.topology, a.settings.origins["topology"] = v.Texts, v.Pos.String()
	}
	return nil
}

// configFile is the file of defaults; nil when there is none.
type configFile struct{ *config.Config }

func (c *configFile) value(section, name string) (config.Value, bool) {
	if c == nil {
		return config.Value{}, false
	}
	return c.Value(section, name)
}

// findConfig reads the file that --config or PGCONCORD_CONFIG names, else the
// one in the working directory. None says that there shall be none.
func (a *app) findConfig() (*configFile, error) {
	name, said := a.flags.config, "--config"
	if name == "" {
		name, said = a.getenv(envName("config")), envName("config")
	}
	if name == "none" {
		return nil, nil
	}
	var err error
	if name == "" {
		if name, err = config.Find("."); err != nil || name == "" {
			return nil, err
		}
		said = "the configuration"
	}
	in, err := a.readInput(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", said, err)
	}
	c, err := config.Load(in)
	if err != nil {
		return nil, err
	}
	return &configFile{c}, nil
}

// configureFlag sets a flag that the command line left open.
func (a *app) configureFlag(fs *pflag.FlagSet, f *pflag.Flag, file *configFile, section string) error {
	texts, origin := []string(nil), ""
	if v := a.getenv(envName(f.Name)); v != "" {
		texts, origin = []string{v}, envName(f.Name)
	} else if v, ok := file.value(section, f.Name); ok {
		texts, origin = v.Texts, v.Pos.String()
	} else {
		return nil
	}
	for _, s := range texts {
		if err := fs.Set(f.Name, s); err != nil {
			return usagef("%s: %q is no value for --%s (%s)", origin, s, f.Name, f.Value.Type())
		}
	}
	a.settings.origins[f.Name] = origin
	return nil
}

// configureOutputs says how the report is written, when the command line has
// neither --format nor --output. Only commands that make a report take part:
// a list of rules has no other form because reports have.
func (a *app) configureOutputs(fs *pflag.FlagSet, file *configFile, section string) error {
	if len(a.flags.outputs.list) > 0 || !slices.Contains(config.Names(section), "format") || fs.Lookup("format") == nil {
		return nil
	}
	set := func(origin string, list ...config.Output) error {
		for _, o := range list {
			a.flags.outputs.list = append(a.flags.outputs.list, output{format: o.Format, file: o.File})
			if _, err := reports.FormatByName(o.Format); err != nil && o.Format != "" {
				return usagef("%s: %w", origin, err)
			}
		}
		a.settings.origins["format"] = origin
		return nil
	}
	if v := a.getenv(envName("format")); v != "" {
		return set(envName("format"), config.Output{Format: v})
	}
	if file == nil {
		return nil
	}
	if list := file.Outputs(section); len(list) > 0 {
		return set(file.OutputsPos(section).String(), list...)
	}
	if v, ok := file.value(section, "format"); ok {
		return set(v.Pos.String(), config.Output{Format: v.Texts[0]})
	}
	return nil
}

// topologies are the files that a command line names, or those that are
// configured.
func (a *app) topologies(cmd *cobra.Command, given []string) ([]string, error) {
	if len(given) > 0 {
		return given, nil
	}
	err := a.configure(cmd) // cobra judges arguments before it lets a command begin
	return a.settings.topology, err
}

// someTopologies accepts one file or several, or none when they are configured.
func (a *app) someTopologies(run func(cmd *cobra.Command, files []string) error) (cobra.PositionalArgs, func(*cobra.Command, []string) error) {
	return a.withTopologies(args(cobra.MinimumNArgs(1), "name at least one topology file, or configure it"), run)
}

// oneTopology accepts one file, or none when it is configured.
func (a *app) oneTopology(run func(cmd *cobra.Command, file string) error) (cobra.PositionalArgs, func(*cobra.Command, []string) error) {
	return a.withTopologies(args(cobra.ExactArgs(1), "name one topology file, or configure it"), func(cmd *cobra.Command, files []string) error { return run(cmd, files[0]) })
}

func (a *app) withTopologies(rule cobra.PositionalArgs, run func(*cobra.Command, []string) error) (cobra.PositionalArgs, func(*cobra.Command, []string) error) {
	check := func(cmd *cobra.Command, given []string) error {
		files, err := a.topologies(cmd, given)
		if err != nil {
			return err
		}
		return rule(cmd, files)
	}
	return check, func(cmd *cobra.Command, given []string) error {
		files, err := a.topologies(cmd, given)
		if err != nil {
			return err
		}
		return run(cmd, files)
	}
}

// warnAboutMisspelt looks for variables that are nearly a setting: one that is
// misspelt must not be thought to hold.
func (a *app) warnAboutMisspelt() {
	given := a.variables()
	if len(given) == 0 {
		return
	}
	known := []string{envName("config"), envName("topology")}
	for _, section := range append(config.Sections(), config.Other) {
		for _, name := range config.Names(section) {
			known = append(known, envName(name))
		}
	}
	for _, name := range given {
		if slices.Contains(known, name) {
			continue
		}
		if s := schema.Nearest(strings.TrimPrefix(name, envPrefix), trimmed(known)); s != "" {
			a.log.Warn("this variable is no setting and has no effect", "variable", name, "nearest", envPrefix+s)
		}
	}
}

func trimmed(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, strings.TrimPrefix(n, envPrefix))
	}
	return out
}
