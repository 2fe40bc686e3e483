package catalog

import "time"

// Table is an ordinary or partitioned table of the user, or a partition.
type Table struct {
	Schema          string   `json:"schema"`
	Name            string   `json:"name"`
	Owner           string   `json:"owner"`
	Partitioned     bool     `json:"partitioned,omitempty"`
	Parent          string   `json:"parent,omitempty"` // of a partition: the table it is a part of
	Unlogged        bool     `json:"unlogged,omitempty"`
	Identity        Identity `json:"replica_identity"`
	PrimaryKey      bool     `json:"primary_key"`
	RowSecurity     bool     `json:"row_security,omitempty"`
	RowsHidden      bool     `json:"rows_hidden,omitempty"` // row security applies to the tool's own role
	Readable        bool     `json:"readable"`              // the tool's role may SELECT it
	Columns         []Column `json:"columns"`
	Constraints     []string `json:"constraints,omitempty"` // as PostgreSQL writes them, sorted
	Indexes         []string `json:"indexes,omitempty"`     // definitions, sorted
	AlwaysTriggers  []string `json:"always_triggers,omitempty"`
	ReplicaTriggers []string `json:"replica_triggers,omitempty"`
}

// String returns schema.name.
func (t Table) String() string { return t.Schema + "." + t.Name }

// Identity is how a table's changed rows are named to subscribers.
type Identity string

// The replica identities; IdentityNone means that updates and deletes cannot
// be replicated.
const (
	IdentityKey   Identity = "primary key"
	IdentityIndex Identity = "index"
	IdentityFull  Identity = "full"
	IdentityNone  Identity = "nothing"
)

// Column of a table, in the order of its attributes.
type Column struct {
	Name      string `json:"name"`
	Type      string `json:"type"` // with its modifier: "numeric(10,2)"
	NotNull   bool   `json:"not_null,omitempty"`
	Default   string `json:"default,omitempty"`
	Generated bool   `json:"generated,omitempty"`
	Identity  bool   `json:"identity,omitempty"`
	Collation string `json:"collation,omitempty"` // when it is not the type's default
}

// ForeignTable is a table that belongs to data which the plan keeps on other
// nodes only, and whether rows of it are here all the same.
type ForeignTable struct {
	Schema  string `json:"schema"`
	Name    string `json:"name"`
	DataSet string `json:"data_set"` // the shard
	HasRows *bool  `json:"has_rows"` // nil: it could not be told
	Reason  string `json:"reason,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

// Object is something in a database that neither PostgreSQL nor an extension
// put there.
type Object struct {
	Kind string `json:"kind"` // table, view, sequence, type, function, schema, large object …
	Name string `json:"name"` // with its schema
}

// Sequence of the user.
type Sequence struct {
	Schema    string   `json:"schema"`
	Name      string   `json:"name"`
	Type      string   `json:"type"` // bigint, integer, smallint
	Start     int64    `json:"start"`
	Min       int64    `json:"min"`
	Max       int64    `json:"max"`
	Increment int64    `json:"increment"`
	Cycle     bool     `json:"cycle,omitempty"`
	Last      *int64   `json:"last,omitempty"`    // nil: not used yet, or hidden
	First     *int64   `json:"first,omitempty"`   // what one that takes steps and is not used yet gives first, if not its start
	Hidden    bool     `json:"hidden,omitempty"`  // the tool's role may not see the last value
	Kind      string   `json:"kind,omitempty"`    // BDR's: local, timeshard, galloc, snowflakeid
	UsedBy    []string `json:"used_by,omitempty"` // "schema.table.column" whose default it gives, sorted
}

// String returns schema.name.
func (s Sequence) String() string { return s.Schema + "." + s.Name }

// Role is a database role without its secret.
type Role struct {
	Name        string   `json:"name"`
	Superuser   bool     `json:"superuser,omitempty"`
	Inherit     bool     `json:"inherit,omitempty"`
	CreateRole  bool     `json:"create_role,omitempty"`
	CreateDB    bool     `json:"create_db,omitempty"`
	Login       bool     `json:"login,omitempty"`
	Replication bool     `json:"replication,omitempty"`
	BypassRLS   bool     `json:"bypass_rls,omitempty"`
	MemberOf    []string `json:"member_of,omitempty"` // sorted
}

// Prepared is a prepared transaction of the database.
type Prepared struct {
	GID   string    `json:"gid"`
	Since time.Time `json:"since"`
	Owner string    `json:"owner"`
}

// Lock is held or awaited by another session and keeps others from writing or
// reading a relation, or is a global lock of the flavour.
type Lock struct {
	PID         int           `json:"pid,omitempty"`
	Application string        `json:"application,omitempty"`
	Relation    string        `json:"relation,omitempty"` // "" for a lock on more than a relation
	Mode        string        `json:"mode"`
	Granted     bool          `json:"granted"`
	Age         time.Duration `json:"age"`              // of its transaction
	Origin      string        `json:"origin,omitempty"` // the node that asked for a global lock
}

// ConflictLog says where the flavour records conflicts on this node.
type ConflictLog struct {
	Subject string `json:"subject"` // what it covers: a subscription, or "" for all
	ToTable bool   `json:"to_table,omitempty"`
	ToLog   bool   `json:"to_log,omitempty"`
	Counted bool   `json:"counted,omitempty"` // counters only
	Total   *int64 `json:"total,omitempty"`   // conflicts recorded, where they are counted
}
