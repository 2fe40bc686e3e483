package compare

import (
	"github.com/pgconcord/pgconcord/schema"
)

// Decide applies another policy to the evidence of a result, without reading
// any node: majority, minority, kind and likely cause of every listed
// difference are found anew. Verdicts do not change: a difference stays one
// whoever is right.
func (r *Result) Decide(p Policy, t *schema.Topology) error {
	if err := p.check(t); err != nil {
		return err
	}
	if err := r.sound(); err != nil {
		return err
	}
	r.Policy = p.String()
	for i := range r.Tables {
		for j := range r.Tables[i].Diffs {
			p.Decide(&r.Tables[i].Diffs[j])
		}
	}
	return nil
}

// sound refuses evidence that nothing can be decided or read again from: it may
// come from a file.
func (r *Result) sound() error {
	for _, t := range r.Tables {
		for _, d := range t.Diffs {
			switch {
			case len(d.Key) != max(len(t.Key), 1):
				return refuse("the earlier result is damaged: %s.%s has a key of %d columns and a difference with %d values", t.Schema, t.Name, len(t.Key), len(d.Key))
			case len(d.Versions) < 2:
				return refuse("the earlier result is damaged: a difference of %s.%s is of fewer than two nodes", t.Schema, t.Name)
			}
		}
	}
	return nil
}
