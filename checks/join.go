package checks

import (
	"slices"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// joining is the join that a gate is about.
type joining struct {
	in             Input
	joiner, source string
	plan           schema.Join // zero when the join is not declared
	declared       bool
}

// joinOf finds it; ok is false when no joiner was named.
func joinOf(in Input) (joining, bool) {
	j := joining{in: in, joiner: in.Joiner, source: in.Source}
	j.plan, j.declared = in.Plan.Joins[in.Joiner]
	if j.source == "" {
		j.source = j.plan.Source
	}
	return j, j.joiner != ""
}

// atJoin makes the Run of a check about the join itself; its findings are about
// the joiner unless they say otherwise.
func atJoin(judge func(joining) []Finding) func(Input) []Finding {
	return func(in Input) []Finding {
		j, ok := joinOf(in)
		if !ok {
			return []Finding{skip("no joiner was named")}
		}
		out := judge(j)
		for i := range out {
			if out[i].Subject.Node == "" {
				out[i].Subject.Node = j.joiner
			}
			if !out[i].Pos.IsValid() {
				out[i].Pos = in.Plan.Pos("joins", j.joiner)
			}
		}
		return out
	}
}

// members are the declared nodes without the joiner.
func (j joining) members() []string {
	return slices.DeleteFunc(j.in.Plan.NodeNames(), func(n string) bool { return n == j.joiner })
}

// of returns the facts of the joiner or the source, or one unknown finding.
func (j joining) of(node string, parts ...catalog.Part) (*catalog.Facts, []Finding) {
	if node == "" {
		return nil, []Finding{unknown("no source was named, and the plan declares none")}
	}
	f, why := factsOf(j.in, node, parts...)
	if f == nil {
		return nil, []Finding{unknown("%s", why)}
	}
	return f, nil
}
