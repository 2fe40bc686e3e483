package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

// waiverFlags are those of every command whose findings can be waived.
type waiverFlags struct{ files []string }

func (f *waiverFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.files, "waivers", nil, "file of failures that somebody answers for until a date; repeatable. A file waivers.cue or waivers.yaml beside the topology is read without it")
}

// waive applies the waivers that are given, or lie beside the topology.
func (a *app) waive(f waiverFlags, topology []string, fs []checks.Finding, known []checks.Check, t *schema.Topology) ([]checks.Finding, error) {
	files := f.files
	if len(files) == 0 {
		files = beside(topology, "waivers.cue", "waivers.yaml")
	}
	if len(files) == 0 {
		return fs, nil
	}
	var inputs []schema.Input
	for _, name := range files {
		in, err := a.readInput(name)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	waivers, err := checks.LoadWaivers(inputs, a.now())
	if err != nil {
		return nil, err
	}
	return waivers.Apply(fs, known, t, a.now()), nil
}

// beside finds the first of some files that lies beside one of the others.
func beside(files []string, names ...string) []string {
	for _, f := range files {
		if f == "-" {
			continue
		}
		for _, n := range names {
			name := filepath.Join(filepath.Dir(f), n)
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				return []string{name}
			}
		}
	}
	return nil
}
