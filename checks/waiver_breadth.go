package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/pgconcord/pgconcord/schema"
)

// tooBroad says why the waiver takes in everything there is, or returns "". A
// waiver is for known failures of known subjects; one that would also swallow
// the next failure of any other subject is the rule switched off by the back
// door.
func (a *application) tooBroad() string {
	if a.everyRule() {
		return "it speaks of every rule"
	}
	for _, rule := range a.rules() {
		if n := a.takesAll(rule); n > 1 {
			return fmt.Sprintf("it speaks of every subject of %s, %d of them", rule, n)
		}
	}
	return ""
}

func (a *application) everyRule() bool {
	n := 0
	for _, c := range a.known {
		if aboutWaivers(c.Name) {
			continue
		}
		if !glob(a.waiver.Rule, c.Name) {
			return false
		}
		n++
	}
	return n > 1
}

// rules returns the rules with findings that the waiver speaks of, sorted.
func (a *application) rules() []string {
	found := map[string]bool{}
	for _, f := range a.findings {
		if !aboutWaivers(f.Check) && glob(a.waiver.Rule, f.Check) {
			found[f.Check] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// takesAll returns how many subjects a rule has when the waiver takes them all,
// else 0. A layout rule reports only what breaks it, so its subjects are looked
// up in the plan; a live check reports every subject it looked at.
func (a *application) takesAll(rule string) int {
	subjects, layout := map[Subject]bool{}, false
	for _, f := range a.findings {
		if f.Check != rule || f.Status == Skipped || f.Subject == (Subject{}) {
			continue
		}
		if siblings := siblings(a.plan, f.Subject); siblings != nil {
			layout = true
			if n := a.takes(siblings); n > 0 {
				return n
			}
		}
		subjects[f.Subject] = true
	}
	if layout || !a.takesClass(subjects) {
		return 0
	}
	return a.takes(slices.Collect(maps.Keys(subjects)))
}

// takes returns the number of subjects when there are several and the waiver
// matches each, else 0.
func (a *application) takes(subjects []Subject) int {
	for _, s := range subjects {
		if !a.waiver.matches(s) {
			return 0
		}
	}
	if len(subjects) < 2 {
		return 0
	}
	return len(subjects)
}

// takesClass reports whether the waiver's node pattern takes every name of the
// plan that the subjects could have had: every node, or every Barman host. A
// pattern that leaves out some is no blank cheque, even when by chance only
// nodes that it takes have anything to be judged.
func (a *application) takesClass(subjects map[Subject]bool) bool {
	if a.plan == nil || a.waiver.Subject.Node == "" {
		return true
	}
	for s := range subjects {
		switch {
		case hasKey(a.plan.Nodes, s.Node) || hasKey(a.plan.Joins, s.Node):
			if !a.takesNames(a.plan.NodeNames()) {
				return false
			}
		case hasKey(a.plan.Barman, s.Node):
			if !a.takesNames(a.plan.BarmanNames()) {
				return false
			}
		}
	}
	return true
}

func hasKey[V any](m map[string]V, k string) bool { _, ok := m[k]; return ok }

func (a *application) takesNames(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !globOrAny(a.waiver.Subject.Node, n) })
}

// siblings returns the subjects that a layout rule could have reported in place
// of this one: the same path under every other entity of its kind. Nil when the
// subject is no path of an entity of the plan.
func siblings(plan *schema.Topology, s Subject) []Subject {
	if plan == nil {
		return nil
	}
	section, rest, ok := strings.Cut(s.Object, ".")
	if !ok {
		return nil
	}
	var names []string
	switch section {
	case "datacenters":
		names = slices.Sorted(maps.Keys(plan.Datacenters))
	case "nodes":
		names = plan.NodeNames()
	case "shards":
		names = plan.ShardNames()
	case "barman":
		names = plan.BarmanNames()
	case "joins":
		names = slices.Sorted(maps.Keys(plan.Joins))
	}
	for _, name := range names {
		for _, label := range []string{name, cue.Str(name).String()} {
			tail, ok := strings.CutPrefix(rest, label)
			if !ok || tail != "" && tail[0] != '.' && tail[0] != '[' {
				continue
			}
			var out []Subject
			for _, other := range names {
				o := s
				o.Object = section + "." + cue.Str(other).String() + tail
				if s.Node == name {
					o.Node = other
				}
				out = append(out, o)
			}
			return out
		}
	}
	return nil
}
