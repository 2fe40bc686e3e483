package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// SequencesNoCollision: two writers never draw the same key.
var SequencesNoCollision = Check{
	Name:  "sequences/no-collision",
	Title: "Sequences behind keys of replicated tables give different values on each writer",
	Why: "Two nodes that draw the same key for different rows make a conflict at every insert: one of the two rows replaces the other, " +
		"without any error in the applications.",
	Remedy:   "Make the sequence a distributed one (bdr.alter_sequence_set_kind), or give each node its own start with one increment for all, or its own range.",
	Source:   "bdr-worldwide-specification, A6; Postgres-BDR, sequences",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Run:      sequencesNoCollision,
}

// globalKinds give values that no other node gives.
var globalKinds = []string{"timeshard", "galloc", "snowflakeid"}

func sequencesNoCollision(in Input) []Finding {
	sets := in.Plan.DataSets()
	var out []Finding
	for _, name := range sortedKeys(sets) {
		d := sets[name]
		writers := d.Writers
		if len(writers) == 0 { // nobody said, so each may write
			writers = senders(in, d.Replicas)
		}
		if len(writers) < 2 {
			f := pass("only %s writes %s", strings.Join(writers, ""), name)
			f.Subject.Object = name
			out = append(out, f)
			continue
		}
		facts, why := readable(in, writers, catalog.PartSequences, catalog.PartSets)
		bad := 0
		for _, seq := range sequencesOf(facts, d.ReplicationSets) {
			if a, b, what := collision(facts, seq); what != "" {
				bad++
				f := fail("sequence %s gives the same values on %s and %s: %s", seq, a, b, what).
					evidence(what, "different values on each writer", "pg_sequence, and the last value where it may be read")
				f.Subject = Subject{Object: "sequence " + seq}
				f.Related = nil
				out = append(out, f)
			}
		}
		for _, seq := range sequencesOf(facts, d.ReplicationSets) {
			for _, w := range sortedKeys(facts) {
				switch s := sequence(facts[w], seq); {
				case s == nil || bad > 0:
				case facts[w].Flavour.Grouped() && s.Kind == "":
					why = append(why, fmt.Sprintf("whether %s on %s is a distributed sequence is not known", seq, w))
				case s.Hidden:
					why = append(why, hiddenSequence(facts[w], w, seq))
				}
			}
		}
		if len(why) > 0 {
			f := unknown("not every writer of %s could be asked: %s", name, strings.Join(why, "; "))
			f.Subject.Object = name
			out = append(out, f)
		} else if bad == 0 {
			f := pass("no two of the %d writers of %s draw the same values", len(writers), name)
			f.Subject.Object = name
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return []Finding{skip("the plan has no data sets")}
	}
	return out
}

// sequencesOf returns the sequences that give defaults to columns of tables in
// some sets, on any of the nodes.
func sequencesOf(facts map[string]*catalog.Facts, sets []string) []string {
	out := map[string]bool{}
	for _, f := range facts {
		tables := tablesOf(f, sets)
		for _, s := range f.Sequences {
			for _, use := range s.UsedBy {
				if i := strings.LastIndexByte(use, '.'); i > 0 && slices.Contains(tables, use[:i]) {
					out[s.String()] = true
				}
			}
		}
	}
	return sortedKeys(out)
}

func sequence(f *catalog.Facts, name string) *catalog.Sequence {
	for i := range f.Sequences {
		if f.Sequences[i].String() == name {
			return &f.Sequences[i]
		}
	}
	return nil
}

// hiddenSequence says whose last value cannot be seen, and what opens it.
func hiddenSequence(f *catalog.Facts, node, name string) string {
	return fmt.Sprintf("the last value of %s on %s is hidden from role %s; GRANT SELECT ON SEQUENCE %s TO %q;", name, node, f.Server.User, name, f.Server.User)
}

// collision finds two nodes on which a sequence can give one value.
func collision(facts map[string]*catalog.Facts, name string) (a, b, what string) {
	nodes := sortedKeys(facts)
	for i, x := range nodes {
		for _, y := range nodes[i+1:] {
			s, t := sequence(facts[x], name), sequence(facts[y], name)
			if s == nil || t == nil || slices.Contains(globalKinds, s.Kind) && s.Kind == t.Kind {
				continue
			}
			if lo, hi := max(s.Min, t.Min), min(s.Max, t.Max); lo > hi {
				continue // each has a range of its own
			}
			if facts[x].Flavour.Grouped() && s.Kind == "" || facts[y].Flavour.Grouped() && t.Kind == "" {
				continue // may be distributed
			}
			if step := gcd(s.Increment, t.Increment); step > 1 {
				if s.Hidden || t.Hidden || (at(s)%step-at(t)%step)%step != 0 {
					continue // they never meet, or it cannot be seen whether they do
				}
			}
			return x, y, fmt.Sprintf("%s on %s, %s on %s", progression(s), x, progression(t), y)
		}
	}
	return "", "", ""
}

// at is a value that the sequence gives or gave.
func at(s *catalog.Sequence) int64 {
	switch {
	case s.Last != nil:
		return *s.Last
	case s.First != nil:
		return *s.First
	}
	return s.Start
}

func progression(s *catalog.Sequence) string {
	return fmt.Sprintf("%d to %d by %d from %d", s.Min, s.Max, s.Increment, at(s))
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	if a < 0 {
		return -a
	}
	return a
}

// SequencesNotExhausted: keys do not run out.
var SequencesNotExhausted = Check{
	Name:     "sequences/not-exhausted",
	Title:    "No sequence has used more than nine tenths of its values",
	Why:      "When a sequence is at its end every insert that draws from it fails; in a range per node that happens on one node first.",
	Remedy:   "Make the column and its sequence bigint, or give the node a new range.",
	Source:   "Practice",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: eachNode(func(n node) []Finding {
		limit := n.in.Plan.Policy.Sequences.MaxUsed()
		var out []Finding
		for _, s := range n.f.Sequences {
			if s.Hidden {
				f := unknown("%s", hiddenSequence(n.f, n.name, s.String()))
				f.Subject.Object = "sequence " + s.String()
				out = append(out, f)
				continue
			}
			if s.Last == nil || s.Cycle || slices.Contains(globalKinds, s.Kind) {
				continue
			}
			span := float64(s.Max) - float64(s.Min)
			used := float64(*s.Last) - float64(s.Min)
			if s.Increment < 0 {
				used = float64(s.Max) - float64(*s.Last)
			}
			if span <= 0 || 100*used/span <= float64(limit) {
				continue
			}
			f := fail("sequence %s is at %d of %d to %d", s, *s.Last, s.Min, s.Max).evidence(fmt.Sprintf("%.1f %% used", 100*used/span), fmt.Sprintf("at most %d %% used", limit), "pg_sequence, pg_sequence_last_value()")
			f.Subject.Object = "sequence " + s.String()
			out = append(out, f)
		}
		if len(out) == 0 {
			out = append(out, pass("%d sequences, none near its end", len(n.f.Sequences)))
		}
		return out
	}, catalog.PartSequences),
}
