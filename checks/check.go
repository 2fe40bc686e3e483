// Package checks judges: the registry of every rule and check by name, the
// runner, and the findings. It opens no connection and prints nothing; what it
// judges are plain data: the plan, the facts read from nodes and Barman hosts.
package checks

import (
	"fmt"
	"time"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// Check is one thing that is judged. Checks are values, listed once in
// registry.go; documentation, SARIF rules and tests derive from that list.
type Check struct {
	Name     string          // "family/name": never changes meaning, is never reused
	Title    string          // one line: what must hold
	Why      string          // what happens to whom when it does not
	Remedy   string          // how to mend it; ends with a period
	Source   string          // clause or documentation page that demands it
	Severity schema.Severity // of a failure
	Needs    Needs
	// Gates are the runs that the check belongs to; none set means [Nightly].
	Gates Gate
	// Subjects are what must be answered for, by node and peer; the runner says
	// "unknown" for those that Run leaves out. Nil: some answer is enough.
	Subjects func(Input) []Subject
	// Run judges. It returns a finding for every subject it looked at, passes
	// too; the runner fills in the check's name and severity, and turns a
	// missing answer into an "unknown" one. Nil for layout rules, which the
	// schema evaluates.
	Run func(Input) []Finding
}

// Gate is a set of occasions on which checks are run.
type Gate uint8

// The occasions.
const (
	Nightly  Gate = 1 << iota // a look at the cluster, at any time
	PreJoin                   // before a node joins
	PostJoin                  // after it joined
)

// String is the gate's name on the command line.
func (g Gate) String() string {
	switch g {
	case PreJoin:
		return "pre-join"
	case PostJoin:
		return "post-join"
	}
	return "check"
}

// ParseGate reads a gate's name; "" is [Nightly].
func ParseGate(s string) (Gate, error) {
	switch s {
	case "":
		return Nightly, nil
	case "pre-join":
		return PreJoin, nil
	case "post-join":
		return PostJoin, nil
	}
	return 0, fmt.Errorf("gate %q is not known: expected pre-join or post-join", s)
}

// Needs says what a check cannot do without.
type Needs uint8

// What a check may need.
const (
	NeedsPlan    Needs = 1 << iota // a topology alone: a layout rule
	NeedsFacts                     // facts from every node
	NeedsBarman                    // what the Barman hosts say
	NeedsWaivers                   // a file of waivers: a rule about those
)

// Input is all that a check may look at.
type Input struct {
	Plan    *schema.Topology
	Cluster *catalog.Cluster
	Barman  map[string]*barman.Host // keyed by the plan's name; nil where none was read
	Now     time.Time

	Joiner string // the node that joins or joined, at a gate; "" elsewhere
	Source string // the node it joins from; "": what the plan says

	// once is what several checks work out of the rest; nil: each by itself.
	once *workedOut
}
