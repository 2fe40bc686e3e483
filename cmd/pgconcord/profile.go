package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
)

// loadProfile reads one of our compliance profiles, or a file.
func (a *app) loadProfile(name string) (*reports.Profile, error) {
	if name == "" {
		return nil, nil
	}
	known := map[string]bool{}
	for _, c := range checks.All() {
		known[c.Name] = true
	}
	data, ok := reports.BuiltinProfile(name)
	if !ok {
		if filepath.Ext(name) == "" {
			return nil, usagef("--profile: %q is no profile: expected a CUE file or one of %s", name, strings.Join(reports.ProfileNames(), ", "))
		}
		var err error
		if data, err = os.ReadFile(name); err != nil {
			return nil, fmt.Errorf("--profile %s: %w", name, cause(err))
		}
	}
	return reports.LoadProfile(name, data, func(rule string) bool { return known[rule] })
}
