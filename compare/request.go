package compare

import (
	"context"
	"fmt"
	"time"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/schema"
)

// Mode says what counts as equal and how wide the digest is.
type Mode string

// The modes.
const (
	Exact  Mode = "exact"  // the text image of every value, byte for byte
	Value  Mode = "value"  // relaxed by the rules of [Relaxations]
	Strong Mode = "strong" // exact, with SHA-256 of every row
)

// Request says what to compare and how. The zero value of every field but
// Topology is a sound default.
type Request struct {
	Topology *schema.Topology

	Shards []string // data sets to compare, schema.ReferenceName among them; empty: all
	Tables []string // "schema.table" or "table"; empty: all
	Nodes  []string // nodes to compare; empty: all that hold the data set

	Mode           Mode
	Where          string   // SQL condition that rows of every compared table must meet
	ExcludeColumns []string // "column", "table.column" or "schema.table.column"
	CommonColumns  bool     // compare the columns that all nodes have when they differ in columns

	// Static declares that nothing replicates between the nodes, so that there
	// is nothing to wait for before suspects are read again.
	Static bool

	Policy         Policy        // how a majority is found; zero: simple majority
	SampleLimit    int           // differences listed with evidence per table; default 1000
	BucketRows     int           // rows per bucket; default 1000
	MaxConnections int           // to one node; default 2: a big table is read over all of them
	ChunkPages     int           // pages of a big table that the first statement reads; 0 for all of them where that takes no longer than half the statement timeout and a minute, else 65536, 512 MB
	FenceTimeout   time.Duration // default 1 min
	Rounds         int           // rechecks of a suspect that goes on changing; default 6

	// Limits beyond which the run waits before it goes on; each wait is an Event
	// and a note of the result. Zero: no limit.
	MaxRate   int64         // rows a second, of one node
	MaxActive int           // client sessions at work on one node, ours not counted
	MaxLag    int64         // bytes of WAL that a node's slowest active logical slot has not confirmed
	MaxPause  time.Duration // waiting for load and lag in all; default 5 min, then the run goes on

	// Ledger keeps what is done, so that a run that was broken off goes on where
	// it was; nil: none.
	Ledger *Ledger

	// Rank is called once for every table that is to be compared, before the
	// first is read; lower ranks come first. Nil: in the order of the plan.
	Rank func(dataSet, schema, table string) int64

	Settings cluster.Settings
	Progress func(Event) // called from several goroutines; may be nil
}

// Event reports progress. Several tables may be under way at once.
type Event struct {
	Phase       string // "scan", "drill", "fence", "recheck", "wait: …", or [PhaseDone]
	Table       string // "shard1: schema.table"
	Node        string
	TablesDone  int
	TablesTotal int
	Rows        int64 // read so far in this table, over all nodes; in the recheck suspects settled
	RowsTotal   int64 // estimated
	Resumed     int64 // of Rows, those that an earlier run had read

	RunRows      int64 // read by this run in the scans of all tables, over all nodes
	RunRowsTotal int64 // estimated, without what an earlier run had read
}

// PhaseDone is the phase of a table's last event.
const PhaseDone = "done"

// RequestError says that the request names something that the plan or the
// cluster does not have.
type RequestError struct{ Problem string }

// Error returns the problem.
func (e *RequestError) Error() string { return e.Problem }

func refuse(format string, a ...any) error { return &RequestError{fmt.Sprintf(format, a...)} }

// defaults fills the fields that are zero.
func (r Request) defaults() Request {
	if r.Mode == "" {
		r.Mode = Exact
	}
	if r.SampleLimit <= 0 {
		r.SampleLimit = 1000
	}
	if r.BucketRows <= 0 {
		r.BucketRows = 1000
	}
	if r.MaxConnections <= 0 {
		r.MaxConnections = 2
	}
	if r.FenceTimeout <= 0 {
		r.FenceTimeout = time.Minute
	}
	if r.MaxPause <= 0 {
		r.MaxPause = 5 * time.Minute
	}
	if r.Rounds <= 0 {
		r.Rounds = 6
	}
	if r.Settings.StatementTimeout <= 0 {
		r.Settings.StatementTimeout = 10 * time.Minute
	}
	if r.Progress == nil {
		r.Progress = func(Event) {}
	}
	return r
}

// check refuses what cannot be meant.
func (r Request) check(context.Context) error {
	if r.Topology == nil {
		return refuse("no topology was given")
	}
	switch r.Mode {
	case Exact, Value, Strong:
	default:
		return refuse("mode %q is not known: expected exact, value or strong", r.Mode)
	}
	sets := r.Topology.DataSets()
	for _, s := range r.Shards {
		if _, ok := sets[s]; !ok {
			return refuse("the topology has no shard %q", s)
		}
	}
	for _, n := range r.Nodes {
		if _, ok := r.Topology.Nodes[n]; !ok {
			return refuse("the topology has no node %q", n)
		}
	}
	return r.Policy.check(r.Topology)
}
