// Package config reads the file of defaults, pgconcord.cue, .yaml or .json.
package config

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/pgconcord/pgconcord/schema"
)

//go:embed config.cue
var definition []byte

// Definition is the CUE definition of the file, #Config.
func Definition() schema.Input { return schema.Input{Name: "config.cue", Data: definition} }

// Files are the names under which a working directory holds its defaults.
var Files = []string{"pgconcord.cue", "pgconcord.yaml", "pgconcord.yml", "pgconcord.json"}

// Other is the section of commands that have none of their own.
const Other = "other"

// Value is what a setting is given, and where.
type Value struct {
	Texts []string // one for each time the flag would be given
	Pos   schema.Position
}

// Output is a form of the report and where it goes; "" is standard output.
type Output struct {
	Format string `json:"format"`
	File   string `json:"output"`
}

// Config is a file of defaults that has the right shape.
type Config struct {
	File     string
	sections map[string]map[string]Value // the top under ""
	outputs  map[string][]Output
	places   schema.Positions
}

// Find returns the name of the file that a working directory holds, "" when it
// holds none.
func Find(dir string) (string, error) {
	var found []string
	for _, name := range Files {
		info, err := os.Stat(filepath.Join(dir, name))
		switch {
		case err == nil && info.Mode().IsRegular():
			found = append(found, name)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("look for %s: %w", name, err)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return filepath.Join(dir, found[0]), nil
	}
	return "", fmt.Errorf("%s are both here: keep one, or name one with --config", strings.Join(found, " and "))
}

// Load reads a file of defaults. Paths in it become relative to the working
// directory. The error is a [*schema.InputError].
func Load(in schema.Input) (*Config, error) {
	var doc map[string]any
	places, err := schema.Decode([]schema.Input{in}, Definition(), "#Config", "the configuration", &doc)
	if err != nil {
		return nil, err
	}
	c := &Config{File: in.Name, sections: map[string]map[string]Value{"": {}}, outputs: map[string][]Output{}, places: places}
	dir := filepath.Dir(in.Name)
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		section, ok := doc[name].(map[string]any)
		if !ok {
			c.sections[""][name] = Value{Texts: texts(name, doc[name], dir), Pos: places.Pos(name)}
			continue
		}
		c.sections[name] = map[string]Value{}
		for _, key := range slices.Sorted(maps.Keys(section)) {
			if key == "outputs" {
				if c.outputs[name], err = outputs(section[key], dir); err != nil {
					return nil, err
				}
				continue
			}
			c.sections[name][key] = Value{Texts: texts(key, section[key], dir), Pos: places.Pos(name, key)}
		}
	}
	return c, nil
}

// Value returns what a command's setting is given: in the command's section,
// else at the top.
func (c *Config) Value(section, name string) (Value, bool) {
	if v, ok := c.sections[section][name]; ok {
		return v, true
	}
	v, ok := c.sections[""][name]
	return v, ok
}

// Outputs returns the forms that a command's report is written in.
func (c *Config) Outputs(section string) []Output { return c.outputs[section] }

// OutputsPos is where they are given.
func (c *Config) OutputsPos(section string) schema.Position { return c.places.Pos(section, "outputs") }

func outputs(v any, dir string) ([]Output, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out []Output
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].File != "" {
			out[i].File = path("outputs", out[i].File, dir)
		}
	}
	return out, nil
}

// texts renders a value the way flags are written.
func texts(name string, v any, dir string) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, x := range list {
		s, ok := x.(string)
		if !ok {
			data, _ := json.Marshal(x) // a number or a truth value
			s = string(data)
		}
		out = append(out, path(name, s, dir))
	}
	return out
}

// paths are the settings that name files.
var paths = []string{"topology", "policy", "waivers", "history", "sign-key", "public-key", "baseline", "outputs"}

// path makes a path of the file one of the working directory.
func path(name, s, dir string) string {
	named := slices.Contains(paths, name) || name == "profile" && filepath.Ext(s) != ""
	if !named || s == "-" || filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(dir, s)
}

// Sections are the names of the commands that have a section, sorted.
func Sections() []string {
	var out []string
	for name, v := range fields(lookup("#Config")) {
		if v.IncompleteKind() == cue.StructKind {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Names are the settings of a command's section, or of [Other], sorted; the
// topology and the outputs, which are no flags, are not among them.
func Names(section string) []string {
	v := lookup("#Other")
	if section != Other {
		v = fields(lookup("#Config"))[section]
	}
	names := fields(v)
	delete(names, "outputs")
	return slices.Sorted(maps.Keys(names))
}

// Formats are the forms of a report that the definition knows.
func Formats() []string {
	var out []string
	_, all := lookup("#Format").Expr()
	for _, v := range all {
		if s, err := v.String(); err == nil {
			out = append(out, s)
		}
	}
	return out
}

// compiled is the definition, for what is asked of it beside [Load].
var compiled = sync.OnceValue(func() cue.Value {
	return cuecontext.New().CompileBytes(definition, cue.Filename("config.cue"))
})

func lookup(path string) cue.Value { return compiled().LookupPath(cue.ParsePath(path)) }

func fields(v cue.Value) map[string]cue.Value {
	out := map[string]cue.Value{}
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		panic("the embedded definition of the configuration: " + err.Error())
	}
	for it.Next() {
		out[it.Selector().Unquoted()] = it.Value()
	}
	return out
}
