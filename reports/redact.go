package reports

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/pgconcord/pgconcord/compare"
)

// Redact takes values of rows out of a report, with [RedactAll] their keys as
// well: a key becomes a digest of itself and the run, by which the keys of one
// report can be told apart and a known key can be found again. Verdicts, counts
// and hashes stay.
func (r *Report) Redact(what Redaction) {
	if what == RedactNone || r.Comparison == nil {
		return
	}
	r.Redacted = what
	tables := make([]compare.Table, len(r.Comparison.Tables))
	for i, t := range r.Comparison.Tables {
		diffs := make([]compare.Difference, len(t.Diffs))
		for j, d := range t.Diffs {
			versions := make([]compare.RowVersion, len(d.Versions))
			for k, v := range d.Versions {
				v.Values = nil
				versions[k] = v
			}
			d.Versions = versions
			if what == RedactAll {
				d.Key = hidden(r.RunID, d.Key)
			}
			diffs[j] = d
		}
		t.Diffs = diffs
		tables[i] = t
	}
	r.Comparison.Tables = tables // the report's own copy
}

func hidden(run string, key []string) []string {
	out := make([]string, len(key))
	for i, k := range key {
		sum := sha256.Sum256([]byte(run + "\x00" + k))
		out[i] = "hidden:" + hex.EncodeToString(sum[:6])
	}
	return out
}

// RedactAs takes out of a report what is asked for, and at least what an
// earlier report, from which its rows came, was already without. Keys that were
// hidden there stay as they are.
func (r *Report) RedactAs(earlier *Report, what Redaction) {
	switch {
	case earlier.Redacted == RedactAll:
		r.Redact(RedactValues)
		r.Redacted = RedactAll
	case earlier.Redacted == RedactValues && what == RedactNone:
		r.Redact(RedactValues)
	default:
		r.Redact(what)
	}
}
