package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgconcord/pgconcord/compare"
)

// preview is what a dry run prints.
type preview struct {
	Cluster  string       `json:"cluster"`
	Mode     compare.Mode `json:"mode"`
	Complete bool         `json:"complete"` // whether nothing stands in the way of a verdict on every table
	*compare.Preview
}

// preview lists what a request would compare. What stands in the way ends in
// exit code 3, as it would after the comparison.
func (a *app) preview(ctx context.Context, request compare.Request) error {
	if from, ok := a.settings.origins["format"]; ok {
		a.flags.outputs.list = []output{{format: "text"}} // where reports go is no place for this
		a.log.Info("a dry run makes no report: it goes to standard output", "configured", from)
	}
	seen, err := compare.Look(ctx, request)
	if err != nil {
		return asUsage(err)
	}
	p := preview{Cluster: request.Topology.Name, Mode: request.Mode, Preview: seen}
	gaps := append([]string{}, seen.Reasons...)
	for _, t := range seen.Tables {
		gaps = append(gaps, t.Reasons...)
	}
	if len(seen.Tables) == 0 && len(gaps) == 0 {
		gaps = []string{"there is no table to compare"}
		seen.Reasons = gaps
	}
	p.Complete = len(gaps) == 0
	if err := a.document(p, func(string) string { return p.text() }); err != nil {
		return err
	}
	a.lacks("compare --dry-run", gaps)
	return nil
}

func (p preview) text() string {
	var b strings.Builder
	ready := 0
	for _, t := range p.Tables {
		if len(t.Reasons) == 0 {
			ready++
		}
	}
	fmt.Fprintf(&b, "%s: %d of %d tables can be compared, mode %s; no row was read\n", plain(p.Cluster), ready, len(p.Tables), p.Mode)
	for _, why := range p.Reasons {
		fmt.Fprintf(&b, "  not compared: %s\n", plain(why))
	}
	for _, t := range p.Tables {
		fmt.Fprintf(&b, "\n%s: %s.%s\n", plain(t.DataSet), plain(t.Schema), plain(t.Name))
		line := func(name, value string) {
			if value != "" {
				fmt.Fprintf(&b, "  %-9s %s\n", name, plain(value))
			}
		}
		line("nodes", strings.Join(t.Nodes, ", "))
		if len(t.Nodes) > 0 {
			line("rows", fmt.Sprintf("about %d", t.Rows))
		}
		if len(t.Key) > 0 {
			line("key", strings.Join(t.Key, ", "))
		} else if len(t.Columns) > 0 {
			line("key", "none: equal rows are counted")
		}
		line("columns", strings.Join(t.Columns, ", "))
		line("where", t.Where)
		line("digest", t.Digest)
		for _, l := range t.Left {
			line("left out", l)
		}
		for _, n := range t.Notes {
			line("note", n)
		}
		for _, why := range t.Reasons {
			line("PROBLEM", why)
		}
	}
	return b.String()
}

// plain shows control characters as what they are: names come from databases.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
