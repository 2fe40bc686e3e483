package main

import (
	"time"

	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

// reportInput fills what every report of a plan has in common.
func (a *app) reportInput(plan *schema.Plan, files []string, started time.Time) reports.Input {
	return reports.Input{Version: a.version, RunID: a.runID, Started: started, Finished: a.now(), Inputs: files,
		InputDigest: plan.Digest, FailOn: a.flags.threshold(), Topology: plan.Topology}
}
