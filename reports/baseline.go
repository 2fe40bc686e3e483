package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
)

// ApplyBaseline marks the failures, and the keys that differ, that an earlier
// report had too: they stay listed and no longer count. Nothing else is touched:
// what could not be told stays unknown, a table whose rows differ stays
// different, and what the earlier report cannot prove to have had counts. Nil is
// no baseline.
func (r *Report) ApplyBaseline(old *Report) {
	if old == nil {
		return
	}
	failed := map[string]bool{}
	for _, f := range old.Findings {
		if f.Status == checks.Fail {
			failed[f.Fingerprint] = true
		}
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Known = f.Status == checks.Fail && failed[f.Fingerprint]
	}
	differed := map[string]bool{}
	eachDifference(old, func(print string, _ *compare.Difference) { differed[print] = true })
	eachDifference(r, func(print string, d *compare.Difference) { d.Known = differed[print] })
	r.Baseline = old.RunID
	r.judge()
}

// eachDifference visits the listed keys that differ for good and can be named
// over runs. Keys that were taken out of a report cannot.
func eachDifference(r *Report, visit func(print string, d *compare.Difference)) {
	if r.Comparison == nil || r.Redacted == RedactAll {
		return
	}
	for i := range r.Comparison.Tables {
		t := &r.Comparison.Tables[i]
		for j := range t.Diffs {
			if print := rowFingerprint(r.Comparison.Mode, *t, t.Diffs[j]); print != "" {
				visit(print, &t.Diffs[j])
			}
		}
	}
}

// rowFingerprint names one differing key together with what every node holds of
// it. A row that changed on any node since, a node more or less, other columns,
// another mode or digest give another name: such a difference is a new one. The
// digests of rows depend on nothing but the row and what is named here, so that
// equal names mean the same rows, by the same measure by which two nodes are said
// to match. Empty when that cannot be said.
func rowFingerprint(mode compare.Mode, t compare.Table, d compare.Difference) string {
	if d.Status != compare.Persistent || mode == "" || t.Digest == "" || len(d.Versions) < 2 {
		return ""
	}
	type held struct {
		Node, Hash, Relaxed     string
		Exists, Filtered, Empty bool
		Count                   int64
	}
	var versions []held
	for _, v := range d.Versions {
		if v.Exists && v.Hash == "" {
			return ""
		}
		versions = append(versions, held{v.Node, v.Hash, v.Relaxed, v.Exists, v.Filtered, v.Empty, v.Count})
	}
	text, err := json.Marshal([]any{mode, t.DataSet, t.Schema, t.Name, t.Digest, t.Key, t.Columns, t.Where, d.Key, versions})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// knownRows counts the listed keys of a table that are the baseline's.
func knownRows(t compare.Table) int64 {
	var n int64
	for _, d := range t.Diffs {
		n += int64(boolRank(d.Known && d.Status == compare.Persistent))
	}
	return n
}

// onlyKnown reports whether all that differs in a table is the baseline's. Keys
// that are counted and not listed never are.
func onlyKnown(t compare.Table) bool {
	n := knownRows(t)
	return t.Verdict == compare.Different && n > 0 && n >= t.Counts.Persistent
}
