package schema

import (
	"errors"
	"fmt"
	"time"

	"cuelang.org/go/cue/ast"
)

// Go cannot look into a running evaluation, so the house rule that crashed it,
// or kept it from ending, is found by trying each by itself.

// houseRule is one entry of #rules in a house file.
type houseRule struct {
	name string
	pos  Position
}

// houseRules lists the entries of #rules that house files make; keep, when it
// is set, takes all others out.
func houseRules(files []*ast.File, keep string) []houseRule {
	var out []houseRule
	for _, f := range files {
		for _, d := range f.Decls {
			field, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			if n, _, err := ast.LabelName(field.Label); err != nil || n != "#rules" {
				continue
			}
			rules, ok := field.Value.(*ast.StructLit)
			if !ok {
				continue
			}
			var kept []ast.Decl
			for _, e := range rules.Elts {
				if r, ok := e.(*ast.Field); ok {
					n, _, err := ast.LabelName(r.Label)
					if err == nil {
						out = append(out, houseRule{n, position(r.Label.Pos())})
					}
					if keep != "" && n != keep {
						continue
					}
				}
				kept = append(kept, e)
			}
			rules.Elts = kept
		}
	}
	return out
}

// blame returns the house rule with which alone the evaluation fails the same
// way, within limit for each try, or nil. A try that does not end stays behind
// in the process, as the first one did; there is at most one such try.
func blame(inputs []Input, opt Options, limit time.Duration) *houseRule {
	files, err := parsePolicy(opt.Policy)
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for _, r := range houseRules(files, "") {
		if seen[r.name] {
			continue
		}
		seen[r.name] = true
		done := make(chan bool, 1)
		go func() {
			crashed := true
			defer func() {
				_ = recover()
				done <- crashed
			}()
			house, err := parsePolicy(opt.Policy)
			if err == nil {
				houseRules(house, r.name)
				_, err = (&loading{}).evaluate(inputs, house)
			}
			_ = err // a rule that is broken in another way is named elsewhere
			crashed = false
		}()
		timer := time.NewTimer(limit)
		select {
		case crashed := <-done:
			timer.Stop()
			if crashed {
				return &r
			}
		case <-timer.C:
			return &r
		}
	}
	return nil
}

// stuck names what did not end.
func stuck(stage string, inputs []Input, opt Options) error {
	message := fmt.Sprintf("evaluation did not end within %s while %s", opt.Limit, stage)
	if r := blame(inputs, opt, opt.Limit); r != nil {
		return &BrokenRuleError{Rule: r.name, Pos: r.pos, Message: fmt.Sprintf("evaluation did not end within %s", opt.Limit)}
	}
	if len(opt.Policy) == 0 {
		return errors.New(message)
	}
	return &BrokenRuleError{Message: message}
}

// crashed reports a panic of the evaluator, which has known ones: a list that
// constrains itself from its own elements is one. It is the house's rules or
// the user's own CUE that bring it about; what the evaluator says of its inner
// state helps nobody.
func crashed(stage string, inputs []Input, opt Options) error {
	if len(opt.Policy) > 0 {
		b := &BrokenRuleError{Message: "the CUE evaluator failed while " + stage}
		if r := blame(inputs, opt, opt.Limit); r != nil {
			b.Rule, b.Pos, b.Message = r.name, r.pos, "the CUE evaluator fails on it; a list that is computed from itself is known to do this"
		}
		return b
	}
	p := Problem{Message: "the CUE evaluator failed while " + stage, Remedy: "write plain values; a list that is computed from itself is known to do this"}
	if len(inputs) > 0 {
		p.Pos = Position{inputs[0].Name, 1, 1}
	}
	return &InputError{Problems: []Problem{p}}
}
