package reports

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/schema"
)

//go:embed html.tmpl
var htmlSource string

//go:embed html.css
var htmlStyle string

//go:embed html.js
var htmlScript string

// htmlDifferences is how many differing keys of a table the page shows.
const htmlDifferences = 200

// htmlPage is parsed when it is first asked for: most runs write no page.
var htmlPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Funcs(template.FuncMap{
		"clean":        clean,
		"join":         func(s []string) string { return strings.Join(cleanAll(s), ", ") },
		"grouped":      func(n any) string { return groupedAny(n) },
		"stamp":        stamp,
		"upper":        strings.ToUpper,
		"first":        func(n int, s string) string { return s[:min(n, len(s))] },
		"css":          func() template.CSS { return template.CSS(htmlStyle) },
		"js":           func() template.JS { return template.JS(htmlScript) },
		"status":       statusWord,
		"rows":         rowsOf,
		"table":        tableName,
		"other":        suspectsText,
		"fencedBefore": fencedBefore,
		"notes":        tableNotes,
		"diffs":        htmlDiffs,
		"cut":          htmlCut,
		"key":          func(t compare.Table, d compare.Difference) string { return keyText(t.Key, d.Key) },
		"what":         differenceText,
		"held":         htmlHeld,
		"seconds":      func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) },
		"waiver":       waiverText,
		"search":       searchText,
		"failures":     failures,
		"charts":       drawCharts,
		"prose":        prose,
		"since":        (*Report).differsSince,
		"stale":        notComparedNow,
		"control": func(c ControlState) string {
			return map[ControlState]string{ControlPassed: "ok", ControlFailed: "fail", ControlInconclusive: "unknown", ControlWaived: "waived"}[c]
		},
		"pair": func(r *Report, f Finding) findingView { return findingView{f, r.rule(f.Check), r.since(f.Fingerprint)} },
		"unknownText": func(u htmlUnknown) string {
			return strings.ToLower(clean(strings.Join(append([]string{u.Subject, u.Message}, u.Checks...), " ")))
		},
	}).Parse(htmlSource))
})

// htmlView is what the page is made of.
type htmlView struct {
	*Report
	Digest    string // SHA-256 of the JSON record
	Failed    []Finding
	Unknowns  []htmlUnknown
	Waived    []Finding
	Skipped   []Finding
	Passed    []Finding
	Baselined []Finding
	Matrix    []block
	Counts    counts // of answers about no node
	Map       template.HTML
	Legend    []legendEntry
	Reached   int
	Tally     htmlTally
}

// RowsFirst reports whether the rows are what the verdict rests on.
func (v htmlView) RowsFirst() bool { return v.Tally.Persistent > 0 && len(v.Failed) == 0 }

// MatrixNames are the nodes and hosts that findings can be filtered by.
func (v htmlView) MatrixNames() []string {
	var out []string
	for _, b := range v.Matrix {
		out = append(out, b.Nodes...)
	}
	return out
}

// findingView is a finding with what the report knows about it.
type findingView struct {
	Finding Finding
	Rule    Rule
	Since   string
}

// htmlUnknown is a group of unknown answers.
type htmlUnknown struct {
	Subject, Message, Found, Expected string
	Pos                               schema.Position
	Checks                            []string
	Answers                           int
}

type htmlTally struct {
	Tables, Different, Incomplete int
	Persistent, Rows              int64
}

// writeHTML renders one self-contained page: nothing is loaded from anywhere,
// and its policy forbids it.
func writeHTML(w io.Writer, r *Report, _ Options) error {
	record, err := digest(r)
	if err != nil {
		return err
	}
	m := newMatrix(r)
	v := htmlView{Report: r, Digest: record, Failed: r.with(checks.Fail), Waived: r.with(checks.Waived), Skipped: r.with(checks.Skipped), Passed: r.with(checks.Pass),
		Baselined: r.known(), Counts: m.elsewhere, Matrix: m.blocks(160)}
	for _, u := range r.unknowns() {
		v.Unknowns = append(v.Unknowns, htmlUnknown{u.subject, u.message, u.found, u.expected, u.pos, u.checks, u.answers})
	}
	for _, n := range r.Nodes {
		v.Reached += boolRank(n.Reached)
	}
	t := r.tally()
	v.Tally = htmlTally{t.tables, t.different, t.incomplete, t.persistent, t.rows}
	v.Map, v.Legend = drawMap(r, m)
	var b bytes.Buffer
	if err := htmlPage().Execute(&b, v); err != nil {
		return fmt.Errorf("render the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// digest is the SHA-256 of the JSON record that the page is a rendering of.
func digest(r *Report) (string, error) {
	var b bytes.Buffer
	if err := writeJSON(&b, r, Options{}); err != nil {
		return "", err
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// prose renders text in which `names` are set in a fixed pitch.
func prose(s string) template.HTML {
	parts := strings.Split(clean(s), "`")
	if len(parts)%2 == 0 { // one mark without its other
		return template.HTML(template.HTMLEscapeString(clean(s)))
	}
	var b strings.Builder
	for i, part := range parts {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

func statusWord(s checks.Status) string {
	switch s {
	case checks.Pass:
		return "✔ pass"
	case checks.Fail:
		return "✘ fail"
	case checks.Unknown:
		return "? unknown"
	case checks.Waived:
		return "~ waived"
	case checks.Skipped:
		return "– skipped"
	}
	return ""
}

func groupedAny(n any) string {
	switch v := n.(type) {
	case int:
		return grouped(int64(v))
	case int64:
		return grouped(v)
	}
	return fmt.Sprint(n)
}

// searchText is what the page's search field looks through.
func searchText(f Finding) string {
	return strings.ToLower(clean(strings.Join([]string{f.Check, f.Subject.String(), f.Message, f.Found, f.Expected}, " ")))
}

func htmlDiffs(t compare.Table) []compare.Difference {
	return t.Diffs[:min(len(t.Diffs), htmlDifferences)]
}

func htmlCut(t compare.Table) int64 { return int64(max(0, len(t.Diffs)-htmlDifferences)) + t.Cut }

// heldVersion is a version of a row and the nodes that hold it.
type heldVersion struct {
	Nodes             []string
	Letter            string
	Majority          bool
	Committed, Origin string
	Values            []string
}

// heldBy groups the nodes of a difference by what they hold.
type heldBy struct {
	Columns  []string
	Versions []heldVersion
	Right    string // what those are called that the consensus rule finds right
}

func htmlHeld(policy string, d compare.Difference) heldBy {
	out := heldBy{Columns: cleanAll(d.Columns)}
	out.Right, _ = rightBy(policy)
	if !slices.ContainsFunc(d.Versions, func(v compare.RowVersion) bool { return len(v.Values) > 0 }) {
		out.Columns = nil
	}
	letters := versionLetters(d)
	for i, v := range d.Versions {
		h := heldVersion{Nodes: []string{v.Node}, Letter: letters[i], Majority: slices.Contains(d.Majority, v.Node), Committed: commitText(v), Origin: originText(v)}
		for _, c := range d.Columns[:len(out.Columns)] {
			h.Values = append(h.Values, valueText(v, c))
		}
		same := slices.IndexFunc(out.Versions, func(o heldVersion) bool {
			return o.Letter == h.Letter && o.Majority == h.Majority && o.Committed == h.Committed && o.Origin == h.Origin && slices.Equal(o.Values, h.Values)
		})
		if same >= 0 {
			out.Versions[same].Nodes = append(out.Versions[same].Nodes, v.Node)
			continue
		}
		out.Versions = append(out.Versions, h)
	}
	return out
}
