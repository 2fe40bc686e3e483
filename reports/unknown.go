package reports

import (
	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

// unknown is one reason why something could not be told, with the checks that
// it silences.
type unknown struct {
	subject, message, found, expected string
	pos                               schema.Position
	checks                            []string
}

// unknowns groups the unknown findings by subject and reason, in the order in
// which they first occur.
func (r *Report) unknowns() []unknown {
	type key struct{ subject, message, found, expected string }
	index := map[key]int{}
	var out []unknown
	for _, f := range r.Findings {
		switch f.Status {
		case checks.Pass, checks.Fail, checks.Skipped, checks.Waived:
			continue
		}
		k := key{f.Subject.String(), f.Message, f.Found, f.Expected}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, unknown{subject: k.subject, message: k.message, found: k.found, expected: k.expected, pos: f.Pos})
		}
		out[i].checks = append(out[i].checks, f.Check)
	}
	return out
}
