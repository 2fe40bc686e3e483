package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/schema"
)

// Waivers are all waivers of a run, sorted by name. Load them with
// [LoadWaivers].
type Waivers []Waiver

// Apply returns the findings with those failures waived that a waiver in force
// speaks of, and adds findings about the waivers themselves. Known lists the
// rules of this run, the house's among them; those of [All] need not be listed,
// so a waiver for a check that this run left out is not taken for a mistake. The
// plan, which may be nil, tells a
// waiver for some subjects from one for all. The result is sorted; fs is left
// as it was.
//
// A waiver that is expired or too broad waives nothing. Only failures are
// waived: an unknown finding stays unknown, and so does what the run could not
// judge at all, and findings about waivers are beyond every waiver.
func (ws Waivers) Apply(fs []Finding, known []Check, plan *schema.Topology, now time.Time) []Finding {
	out := slices.Clone(fs)
	for _, c := range All() {
		if !slices.ContainsFunc(known, func(k Check) bool { return k.Name == c.Name }) {
			known = append(slices.Clip(known), c)
		}
	}
	for _, w := range ws {
		a := application{waiver: w, known: known, plan: plan, findings: out, now: now}
		about := a.judge()
		if a.inForce() {
			for _, i := range a.failed {
				if out[i].Status == Fail {
					out[i].Status, out[i].Waiver = Waived, &w
				}
			}
		}
		out = append(out, about...)
	}
	Sort(out)
	return out
}

// application is one waiver over the findings of one run.
type application struct {
	waiver   Waiver
	known    []Check
	plan     *schema.Topology
	findings []Finding
	now      time.Time

	failed    []int  // findings it speaks of that fail, or did before another waiver
	withheld  bool   // it speaks of something that could not be judged, or was not
	broad     string // why it is too broad; "" when it is not
	ruleExist bool
}

func (a *application) inForce() bool { return a.broad == "" && !a.waiver.Expired(a.now) }

// judge looks at the waiver from every side that a rule about waivers asks for.
func (a *application) judge() []Finding {
	judged := map[string]bool{}
	for i, f := range a.findings {
		if aboutWaivers(f.Check) {
			continue
		}
		if f.Status == Pass || f.Status == Fail || f.Status == Waived {
			judged[f.Check] = true
		}
		if !a.waiver.covers(f) {
			continue
		}
		switch f.Status {
		case Fail, Waived:
			a.failed = append(a.failed, i)
		case Unknown:
			a.withheld = true
		}
	}
	for _, c := range a.known {
		if glob(a.waiver.Rule, c.Name) && !aboutWaivers(c.Name) {
			a.ruleExist = true
			if !judged[c.Name] {
				a.withheld = true
			}
		}
	}
	a.broad = a.tooBroad()
	return []Finding{a.expired(), a.expiring(), a.unused(), a.breadth()}
}

// aboutWaivers reports whether a rule is one about waivers.
func aboutWaivers(rule string) bool { return strings.HasPrefix(rule, "waivers/") }

func (a *application) finding(rule string, s Status, format string, args ...any) Finding {
	w := a.waiver
	return Finding{Check: rule, Status: s, Severity: schema.Warning, Subject: Subject{Object: "waivers." + w.Name}, Pos: w.Pos,
		Message: fmt.Sprintf("waiver %s: ", w.Name) + fmt.Sprintf(format, args...)}
}

func (a *application) expired() Finding {
	w := a.waiver
	if !w.Expired(a.now) {
		return a.finding(WaiverExpired, Pass, "holds through %s", w.Expires)
	}
	f := a.finding(WaiverExpired, Fail, "expired after %s; nothing that it speaks of fails now", w.Expires)
	if n := len(a.failed); n > 0 {
		f.Message = fmt.Sprintf("waiver %s: expired after %s; %s again: %s", w.Name, w.Expires, failures(n), a.subjects())
		for _, i := range a.failed {
			if p := a.findings[i].Pos; p.IsValid() && !slices.Contains(f.Related, p) {
				f.Related = append(f.Related, p)
			}
		}
	}
	f.Found, f.Expected = "expires "+w.Expires, "a day not before "+a.now.UTC().Format(time.DateOnly)
	return f
}

func failures(n int) string {
	if n == 1 {
		return "1 finding fails"
	}
	return fmt.Sprintf("%d findings fail", n)
}

// subjects names what fails, and no more of it than fits a line.
func (a *application) subjects() string {
	const most = 3
	var names []string
	for _, i := range a.failed {
		names = append(names, a.findings[i].Check+" ("+a.findings[i].Subject.String()+")")
	}
	slices.Sort(names)
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (a *application) expiring() Finding {
	w := a.waiver
	left := w.daysLeft(a.now)
	switch {
	case left < 0:
		return a.finding(WaiverExpiring, Skipped, "has expired")
	case left > ExpiresSoon:
		return a.finding(WaiverExpiring, Pass, "does not expire within %d days", ExpiresSoon)
	}
	f := a.finding(WaiverExpiring, Fail, "holds through %s, for %s more; %s answers for it (%s)", w.Expires, count(left, "day"), w.Owner, w.Ticket)
	f.Found, f.Expected = "expires "+w.Expires, fmt.Sprintf("more than %d days ahead", ExpiresSoon)
	return f
}

func (a *application) unused() Finding {
	w := a.waiver
	switch {
	case len(a.failed) > 0:
		return a.finding(WaiverUnused, Pass, "speaks of %s", count(len(a.failed), "failure"))
	case !a.ruleExist && !a.ruleFound():
		return a.finding(WaiverUnused, Fail, "no rule is called %s%s", w.Rule, didYouMean(w.Rule, a.known))
	case a.withheld:
		return a.finding(WaiverUnused, Skipped, "whether it is still needed was not judged: %s gave no answer in this run for what it speaks of", w.Rule)
	}
	return a.finding(WaiverUnused, Fail, "nothing that it speaks of fails; it can go")
}

// ruleFound reports whether a finding comes from a rule of that name that the
// list of known ones lacks.
func (a *application) ruleFound() bool {
	return slices.ContainsFunc(a.findings, func(f Finding) bool { return !aboutWaivers(f.Check) && glob(a.waiver.Rule, f.Check) })
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (a *application) breadth() Finding {
	if a.broad == "" {
		return a.finding(WaiverTooBroad, Pass, "speaks of some subjects, not of all")
	}
	return a.finding(WaiverTooBroad, Fail, "%s, so it waives nothing; name the subjects that somebody answers for", a.broad)
}
