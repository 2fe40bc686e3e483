package schema

import "cuelang.org/go/cue/ast"

// Input is one file as the user gave it. Name is shown in positions and, by
// its ending, tells the format; standard input has the name "-".
type Input struct {
	Name string
	Data []byte
	// Syntax is what an importer made of the data, with positions in the file
	// it came from; when it is set, Data is not parsed.
	Syntax *ast.File
}

// Severity of a rule or check, from worst to mildest.
type Severity string

// The severities; they are ordered by [Severity.Rank].
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Rank orders severities: a higher rank is worse; 0 is no severity at all.
func (s Severity) Rank() int {
	switch s {
	case Error:
		return 3
	case Warning:
		return 2
	case Info:
		return 1
	}
	return 0
}

// Rule is one layout rule: an entry of #rules in the CUE package, ours or the
// house's.
type Rule struct {
	Name     string // "backup/source-colocated"
	Title    string // one line: what must hold
	Why      string
	Remedy   string
	Source   string // the document that demands it
	Severity Severity
	Enabled  bool
	House    bool // not ours: from a user's policy file
	// Fails and Passes are YAML, merged over the BDR-Worldwide topology (null
	// takes away): the first breaks this rule alone, the second keeps it.
	Fails, Passes string
}

// Violation is one thing in the plan that breaks a rule.
type Violation struct {
	Rule    string
	Subject string // path of the offending value: shards.first.replicas[1]
	Message string
	Found   string
	Expect  string
	Pos     Position
	Related []Position
}

// Plan is a loaded topology together with what the layout rules say of it.
type Plan struct {
	Topology   *Topology
	Digest     string // SHA-256 over the inputs, hex
	Rules      []Rule // every rule known, sorted by name
	Violations []Violation
}

// Problem is one thing that keeps an input from being a topology at all.
type Problem struct {
	Pos     Position
	Message string // what was found and what was expected
	Remedy  string // how to mend it
}

// InputError says that the inputs have no usable shape; the command line ends
// with exit code 2 on it.
type InputError struct{ Problems []Problem }

// Error lists all problems, one a line.
func (e *InputError) Error() string {
	s := ""
	for i, p := range e.Problems {
		if i > 0 {
			s += "\n"
		}
		if p.Pos.IsValid() {
			s += p.Pos.String() + ": "
		}
		s += p.Message
		if p.Remedy != "" {
			s += " (" + p.Remedy + ")"
		}
	}
	return s
}
