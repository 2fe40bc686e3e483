package catalog

import (
	"strings"
	"time"
)

// Parts that only some flavours have.
const (
	PartNames    Part = "names of slots and origins"
	PartProgress Part = "joins under way"
	PartDefaults Part = "settings of roles and databases"

	PartPeerProgress Part = "replay progress of peers"
	PartHistory      Part = "conflict history"
)

// NotInRelease is the reason of a gap that no right and no setting would close:
// the release does not have what was to be read.
const NotInRelease = "not in this release"

// OwnedName is a slot or origin that the flavour makes on this node, so that a
// stranger can be told from its own. The name is the one its catalog shows, or
// computed by the rule of its release.
type OwnedName struct {
	Name     string   `json:"name"`
	Use      NameUse  `json:"use"`
	Peer     string   `json:"peer,omitempty"`     // the receiving node of a slot, the sending one of an origin
	Required bool     `json:"required,omitempty"` // it must exist: its absence is a fault
	Idle     bool     `json:"idle,omitempty"`     // nobody is meant to stream from it
	From     NameFrom `json:"from"`
}

// NameUse is what a slot or origin is for.
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

// Pending is an operation on the group that is not finished.
type Pending struct {
	Kind  string     `json:"kind"` // "catch-up", "part catch-up", "resynchronisation", "unfinished join", or PendingFailed
	Node  string     `json:"node"` // the node it is about
	Peer  string     `json:"peer,omitempty"`
	State string     `json:"state"` // the flavour's own word
	Since *time.Time `json:"since,omitempty"`
}

// PendingFailed is the kind of transactions that apply gave up on: nothing brings
// them any more.
const PendingFailed = "failed transactions"

// Progress is how old the last word of a member's replay is on this node.
type Progress struct {
	Node  string        `json:"node"`
	Age   time.Duration `json:"age"`
	Known bool          `json:"known"`
}

// SettingDefault is a setting fixed for a role, a database or both, so that
// sessions other than the tool's run with it.
type SettingDefault struct {
	Role     string `json:"role,omitempty"`     // empty: every role
	Database string `json:"database,omitempty"` // empty: every database
	Name     string `json:"name"`
	Value    string `json:"value"`
}

// Phase is where a node stands in its group: what the words of [Peer.State]
// come to.
type Phase string

// The phases. A word that is not known is PhaseUnknown, which is never healthy.
const (
	PhaseNone      Phase = "none" // its worker has just started
	PhaseCreated   Phase = "created"
	PhaseJoining   Phase = "joining" // copy and catch-up
	PhaseStandby   Phase = "standby"
	PhasePromoting Phase = "promoting" // asked for or running; one node at a time
	PhaseActive    Phase = "active"
	PhaseParting   Phase = "parting"
	PhaseParted    Phase = "parted"
	PhaseUnknown   Phase = "unknown"
)

var phases = map[string]Phase{
	"NONE": PhaseNone, "CREATED": PhaseCreated, "JOIN_START": PhaseJoining, "JOINING": PhaseJoining, "CATCHUP": PhaseJoining,
	"STANDBY": PhaseStandby, "PROMOTE": PhasePromoting, "PROMOTING": PhasePromoting, "ACTIVE": PhaseActive,
	"PART_START": PhaseParting, "PARTING": PhaseParting, "PART_CATCHUP": PhaseParting, "PART_CLEANUP": PhaseParting, "PARTED": PhaseParted,
}

// PhaseOf returns what a [Peer.State] comes to.
func PhaseOf(state string) Phase {
	if p, ok := phases[state]; ok {
		return p
	}
	return PhaseUnknown
}

// stateWord strips what BDR 3.6 puts before the words of 3.7 and later.
func stateWord(raw string) string {
	return strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(raw)), "BDR_PEER_STATE_")
}
