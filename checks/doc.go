package checks

import (
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

//go:generate go run ../internal/docgen docs

// Doc is what is known about a rule or check, as rules, explain and the pages
// in docs show it.
type Doc struct {
	Name     string          `json:"name"`
	Title    string          `json:"title"`
	Severity schema.Severity `json:"severity"`
	Needs    []string        `json:"needs"`           // "plan", "facts", "barman", "waivers"
	Gates    []string        `json:"gates,omitempty"` // of a live check: "check", "pre-join", "post-join"
	Why      string          `json:"why"`
	Remedy   string          `json:"remedy"`
	Source   string          `json:"source,omitempty"`
	Fails    string          `json:"fails,omitempty"`  // what to merge over the specification's plan to break it
	Passes   string          `json:"passes,omitempty"` // and to keep it
	House    bool            `json:"house,omitempty"`  // from a house's policy
	Off      bool            `json:"off,omitempty"`    // switched off by it
}

// Family is the part of the name before the slash.
func (d Doc) Family() string {
	family, _, _ := strings.Cut(d.Name, "/")
	return family
}

// Docs documents every rule and check there is, by name: the layout rules as
// the house's policy, if any, leaves them, the live checks, and the rules about
// waivers.
func Docs(policy []schema.Input) ([]Doc, error) {
	layout, err := schema.HouseRules(policy)
	if err != nil {
		return nil, err
	}
	var out []Doc
	for _, r := range layout {
		d := docOf(ofRule(r))
		d.Fails, d.Passes, d.House, d.Off = r.Fails, r.Passes, r.House, !r.Enabled
		out = append(out, d)
	}
	for _, c := range append(Live(), waiverRules...) {
		out = append(out, docOf(c))
	}
	slices.SortFunc(out, func(a, b Doc) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func docOf(c Check) Doc {
	d := Doc{Name: c.Name, Title: c.Title, Severity: c.Severity, Why: c.Why, Remedy: c.Remedy, Source: c.Source}
	for _, n := range []struct {
		need Needs
		word string
	}{{NeedsPlan, "plan"}, {NeedsFacts, "facts"}, {NeedsBarman, "barman"}, {NeedsWaivers, "waivers"}} {
		if c.Needs&n.need != 0 {
			d.Needs = append(d.Needs, n.word)
		}
	}
	if c.Run == nil {
		return d
	}
	for _, g := range []Gate{Nightly, PreJoin, PostJoin} {
		if c.Gates&g != 0 || c.Gates == 0 && g == Nightly {
			d.Gates = append(d.Gates, g.String())
		}
	}
	return d
}
