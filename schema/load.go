package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
)

// Options of [Load].
type Options struct {
	// Policy holds the house's own rules: CUE files of package topology.
	Policy []Input
	// Limit is how long evaluation may take before it is given up; 0 is
	// [DefaultLimit].
	Limit time.Duration
}

// DefaultLimit leaves room for a plan of several thousand nodes on a slow
// machine, and ends a house rule that does not end.
const DefaultLimit = time.Minute

// Load reads one topology out of one or more inputs that are merged, and
// judges it by every layout rule. It returns an [*InputError] when the inputs
// have no usable shape, and a [*BrokenRuleError] (perhaps several, joined) when
// a rule cannot be evaluated; a topology that only breaks rules is no error.
func Load(ctx context.Context, inputs []Input, opt Options) (*Plan, error) {
	if opt.Limit <= 0 {
		opt.Limit = DefaultLimit
	}
	type answer struct {
		plan *Plan
		err  error
	}
	done := make(chan answer, 1)
	l := &loading{}
	// CUE takes no context: what does not end is left behind, and named.
	go func() {
		var a answer
		defer func() {
			if r := recover(); r != nil {
				a = answer{nil, crashed(l.stage(), inputs, opt)}
			}
			done <- a
		}()
		defer boundMemory(inputs)()
		a.plan, a.err = l.load(inputs, opt)
	}()
	timer := time.NewTimer(opt.Limit)
	defer timer.Stop()
	select {
	case a := <-done:
		return a.plan, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("load topology: %w while %s", context.Cause(ctx), l.stage())
	case <-timer.C:
		return nil, stuck(l.stage(), inputs, opt)
	}
}

// badPolicy reports house files that do not compile together with ours: by the
// rule that is broken, where one is.
func badPolicy(err error) error {
	if b, ok := brokenRule("", err).(*BrokenRuleError); ok && b.Rule != "" {
		return b
	}
	return &InputError{Problems: sorted(syntaxProblems("policy", err))}
}

// Digest returns the SHA-256 over names and contents of inputs, hex.
func Digest(inputs []Input) string {
	h := sha256.New()
	for _, in := range inputs {
		fmt.Fprintf(h, "%d %s\n%d\n", len(in.Name), in.Name, len(in.Data))
		h.Write(in.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// load works in steps and stops after the first that finds something: the
// text, the shape, the house's own constraints, the rules.
func (l *loading) load(inputs []Input, opt Options) (*Plan, error) {
	l.enter("reading the policy")
	house, err := parsePolicy(opt.Policy)
	if err != nil {
		return nil, err
	}
	p, err := l.evaluate(inputs, house)
	if err != nil {
		return nil, err
	}
	p.Digest = Digest(inputs)
	return p, nil
}

// evaluate is load without the policy's text.
func (l *loading) evaluate(inputs []Input, house []*ast.File) (*Plan, error) {
	l.enter("reading the topology")
	in, err := parse(inputs)
	if err != nil {
		return nil, err
	}
	l.enter("evaluating the topology and its rules")
	if len(house) == 0 {
		if p, ok := judge(in); ok {
			return p, nil
		}
	}
	return l.whole(in, house)
}

// whole evaluates the whole package, the house's part of it too, with the
// topology in it: whatever that is, and whatever is wrong.
func (l *loading) whole(text parsed, house []*ast.File) (*Plan, error) {
	ctx := cuecontext.New() // one for each run: it never frees what it has seen
	l.enter("reading the topology")
	in, err := text.build(ctx)
	if err != nil {
		return nil, err
	}
	l.enter("compiling the rules")
	schema, err := compile(ctx, house, facts(in.dsns))
	if err != nil {
		return nil, badPolicy(err)
	}
	l.enter("evaluating the topology and its rules")
	u := schema.Unify(in.value)
	def := schema.LookupPath(pathTopology)
	if err := wellFormed(u, def, in.value); err != nil {
		l.enter("checking the shape")
		if ps := misshapen(def, in.value, in.positions); len(ps) > 0 {
			return nil, &InputError{Problems: ps}
		}
		c := &checker{positions: in.positions}
		c.house(err, u)
		return nil, &InputError{Problems: sorted(c.problems)}
	}
	t, err := decode(u)
	if err != nil {
		return nil, err
	}
	t.positions = in.positions
	l.enter("reading the rules")
	rules, err := readRules(u)
	if err != nil {
		return nil, brokenRule("", err)
	}
	if len(house) > 0 {
		markHouse(rules)
	}
	vs, err := violations(rules, func(rule string) cue.Value {
		return u.LookupPath(cue.MakePath(cue.Def("#rules"), cue.Str(rule)))
	}, in.positions)
	if err != nil {
		return nil, err
	}
	return &Plan{Topology: t, Rules: rules, Violations: vs}, nil
}
