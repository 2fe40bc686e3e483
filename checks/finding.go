package checks

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/pgconcord/pgconcord/schema"
)

// Status is the answer of a check for one subject.
type Status string

// The answers.
const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Unknown Status = "unknown" // it could not be told; never counts as pass
	Skipped Status = "skipped" // does not apply here, and why is in the message
	Waived  Status = "waived"  // failed, and somebody answers for it until a date
)

// Subject is what a finding is about. Empty fields do not apply.
type Subject struct {
	Node   string `json:"node,omitempty"`   // a node or Barman host of the plan
	Peer   string `json:"peer,omitempty"`   // the other end of an edge
	Object string `json:"object,omitempty"` // slot, table, setting, plan path …
}

// String renders "dc1n1", "dc1n1 → dc2n1", "dc1n1: slot x".
func (s Subject) String() string {
	out := s.Node
	if s.Peer != "" {
		out += " → " + s.Peer
	}
	switch {
	case out == "":
		return s.Object
	case s.Object == "":
		return out
	}
	return out + ": " + s.Object
}

// Finding is what one check says of one subject.
type Finding struct {
	Check    string            `json:"check"`
	Status   Status            `json:"status"`
	Severity schema.Severity   `json:"severity"`
	Subject  Subject           `json:"subject"`
	Message  string            `json:"message"`
	Found    string            `json:"found,omitempty"`
	Expected string            `json:"expected,omitempty"`
	HowRead  string            `json:"how_read,omitempty"` // the query or file behind it
	Pos      schema.Position   `json:"position"`
	Related  []schema.Position `json:"related,omitempty"`
	Waiver   *Waiver           `json:"waiver,omitempty"` // who answers for it; with status waived alone
}

// Fingerprint identifies a finding over runs: a hash of check and subject,
// never of the message or a measured value.
func (f Finding) Fingerprint() string {
	h := sha256.Sum256([]byte(f.Check + "\x00" + f.Subject.Node + "\x00" + f.Subject.Peer + "\x00" + f.Subject.Object))
	return hex.EncodeToString(h[:16])
}

// Sort puts findings in their one order: by check, then subject, then message.
func Sort(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Subject.Node, b.Subject.Node), cmp.Compare(a.Subject.Peer, b.Subject.Peer),
			cmp.Compare(a.Subject.Object, b.Subject.Object), cmp.Compare(a.Message, b.Message))
	})
}

func pass(format string, a ...any) Finding {
	return Finding{Status: Pass, Message: fmt.Sprintf(format, a...)}
}
func fail(format string, a ...any) Finding {
	return Finding{Status: Fail, Message: fmt.Sprintf(format, a...)}
}
func skip(format string, a ...any) Finding {
	return Finding{Status: Skipped, Message: fmt.Sprintf(format, a...)}
}
func unknown(format string, a ...any) Finding {
	return Finding{Status: Unknown, Message: fmt.Sprintf(format, a...)}
}

// evidence completes a finding with what was found and expected, and how it was
// read.
func (f Finding) evidence(found, expected, howRead string) Finding {
	f.Found, f.Expected, f.HowRead = found, expected, howRead
	return f
}
