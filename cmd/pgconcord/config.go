package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/encoding/yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configNames are looked for in the working directory, one at most may be there.
var configNames = []string{"pgconcord.cue", "pgconcord.yaml"}

// envPrefix starts the name of the environment variable of a flag:
// PGCONCORD_FAIL_ON is --fail-on.
const envPrefix = "PGCONCORD_"

// config holds defaults: for all commands, and under a command's name for that
// one. A flag on the command line counts most, then the environment, then the
// command's own entry, then the common one.
type config struct {
	file     string
	topology string
	common   map[string]any
	commands map[string]map[string]any
}

// configure reads the configuration and sets the flags that were not given.
func (a *app) configure(cmd *cobra.Command) error {
	if err := a.loadConfig(cmd.Root()); err != nil {
		return err
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || f.Name == "help" || f.Name == "config" || f.Name == "format" || f.Name == "output" {
			return
		}
		if v := a.getenv(envName(f.Name)); v != "" {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				failed = usagef("%s: %w", envName(f.Name), err)
			}
			return
		}
		v, ok := a.config.commands[cmd.Name()][f.Name]
		if !ok {
			v, ok = a.config.common[f.Name]
		}
		if ok {
			for _, s := range values(v) {
				if err := cmd.Flags().Set(f.Name, s); err != nil {
					failed = usagef("%s: %s: %w", a.config.file, f.Name, err)
				}
			}
		}
	})
	if failed != nil {
		return failed
	}
	return a.configureOutputs(cmd)
}

// configureOutputs takes formats and files from the configuration when the
// command line has none.
func (a *app) configureOutputs(cmd *cobra.Command) error {
	v, ok := a.config.commands[cmd.Name()]["outputs"]
	if !ok {
		v, ok = a.config.common["outputs"]
	}
	if !ok || len(a.flags.outputs.list) > 0 {
		return nil
	}
	list, _ := v.([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		out := output{}
		for k, x := range m {
			switch k {
			case "format":
				out.format = fmt.Sprint(x)
			case "output":
				out.file = fmt.Sprint(x)
			default:
				return usagef("%s: outputs: %q is not known: expected format and output", a.config.file, k)
			}
		}
		if out == (output{}) {
			return usagef("%s: outputs: expected a list of {format, output}", a.config.file)
		}
		a.flags.outputs.list = append(a.flags.outputs.list, out)
	}
	return nil
}

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// values renders a configured value the way a flag takes it.
func values(v any) []string {
	if list, ok := v.([]any); ok {
		var out []string
		for _, x := range list {
			out = append(out, fmt.Sprint(x))
		}
		return out
	}
	return []string{fmt.Sprint(v)}
}

// loadConfig reads the file that --config names, or the one in the working
// directory, once.
func (a *app) loadConfig(root *cobra.Command) error {
	if a.config != nil {
		return nil
	}
	a.config = &config{}
	name := a.flags.config
	if name == "" {
		name = a.getenv(envName("config"))
	}
	if name == "" {
		var found []string
		for _, n := range configNames {
			if _, err := os.Stat(n); err == nil {
				found = append(found, n)
			}
		}
		switch len(found) {
		case 0:
			return nil
		case 1:
			name = found[0]
		default:
			return usagef("%s are both there: keep one", strings.Join(found, " and "))
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read the configuration %s: %w", name, cause(err))
	}
	settings, err := parseConfig(name, data)
	if err != nil {
		return fmt.Errorf("read the configuration: %s", strings.TrimSpace(errors.Details(err, nil)))
	}
	return a.config.fill(name, settings, root)
}

func parseConfig(name string, data []byte) (map[string]any, error) {
	ctx := cuecontext.New()
	var v cue.Value
	if filepath.Ext(name) == ".cue" {
		v = ctx.CompileBytes(data, cue.Filename(name))
	} else {
		file, err := yaml.Extract(name, data)
		if err != nil {
			return nil, err
		}
		v = ctx.BuildFile(file)
	}
	if err := v.Validate(cue.Concrete(true)); err != nil {
		return nil, err
	}
	var out map[string]any
	if err := v.Decode(&out); err != nil {
		return nil, err
	}
	return out, nil
}

// fill sorts settings into common ones and those of a command, and refuses what
// no command knows: a misspelt safeguard must not be passed over.
func (c *config) fill(file string, settings map[string]any, root *cobra.Command) error {
	c.file, c.common, c.commands = file, map[string]any{}, map[string]map[string]any{}
	known, flagsOf := map[string]bool{"topology": true, "outputs": true}, map[string]map[string]bool{}
	for _, cmd := range root.Commands() {
		flagsOf[cmd.Name()] = map[string]bool{"outputs": true}
		note := func(f *pflag.Flag) { known[f.Name], flagsOf[cmd.Name()][f.Name] = true, true }
		cmd.Flags().VisitAll(note)
		root.PersistentFlags().VisitAll(note)
	}
	for _, key := range sortedKeys(settings) {
		v := settings[key]
		if key == "topology" {
			s, ok := v.(string)
			if !ok {
				return usagef("%s: topology: expected the name of a file", file)
			}
			c.topology = s
			continue
		}
		if own, ok := v.(map[string]any); ok && flagsOf[key] != nil {
			for _, name := range sortedKeys(own) {
				if !flagsOf[key][name] {
					return usagef("%s: %s: the command has no setting %q", file, key, name)
				}
			}
			c.commands[key] = own
			continue
		}
		if !known[key] {
			return usagef("%s: there is no setting and no command %q", file, key)
		}
		c.common[key] = v
	}
	return nil
}

func sortedKeys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// oneTopology accepts one file, or none when the configuration or
// PGCONCORD_TOPOLOGY names it.
func (a *app) oneTopology(run func(cmd *cobra.Command, file string) error) (cobra.PositionalArgs, func(*cobra.Command, []string) error) {
	pick := func(cmd *cobra.Command, given []string) (string, error) {
		if len(given) == 1 {
			return given[0], nil
		}
		if err := a.loadConfig(cmd.Root()); err != nil {
			return "", err
		}
		if name := a.getenv(envName("topology")); len(given) == 0 && name != "" {
			return name, nil
		}
		if len(given) == 0 && a.config.topology != "" {
			return a.config.topology, nil
		}
		return "", usagef("%d arguments given: name one topology file, or set it in %s", len(given), strings.Join(configNames, " or "))
	}
	check := func(cmd *cobra.Command, given []string) error {
		_, err := pick(cmd, given)
		return err
	}
	return check, func(cmd *cobra.Command, given []string) error {
		file, err := pick(cmd, given)
		if err != nil {
			return err
		}
		return run(cmd, file)
	}
}
