package reports

import (
	"slices"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

// unknown is one reason why something could not be told, with the checks that
// it silences.
type unknown struct {
	subject, message, found, expected string
	pos                               schema.Position
	checks                            []string // by name, each once
	answers                           int      // findings it stands for
}

// unknowns groups the unknown findings by their reason, in the order in which
// these first occur: one node that is down is one thing to mend, however many
// checks and edges it silences.
func (r *Report) unknowns() []unknown {
	down := map[string]string{}
	for _, n := range r.Nodes {
		if !n.Reached {
			down[n.Name] = n.Reason
		}
	}
	names := sortedKeys(down)
	type key struct{ subject, message, found, expected string }
	index := map[key]int{}
	var out []unknown
	for _, f := range r.Findings {
		if f.Status != checks.Unknown {
			continue
		}
		k := key{f.Subject.String(), f.Message, f.Found, f.Expected}
		for _, node := range append([]string{f.Subject.Node, f.Subject.Peer}, checks.BecauseOf(f.Message, names)...) {
			if why, ok := down[node]; ok {
				k = key{subject: node, message: "did not answer: " + why}
				break
			}
		}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, unknown{subject: k.subject, message: k.message, found: k.found, expected: k.expected, pos: f.Pos})
		}
		out[i].answers++
		if !slices.Contains(out[i].checks, f.Check) {
			out[i].checks = append(out[i].checks, f.Check)
		}
	}
	return out
}
