package reports

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
)

//go:embed profiles/*.cue
var profiles embed.FS

// RowsMatch is the name under which a profile asks for the comparison of rows.
const RowsMatch = "rows/match"

// Profile is a compliance profile, and after a run what it answers: controls of
// a document and the rules that stand for them.
type Profile struct {
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Version  string    `json:"version"`
	Controls []Control `json:"controls"`
}

// ControlState is the answer for a control.
type ControlState string

// The states. Whatever could not be told, or was not run, makes a control
// inconclusive, unless it is known to be broken.
const (
	ControlPassed        ControlState = "passed"
	ControlFailed        ControlState = "failed"
	ControlWaived        ControlState = "waived"
	ControlInconclusive  ControlState = "inconclusive"
	ControlNotApplicable ControlState = "not applicable"
)

// Control is a demand of the profile's document.
type Control struct {
	ID    string       `json:"id"`
	Title string       `json:"title"`
	Rules []string     `json:"rules"` // names that stand for it
	State ControlState `json:"state,omitempty"`
	Why   string       `json:"why,omitempty"` // what the state rests on
}

// ProfileNames are the profiles that come with the tool.
func ProfileNames() []string {
	entries, _ := profiles.ReadDir("profiles") // embedded
	var out []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".cue"); name != "profile" {
			out = append(out, name)
		}
	}
	return out
}

// BuiltinProfile returns the source of a profile that comes with the tool.
func BuiltinProfile(name string) ([]byte, bool) {
	data, err := profiles.ReadFile(path.Join("profiles", name+".cue"))
	return data, err == nil && name != "profile"
}

// LoadProfile reads a profile. Known tells whether a rule exists; a control
// with a name nobody knows would stay inconclusive for ever.
func LoadProfile(name string, data []byte, known func(rule string) bool) (*Profile, error) {
	shape, err := profiles.ReadFile("profiles/profile.cue")
	if err != nil {
		return nil, err
	}
	ctx := cuecontext.New()
	def := ctx.CompileBytes(shape).LookupPath(cue.ParsePath("#Profile"))
	v := def.Unify(ctx.CompileBytes(data, cue.Filename(name)))
	if err := v.Validate(cue.Concrete(true)); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	var p Profile
	if err := v.Decode(&p); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	for _, c := range p.Controls {
		for _, r := range c.Rules {
			if r != RowsMatch && !known(r) {
				return nil, fmt.Errorf("profile %s: control %s: there is no rule %q", name, c.ID, r)
			}
		}
	}
	if len(p.Controls) == 0 {
		return nil, errors.New("profile " + name + ": has no control")
	}
	return &p, nil
}

// answer fills in the state of every control.
func (p *Profile) answer(r *Report) *Profile {
	if p == nil {
		return nil
	}
	out := *p
	out.Controls = make([]Control, len(p.Controls))
	for i, c := range p.Controls {
		c.State, c.Why = controlState(r, c)
		out.Controls[i] = c
	}
	return &out
}

func controlState(r *Report, c Control) (ControlState, string) {
	var failed, unknown, waived, missing, skipped []string
	passed := 0
	for _, rule := range c.Rules {
		if rule == RowsMatch {
			switch {
			case r.differs():
				failed = append(failed, rule)
			case r.Comparison == nil:
				missing = append(missing, rule)
			case r.rowsOpen():
				unknown = append(unknown, rule)
			default:
				passed++
			}
			continue
		}
		seen := map[checks.Status]bool{}
		for _, f := range r.Findings {
			if f.Check == rule {
				seen[f.Status] = true
			}
		}
		switch {
		case seen[checks.Fail]:
			failed = append(failed, rule)
		case seen[checks.Unknown]:
			unknown = append(unknown, rule)
		case seen[checks.Waived]:
			waived = append(waived, rule)
		case seen[checks.Pass]:
			passed++
		case seen[checks.Skipped]:
			skipped = append(skipped, rule)
		default:
			missing = append(missing, rule)
		}
	}
	switch {
	case len(failed) > 0:
		return ControlFailed, strings.Join(failed, ", ")
	case len(unknown) > 0:
		return ControlInconclusive, "could not be told: " + strings.Join(unknown, ", ")
	case len(missing) > 0:
		return ControlInconclusive, "not run: " + strings.Join(missing, ", ")
	case len(waived) > 0:
		return ControlWaived, strings.Join(waived, ", ")
	case passed == 0 && len(skipped) > 0:
		return ControlNotApplicable, "does not apply here"
	case len(skipped) > 0: // part of the control stays untold, and that is said
		return ControlPassed, "without what does not apply here: " + strings.Join(skipped, ", ")
	}
	return ControlPassed, ""
}

// rowsOpen reports whether a comparison left something open.
func (r *Report) rowsOpen() bool {
	c := r.Comparison
	return len(c.Tables) == 0 || len(c.Reasons) > 0 || c.Verdict != compare.Match
}
