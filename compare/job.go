package compare

import (
	"context"
	"time"
)

// A Runner runs the jobs of detection. The comparer knows nothing of where and
// in which order that happens: it proves from the snapshots that the outputs
// name that no row was missed between them (see [Job]). The one runner there is
// today is a pool of sessions in this process.
type Runner interface {
	// Width is how many jobs of a node are run at once.
	Width(node string) int
	// Run runs one job. It is idempotent: a job whose output was lost, or that
	// failed, may be run again, here or elsewhere.
	Run(context.Context, Job) (Output, error)
	// End says that no more jobs of a group come: its snapshot may be let go.
	End(group string)
}

// Job is one unit of detection: plain data, and everything that running it
// needs but the connection string of its node.
type Job struct {
	ID        string `json:"id"`
	Node      string `json:"node"`
	Table     string `json:"table"` // for errors
	Group     Group  `json:"group"`
	Relation  string `json:"relation"` // that is read, qualified: the table or one of its partitions
	Range     Range  `json:"range"`
	SQL       string `json:"sql"`
	Moved     bool   `json:"moved,omitempty"`     // the statement gives buckets and keys, not digests
	Keys      int    `json:"keys,omitempty"`      // columns of the key that it gives then
	Lanes     int    `json:"lanes"`               // of a digest
	Savepoint bool   `json:"savepoint,omitempty"` // keep the snapshot when the statement is cancelled
}

// Group is what the jobs of one attempt at one table on one node share. They
// should be read in one snapshot; where a runner cannot, what that leaves open
// is closed by one more pass over the table.
type Group struct {
	ID        string   `json:"id"`
	Label     string   `json:"label"`           // of the table, for progress
	Relations []string `json:"relations"`       // to lock against rewriting before the snapshot is taken
	Below     bool     `json:"below,omitempty"` // they are partitioned and read as a whole: their partitions are to be locked too
	Root      string   `json:"root,omitempty"`  // partitioned table of which the other relations are the partitions
	Settings  string   `json:"settings"`        // SELECT set_config(…), …
	Several   bool     `json:"several,omitempty"`
}

// Range is the part of a relation that a job reads.
type Range struct {
	By   string `json:"by"` // "pages", "keys", or "" for the whole relation
	From int64  `json:"from"`
	To   int64  `json:"to"`             // exclusive
	Last bool   `json:"last,omitempty"` // without an end: To does not count
}

// Output is what a job gave.
type Output struct {
	Job      string
	Snapshot Snapshot
	File     string // of the relation, as of the snapshot; changes when it is rewritten or replaced
	Rows     int64
	Bytes    int64 // received
	Took     time.Duration

	parts map[int64]part
	moved moved
}

// Snapshot is the state of a node that a job read.
type Snapshot struct {
	LSN    string    `json:"lsn"`    // everything up to it is in the snapshot
	At     time.Time `json:"at"`     // the node's clock just before
	XMin   int64     `json:"xmin"`   // with its epoch: all older transactions had ended
	Server string    `json:"server"` // changes when the server was restarted or went through a crash
}

func (s Snapshot) same(o Snapshot) bool {
	return s.At.Equal(o.At) && s.LSN == o.LSN && s.XMin == o.XMin && s.Server == o.Server
}

// movedLimit is how many keys are kept of rows that may have moved between the
// snapshots of a table; beyond it their buckets are read again as a whole.
const movedLimit = 100_000

// moved are the rows of a table that are newer than its first snapshot.
type moved struct {
	keys    map[string]int64 // key to bucket, nil beyond movedLimit
	buckets map[int64]bool
}

func (m *moved) add(bucket int64, key string) {
	if m.buckets == nil {
		m.buckets, m.keys = map[int64]bool{}, map[string]int64{}
	}
	m.buckets[bucket] = true
	if m.keys == nil {
		return
	}
	m.keys[key] = bucket
	if len(m.keys) > movedLimit {
		m.keys = nil
	}
}

// join adds what another job or node found.
func (m *moved) join(o moved) {
	if o.buckets == nil {
		return
	}
	if o.keys == nil { // too many: the buckets alone
		for b := range o.buckets {
			m.add(b, "")
		}
		m.keys = nil
		return
	}
	for k, b := range o.keys {
		m.add(b, k)
	}
}
