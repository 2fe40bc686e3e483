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
	fs.StringArrayVar(&f.files, "waivers", nil, "file of failures that somebody answers for until a date; repeatable. A file waivers.cue, waivers.yaml or waivers.json beside the topology is read without it")
}

// loadWaivers reads the waivers that are given, or lie beside the topology. It
// is called before anything is asked, so that a faulty file is said at once.
func (a *app) loadWaivers(f waiverFlags, topology []string) (checks.Waivers, error) {
	files := f.files
	if len(files) == 0 {
		files = beside(topology, "waivers.cue", "waivers.yaml", "waivers.yml", "waivers.json")
	}
	var inputs []schema.Input
	for _, name := range files {
		in, err := a.readInput(name)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	if len(inputs) == 0 {
		return nil, nil
	}
	return checks.LoadWaivers(inputs, a.now())
}

// waive applies waivers to the findings of a run over a plan. It returns them
// with what is said of the waivers themselves, and the rules that say it.
func (a *app) waive(ws checks.Waivers, plan *schema.Plan, known []checks.Check, fs []checks.Finding) ([]checks.Check, []checks.Finding) {
	if len(ws) == 0 {
		return known, fs
	}
	house, _ := checks.Layout(plan) // a run may have left the layout rules out
	out := ws.Apply(fs, append(house, known...), plan.Topology, a.now())
	return append(known, checks.AboutWaivers()...), out
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
