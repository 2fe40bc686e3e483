package catalog

import "time"

// Parts that only some flavours have.
const (
	PartNames    Part = "names of slots and origins"
	PartProgress Part = "joins under way"
	PartDefaults Part = "settings of roles and databases"
)

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
	Kind  string     `json:"kind"` // "catch-up", "part catch-up", "resynchronisation", "failed transactions"
	Node  string     `json:"node"` // the node it is about
	Peer  string     `json:"peer,omitempty"`
	State string     `json:"state"` // the flavour's own word
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
