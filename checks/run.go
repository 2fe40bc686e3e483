package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

// Options of [Run].
type Options struct {
	Gate Gate // zero: Nightly
	// Only names checks ("lag/time") or families ("lag"); empty: all of the gate.
	Only []string
}

// selects reports whether the options ask for a check.
func (o Options) selects(c Check) bool {
	gate := o.Gate
	if gate == 0 {
		gate = Nightly
	}
	gates := c.Gates
	if gates == 0 {
		gates = Nightly
	}
	if gates&gate == 0 {
		return false
	}
	family, _, _ := strings.Cut(c.Name, "/")
	return len(o.Only) == 0 || slices.Contains(o.Only, c.Name) || slices.Contains(o.Only, family)
}

// Selected returns the live checks that the options ask for, by name.
func Selected(o Options) []Check {
	var out []Check
	for _, c := range Live() {
		if o.selects(c) {
			out = append(out, c)
		}
	}
	return out
}

// Run judges the input by every live check that the options ask for. Every
// subject of every check has at least one finding: what could not be told is
// unknown, and says why. The order depends on nothing but the findings.
func Run(in Input, o Options) []Finding {
	if o.Gate == PostJoin {
		in = in.joined()
	}
	in.once = &workedOut{edges: map[[2]string]edge{}}
	var out []Finding
	for _, c := range Selected(o) {
		out = append(out, c.judge(in)...)
	}
	if o.Gate == PostJoin {
		out = behindSilence(in, out)
	}
	Sort(out)
	return out
}

// joined returns the input with the joiner among the plan's nodes, where a plan
// that still calls it a planned join has it not.
func (in Input) joined() Input {
	j, planned := in.Plan.Joins[in.Joiner]
	if _, member := in.Plan.Nodes[in.Joiner]; member || !planned {
		return in
	}
	plan := *in.Plan
	plan.Nodes = maps.Clone(plan.Nodes)
	plan.Nodes[in.Joiner] = schema.Node{Datacenter: j.Datacenter, DSN: j.DSN, Kind: j.Kind}
	in.Plan = &plan
	return in
}

// judge runs one check and completes its answers.
func (c Check) judge(in Input) []Finding {
	out := c.guarded(in)
	if len(out) == 0 && c.Needs&NeedsBarman != 0 && len(in.Plan.Barman) == 0 {
		out = []Finding{skip("the plan has no Barman server")}
	}
	answered, all := map[[2]string]bool{}, false
	for _, f := range out {
		if f.Status == Skipped && f.Subject == (Subject{}) {
			all = true // it applies nowhere
		}
		answered[[2]string{f.Subject.Node, f.Subject.Peer}] = true
	}
	if c.Subjects != nil && !all {
		for _, s := range c.Subjects(in) {
			if !answered[[2]string{s.Node, s.Peer}] {
				f := unknown("the check gave no answer%s", because(in, s))
				f.Subject = s
				out = append(out, f)
			}
		}
	}
	if len(out) == 0 {
		out = []Finding{unknown("the check gave no answer")}
	}
	for i := range out {
		f := &out[i]
		f.Check = c.Name
		if f.Severity == "" {
			f.Severity = c.Severity
		}
		if !f.Pos.IsValid() && f.Subject.Node != "" && in.Plan != nil {
			if _, ok := in.Plan.Nodes[f.Subject.Node]; ok {
				f.Pos = in.Plan.Pos("nodes", f.Subject.Node)
			}
		}
	}
	return out
}

// guarded turns a panic of a check into an answer: one faulty check must not
// take the others' answers with it.
func (c Check) guarded(in Input) (out []Finding) {
	defer func() {
		if r := recover(); r != nil {
			out = []Finding{unknown("the check %s failed inside (%v): this is a fault of the tool, please report it", c.Name, r)}
		}
	}()
	return c.Run(in)
}

// because names the nodes of a subject that could not be read.
func because(in Input, s Subject) string {
	var why []string
	for _, n := range []string{s.Node, s.Peer} {
		if n == "" {
			continue
		}
		if _, w := factsOf(in, n); w != "" {
			why = append(why, w)
		}
	}
	if len(why) == 0 {
		return ""
	}
	return fmt.Sprintf(": %s", strings.Join(why, "; "))
}
