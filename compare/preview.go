package compare

import (
	"context"
	"maps"
	"slices"
)

// Preview is what a request would compare, and all that stands in the way, at
// once.
type Preview struct {
	Tables  []Planned `json:"tables"`
	Reasons []string  `json:"reasons,omitempty"` // why it would be incomplete, beyond its tables
}

// Planned is one table of a [Preview].
type Planned struct {
	DataSet string   `json:"data_set"`
	Schema  string   `json:"schema"`
	Name    string   `json:"name"`
	Nodes   []string `json:"nodes"` // on which it would be compared
	Rows    int64    `json:"rows"`  // estimated, of the node with most
	Key     []string `json:"key"`   // empty: compared as a multiset
	Columns []string `json:"columns"`
	Left    []string `json:"left_out,omitempty"` // columns not compared, and why
	Digest  string   `json:"digest"`
	Where   string   `json:"where,omitempty"`
	Reasons []string `json:"reasons,omitempty"` // why it would be incomplete
	Notes   []string `json:"notes,omitempty"`
}

// Look plans a request without reading a row of any table.
func Look(ctx context.Context, req Request) (*Preview, error) {
	r, tasks, result, err := begin(ctx, req)
	if err != nil {
		return nil, err
	}
	defer r.close()
	out := &Preview{Tables: []Planned{}, Reasons: result.Reasons}
	for _, n := range slices.Sorted(maps.Keys(r.failed)) { // those that no table tells of
		if len(req.Nodes) > 0 && !slices.Contains(req.Nodes, n) {
			continue
		}
		if !slices.ContainsFunc(tasks, func(t *task) bool { return t.absent[n] != "" }) {
			out.Reasons = append(out.Reasons, r.failed[n].Error())
		}
	}
	for _, t := range tasks {
		s := align(r.req, t, r.unlike())
		nodes := slices.Sorted(maps.Keys(t.on))
		p := Planned{DataSet: t.dataSet, Schema: t.schema, Name: t.name, Nodes: nodes, Key: names(s.key), Columns: names(s.columns), Left: s.left,
			Where: r.where(t), Notes: slices.Concat(t.notes, s.notes), Reasons: slices.Concat(t.reasons, s.reasons)}
		for _, n := range t.nodes {
			if why, ok := t.absent[n]; ok {
				p.Reasons = append(p.Reasons, why)
			}
		}
		for _, n := range nodes {
			p.Rows = max(p.Rows, int64(t.on[n].estimate()))
		}
		if len(s.reasons) == 0 && len(t.reasons) == 0 && len(s.columns) == 0 && len(nodes) > 1 {
			p.Reasons = append(p.Reasons, "no column is left to compare")
		}
		if len(nodes) < 2 {
			p.Reasons = append(p.Reasons, "fewer than two nodes could be read")
		} else if m, note, err := r.choose(ctx, s, nodes); err != nil {
			p.Reasons = append(p.Reasons, err.Error())
		} else {
			p.Digest = m.name
			if note != "" {
				p.Notes = append(p.Notes, note)
			}
		}
		out.Tables = append(out.Tables, p)
	}
	return out, ctx.Err()
}
