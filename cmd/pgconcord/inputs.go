package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/schema"
)

// planFlags are those of every command that reads a topology.
type planFlags struct{ policies []string }

func (f *planFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.policies, "policy", nil, "CUE file, or directory of them, with the house's own rules; repeatable. A directory policy/ beside the topology is read without it")
}

// loadPlan reads the files of a topology and judges it by the layout rules.
func (a *app) loadPlan(ctx context.Context, files []string, f planFlags) (*schema.Plan, error) {
	var inputs []schema.Input
	for _, name := range files {
		in, err := a.readInput(name)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return a.loadInputs(ctx, files, inputs, f)
}

// loadInputs judges inputs that were read, or imported, from the given files.
func (a *app) loadInputs(ctx context.Context, files []string, inputs []schema.Input, f planFlags) (*schema.Plan, error) {
	policies := f.policies
	for _, name := range files {
		beside := filepath.Join(filepath.Dir(name), "policy")
		if info, err := os.Stat(beside); name != "-" && err == nil && info.IsDir() {
			policies = append(policies, beside)
			break
		}
	}
	var opt schema.Options
	for _, name := range policies {
		ins, err := a.readPolicy(name)
		if err != nil {
			return nil, err
		}
		opt.Policy = append(opt.Policy, ins...)
	}
	a.log.Info("reading the plan", "files", strings.Join(files, ", "), "policies", len(opt.Policy))
	return schema.Load(ctx, inputs, opt)
}

// readInput reads a file, - being standard input, and keeps what it held for
// the formats that point into it.
func (a *app) readInput(name string) (schema.Input, error) {
	in, err := a.read(name)
	if err == nil {
		if a.sources == nil {
			a.sources = map[string][]byte{}
		}
		a.sources[name] = in.Data
	}
	return in, err
}

func (a *app) read(name string) (schema.Input, error) {
	if name == "-" {
		data, err := io.ReadAll(a.stdin)
		if err != nil {
			return schema.Input{}, fmt.Errorf("read standard input: %w", err)
		}
		return schema.Input{Name: "-", Data: data}, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return schema.Input{}, fmt.Errorf("read %s: %w", name, cause(err))
	}
	return schema.Input{Name: name, Data: data}, nil
}

func (a *app) readPolicy(name string) ([]schema.Input, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("--policy %s: %w", name, cause(err))
	}
	files := []string{name}
	if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(name, "*.cue")); err != nil {
			return nil, fmt.Errorf("--policy %s: %w", name, err)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("--policy %s: holds no .cue file", name)
		}
	}
	var out []schema.Input
	for _, file := range files {
		in, err := a.readInput(file)
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}
