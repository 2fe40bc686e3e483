package schema

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
)

// loading knows what a run of Load is at, for when it has to be given up.
type loading struct{ at atomic.Pointer[string] }

func (l *loading) enter(s string) { l.at.Store(&s) }

func (l *loading) stage() string {
	if s := l.at.Load(); s != nil {
		return *s
	}
	return "starting"
}

// merge reads all inputs and unifies them: each may say a part, and what two
// of them say must agree.
func merge(ctx *cue.Context, inputs []Input) (cue.Value, map[string]Position, error) {
	e := &InputError{}
	var data cue.Value
	positions := map[string]Position{}
	for i, in := range inputs {
		s, problems := read(ctx, in)
		e.Problems = append(e.Problems, problems...)
		if len(problems) > 0 {
			continue
		}
		for k, p := range s.positions {
			if _, known := positions[k]; !known {
				positions[k] = p
			}
		}
		if i == 0 {
			data = s.value
		} else {
			data = data.Unify(s.value)
		}
	}
	if len(inputs) == 0 {
		e.Problems = append(e.Problems, Problem{Message: "no topology was given"})
	}
	if len(e.Problems) > 0 {
		return data, nil, e
	}
	positions[""] = Position{inputs[0].Name, 1, 1}
	return data, positions, nil
}

// facts tells the rules what Go reads out of the connection strings.
func facts(t *Topology) map[string]any {
	hosts := map[string]bool{}
	read := func(dsn string) map[string]any {
		d, err := ParseDSN(dsn)
		f := map[string]any{"problem": "", "address": d.Address(), "local": d.Local(), "service": d.Service != "",
			"database": d.Database, "sslmode": d.SSLMode, "secret": d.Secret}
		if err != nil {
			f["problem"], f["address"] = err.Error(), ""
			return f
		}
		for _, h := range d.Hosts {
			switch {
			case h.Host == "" && d.Service != "": // not known
			case h.local():
				hosts[""] = true
			default:
				hosts[strings.ToLower(h.Host)] = true
			}
		}
		return f
	}
	nodes, joins := map[string]any{}, map[string]any{}
	for n, v := range t.Nodes {
		nodes[n] = read(v.DSN)
	}
	for j, v := range t.Joins {
		joins[j] = read(v.DSN)
	}
	return map[string]any{"nodes": nodes, "joins": joins, "several_hosts": len(hosts) > 1}
}

// constraints reports what the house demands of plain values beyond our shape,
// such as policy: min_replicas: >=2. Only regular fields are looked at.
func constraints(u cue.Value, positions map[string]Position) []Problem {
	c := &checker{positions: positions}
	it, err := u.Fields()
	if err != nil {
		c.cueErrors(err, "")
		return sorted(c.problems)
	}
	for it.Next() {
		if err := it.Value().Validate(final...); err != nil {
			c.house(err, it.Selector().Unquoted())
		}
	}
	return sorted(c.problems)
}

// house reports a constraint with the place of the constraint itself.
func (c *checker) house(err error, field string) {
	seen := map[string]bool{}
	for _, e := range errors.Errors(err) {
		at := field
		if ps := e.Path(); len(ps) > 0 {
			at = key(pathOf(ps))
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		format, args := e.Msg()
		m := fmt.Sprintf(format, args...)
		if secret(at) {
			m = "not allowed by the policy"
		}
		for _, p := range errors.Positions(e) {
			if q := position(p); !strings.HasPrefix(q.File, ours) && q.File != place(c.positions, at).File {
				m += ", by " + q.String()
				break
			}
		}
		c.add(at, name(at)+": "+m, "")
	}
}

// pathOf makes a path of the labels that a CUE error carries.
func pathOf(labels []string) cue.Path {
	var sels []cue.Selector
	for _, l := range labels {
		var n int
		if _, err := fmt.Sscanf(l, "%d", &n); err == nil && fmt.Sprint(n) == l {
			sels = append(sels, cue.Index(n))
			continue
		}
		if p := cue.ParsePath(l); p.Err() == nil {
			sels = append(sels, p.Selectors()...)
			continue
		}
		sels = append(sels, cue.Str(l))
	}
	return cue.MakePath(sels...)
}

func sorted(ps []Problem) []Problem {
	slices.SortStableFunc(ps, func(a, b Problem) int { return comparePositions(a.Pos, b.Pos) })
	return slices.Compact(ps)
}

// markHouse tells our rules from the house's.
func markHouse(rules []Rule) error {
	own, err := Rules()
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, r := range own {
		names[r.Name] = true
	}
	for i := range rules {
		rules[i].House = !names[rules[i].Name]
	}
	return nil
}
