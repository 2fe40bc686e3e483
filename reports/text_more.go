package reports

import (
	"fmt"
	"strings"
	"time"
)

// profile shows the controls of a compliance profile.
func (p *page) profile(pr *Profile) error {
	if pr == nil {
		return nil
	}
	p.heading(fmt.Sprintf("%s (profile %s, version %s)", clean(pr.Title), clean(pr.Name), clean(pr.Version)))
	p.blank()
	var rows [][]string
	for _, c := range pr.Controls {
		colour := green
		switch c.State {
		case ControlFailed:
			colour = red
		case ControlInconclusive, ControlWaived:
			colour = yellow
		}
		rows = append(rows, []string{clean(c.ID), p.paint(colour, string(c.State)), clean(c.Title), clean(c.Why)})
	}
	return p.grid(0, []string{"control", "state", "demand", "because of"}, rows)
}

// history shows what changed since the last report.
func (p *page) history(r *Report) {
	h := r.History
	if h == nil {
		return
	}
	p.heading("Against the last report")
	p.blank()
	if h.Since == "" {
		p.para("", "There is no earlier report of this cluster in the history.")
	} else {
		p.para("", fmt.Sprintf("Since run %s: %s, %s, %s.", clean(h.Since), plural(len(h.New), "new failure", "new failures"),
			plural(len(h.Persisting), "persists", "persist"), plural(len(h.Resolved), "is no longer there", "are no longer there")))
	}
	for _, x := range h.Resolved {
		state := "resolved"
		if !x.Known {
			state = "not judged this time"
		}
		p.para("  - ", fmt.Sprintf("%s %s: %s (first seen %s)", clean(x.Check), clean(x.Subject), state, x.FirstSeen.UTC().Format(time.DateOnly)))
	}
	for _, x := range h.Persisting {
		for _, f := range r.Findings {
			if f.Fingerprint == x.Fingerprint {
				p.para("  - ", fmt.Sprintf("%s %s: persists since %s", clean(f.Check), clean(f.Subject.String()), x.FirstSeen.UTC().Format(time.DateOnly)))
			}
		}
	}
	for _, t := range h.Oldest {
		if t.FirstDiffered != nil {
			p.para("  - ", fmt.Sprintf("%s (%s): rows differ since %s", clean(t.Table), clean(t.DataSet), t.FirstDiffered.UTC().Format(time.DateOnly)))
		}
	}
	for _, t := range notComparedNow(h) {
		last := "never"
		if t.Compared != nil {
			last = "last on " + t.Compared.UTC().Format(time.DateOnly)
		}
		p.para("  - ", fmt.Sprintf("%s (%s): not compared in full in this run, %s", clean(t.Table), clean(t.DataSet), last))
	}
	if len(h.Missing) > 0 {
		p.para("  - ", "no report of "+listed(h.Missing, 7))
	}
	for _, u := range h.Unreadable {
		p.para("  - ", "not readable: "+clean(u))
	}
}

// next lists what to do now.
func (p *page) next(steps []string) {
	if len(steps) == 0 {
		return
	}
	p.heading("What to do next")
	p.blank()
	for i, s := range steps {
		p.para(strings.Repeat(" ", 2)+fmt.Sprintf("%d. ", i+1), clean(s))
	}
}
