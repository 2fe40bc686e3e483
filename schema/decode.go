package schema

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

// Positions says where values were written, keyed by their path.
type Positions map[string]Position

// Pos returns where the value at a path, or its nearest ancestor, was written.
func (ps Positions) Pos(path ...string) Position { return place(ps, strings.Join(path, "\x00")) }

// Decode reads another document than a topology, such as waivers, in the same
// way: CUE, YAML or JSON, several inputs merged, every fault named with its
// place. Definition is a CUE file and path the definition in it that the
// document must keep; what names the document in messages. The error is an
// [*InputError].
func Decode(inputs []Input, definition Input, path, what string, out any) (Positions, error) {
	ctx := cuecontext.New()
	def := ctx.CompileBytes(definition.Data, cue.Filename(ours+definition.Name)).LookupPath(cue.ParsePath(path))
	if err := def.Err(); err != nil {
		return nil, fmt.Errorf("the embedded definition %s %s: %w", definition.Name, path, err)
	}
	in, err := merge(ctx, inputs)
	if err != nil {
		return nil, rename(err, what)
	}
	data, positions := in.value, in.positions
	whole := def.Unify(data)
	if err := whole.Validate(final...); err != nil {
		c := &checker{positions: positions}
		c.check(def, data, "")
		if len(c.problems) == 0 {
			c.cueErrors(err, "")
		}
		return nil, rename(&InputError{Problems: sorted(c.problems)}, what)
	}
	if err := whole.Decode(out); err != nil {
		return nil, &InputError{Problems: []Problem{{Pos: positions[""], Message: what + " does not fit its Go form: " + err.Error()}}}
	}
	return positions, nil
}

// rename puts the document's own name where messages speak of the topology.
func rename(err error, what string) error {
	e, ok := err.(*InputError)
	if !ok {
		return err
	}
	for i, p := range e.Problems {
		if rest, ok := strings.CutPrefix(p.Message, "the topology: "); ok {
			e.Problems[i].Message = what + ": " + rest
		}
	}
	return e
}

// Nearest returns the known name that a misspelt one most likely stands for,
// or "".
func Nearest(name string, known []string) string {
	best, least := "", max(3, len(name)/4)
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}
