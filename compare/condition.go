package compare

import (
	"context"
	"strings"
)

// A row filter and --where should be about the row alone. One that asks the
// clock, the session, another table or chance may say yes to a row on one node and
// no to the same row on another. That is no difference between the rows: what a
// node lacks only because of the condition, and holds like the others, is not
// judged.

// fickle returns those of some keys of which all nodes hold the same when the
// condition is left out. Under one, a node that has no row is looked at again.
func (r *inspection) fickle(ctx context.Context, keys [][]string) (map[string]bool, error) {
	x := *r
	x.bare = true
	now, err := x.look(ctx, keys, false)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, k := range keys {
		versions := now.versions(strings.Join(k, sep))
		if versions[0].digest != "" && agreeing(versions) {
			out[strings.Join(k, sep)] = true
		}
	}
	return out, nil
}

// ofTheRowAlone is what is said where a condition was not.
const ofTheRowAlone = "the condition (--where or a row filter) holds on one node and not on another for rows that are the same on both: it is not about the row alone, and they are not judged"
