package checks

import (
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/schema"
)

// The rules about waivers themselves.
const (
	WaiverExpired  = "waivers/expired"
	WaiverExpiring = "waivers/expiring"
	WaiverUnused   = "waivers/unused"
	WaiverTooBroad = "waivers/too-broad"
)

// ExpiresSoon is how many days before its end a waiver is warned about.
const ExpiresSoon = 14

// Waiver says that somebody answers, until a date, for failures that a rule
// finds about some subjects. It changes the status of a failed finding and
// nothing else: what could not be told stays unknown.
type Waiver struct {
	Name    string          `json:"name"`    // its key in the file
	Rule    string          `json:"rule"`    // name of a rule, or a glob over names
	Subject Subject         `json:"subject"` // globs; an empty field takes everything
	Owner   string          `json:"owner"`
	Reason  string          `json:"reason"`
	Ticket  string          `json:"ticket"`
	Expires string          `json:"expires"` // the last day it holds, 2026-12-31, in UTC
	Pos     schema.Position `json:"position"`
}

// daysLeft is the number of days from now to the waiver's last one: 0 on that
// day, negative after it.
func (w Waiver) daysLeft(now time.Time) int {
	last, err := time.Parse(time.DateOnly, w.Expires)
	if err != nil { // the loader lets none through
		return -1
	}
	return int(last.Sub(now.UTC().Truncate(24*time.Hour)).Hours() / 24)
}

// Expired reports whether the waiver no longer holds.
func (w Waiver) Expired(now time.Time) bool { return w.daysLeft(now) < 0 }

// covers reports whether the waiver speaks of the finding, whatever its status.
func (w Waiver) covers(f Finding) bool { return glob(w.Rule, f.Check) && w.matches(f.Subject) }

// matches compares patterns with a subject. A path of the plan has names with
// other than letters and digits in quotes, barman."barman-a".sources[0]; a
// pattern may leave them out.
func (w Waiver) matches(s Subject) bool {
	return globOrAny(w.Subject.Node, s.Node) && globOrAny(w.Subject.Peer, s.Peer) &&
		(globOrAny(w.Subject.Object, s.Object) || glob(w.Subject.Object, strings.ReplaceAll(s.Object, `"`, "")))
}

func globOrAny(pattern, s string) bool { return pattern == "" || glob(pattern, s) }

// glob matches a whole string: * is any run of characters, slashes and dots
// too, ? is any one. Plan paths and slot names hold brackets, so unlike in
// path.Match those mean themselves.
func glob(pattern, s string) bool {
	p, r := []rune(pattern), []rune(s)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(r) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == r[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
