// Package rulesyntax is the syntax of our layout rules as Go has it: parsed when
// the program was built. The CUE files of package schema are the source; a test
// fails when this is not what they say.
//
// It has no positions, and so none of what CUE enables by file, such as the
// comparison of values of different kinds. A rule that cannot be evaluated for
// want of either is evaluated once more from the files themselves.
package rulesyntax

import (
	"sync"

	"cuelang.org/go/cue/ast"
)

var linked = sync.OnceFunc(link)

// Shape returns the definitions of what a topology looks like. Its callers must
// not change it.
func Shape() []ast.Decl { return shape }

// Rules returns the fields outside of rules, the tables first that rules share,
// and for each rule a field that holds its violations alone. A reference to a
// field of the package is by name; all others are resolved. Its callers must not
// change any of it; the evaluator does not.
func Rules() (outside, rules []ast.Decl) {
	linked()
	return tables, verdicts
}
