package checks

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// section is one declared Barman server section with all that was read about
// it: what every backup check judges.
type section struct {
	in     Input
	host   string // the plan's name of the Barman host
	index  int    // in the host's sources
	plan   schema.Source
	barman *barman.Host  // nil: not asked
	server barman.Server // empty groups when not there
	listed bool          // the host has such a section
}

// sectionsOf returns the declared sections, by host, then as declared.
func sectionsOf(in Input) []section {
	var out []section
	for _, host := range in.Plan.BarmanNames() {
		for i, src := range in.Plan.Barman[host].Sources {
			s := section{in: in, host: host, index: i, plan: src, barman: in.Barman[host]}
			if s.barman != nil {
				s.server, s.listed = s.barman.Servers[src.Server]
			}
			out = append(out, s)
		}
	}
	return out
}

// perSection makes the Run of a check that judges each declared section by
// itself: its findings get the check's name, severity, subject and position.
func perSection(name string, severity schema.Severity, judge func(section) Finding) func(Input) []Finding {
	return func(in Input) []Finding {
		var out []Finding
		for _, s := range sectionsOf(in) {
			f := judge(s)
			f.Check, f.Severity, f.Pos = name, severity, s.pos()
			f.Subject = Subject{Node: s.host, Object: "server " + s.plan.Server}
			out = append(out, f)
		}
		if len(out) == 0 {
			f := skip("the plan declares no Barman server")
			f.Check, f.Severity = name, severity
			out = append(out, f)
		}
		return out
	}
}

func (s section) pos() schema.Position {
	return s.in.Plan.Pos("barman", s.host, "sources", strconv.Itoa(s.index))
}

// facts returns the declared source node's facts, or why there are none.
func (s section) facts(parts ...catalog.Part) (*catalog.Facts, string) {
	return factsOf(s.in, s.plan.Node, parts...)
}

// slot is the section's slot: what Barman is set to, else what the plan says.
func (s section) slot() string {
	if s.server.Settings.Known() {
		return s.server.Settings.Slot
	}
	return s.plan.Slot
}

// archiver is the application_name of the section's WAL receiver; known is
// false when Barman's default is assumed.
func (s section) archiver() (name string, known bool) {
	if s.server.Settings.Known() && s.server.Settings.ArchiverName != "" {
		return s.server.Settings.ArchiverName, true
	}
	return "barman_receive_wal", false
}

// unread says why a group of facts of the section is missing.
func (s section) unread(what string) string {
	switch {
	case s.barman == nil:
		return fmt.Sprintf("Barman host %s was not read, so its %s are not known", s.host, what)
	case !s.listed && s.barman.Complete:
		return fmt.Sprintf("Barman host %s has no section %s", s.host, s.plan.Server)
	case len(s.barman.Gaps) > 0:
		return fmt.Sprintf("the %s of section %s on Barman host %s were not read: %s", what, s.plan.Server, s.host, strings.Join(s.barman.Gaps, "; "))
	}
	return fmt.Sprintf("the %s of section %s on Barman host %s were not read", what, s.plan.Server, s.host)
}

// stale reports whether facts that somebody saved are too old to tell how
// things are now: older than a backup may be.
func (s section) stale(o barman.Origin) bool {
	return o.Saved && s.in.Now.Sub(o.At) > s.maxAge()
}

// maxAge is the plan's limit for the newest backup; a day when it has none.
func (s section) maxAge() time.Duration {
	if d, err := time.ParseDuration(s.in.Plan.Policy.Backup.MaxAge); err == nil && d > 0 {
		return d
	}
	return 24 * time.Hour
}
