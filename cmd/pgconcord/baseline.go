package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/reports"
)

// baselineFlags let a team adopt the tool on a cluster that has faults: what an
// earlier report has does not count.
type baselineFlags struct {
	file    string
	newOnly bool
}

func (f *baselineFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.file, "baseline", "", "earlier report in JSON; with --new-only its failures and differing rows do not count")
	fs.BoolVar(&f.newOnly, "new-only", false, "with --baseline: only failures that it does not have count; failures are told apart by check and subject, rows that differ by key and by what every node holds. What could not be told always counts")
}

// load reads the baseline before anything else is done; nil without one.
func (f baselineFlags) load(a *app) (*reports.Report, error) {
	switch {
	case f.file == "" && f.newOnly:
		return nil, usagef("--new-only needs --baseline")
	case f.file != "" && !f.newOnly:
		return nil, usagef("--baseline needs --new-only: without it every failure counts")
	case f.file == "":
		return nil, nil
	}
	in, err := a.readInput(f.file)
	if err != nil {
		return nil, err
	}
	r, err := reports.Load(in.Data)
	if err != nil {
		return nil, fmt.Errorf("--baseline %s: %w", f.file, err)
	}
	return r, nil
}
