// Package barman reads what a Barman host knows: its configuration files and
// the JSON of its command line. It never judges, and never runs a command that
// changes anything on the host.
package barman

import "time"

// Host is what one Barman host says of its servers.
type Host struct {
	Name    string            `json:"name"` // the plan's name of the host
	Version string            `json:"version,omitempty"`
	Servers map[string]Server `json:"servers"`
	Gaps    []string          `json:"gaps,omitempty"` // what could not be read, and why
}

// Server is one server section.
type Server struct {
	Name              string        `json:"name"`
	Active            bool          `json:"active"`
	Address           string        `json:"address"`           // host:port/database of conninfo
	StreamingAddress  string        `json:"streaming_address"` // of streaming_conninfo
	Slot              string        `json:"slot"`
	StreamingArchiver bool          `json:"streaming_archiver"`
	ArchiverName      string        `json:"archiver_name"` // application_name of its WAL receiver
	BackupMethod      string        `json:"backup_method"`
	MinimumRedundancy int           `json:"minimum_redundancy"`
	MaximumAge        time.Duration `json:"maximum_age"` // 0: no rule
	Passive           bool          `json:"passive"`
	SystemID          string        `json:"system_id,omitempty"` // of the home's identity.json
	Backups           []Backup      `json:"backups"`
}

// Backup is one base backup in a server's catalog.
type Backup struct {
	ID       string    `json:"id"`
	Status   string    `json:"status"` // DONE, FAILED, STARTED, WAITING_FOR_WALS …
	SystemID string    `json:"system_id,omitempty"`
	Ended    time.Time `json:"ended"`
}
