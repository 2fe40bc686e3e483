// Package catalog reads what the nodes of a cluster know about themselves and
// each other into one neutral model, whatever replicates them: one file per
// flavour fills it. It never judges; checks do.
//
// Facts are plain data: saved as JSON and judged later they give the same
// findings as a live run. They hold no secret: connection strings are reduced
// to host:port/database.
package catalog

import (
	"time"
)

// FormatVersion of [Cluster] as JSON. Additions keep the number, a changed or
// removed meaning raises it.
//
//	1: first; of the commits only some times, and the newest beside them
//	2: all times of the commits
const FormatVersion = 2

// Flavour is what replicates a node.
type Flavour string

// The flavours that are known.
const (
	BDR36     Flavour = "bdr-3.6"
	BDR37     Flavour = "bdr-3.7"
	PGD4      Flavour = "pgd-4"
	PGD5      Flavour = "pgd-5"
	PGD6      Flavour = "pgd-6"
	PGLogical Flavour = "pglogical-2"
	Native    Flavour = "native"
	Unknown   Flavour = "unknown"
)

// Grouped reports whether the flavour is one of BDR and PGD, whose nodes join a
// group that connects all of its members, whatever they share.
func (f Flavour) Grouped() bool {
	switch f {
	case BDR36, BDR37, PGD4, PGD5, PGD6:
		return true
	}
	return false
}

// Cluster is what was read from all nodes at about one time.
type Cluster struct {
	Format  int             `json:"format"`
	TakenAt time.Time       `json:"taken_at"`
	Nodes   map[string]Node `json:"nodes"` // keyed by the plan's name of the node
}

// Node is the result of asking one node: Facts, or the failure that kept them.
type Node struct {
	Facts   *Facts   `json:"facts,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// Failure says why a node, or a part of what it knows, could not be read.
type Failure struct {
	Part      Part   `json:"part,omitempty"` // empty: the whole node
	Attempted string `json:"attempted"`
	Reason    string `json:"reason"` // a cluster.Reason
	Detail    string `json:"detail"`
	Remedy    string `json:"remedy,omitempty"` // the missing GRANT, when that is the cause
}

// Part names a group of facts that is read, and can fail, by itself.
type Part string

// The parts of [Facts].
const (
	PartServer        Part = "server"
	PartNodes         Part = "nodes"
	PartSubscriptions Part = "subscriptions"
	PartSlots         Part = "slots"
	PartSenders       Part = "senders"
	PartOrigins       Part = "origins"
	PartSets          Part = "replication sets"
	PartCommits       Part = "commit timestamps"
	PartSettings      Part = "settings"
	PartSystemID      Part = "system identifier"
	PartRaft          Part = "raft"
	PartTables        Part = "tables"
	PartForeign       Part = "rows of other nodes' data"
	PartObjects       Part = "objects"
	PartSequences     Part = "sequences"
	PartRoles         Part = "roles"
	PartPrepared      Part = "prepared transactions"
	PartLocks         Part = "locks"
	PartConflicts     Part = "conflicts"
	PartWAL           Part = "WAL on disk"
	PartWorkers       Part = "background workers"
)

// Facts is everything read from one node in one short read-only session.
// A part that could not be read is empty and listed in Gaps: a check that needs
// it must answer "unknown", never "pass".
type Facts struct {
	ReadAt    time.Time     `json:"read_at"`    // the tool's clock, at the start
	ServerNow time.Time     `json:"server_now"` // the node's clock, between ReadAt and ReadAt+RoundTrip
	RoundTrip time.Duration `json:"round_trip"` // of the query that read ServerNow
	// Session is the way that all this took; nil in facts that were saved before
	// it was looked at.
	Session *Session `json:"session,omitempty"`

	Server     Server            `json:"server"`
	Flavour    Flavour           `json:"flavour"`
	Extensions map[string]string `json:"extensions"` // name to installed version
	Settings   map[string]string `json:"settings"`   // the server settings that checks judge

	LocalName     string         `json:"local_name"`      // the node's name in its own catalog
	Group         string         `json:"group,omitempty"` // the group it is in, where the flavour has groups
	Peers         []Peer         `json:"peers"`           // the nodes it knows, itself among them
	Raft          []Raft         `json:"raft,omitempty"`
	Subscriptions []Subscription `json:"subscriptions"`
	Slots         []Slot         `json:"slots"`
	Senders       []Sender       `json:"senders"`
	Origins       []Origin       `json:"origins"`
	Sets          []Set          `json:"sets"`
	Commits       []Commit       `json:"commits"` // per origin, from the newest 2,000 transactions

	Tables      []Table        `json:"tables"`                 // the user's own, partitions too
	ForeignData []ForeignTable `json:"foreign_data,omitempty"` // tables that the plan keeps on other nodes
	Objects     []Object       `json:"objects,omitzero"`       // what is in the database beside extensions; read of joiners, nil of others
	Sequences   []Sequence     `json:"sequences"`
	Roles       []Role         `json:"roles"`
	Prepared    []Prepared     `json:"prepared"`
	Locks       []Lock         `json:"locks"` // that keep others from reading or writing: DDL under way
	Conflicts   []ConflictLog  `json:"conflicts,omitempty"`
	WALBytes    int64          `json:"wal_bytes"`          // size of pg_wal
	Archiver    *Archiver      `json:"archiver,omitempty"` // nil: not asked for
	Workers     map[string]int `json:"workers"`            // background workers by backend_type, without those of parallel queries; nil: not asked for

	Edition      string           `json:"edition,omitempty"` // SE or EE, of BDR 3
	OwnedSlots   []OwnedName      `json:"owned_slots,omitempty"`
	OwnedOrigins []OwnedName      `json:"owned_origins,omitempty"`
	Pending      []Pending        `json:"pending,omitempty"`
	Progress     []Progress       `json:"progress,omitempty"`
	Defaults     []SettingDefault `json:"setting_defaults,omitempty"` // of settings that checks judge

	Gaps []Failure `json:"gaps,omitempty"`
}

// Gap returns the failure that kept a part from being read, or nil.
func (f *Facts) Gap(parts ...Part) *Failure {
	for i := range f.Gaps {
		for _, p := range parts {
			if f.Gaps[i].Part == p {
				return &f.Gaps[i]
			}
		}
	}
	return nil
}

// Server describes the PostgreSQL server and its database.
type Server struct {
	Version    string `json:"version"`     // "15.18"
	VersionNum int    `json:"version_num"` // 150018
	SystemID   string `json:"system_id"`   // pg_control_system(), decimal
	Database   string `json:"database"`
	User       string `json:"user"` // whom the tool logged in as
	InRecovery bool   `json:"in_recovery"`
	Encoding   string `json:"encoding"`
	Collation  string `json:"collation"`
	CType      string `json:"ctype"`
	Provider   string `json:"collation_provider,omitempty"` // "c" libc, "i" ICU, "b" builtin; PostgreSQL 15+
	// Collation version as recorded at creation and as the operating system has
	// it now; a difference means that indexes on text may be out of order.
	CollationRecorded string `json:"collation_recorded,omitempty"`
	CollationActual   string `json:"collation_actual,omitempty"`
	WALInsert         LSN    `json:"wal_insert"`
	WALFlush          LSN    `json:"wal_flush"`
}

// Peer is a node as another node's catalog has it.
type Peer struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Address string `json:"address"`                // host:port/database of its DSN
	State   string `json:"state,omitempty"`        // the flavour's word, upper case, without prefix: ACTIVE, PROMOTING …
	Target  string `json:"target_state,omitempty"` // the state it moves to
	Kind    string `json:"kind,omitempty"`         // data, witness, standby, subscriber-only
	Group   string `json:"group,omitempty"`
	Asked          // of its DSN
}

// Raft is a node's view of one consensus group.
type Raft struct {
	Group        string `json:"group,omitempty"`
	State        string `json:"state"`  // RAFT_LEADER, RAFT_FOLLOWER, RAFT_CANDIDATE, RAFT_STOPPED
	Leader       string `json:"leader"` // node name; "" when there is none
	Term         int64  `json:"term"`
	Nodes        int    `json:"nodes,omitempty"`
	VotingNodes  int    `json:"voting_nodes,omitempty"`
	ProtocolVers int    `json:"protocol_version,omitempty"`
}

// Subscription is one incoming edge as its subscriber has it.
type Subscription struct {
	Name     string   `json:"name"`
	Provider string   `json:"provider"` // name of the providing node
	Address  string   `json:"address"`  // host:port/database of the provider DSN
	Slot     string   `json:"slot"`     // its slot on the provider
	Origin   string   `json:"origin"`   // its replication origin here; empty: not known
	Sets     []string `json:"sets"`
	Enabled  bool     `json:"enabled"`
	State    State    `json:"state"`
	RawState string   `json:"raw_state"` // the flavour's own word
	// Delay is the apply delay that somebody set on purpose.
	Delay time.Duration `json:"delay,omitempty"`
	// LastApplied is the commit time, by the provider's clock, of the newest
	// transaction applied from it, where the flavour tells; else see [Facts.Commits].
	LastApplied *time.Time `json:"last_applied,omitempty"`
	// ForwardOrigins are the origins whose changes the provider passes on: none
	// in a mesh, where each node hears from each other itself.
	ForwardOrigins []string `json:"forward_origins,omitempty"`
	Errors         *int64   `json:"errors,omitempty"`  // failed applies since the statistics were reset; nil: not counted
	Skipped        *int64   `json:"skipped,omitempty"` // transactions that were left out; nil: not counted
	Asked                   // of the provider DSN
}

// State of a subscription in neutral words.
type State string

// The states; a word of the flavour that is not known is StateUnknown.
const (
	StateReplicating State = "replicating"
	StateCatchup     State = "catching up" // initial copy or catch-up under way
	StateDown        State = "down"
	StateDisabled    State = "disabled"
	StateUnknown     State = "unknown"
)

// Slot is one replication slot.
type Slot struct {
	Name           string `json:"name"`
	Plugin         string `json:"plugin,omitempty"`
	Type           string `json:"type"` // "logical" or "physical"
	Database       string `json:"database,omitempty"`
	Temporary      bool   `json:"temporary,omitempty"`
	Active         bool   `json:"active"`
	ActivePID      int    `json:"active_pid,omitempty"`
	RestartLSN     LSN    `json:"restart_lsn"`
	ConfirmedFlush LSN    `json:"confirmed_flush"`               // logical slots only
	WALStatus      string `json:"wal_status,omitempty"`          // reserved, extended, unreserved, lost; PostgreSQL 13+
	SafeWALSize    *int64 `json:"safe_wal_size,omitempty"`       // bytes until it is lost; nil: no limit set, or before 13
	Invalidation   string `json:"invalidation_reason,omitempty"` // PostgreSQL 17+
	// InactiveSince is when it was last in use; PostgreSQL 17+.
	InactiveSince *time.Time `json:"inactive_since,omitempty"`
}

// Sender is one walsender, a row of pg_stat_replication.
type Sender struct {
	PID         int           `json:"pid"`
	Application string        `json:"application"`
	Client      string        `json:"client,omitempty"`
	State       string        `json:"state"`
	Sent        LSN           `json:"sent"`
	Write       LSN           `json:"write"`
	Flush       LSN           `json:"flush"`
	Replay      LSN           `json:"replay"`
	ReplyAge    time.Duration `json:"reply_age"` // now() - reply_time; negative with clock skew
	ReplyKnown  bool          `json:"reply_known"`
	// WaitsForWAL is set when it has read all WAL that can be read, and waits for
	// more to be flushed (wait event WalSenderWaitForWAL).
	WaitsForWAL bool `json:"waits_for_wal,omitempty"`
	// Encrypted tells whether the connection is, by TLS or GSSAPI; nil in facts
	// that were saved before it was looked at.
	Encrypted *bool `json:"encrypted,omitempty"`
}

// Origin is a replication origin and how far it was applied here.
type Origin struct {
	Name   string `json:"name"`
	Remote LSN    `json:"remote"` // last commit applied, in the provider's WAL; 0/0 when nothing was since start
	// Elsewhere: by its name it is of a subscription of another database of the
	// server; origins are shared by all.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// Set is a replication set that the node offers.
type Set struct {
	Name   string     `json:"name"`
	Insert bool       `json:"insert"` // the operations it replicates
	Update bool       `json:"update"`
	Delete bool       `json:"delete"`
	Trunc  bool       `json:"truncate"`
	Tables []SetTable `json:"tables"`
}

// SetTable is a table of a replication set.
type SetTable struct {
	Schema    string   `json:"schema"`
	Name      string   `json:"name"`
	Columns   []string `json:"columns,omitempty"` // nil: all
	RowFilter bool     `json:"row_filter,omitempty"`
	Filter    string   `json:"filter,omitempty"` // the row filter as an SQL condition, names qualified
}

// Commit is about the commits in the node's commit-timestamp window that came
// from one origin; Origin is "" for the node's own transactions. Times are the
// origin's clock, except that rows copied when a node joins or a table is
// synchronized bear the origin too, with the time of the copy by this node's
// clock: only what the origin lists as well is surely a commit of the origin.
type Commit struct {
	Origin string      `json:"origin"`
	Times  []time.Time `json:"times"` // all of the window, oldest first
}
