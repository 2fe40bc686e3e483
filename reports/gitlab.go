package reports

import (
	"encoding/json"
	"io"
	"path/filepath"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

// gitlabIssue is an entry of GitLab's code quality report; all members are
// required there, a location too.
type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
}

// writeGitLab writes the code quality report that merge requests show. What
// has no place in the plan is put at its first line.
func writeGitLab(w io.Writer, r *Report, _ Options) error {
	issues := []gitlabIssue{}
	for _, p := range r.problems(false) {
		place := gitlabLocation{Path: "topology", Lines: gitlabLines{Begin: 1}}
		if len(r.Inputs) > 0 {
			place.Path = filepath.ToSlash(r.Inputs[0])
		}
		if p.pos.IsValid() {
			place = gitlabLocation{Path: filepath.ToSlash(p.pos.File), Lines: gitlabLines{Begin: p.pos.Line}}
		}
		issues = append(issues, gitlabIssue{Description: p.message, CheckName: p.rule, Fingerprint: p.fingerprint, Severity: gitlabSeverity(p), Location: place})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(issues)
}

func gitlabSeverity(p problem) string {
	switch {
	case p.status == checks.Unknown:
		return "minor"
	case p.severity == schema.Warning:
		return "major"
	case p.severity == schema.Info:
		return "info"
	}
	return "critical"
}
