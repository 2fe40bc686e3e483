package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"

	"github.com/pgconcord/pgconcord/compare"
)

// Redact takes values of rows out of a report, with [RedactAll] their keys as
// well: a key becomes a digest of itself and the run, by which the keys of one
// report can be told apart and a known key can be found again. So are they taken
// out of what is said of tables. Verdicts, counts and hashes stay.
//
// What was taken out before stays so: of a report that says it is without its keys
// they are left as they are. By their looks nothing is told, since a row's own key may
// look like a digest.
func (r *Report) Redact(what Redaction) {
	without := r.Redacted == RedactAll
	what = what.atLeast(r.Redacted)
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
			if what == RedactAll && !without {
				d.Key = hidden(r.RunID, d.Key)
			}
			diffs[j] = d
		}
		t.Diffs = diffs
		t.Reasons, t.Notes = said(t.Reasons, what), said(t.Notes, what)
		t.Nodes = slices.Clone(t.Nodes)
		for n := range t.Nodes {
			t.Nodes[n].Error = said([]string{t.Nodes[n].Error}, what)[0]
		}
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

var (
	// A server's message about a value (SQLSTATE class 22) or a constraint (23) quotes it.
	quoting = regexp.MustCompile(`(?s)(ERROR|FATAL): .*? \(SQLSTATE (2[23][0-9A-Z]{3})\)`)

	// What the comparer itself says of a key.
	aboutKey = regexp.MustCompile(`(?s)\bthe key \(.*\)( is in the table|: the unique index| differs between)`)
)

// said takes values, and with [RedactAll] keys, out of sentences about a table.
func said(texts []string, what Redaction) []string {
	out := slices.Clone(texts)
	for i, text := range out {
		text = quoting.ReplaceAllString(text, "$1: what the server said may hold a value and was taken out (SQLSTATE $2)")
		if what == RedactAll {
			text = aboutKey.ReplaceAllString(text, "a key that was taken out$1")
		}
		out[i] = text
	}
	return out
}

// RedactAs takes out of a report what is asked for, and at least what an
// earlier report was already without. Its keys were read anew; of a report that
// shows the earlier one's own rows, set Redacted to the earlier one's and call Redact.
func (r *Report) RedactAs(earlier *Report, what Redaction) {
	r.Redact(what.atLeast(earlier.Redacted))
}

// atLeast is what to take out when so much was taken out before.
func (what Redaction) atLeast(before Redaction) Redaction {
	if before == RedactAll || before == RedactValues && what == RedactNone {
		return before
	}
	return what
}
