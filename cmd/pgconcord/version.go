package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/reports"
)

func newVersionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: example("pgconcord version"),
		Args:    args(cobra.NoArgs, "version takes none"),
		RunE: func(*cobra.Command, []string) error {
			return a.print(fmt.Sprintf("pgconcord %s, report schema %s, %s %s/%s\n", a.version, reports.SchemaVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH))
		},
	}
}

// print writes what is not a report to standard output.
func (a *app) print(s string) error {
	if _, err := a.stdout.Write([]byte(s)); err != nil {
		return fmt.Errorf("write to standard output: %w", cause(err))
	}
	return nil
}
