// Package reports holds the one document that every command ends in, and one
// file per format that renders it. It queries nothing.
package reports

import (
	"time"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
)

// SchemaVersion of [Report] as JSON, semantic: additions raise the minor
// number, a changed or removed meaning the major.
//
//	1.0: first
const SchemaVersion = "1.0"

// Report is what was asked, what was found and what could not be told. JSON is
// the record; every other format is a rendering of it.
type Report struct {
	SchemaVersion string           `json:"schema_version"`
	Command       string           `json:"command"` // "check", "compare" …
	Tool          Tool             `json:"tool"`
	RunID         string           `json:"run_id"`
	Started       time.Time        `json:"started"`
	Finished      time.Time        `json:"finished"`
	Cluster       string           `json:"cluster"` // the topology's name
	Inputs        []string         `json:"inputs"`
	InputDigest   string           `json:"input_digest"` // SHA-256 over the inputs
	Verdict       Verdict          `json:"verdict"`
	Summary       Summary          `json:"summary"`
	Findings      []checks.Finding `json:"findings"`
	Comparison    *compare.Result  `json:"comparison,omitempty"`
}

// Tool that made the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Verdict of the whole.
type Verdict string

// The verdicts and the exit codes that go with them.
const (
	OK         Verdict = "ok"         // 0
	Findings   Verdict = "findings"   // 1
	Incomplete Verdict = "incomplete" // 3
)

// Summary counts findings by status, failed ones by severity as well.
type Summary struct {
	Pass     int `json:"pass"`
	Fail     int `json:"fail"`
	Unknown  int `json:"unknown"`
	Skipped  int `json:"skipped"`
	Waived   int `json:"waived"`
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Infos    int `json:"infos"`
}
