// Package barman reads what a Barman host knows: its configuration files, the
// catalog in its home, and the JSON of its command line. It never judges, and
// never runs a command that changes anything on the host.
//
// Which Barman commands only read, and which do not, is listed with [Commands].
package barman

import (
	"maps"
	"slices"
	"time"
)

// Host is what one Barman host says of its servers. It is plain data: saved as
// JSON and judged later it gives the same findings. It holds no secret.
type Host struct {
	Name    string `json:"name"` // the plan's name of the host
	Version string `json:"version,omitempty"`
	// Reads lists what was read, in order; a later one overrides an earlier.
	Reads []Reading `json:"reads"`
	// Complete says that Servers holds every section of the host, so that one
	// which is not there does not exist.
	Complete bool              `json:"complete"`
	Servers  map[string]Server `json:"servers"`
	// Notices are what Barman itself remarks: ignored settings, unknown
	// servers, the _WARNING, _ERROR and _INFO lists of its JSON.
	Notices []string `json:"notices,omitempty"`
	Gaps    []string `json:"gaps,omitempty"` // what could not be read, and why
}

// Reading is one source of facts.
type Reading struct {
	What    string    `json:"what"`     // "/etc/barman.conf", "ssh barman-a barman diagnose"
	TakenAt time.Time `json:"taken_at"` // when it was true: a saved file's own time
	Saved   bool      `json:"saved,omitempty"`
}

// ServerNames returns the names of the sections, sorted.
func (h *Host) ServerNames() []string { return slices.Sorted(maps.Keys(h.Servers)) }

// Server is one server section. A group of facts whose From is empty was not
// read: its values say nothing.
type Server struct {
	Name string `json:"name"`

	Settings Settings  `json:"settings,omitzero"`
	Home     Home      `json:"home,omitzero"`
	Backups  Backups   `json:"backups,omitzero"`
	Live     Live      `json:"live,omitzero"`
	Clients  Clients   `json:"clients,omitzero"`
	Check    SelfCheck `json:"check,omitzero"`
}

// Origin says where a group of facts was read and when it was true.
type Origin struct {
	From string    `json:"from,omitempty"` // empty: not read
	At   time.Time `json:"at,omitzero"`
	// Saved: read from a file that somebody saved earlier, not asked for now.
	Saved bool `json:"saved,omitempty"`
}

// Known reports whether the group was read at all.
func (o Origin) Known() bool { return o.From != "" }

// Settings are the options of a section with Barman's inheritance and defaults
// applied.
type Settings struct {
	Origin
	// Local: read on the Barman host itself and that host is this machine, so
	// that its loopback addresses are this machine's.
	Local             bool   `json:"local,omitempty"`
	Active            bool   `json:"active"`             // false: skipped by cron and "all"
	Disabled          bool   `json:"disabled,omitempty"` // by Barman itself: conflicting paths
	Address           string `json:"address"`            // host:port/database of conninfo
	StreamingAddress  string `json:"streaming_address"`  // of streaming_conninfo; that of conninfo by default
	WALAddress        string `json:"wal_address"`        // whence WAL is streamed: wal_streaming_conninfo (Barman 3.10+), else streaming_conninfo
	Slot              string `json:"slot"`
	CreateSlot        string `json:"create_slot,omitempty"`
	StreamingArchiver bool   `json:"streaming_archiver"`
	Archiver          bool   `json:"archiver"`      // archive_command ships WAL
	ArchiverName      string `json:"archiver_name"` // application_name of its WAL receiver
	BackupMethod      string `json:"backup_method"`
	BackupDirectory   string `json:"backup_directory,omitempty"`
	MinimumRedundancy int    `json:"minimum_redundancy"`
	RetentionPolicy   string `json:"retention_policy,omitempty"`
	// MaximumAge of the last backup (last_backup_maximum_age); 0: no rule.
	MaximumAge time.Duration `json:"maximum_age"`
	Passive    bool          `json:"passive"` // copies another Barman's backups (primary_ssh_command)
	Model      string        `json:"model,omitempty"`
	// Ignored lists settings that Barman cannot read and so leaves out:
	// "last_backup_maximum_age = 1 MINUTES".
	Ignored []string `json:"ignored,omitempty"`
}

// Home is the section's own folder.
type Home struct {
	Origin
	// SystemID of identity.json, stored at the first backup and never changed
	// by Barman; empty when there is no such file yet.
	SystemID string `json:"system_id,omitempty"`
}

// Backups is the catalog of base backups, newest first.
type Backups struct {
	Origin
	List []Backup `json:"list"`
}

// Backup is one base backup in a server's catalog.
type Backup struct {
	ID       string    `json:"id"`
	Status   string    `json:"status"` // DONE, FAILED, STARTED, WAITING_FOR_WALS …
	SystemID string    `json:"system_id,omitempty"`
	Began    time.Time `json:"began,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	// ZoneUnknown: Ended was written without its zone and is taken as UTC; it
	// may be wrong by up to 14 hours.
	ZoneUnknown bool   `json:"zone_unknown,omitempty"`
	Timeline    int    `json:"timeline,omitempty"`
	VersionNum  int    `json:"version_num,omitempty"` // of the server, 150018
	BeginLSN    string `json:"begin_lsn,omitempty"`
	EndLSN      string `json:"end_lsn,omitempty"`
	Size        int64  `json:"size,omitempty"`
	Error       string `json:"error,omitempty"`
}

// Usable reports whether the backup is complete with the WAL that makes it
// consistent. WAITING_FOR_WALS is copied, but cannot be restored yet.
func (b Backup) Usable() bool { return b.Status == "DONE" }

// Live is what Barman saw when it asked the source server.
type Live struct {
	Origin
	// Unreachable is Barman's own error when it could not connect.
	Unreachable       string `json:"unreachable,omitempty"`
	SystemID          string `json:"system_id,omitempty"`           // over conninfo
	StreamingSystemID string `json:"streaming_system_id,omitempty"` // over streaming_conninfo
	Version           string `json:"version,omitempty"`
	SlotKnown         bool   `json:"slot_known,omitempty"` // Barman looked for its slot
	SlotActive        bool   `json:"slot_active,omitempty"`
	SlotRestartLSN    string `json:"slot_restart_lsn,omitempty"`
	LastWAL           string `json:"last_wal,omitempty"` // newest segment in the archive
}

// Clients are the streaming clients of the source, as Barman sees them.
type Clients struct {
	Origin
	List []Client `json:"list"`
}

// Client is one streaming client.
type Client struct {
	Application string `json:"application"`
	Slot        string `json:"slot,omitempty"`
	State       string `json:"state"`
	SentLSN     string `json:"sent_lsn,omitempty"`
	FlushLSN    string `json:"flush_lsn,omitempty"`
}

// SelfCheck is the output of `barman check`. Unknown keys are kept; a key that
// is absent was not looked at, or passed: Barman does not say which.
type SelfCheck struct {
	Origin
	Results map[string]CheckResult `json:"results,omitempty"`
}

// CheckResult is one line of `barman check`.
type CheckResult struct {
	Status string `json:"status"` // OK or FAILED
	Hint   string `json:"hint,omitempty"`
}

// Names returns the keys of the results, sorted.
func (c SelfCheck) Names() []string { return slices.Sorted(maps.Keys(c.Results)) }
