// Package reports holds the one document that every command ends in, and one
// file per format that renders it. It queries nothing.
package reports

import (
	"time"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// SchemaVersion of [Report] as JSON, semantic: additions raise the minor
// number, a changed or removed meaning the major. The definition is report.cue.
//
//	1.0: first
const SchemaVersion = "1.0"

// Report is what was asked, what was found and what could not be told. JSON is
// the record; every other format is a rendering of it. Make one with [New],
// which fills what is derived: verdict, sentence, summary, fingerprints.
type Report struct {
	SchemaVersion string             `json:"schema_version"`
	Command       string             `json:"command"` // "check", "compare" …
	Tool          Tool               `json:"tool"`
	RunID         string             `json:"run_id"`
	Started       time.Time          `json:"started"`
	Finished      time.Time          `json:"finished"`
	Cluster       string             `json:"cluster"`          // the topology's name
	Joiner        string             `json:"joiner,omitempty"` // of an audit: the node that joined
	Inputs        []string           `json:"inputs"`
	InputDigest   string             `json:"input_digest"` // SHA-256 over the inputs
	FailOn        FailOn             `json:"fail_on"`
	Verdict       Verdict            `json:"verdict"`
	Sentence      string             `json:"sentence"` // the verdict in plain words
	Interrupted   bool               `json:"interrupted,omitempty"`
	Notes         []string           `json:"notes,omitempty"`      // what a reader must know: limits, choices made
	Incomplete    []string           `json:"incomplete,omitempty"` // what was asked for and not done, and why
	Summary       Summary            `json:"summary"`
	Plan          *Plan              `json:"plan,omitempty"`
	Nodes         []Node             `json:"nodes,omitempty"` // those that were asked, by name
	Edges         []Edge             `json:"edges,omitempty"` // replication as it was found, by provider and subscriber
	Rules         []Rule             `json:"rules"`           // every rule that a finding names, by name
	Findings      []Finding          `json:"findings"`
	Comparison    *compare.Result    `json:"comparison,omitempty"`
	Backups       []checks.BackupUse `json:"backups,omitempty"` // every backup seen, and what it may be used for
	Profile       *Profile           `json:"profile,omitempty"`
	History       *History           `json:"history,omitempty"`
	Next          []string           `json:"next,omitempty"`     // what to do now, in order
	Baseline      string             `json:"baseline,omitempty"` // run id of the report whose failures no longer count
	Redacted      Redaction          `json:"redacted,omitempty"`
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
	Known    int `json:"known,omitempty"` // failures of the baseline, counted nowhere else
}

// Finding is a finding of a check with the fingerprint that names it over runs.
type Finding struct {
	checks.Finding
	Fingerprint string `json:"fingerprint"`
	Known       bool   `json:"known,omitempty"` // failed in the baseline too, and does not count
}

// Rule is the documentation of a rule or check, carried along so that a report
// can be read without the tool that made it.
type Rule struct {
	Name     string          `json:"name"`
	Title    string          `json:"title"`
	Why      string          `json:"why,omitempty"`
	Remedy   string          `json:"remedy,omitempty"`
	Source   string          `json:"source,omitempty"`
	Severity schema.Severity `json:"severity"`
}

// Node is a node that was asked, and what answered.
type Node struct {
	Name     string          `json:"name"`
	Address  string          `json:"address,omitempty"` // host:port/database
	Reached  bool            `json:"reached"`
	Reason   string          `json:"reason,omitempty"`  // why it was not reached, or what of it could not be read
	Version  string          `json:"version,omitempty"` // of PostgreSQL
	Flavour  catalog.Flavour `json:"flavour,omitempty"`
	Software []string        `json:"software,omitempty"` // "pglogical 2.4.2", sorted
	SystemID string          `json:"system_id,omitempty"`
	Role     string          `json:"role,omitempty"` // whom the tool logged in as
	ReadAt   *time.Time      `json:"read_at,omitempty"`
	WAL      string          `json:"wal,omitempty"` // insert position when it was read
}

// Edge is one direction of replication between two nodes, as it was found.
type Edge struct {
	Provider   string   `json:"provider"`
	Subscriber string   `json:"subscriber"`
	State      string   `json:"state"`          // a catalog.State
	Sets       []string `json:"sets,omitempty"` // replication sets taken, sorted
	// LagBytes is the WAL of the provider that the subscriber had not
	// confirmed; nil when it could not be told.
	LagBytes *int64 `json:"lag_bytes,omitempty"`
}

// Redaction says what was taken out of a report.
type Redaction string

// The redactions.
const (
	RedactNone   Redaction = ""
	RedactValues Redaction = "values" // column values of differing rows
	RedactAll    Redaction = "all"    // their keys as well
)
