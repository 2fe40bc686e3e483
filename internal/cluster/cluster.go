// Package cluster opens pinned, read-only sessions to the nodes of a topology,
// all at once, and says in typed errors why one could not be had. It knows no
// check and no catalog.
package cluster

import (
	"errors"
	"fmt"
	"time"
)

// Reason says why a node could not be read.
type Reason string

// The reasons, as reports name them.
const (
	Unreachable Reason = "unreachable"       // no connection within the timeout
	Refused     Reason = "login refused"     // wrong password, role, database or pg_hba.conf
	Denied      Reason = "permission denied" // a relation or function the role may not read
	TimedOut    Reason = "timed out"         // a statement ran into its timeout
	Lost        Reason = "connection lost"   // the server went away in between
	Interrupted Reason = "interrupted"       // the caller's context ended
	Failed      Reason = "failed"            // anything else
)

// Error names the node, the object and what was attempted. It never holds a
// connection string.
type Error struct {
	Node      string
	Attempted string // "connect to 10.0.0.1:5432/app", "read pg_replication_slots"
	Reason    Reason
	Err       error
}

// Error renders "node dc1n1: connect to h:5432/app: unreachable: …".
func (e *Error) Error() string {
	return fmt.Sprintf("node %s: %s: %s: %v", e.Node, e.Attempted, e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason of the first [*Error] in a chain, or Failed.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return Failed
}

// Settings of the sessions that are opened on a checked node. The zero value
// means the defaults.
type Settings struct {
	Application      string        // application_name; default "pgconcord"
	ConnectTimeout   time.Duration // until the session is ready, all addresses together; default 5 s
	StatementTimeout time.Duration // default 30 s; the server's own, and the base of Session.Deadline
	LockTimeout      time.Duration // default 2 s
	IdleTimeout      time.Duration // idle_in_transaction_session_timeout; default 60 s
}

// Defaults returns the settings with the default in every field that is zero.
func (s Settings) Defaults() Settings {
	if s.Application == "" {
		s.Application = "pgconcord"
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&s.ConnectTimeout, 5 * time.Second},
		{&s.StatementTimeout, 30 * time.Second},
		{&s.LockTimeout, 2 * time.Second},
		{&s.IdleTimeout, time.Minute},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return s
}
