package schema

import "cuelang.org/go/cue/cuecontext"

// HouseRules returns the built-in layout rules as a house's policy leaves them,
// with severities changed and rules switched off, and the house's own, sorted
// by name.
func HouseRules(policy []Input) ([]Rule, error) {
	house, err := parsePolicy(policy)
	if err != nil {
		return nil, err
	}
	v, err := compile(cuecontext.New(), house, facts(nil))
	if err != nil {
		return nil, &InputError{Problems: syntaxProblems("policy", err)}
	}
	rules, err := readRules(v)
	if err != nil {
		return nil, brokenRule("", err)
	}
	markHouse(rules)
	return rules, nil
}
