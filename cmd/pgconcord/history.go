package main

import (
	"fmt"
	"os"

	"github.com/pgconcord/pgconcord/internal/archive"
	"github.com/pgconcord/pgconcord/reports"
)

// past is what a history directory holds of one cluster and command.
type past struct {
	reports    []*reports.Report // oldest first
	unreadable []string
}

// openHistory reads the earlier reports; a directory that does not exist yet is
// made.
func openHistory(dir, cluster, command string) (past, error) {
	var p past
	if dir == "" {
		return p, nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return p, fmt.Errorf("--history %s: %w", dir, cause(err))
	}
	files, err := archive.Files(dir)
	if err != nil {
		return p, fmt.Errorf("--history %s: %w", dir, err)
	}
	for _, f := range files {
		r, err := reports.Load(f.Data)
		switch {
		case f.Err != nil:
			p.unreadable = append(p.unreadable, f.Name+": "+f.Err.Error())
		case err != nil:
			p.unreadable = append(p.unreadable, f.Name+": "+err.Error())
		case r.Cluster == cluster && r.Command == command:
			p.reports = append(p.reports, r)
		}
	}
	return p, nil
}
