package catalog

import "time"

// The parts of [Group].
const (
	PartGroup     Part = "group membership"
	PartRaft      Part = "raft"
	PartLocks     Part = "global locks"
	PartConflicts Part = "conflict logging"
	PartProgress  Part = "join progress"
	PartDefaults  Part = "role and database settings"
)

// Group is what a node of BDR or PGD knows of the group it belongs to. Other
// flavours have none. A part that could not be read is empty and listed in
// [Facts.Gaps].
type Group struct {
	Name    string `json:"name"`              // the top group; empty: the local node is in none
	Version string `json:"version"`           // of the bdr extension, "3.6.4"
	Num     int    `json:"version_num"`       // major*10000 + minor*100 + patch: 30604
	Edition string `json:"edition,omitempty"` // SE or EE, 3.x only

	Members []Member     `json:"members"`
	Raft    []Raft       `json:"raft"` // one per Raft instance; the top group's first
	Locks   []GlobalLock `json:"locks"`

	// SlotNames and OriginNames are the names that the product gives to what it
	// makes on this node, so that a stranger can be told from its own.
	SlotNames   []OwnedName `json:"slot_names"`
	OriginNames []OwnedName `json:"origin_names"`

	Logging []ConflictLog  `json:"conflict_logging"`
	Pending []PendingEvent `json:"pending"` // joins, parts and resynchronisations under way
}

// Member is a node of the group as this node's catalog has it.
type Member struct {
	Name      string    `json:"name"`
	ID        string    `json:"id"`
	UUID      string    `json:"uuid,omitempty"` // PGD 6
	Group     string    `json:"group"`          // the (sub)group it is in; empty: none yet
	Address   string    `json:"address"`        // host:port/database of its DSN
	State     PeerState `json:"state"`
	RawState  string    `json:"raw_state"` // the product's own word, without its prefix
	Target    PeerState `json:"target,omitempty"`
	RawTarget string    `json:"raw_target,omitempty"` // empty: this release does not show it
	Kind      PeerKind  `json:"kind"`
	Local     bool      `json:"local,omitempty"`
}

// PeerState is the state of a node in its group, in neutral words.
type PeerState string

// The states; a word that is not known is PeerUnknown, never healthy.
const (
	PeerNone      PeerState = "none"
	PeerCreated   PeerState = "created"
	PeerJoining   PeerState = "joining" // copy and catch-up
	PeerStandby   PeerState = "standby"
	PeerPromoting PeerState = "promoting" // requested or running
	PeerActive    PeerState = "active"
	PeerParting   PeerState = "parting"
	PeerParted    PeerState = "parted"
	PeerUnknown   PeerState = "unknown"
)

// PeerKind is what a member is for. Releases before PGD 5 have no such column:
// there it is told from the sets a node takes and the type of its group, and
// stays PeerKindUnknown where that does not suffice.
type PeerKind string

// The kinds.
const (
	PeerKindData           PeerKind = "data"
	PeerKindWitness        PeerKind = "witness"
	PeerKindStandby        PeerKind = "standby"
	PeerKindSubscriberOnly PeerKind = "subscriber-only"
	PeerKindUnknown        PeerKind = "unknown"
)

// Raft is one consensus instance as this node sees it.
type Raft struct {
	Group       string    `json:"group"` // empty: the only one, or the top group's
	State       RaftState `json:"state"`
	RawState    string    `json:"raw_state"`
	Leader      string    `json:"leader"` // the leader's node name, or its id when no name is known; empty: none
	Term        int64     `json:"term"`
	CommitIndex int64     `json:"commit_index"`
	Voting      *bool     `json:"voting,omitempty"`       // whether this node votes; nil: not said
	Nodes       int       `json:"nodes,omitempty"`        // 0: not said
	VotingNodes int       `json:"voting_nodes,omitempty"` // 0: not said
	Protocol    int       `json:"protocol,omitempty"`     // 0: not said
}

// RaftState is the part that a node plays in one Raft instance.
type RaftState string

// The states.
const (
	RaftLeader    RaftState = "leader"
	RaftFollower  RaftState = "follower"
	RaftCandidate RaftState = "candidate"
	RaftStopped   RaftState = "stopped"
	RaftUnknown   RaftState = "unknown"
)

// GlobalLock is a lock on all nodes of a group, or a wait for one.
type GlobalLock struct {
	Origin   string     `json:"origin"` // the node whose session asked for it
	Type     string     `json:"type"`   // "ddl", "dml", "advisory", or the product's own word
	Relation string     `json:"relation,omitempty"`
	Stage    string     `json:"stage"`
	PID      int        `json:"pid,omitempty"`   // on its origin only
	Since    *time.Time `json:"since,omitempty"` // 3.6.14 and later
}

// OwnedName is a slot or origin that the product makes on this node. The name
// is the one its catalog shows, or computed by the rule of its release.
type OwnedName struct {
	Name     string   `json:"name"`
	Use      NameUse  `json:"use"`
	Peer     string   `json:"peer,omitempty"` // the receiving node of a slot, the sending one of an origin
	Required bool     `json:"required"`       // it must exist: its absence is a fault
	Inactive bool     `json:"inactive"`       // nobody is meant to stream from it
	From     NameFrom `json:"from"`
}

// NameUse is what a slot or origin of the product is for.
type NameUse string

// The uses.
const (
	UseGroup     NameUse = "group"     // moved on by consensus, never streamed from
	UsePeer      NameUse = "peer"      // carries changes between this node and another
	UseDecoder   NameUse = "decoder"   // of the decoding worker
	UseJoin      NameUse = "join"      // while a node is added
	UseForward   NameUse = "forward"   // between leaders of sub-groups
	UseAnalytics NameUse = "analytics" // PGD 6
	UseLocal     NameUse = "local"     // origin of local repairs
)

// NameFrom says how a name is known.
type NameFrom string

// The sources of a name.
const (
	FromCatalog NameFrom = "catalog"
	FromRule    NameFrom = "naming rule"
)

// ConflictLog is one rule of where conflicts are logged.
type ConflictLog struct {
	Name    string   `json:"name"`
	ToFile  bool     `json:"to_file"`
	ToTable bool     `json:"to_table"`
	Types   []string `json:"types,omitempty"` // nil: all
}

// PendingEvent is an operation on the group that is not finished.
type PendingEvent struct {
	Kind  string     `json:"kind"` // "catch-up", "part catch-up", "resynchronisation", "failed transactions"
	Node  string     `json:"node"` // the node it is about
	Peer  string     `json:"peer,omitempty"`
	State string     `json:"state"`
	Since *time.Time `json:"since,omitempty"`
}

// SettingDefault is a setting fixed for a role, a database or both, so that
// sessions other than the tool's run with it.
type SettingDefault struct {
	Role     string `json:"role,omitempty"`     // empty: every role
	Database string `json:"database,omitempty"` // empty: every database
	Name     string `json:"name"`
	Value    string `json:"value"`
}
