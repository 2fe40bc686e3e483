// Package schema holds the plan: the CUE package that gives a topology its
// shape and its layout rules, the loading of a user's CUE, YAML or JSON, and
// the Go view of the result, [Topology].
//
// The CUE files are the source of truth and Go is the copy: go generate makes
// of them catalogue.go, what the rules say of themselves, and package
// rulesyntax, the rest of them as it is parsed, so that plain data are judged
// without reading CUE first. A topology that needs more than that, one with
// rules of the house or in CUE itself, is judged by the files.
//
// Nothing here touches the network or a clock.
package schema

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Topology is a declared cluster: what the user promises the running one to
// be. Every entity lives in a map keyed by its name, so a name is unique by
// construction; use the methods that return sorted names to walk them.
type Topology struct {
	Name        string                `json:"name"`
	Versions    Versions              `json:"versions"`
	Datacenters map[string]Datacenter `json:"datacenters"`
	Nodes       map[string]Node       `json:"nodes"`
	Reference   DataSet               `json:"reference"`
	Shards      map[string]DataSet    `json:"shards"`
	Barman      map[string]Barman     `json:"barman"`
	Joins       map[string]Join       `json:"joins"`
	Settings    Settings              `json:"settings"`
	Policy      Policy                `json:"policy"`

	positions map[string]Position
}

// Versions is the software every node is meant to run; an empty string means
// that the plan does not say. A [Node] may declare its own.
type Versions struct {
	Postgres  string `json:"postgres,omitempty"`
	PGLogical string `json:"pglogical,omitempty"`
	BDR       string `json:"bdr,omitempty"`
	Barman    string `json:"barman,omitempty"`
}

// Role says what a datacenter is for.
type Role string

// The roles of a datacenter.
const (
	RoleActive Role = "active" // applications write here
	RoleDR     Role = "dr"     // takes over when an active region is lost
)

// Datacenter is a place; several may lie in one region.
type Datacenter struct {
	Region string `json:"region"`
	Role   Role   `json:"role"`
}

// Kind says what a node holds and takes part in.
type Kind string

// The kinds of node, in the words of EDB Postgres Distributed.
const (
	KindData           Kind = "data"            // holds data, may take writes
	KindWitness        Kind = "witness"         // votes, holds no data
	KindSubscriberOnly Kind = "subscriber-only" // receives, never sends
	KindStandby        Kind = "standby"         // logical standby of one node
)

// Node is one PostgreSQL database of the mesh. DSN is what the tool and the
// other nodes connect with; it may hold a secret and is never printed: print
// [Node.Address] instead.
type Node struct {
	Datacenter string `json:"datacenter"`
	DSN        string `json:"dsn"`
	Kind       Kind   `json:"kind"`
	Postgres   string `json:"postgres,omitempty"`
	BDR        string `json:"bdr,omitempty"`
}

// DataSet is a shard or the reference data: what its replication sets carry,
// held by its replicas. Writers are the nodes that applications write to.
type DataSet struct {
	Replicas        []string `json:"replicas"`
	ReplicationSets []string `json:"replication_sets"`
	Writers         []string `json:"writers,omitempty"`
}

// Barman is one Barman host with a server section per backed-up node.
type Barman struct {
	Datacenter string   `json:"datacenter"`
	Sources    []Source `json:"sources"`
	// Config is the host's configuration file as this machine can read it,
	// empty when it cannot.
	Config string `json:"config,omitempty"`
	// Command runs Barman on the host, without a shell: [barman],
	// [ssh, barman-a, barman]. Only commands that read are ever added to it.
	Command []string `json:"command,omitempty"`
	// JSONDir holds outputs that somebody saved there: diagnose.json,
	// check.json, list-backups.json …
	JSONDir string `json:"json_dir,omitempty"`
}

// Source is one Barman server section, fed by exactly one node.
type Source struct {
	Server            string `json:"server"`
	Node              string `json:"node"`
	Slot              string `json:"slot,omitempty"`
	StreamingArchiver bool   `json:"streaming_archiver"`
	Passive           bool   `json:"passive,omitempty"` // a copy of another Barman's backups
}

// Join is a planned join, keyed by the name that the node will have.
type Join struct {
	Datacenter           string `json:"datacenter"`
	Source               string `json:"source"`
	DSN                  string `json:"dsn"`
	Kind                 Kind   `json:"kind"`
	Method               string `json:"method"`
	SynchronizeStructure string `json:"synchronize_structure"`
	Empty                bool   `json:"empty"`
	SchemaPresent        bool   `json:"schema_present"`
	Order                int64  `json:"order"` // joins of equal order run at the same time
	Postgres             string `json:"postgres,omitempty"`
	BDR                  string `json:"bdr,omitempty"`
}

// Settings are server settings that the plan promises for every node; 0 says
// nothing.
type Settings struct {
	MaxReplicationSlots int64 `json:"max_replication_slots"`
	MaxWALSenders       int64 `json:"max_wal_senders"`
	MaxWorkerProcesses  int64 `json:"max_worker_processes"`
}

// Policy holds the limits that rules and checks judge by; the defaults are
// those of the CUE definition.
type Policy struct {
	MinReplicas        int            `json:"min_replicas"`
	MinDRReplicas      int            `json:"min_dr_replicas"`
	MinRegionMasters   int            `json:"min_region_masters"`
	MaxActiveRegions   int            `json:"max_active_regions"`
	MaxNodes           int            `json:"max_nodes"`
	MinDatacenterNodes int            `json:"min_datacenter_nodes"`
	MaxPostgresMajors  int            `json:"max_postgres_majors"`
	Lag                LagPolicy      `json:"lag"`
	Slots              SlotPolicy     `json:"slots"`
	WAL                WALPolicy      `json:"wal"`
	TLS                TLSPolicy      `json:"tls"`
	Backup             BackupPolicy   `json:"backup"`
	Clock              ClockPolicy    `json:"clock"`
	Prepared           PreparedPolicy `json:"prepared"`
	Sequences          SequencePolicy `json:"sequences"`
}

// ClockPolicy is what the clocks of two nodes may differ by. The default is
// where PGD's own check begins to warn.
type ClockPolicy struct {
	MaxSkewSeconds int64 `json:"max_skew_seconds"`
}

// MaxSkew returns the limit; the default where no plan was loaded.
func (p ClockPolicy) MaxSkew() time.Duration {
	return time.Duration(cmp.Or(p.MaxSkewSeconds, 2)) * time.Second
}

// PreparedPolicy is how long a transaction may stay prepared before nobody is
// believed to come back for it.
type PreparedPolicy struct {
	MaxSeconds int64 `json:"max_seconds"`
}

// Max returns the limit; the default where no plan was loaded.
func (p PreparedPolicy) Max() time.Duration {
	return time.Duration(cmp.Or(p.MaxSeconds, 300)) * time.Second
}

// SequencePolicy is what may be used up of a sequence.
type SequencePolicy struct {
	MaxUsedPercent int `json:"max_used_percent"`
}

// MaxUsed returns the limit in percent; the default where no plan was loaded.
func (p SequencePolicy) MaxUsed() int { return cmp.Or(p.MaxUsedPercent, 90) }

// LagPolicy is the replication lag above which no node joins and no replica
// counts as caught up.
type LagPolicy struct {
	MaxBytes   int64 `json:"max_bytes"`
	MaxSeconds int   `json:"max_seconds"`
}

// Max returns MaxSeconds as a duration.
func (p LagPolicy) Max() time.Duration { return time.Duration(p.MaxSeconds) * time.Second }

// SlotPolicy is how much WAL one slot may hold back.
type SlotPolicy struct {
	MaxRetainedBytes int64 `json:"max_retained_bytes"`
}

// WALPolicy is the room that a node has for WAL; MaxBytes 0 says nothing.
type WALPolicy struct {
	MaxBytes int64 `json:"max_bytes"`
}

// TLSPolicy is how long a server's certificate must still be valid.
type TLSPolicy struct {
	MinCertificateDays int `json:"min_certificate_days"`
}

// BackupPolicy is how old a backup may be (a Go duration, "26h") and how many
// a server must have.
type BackupPolicy struct {
	MaxAge        string `json:"max_age"`
	MinRedundancy int    `json:"min_redundancy"`
}

// NodeNames returns the names of the declared nodes, sorted.
func (t *Topology) NodeNames() []string { return slices.Sorted(maps.Keys(t.Nodes)) }

// ShardNames returns the names of the declared shards, sorted.
func (t *Topology) ShardNames() []string { return slices.Sorted(maps.Keys(t.Shards)) }

// BarmanNames returns the names of the declared Barman hosts, sorted.
func (t *Topology) BarmanNames() []string { return slices.Sorted(maps.Keys(t.Barman)) }

// ReferenceName is how reference data is named where shards are listed.
const ReferenceName = "reference"

// DataSets returns the shards and, when declared, the reference data under
// [ReferenceName], which no shard may be called.
func (t *Topology) DataSets() map[string]DataSet {
	m := maps.Clone(t.Shards)
	if m == nil {
		m = map[string]DataSet{}
	}
	if len(t.Reference.Replicas) > 0 {
		m[ReferenceName] = t.Reference
	}
	return m
}

// SetsBetween returns the replication sets that the plan has a subscriber
// take from a provider, sorted: those of every data set that both hold.
func (t *Topology) SetsBetween(provider, subscriber string) []string {
	sets := map[string]bool{}
	for _, d := range t.DataSets() {
		if slices.Contains(d.Replicas, provider) && slices.Contains(d.Replicas, subscriber) {
			for _, s := range d.ReplicationSets {
				sets[s] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(sets))
}

// Pos returns where the user wrote the value at a path such as
// ("nodes", "dc1n1", "dsn"), or its nearest ancestor; the zero Position when
// nothing on the path was written by the user.
func (t *Topology) Pos(path ...string) Position {
	for n := len(path); n > 0; n-- {
		if p, ok := t.positions[strings.Join(path[:n], "\x00")]; ok {
			return p
		}
	}
	return Position{}
}
