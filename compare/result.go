// Package compare finds the rows that differ between nodes which should hold
// the same data, while they go on working, and proves its word: digests over a
// whole table in one scan a node, drill-down to keys, a fence, a recheck, and a
// vote per key. It formats nothing.
package compare

import "time"

// Verdict of a table, and of a whole comparison.
type Verdict string

// The verdicts. Match is said only when every asked node answered for every
// key.
const (
	Match      Verdict = "match"
	Different  Verdict = "different"
	Incomplete Verdict = "incomplete"
)

// Result of one comparison. Reports publish it: every member of it and of the
// types below has its line in reports/report.cue.
type Result struct {
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Verdict  Verdict   `json:"verdict"`
	Mode     Mode      `json:"mode"`
	Policy   string    `json:"policy"`            // the rule that names majority and minority
	Reasons  []string  `json:"reasons,omitempty"` // why the whole is incomplete, beyond its tables
	Fence    Fence     `json:"fence"`             // every edge that a suspect waited for, worst wait each
	Tables   []Table   `json:"tables"`
}

// Fence is the proof that what every node had written before the scan ended
// was applied on every peer before suspects were read again.
type Fence struct {
	Needed bool        `json:"needed"` // false when nothing was suspect
	Passed bool        `json:"passed"`
	Edges  []FenceEdge `json:"edges,omitempty"`
}

// FenceEdge is the fence between a provider and one subscriber.
type FenceEdge struct {
	Provider   string        `json:"provider"`
	Subscriber string        `json:"subscriber"`
	LSN        string        `json:"lsn"`
	Waited     time.Duration `json:"waited"`
	Passed     bool          `json:"passed"`
	Reason     string        `json:"reason,omitempty"` // why it did not pass
}

// Table is the result for one table.
type Table struct {
	Schema  string       `json:"schema"`
	Name    string       `json:"name"`
	DataSet string       `json:"data_set"` // shard, or "reference"
	Verdict Verdict      `json:"verdict"`
	Reasons []string     `json:"reasons,omitempty"`  // why it is incomplete
	Notes   []string     `json:"notes,omitempty"`    // what a reader should know and what does not touch the verdict
	Where   string       `json:"where,omitempty"`    // the rows compared; empty: all
	Scope   string       `json:"scope,omitempty"`    // of a recheck: the keys, and nodes, that the verdict is about and nothing beyond; empty: all rows
	Key     []string     `json:"key"`                // columns that identify a row
	Columns []string     `json:"columns"`            // columns compared
	Left    []string     `json:"left_out,omitempty"` // columns not compared, and why
	Digest  string       `json:"digest"`             // the method, "native-chain-64-v3", "sha256" …
	RowForm string       `json:"row_form,omitempty"` // of a table without a key: names what its rows' digests are made of; under another one they have others
	Miss    float64      `json:"miss_probability"`   // bound of a difference between two nodes that was not seen
	Nodes   []Coverage   `json:"nodes"`
	Counts  Counts       `json:"counts"`
	Diffs   []Difference `json:"differences,omitempty"` // a bounded sample, in key order
	Cut     int64        `json:"cut,omitempty"`         // differences found and not listed

	// Unfinished says that the context ended before the table was compared in full.
	Unfinished bool `json:"-"`
}

// Coverage says what was read of a table on one node.
type Coverage struct {
	Node      string        `json:"node"`
	Rows      int64         `json:"rows"`
	Buckets   int           `json:"buckets"`
	Chunks    int           `json:"chunks"`              // parts that the table was read in
	Snapshots int           `json:"snapshots,omitempty"` // that it was read in, when it took several
	Bytes     int64         `json:"bytes"`               // of digests that the node sent
	Digest    string        `json:"digest"`              // of the whole table, hex
	LSN       string        `json:"lsn"`                 // the node's WAL position at the first snapshot
	At        time.Time     `json:"at"`                  // the node's clock at the first snapshot
	Took      time.Duration `json:"took"`
	Error     string        `json:"error,omitempty"` // why it was not read
}

// Counts of suspects by what became of them.
type Counts struct {
	Suspect    int64 `json:"suspect"`    // keys that differed in the scan
	Cleared    int64 `json:"cleared"`    // equal when read again behind the fence
	Volatile   int64 `json:"volatile"`   // still different and still changing
	Unverified int64 `json:"unverified"` // could not be fenced or read again
	Persistent int64 `json:"persistent"` // different, fenced, and not changed since: real
}

// Status of a difference.
type Status string

// The statuses; only Persistent makes a table different.
const (
	Persistent Status = "persistent"
	Volatile   Status = "volatile"
	Unverified Status = "unverified"
	Cleared    Status = "cleared"
)

// Kind says in what way nodes differ about a key, seen from the majority.
type Kind string

// The kinds of difference.
const (
	Missing Kind = "missing" // a minority lacks the row, or has fewer of a row that the table has several times
	Extra   Kind = "extra"   // a minority has a row that the others lack, or more of it
	Changed Kind = "changed" // all have it, with other content
	Mixed   Kind = "mixed"   // some lack it, others have other content
)

// Difference is one key on which nodes disagree.
type Difference struct {
	Key      []string     `json:"key"`
	Kind     Kind         `json:"kind"`
	Status   Status       `json:"status"`
	Columns  []string     `json:"columns,omitempty"` // that differ
	Versions []RowVersion `json:"versions"`          // one per node, in node order
	Majority []string     `json:"majority"`          // nodes that agree; empty without a majority
	Minority []string     `json:"minority"`
	Cause    string       `json:"cause,omitempty"` // likely cause, by a stated rule
	Known    bool         `json:"known,omitempty"` // a report's baseline has it, with the same rows on the same nodes; Run never says so
}

// RowVersion is what one node holds for a key.
type RowVersion struct {
	Node      string             `json:"node"`
	Exists    bool               `json:"exists"`
	Count     int64              `json:"count,omitempty"` // equal rows, for tables without a key
	Hash      string             `json:"hash,omitempty"`
	Values    map[string]*string `json:"values,omitempty"` // differing columns only; nil: NULL
	CommitAt  *time.Time         `json:"commit_at,omitempty"`
	Origin    string             `json:"origin,omitempty"`       // node name; "" when not known
	OriginRaw string             `json:"origin_raw,omitempty"`   // the origin's own name; "local"
	Relaxed   string             `json:"relaxed_hash,omitempty"` // of what mode value compares
	Filtered  bool               `json:"filtered,omitempty"`     // the node has the row, but it does not meet the row filter or --where
	Empty     bool               `json:"table_empty,omitempty"`  // the node's table had no row at all
	OtherForm bool               `json:"other_form,omitempty"`   // the node has not the row, but one whose key is equal and written otherwise; Relaxed is of that one
}
