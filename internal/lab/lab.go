// Package lab runs a real cluster on this machine for the demo and the tests:
// six PostgreSQL nodes in a full pglogical mesh over three "datacenters" and
// three Barman hosts that stream from them, with faults and divergence on
// demand. Nothing of it is needed to check, compare or report.
package lab

import (
	"context"
	"errors"
)

// The nodes of the lab, in the specification's order 1 to 6: the first shard is
// on 1, 2 and 5, the second on 3, 4 and 6, reference data on all.
var NodeNames = []string{"dc1n1", "dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2"}

// Options of [Up].
type Options struct {
	Dir    string                        // for data, sockets and logs; default: a new short temporary folder, removed by Down
	PGBin  string                        // folder with initdb and postgres; default: found, see FindServer
	Barman bool                          // bring up the three Barman hosts too
	Log    func(format string, a ...any) // what it is doing; default: nothing
}

// Lab is a running cluster.
type Lab struct {
	Dir   string
	nodes map[string]*Node
}

// Node is one PostgreSQL server of the lab.
type Node struct {
	Name string
	Port int
}

// Up brings the cluster up and returns when every edge replicates and the seed
// rows are everywhere.
func Up(ctx context.Context, opt Options) (*Lab, error) { return nil, errors.New("not built yet") }

// Down stops everything at once and removes the folder unless it was given.
func (l *Lab) Down() error { return nil }

// Node returns a node by name and panics when there is none.
func (l *Lab) Node(name string) *Node { return l.nodes[name] }

// Nodes returns the nodes in the specification's order, joined ones last.
func (l *Lab) Nodes() []*Node { return nil }

// DSN returns the connection string of the node for the application database.
func (n *Node) DSN() string { return "" }

// Exec runs SQL on the node; what it writes replicates as usual.
func (n *Node) Exec(ctx context.Context, sql string, args ...any) error { return nil }

// Scalar runs a query on the node that gives one value, and returns it as text.
func (n *Node) Scalar(ctx context.Context, sql string, args ...any) (string, error) { return "", nil }

// ExecLocal runs SQL on the node under a replication origin of its own, so that
// what it writes stays on this node: every kind of divergence is made with it.
func (n *Node) ExecLocal(ctx context.Context, sql string, args ...any) error { return nil }

// Crash ends the node at once (SIGQUIT to the postmaster).
func (n *Node) Crash() error { return nil }

// Start starts a stopped node and waits until it answers.
func (n *Node) Start(ctx context.Context) error { return nil }

// Topology writes the plan of the lab as YAML, with its real connection strings,
// slots and Barman configuration files.
func (l *Lab) Topology() []byte { return nil }

// Barrier returns when everything written so far on any node is applied on
// every subscriber whose edge is enabled.
func (l *Lab) Barrier(ctx context.Context) error { return nil }

// DisableEdge switches the subscription from provider to subscriber off.
func (l *Lab) DisableEdge(ctx context.Context, provider, subscriber string) error { return nil }

// EnableEdge switches it on again and waits until it replicates.
func (l *Lab) EnableEdge(ctx context.Context, provider, subscriber string) error { return nil }

// Stall makes the edge run through a TCP proxy that accepts and forwards
// nothing until Resume.
func (l *Lab) Stall(ctx context.Context, provider, subscriber string) error { return nil }

// Resume lets a stalled edge flow again and waits until it replicates.
func (l *Lab) Resume(ctx context.Context, provider, subscriber string) error { return nil }

// JoinUnderLag adds a seventh node, joined by a logical copy while updates of
// another node are still on their way: on it, and only on it, the rows whose
// keys are returned stay old for good. Everything is caught up on return.
func (l *Lab) JoinUnderLag(ctx context.Context) (joiner string, stale []string, err error) {
	return "", nil, nil
}

// JoinCleanly adds a node with no change on its way; it ends equal.
func (l *Lab) JoinCleanly(ctx context.Context, name string) error { return nil }

// StopWALReceiver ends the WAL receiver of one Barman server section.
func (l *Lab) StopWALReceiver(ctx context.Context, host, server string) error { return nil }

// StartWALReceiver starts it again and waits until its slot is active.
func (l *Lab) StartWALReceiver(ctx context.Context, host, server string) error { return nil }
