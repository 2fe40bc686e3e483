package reports

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

// FailOn is the mildest severity of a failed finding that makes a command end
// with exit code 1.
type FailOn string

// The thresholds. Rows that differ count as errors.
const (
	FailOnError   FailOn = "error"
	FailOnWarning FailOn = "warning"
	FailOnInfo    FailOn = "info"
	FailOnNever   FailOn = "never" // findings are reported and never end in exit code 1
)

var failOns = []FailOn{FailOnError, FailOnWarning, FailOnInfo, FailOnNever}

// ParseFailOn reads a threshold.
func ParseFailOn(s string) (FailOn, error) {
	if slices.Contains(failOns, FailOn(s)) {
		return FailOn(s), nil
	}
	var names []string
	for _, f := range failOns {
		names = append(names, string(f))
	}
	return "", fmt.Errorf("%q is no threshold: expected one of %s", s, strings.Join(names, ", "))
}

// reaches reports whether a failure of this severity counts.
func (f FailOn) reaches(s schema.Severity) bool {
	return f != FailOnNever && s.Rank() >= schema.Severity(f).Rank()
}

// The exit codes of every command.
const (
	ExitOK          = 0   // all that was asked for was done, nothing at or above --fail-on was found
	ExitFindings    = 1   // findings at or above --fail-on, or rows that differ
	ExitUsage       = 2   // wrong use or wrong input
	ExitIncomplete  = 3   // something asked for could not be judged, and nothing worse was found
	ExitInterrupted = 130 // stopped by a signal
)

// ErrInterrupted is the cause of a context that a signal cancelled.
var ErrInterrupted = errors.New("interrupted")

// ExitCode decides how a command ends, from the error it ended in, the report
// it made (nil without one) and the threshold.
func ExitCode(err error, r *Report, failOn FailOn) int {
	switch {
	case errors.Is(err, ErrInterrupted), errors.Is(err, context.Canceled), r != nil && r.Interrupted:
		return ExitInterrupted
	case err != nil:
		return ExitUsage
	case r == nil:
		return ExitOK
	}
	switch r.Verdict {
	case OK:
		return ExitOK
	case Findings:
		if failOn != FailOnNever {
			return ExitFindings
		}
		if r.hasGaps() {
			return ExitIncomplete
		}
		return ExitOK
	default:
		return ExitIncomplete
	}
}
