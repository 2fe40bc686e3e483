// Package tpa makes a topology out of the config.yml of TPA (Trusted Postgres
// Architect), so that a cluster which is deployed with it has a plan at once.
// Values keep the places where config.yml has them, and what cannot be carried
// over is listed, never dropped.
//
// The mapping follows TPA 23: settings merge as its deploy does, cluster_vars <
// location < instance_defaults < instance, with maps such as vars merged key by
// key.
package tpa

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/pgconcord/pgconcord/schema"
	"github.com/pgconcord/pgconcord/schema/draft"
)

// Options of [Import].
type Options struct {
	// DR names the locations that stand by for the others. TPA gives locations
	// no meaning, so without it every datacenter is an active one.
	DR []string
	// Addresses makes connection strings use the instances' IP addresses, for
	// machines that do not know their names. The default is TPA's own form,
	// which is also what the nodes' catalogs hold.
	Addresses bool
}

// Imported is what came out of a config.yml.
type Imported struct {
	YAML []byte    // the topology, for a person to keep
	File *ast.File // the same topology with positions in config.yml

	// Unmapped holds what belongs in the plan and could not be put there: the
	// plan is incomplete as long as there is any.
	Unmapped []schema.Problem
	// Notes say what was assumed or is modelled otherwise.
	Notes []schema.Problem
	// Ignored holds the settings that a plan has no place for.
	Ignored []schema.Problem
}

// Input returns the topology as an input of [schema.Load] whose findings point
// into config.yml.
func (i *Imported) Input() schema.Input {
	return schema.Input{Name: i.File.Filename, Data: i.YAML, Syntax: i.File}
}

// Import reads a config.yml; name is used in positions. The error is a
// [*schema.InputError] when it is not one, or describes no multi-master
// cluster.
func Import(name string, data []byte, opt Options) (*Imported, error) {
	root, problems := parse(name, data)
	if len(problems) > 0 {
		return nil, &schema.InputError{Problems: problems}
	}
	b := &builder{root: root, opt: opt, out: &draft.Map{}}
	b.build()
	if len(b.fatal) > 0 {
		sortProblems(b.fatal)
		return nil, &schema.InputError{Problems: b.fatal}
	}
	b.leftovers()
	text, err := b.out.YAML(fmt.Sprintf("The topology of %s, imported from TPA's %s.", b.name, base(name)))
	if err != nil {
		return nil, err
	}
	imported := &Imported{YAML: text, File: b.out.Syntax(name), Unmapped: b.unmapped, Notes: b.notes, Ignored: b.ignored}
	for _, ps := range [][]schema.Problem{imported.Unmapped, imported.Notes, imported.Ignored} {
		sortProblems(ps)
	}
	return imported, nil
}

// base is the last element of a path, whatever the machine's separator; standard
// input has none.
func base(name string) string {
	if name == "-" {
		return "config.yml"
	}
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

func sortProblems(ps []schema.Problem) {
	slices.SortStableFunc(ps, func(a, b schema.Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column), cmp.Compare(a.Message, b.Message))
	})
}

// builder carries an import through its steps.
type builder struct {
	root *value
	opt  Options
	out  *draft.Map

	name      string
	locations []location
	instances []*instance

	fatal, unmapped, notes, ignored []schema.Problem
}

func (b *builder) refuse(pos token.Pos, remedy, format string, args ...any) {
	b.fatal = append(b.fatal, schema.Problem{Pos: b.at(pos), Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (b *builder) unmap(pos token.Pos, remedy, format string, args ...any) {
	b.unmapped = appendNew(b.unmapped, schema.Problem{Pos: b.at(pos), Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (b *builder) note(pos token.Pos, remedy, format string, args ...any) {
	b.notes = appendNew(b.notes, schema.Problem{Pos: b.at(pos), Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

// appendNew leaves out what was said before: defaults are read once for every
// instance.
func appendNew(ps []schema.Problem, p schema.Problem) []schema.Problem {
	if slices.Contains(ps, p) {
		return ps
	}
	return append(ps, p)
}

func (b *builder) at(pos token.Pos) schema.Position {
	if !pos.IsValid() {
		pos = b.root.pos
	}
	return position(pos)
}

// text returns a scalar's text. A template is listed as not importable and
// gives ok = false, as does a value of another kind; an absent one gives "".
func (b *builder) text(v *value, what string) (s string, ok bool) {
	switch {
	case v == nil:
		return "", true
	case v.jinja():
		b.unmap(v.pos, "write the value in the topology by hand", "%s is a template whose value only a deploy knows: %s", what, v.text)
		return "", false
	case v.kind != scalar:
		b.unmap(v.pos, "", "%s: %s where a single value was expected", what, v.what())
		return "", false
	}
	return v.text, true
}

// texts returns a list of strings, or a string as a list of one; templates and
// values of another kind in it are listed and left out, with ok = false.
func (b *builder) texts(v *value, what string) (out []*value, ok bool) {
	ok = true
	switch {
	case v == nil:
		return nil, true
	case v.kind != list:
		if _, ok := b.text(v, what); !ok {
			return nil, false
		}
		return []*value{v}, true
	}
	for _, i := range v.items {
		i.used = true
		if _, fine := b.text(i, what); fine {
			out = append(out, i)
		} else {
			ok = false
		}
	}
	return out, ok
}
