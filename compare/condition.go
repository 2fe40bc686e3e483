package compare

import (
	"context"
	"slices"
	"strings"
)

// A row filter and --where should be about the row alone. One that asks the
// clock, the session, another table or chance may say yes to a row on one node and
// no to the same row on another. That is no difference between the rows: what a
// node lacks only because of the condition, and holds like the others, is not
// judged.
//
// Rows without a key are told by what they hold, so a condition on it lets all
// equal rows of a node through, or none of any node. A number of them that differs is
// judged only if each node has the same of them, in the same versions, when the
// condition is left out.

// bareOf returns the inspection without the conditions that rows must meet.
func (r *inspection) bareOf() *inspection {
	x := *r
	x.bare = true
	return &x
}

// fickle returns those of some keys of which only the condition makes that nodes
// differ, or may make it; now is what was seen under it.
func (r *inspection) fickle(ctx context.Context, keys [][]string, now looked) (map[string]bool, error) {
	bare, err := r.bareOf().look(ctx, keys, false)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, key := range keys {
		k := strings.Join(key, sep)
		versions := bare.versions(k)
		if len(r.s.key) == 0 {
			out[k] = !slices.Equal(versions, now.versions(k))
		} else {
			out[k] = versions[0].digest != "" && agreeing(versions)
		}
	}
	return out, nil
}

// What is said where a condition was not of the row alone.
const (
	ofTheRowAlone  = "the condition (--where or a row filter) holds on one node and not on another for rows that are the same on both: it is not about the row alone, and they are not judged"
	ofEqualRowsAll = "the condition (--where or a row filter) holds for some and not for others of rows without a key that are equal in the compared columns: it is not about these alone, and where their numbers differ they are not judged"
)

// distrust says in a table that its condition is not of the row alone.
func (r *inspection) distrust(out *Table) {
	why := ofTheRowAlone
	if len(r.s.key) == 0 {
		why = ofEqualRowsAll
	}
	if !slices.Contains(out.Reasons, why) {
		out.Reasons = append(out.Reasons, why)
	}
}
