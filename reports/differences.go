package reports

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/compare"
)

// DifferenceLine is what one node holds of one differing key: a line of an
// export. Values of other columns are in the report alone.
type DifferenceLine struct {
	DataSet  string          `json:"data_set"`
	Table    string          `json:"table"` // schema.table
	Key      json.RawMessage `json:"key"`   // object: key column to its text, in the key's order; row_digest for a table without a key
	Kind     compare.Kind    `json:"kind"`
	Status   compare.Status  `json:"status"`
	Columns  []string        `json:"columns"` // that differ
	Node     string          `json:"node"`
	Exists   bool            `json:"exists"`
	Count    int64           `json:"count"` // rows: of equal ones in a table without a key, else 1 or 0
	Hash     string          `json:"hash"`
	CommitAt *time.Time      `json:"commit_at"` // UTC; null: not known
	Origin   string          `json:"origin"`    // node, else the origin's own name; "": not known
	Majority []string        `json:"majority"`  // nodes; empty: nobody can tell
	Cause    string          `json:"cause"`
}

var differenceColumns = []string{"data_set", "table", "key", "kind", "status", "columns", "node", "exists", "count", "hash", "commit_at", "origin", "majority", "cause"}

// Differences lists the differing keys of a report, a line per node, in the
// order of the report. What was redacted there is here.
func (r *Report) Differences() []DifferenceLine {
	var out []DifferenceLine
	if r.Comparison == nil {
		return nil
	}
	for _, t := range r.Comparison.Tables {
		for _, d := range t.Diffs {
			key := keyObject(t.Key, d.Key)
			for _, v := range d.Versions {
				if v.Exists {
					v.Count = max(v.Count, 1)
				}
				l := DifferenceLine{DataSet: t.DataSet, Table: tableName(t), Key: key, Kind: d.Kind, Status: d.Status, Columns: list(d.Columns), Node: v.Node, Exists: v.Exists,
					Count: v.Count, Hash: v.Hash, Origin: v.Origin, Majority: list(d.Majority), Cause: d.Cause}
				if l.Origin == "" {
					l.Origin = v.OriginRaw
				}
				if v.CommitAt != nil {
					at := v.CommitAt.UTC()
					l.CommitAt = &at
				}
				out = append(out, l)
			}
		}
	}
	return out
}

// keyObject keeps the order of the key's columns, which a map would not.
func keyObject(columns, key []string) json.RawMessage {
	var b bytes.Buffer
	for i, k := range key {
		name := "row_digest"
		if i < len(columns) {
			name = columns[i]
		}
		fmt.Fprintf(&b, ",%s:%s", jsonText(name), jsonText(k))
	}
	return json.RawMessage("{" + strings.TrimPrefix(b.String(), ",") + "}")
}

// jsonText is a JSON string that says < and & as they are.
func jsonText(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // of a string never fails
	return strings.TrimSuffix(b.String(), "\n")
}

// ErrDifferencesForm says that a file's ending names no form of an export.
var ErrDifferencesForm = errors.New("the ending tells no form: expected .jsonl or .csv")

// DifferencesForm tells the form of an export from a file's name: "jsonl" or
// "csv".
func DifferencesForm(file string) (string, error) {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".jsonl":
		return "jsonl", nil
	case ".csv":
		return "csv", nil
	}
	return "", ErrDifferencesForm
}

// ExportDifferences renders the differing keys as JSON lines or as CSV, which
// begins with a line of names and separates the items of a list by a blank.
func (r *Report) ExportDifferences(form string) ([]byte, error) {
	var b bytes.Buffer
	if form == "jsonl" {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		for _, l := range r.Differences() {
			if err := e.Encode(l); err != nil {
				return nil, err
			}
		}
		return b.Bytes(), nil
	}
	w := csv.NewWriter(&b)
	rows := [][]string{differenceColumns}
	for _, l := range r.Differences() {
		at := ""
		if l.CommitAt != nil {
			at = l.CommitAt.Format(time.RFC3339Nano)
		}
		rows = append(rows, []string{l.DataSet, l.Table, string(l.Key), string(l.Kind), string(l.Status), strings.Join(l.Columns, " "), l.Node, strconv.FormatBool(l.Exists),
			strconv.FormatInt(l.Count, 10), l.Hash, at, l.Origin, strings.Join(l.Majority, " "), l.Cause})
	}
	err := w.WriteAll(rows)
	return b.Bytes(), err
}

// Unlisted counts differing keys that the report counts and does not list.
func (r *Report) Unlisted() int64 {
	var n int64
	if r.Comparison == nil {
		return 0
	}
	for _, t := range r.Comparison.Tables {
		n += max(t.Cut, t.Counts.Persistent+t.Counts.Volatile+t.Counts.Unverified-int64(len(t.Diffs)))
	}
	return n
}
