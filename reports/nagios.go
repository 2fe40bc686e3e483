package reports

import (
	"fmt"
	"io"
	"strings"
)

// The states of a monitoring plugin, which are its exit codes.
const (
	NagiosOK = iota
	NagiosWarning
	NagiosCritical
	NagiosUnknown
)

// NagiosState maps a report to the states of Nagios and Icinga: failures at or
// above the threshold and rows that differ are critical, milder failures a
// warning, what could not be told is unknown.
func NagiosState(r *Report) int {
	switch {
	case r.Verdict == Findings:
		return NagiosCritical
	case r.Verdict == Incomplete:
		return NagiosUnknown
	case r.Summary.Errors+r.Summary.Warnings > 0:
		return NagiosWarning
	}
	return NagiosOK
}

// writeNagios writes the line of a monitoring plugin: state, sentence, and the
// numbers worth a graph.
func writeNagios(w io.Writer, r *Report, _ Options) error {
	word := []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[NagiosState(r)]
	s, t := r.Summary, r.tally()
	perf := []string{
		fmt.Sprintf("'errors'=%d;;0;0", s.Errors),
		fmt.Sprintf("'warnings'=%d;0;;0", s.Warnings),
		fmt.Sprintf("'unknown'=%d;;;0", s.Unknown),
		fmt.Sprintf("'passed'=%d;;;0", s.Pass),
	}
	if r.Comparison != nil {
		perf = append(perf, fmt.Sprintf("'tables'=%d;;;0", t.tables), fmt.Sprintf("'rows_differing'=%d;;0;0", t.persistent))
	}
	var lag int64
	known := false
	for _, e := range r.Edges {
		if e.LagBytes != nil {
			lag, known = max(lag, *e.LagBytes), true
		}
	}
	if known {
		perf = append(perf, fmt.Sprintf("'lag_max'=%dB;;;0", lag))
	}
	perf = append(perf, fmt.Sprintf("'time'=%.3fs;;;0", r.Finished.Sub(r.Started).Seconds()))
	// A bar would start the performance data.
	sentence := strings.ReplaceAll(clean(r.Sentence), "|", "/")
	_, err := fmt.Fprintf(w, "PGCONCORD %s - %s | %s\n", word, sentence, strings.Join(perf, " "))
	return err
}
