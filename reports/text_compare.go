package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/compare"
)

// textDifferences is how many differing keys of a table the terminal shows
// without --verbose; the record holds all that were listed.
const textDifferences = 10

// stamp renders a moment in UTC to the second, exact the same to the
// microsecond, PostgreSQL's own resolution.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }
func exact(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// comparison shows tables, then the differing keys, then what was read.
func (p *page) comparison(r *Report, verbose bool) error {
	c := r.Comparison
	if c == nil {
		return nil
	}
	p.heading("Rows" + howCompared(c))
	p.blank()
	var rows [][]string
	for _, t := range c.Tables {
		rows = append(rows, []string{clean(tableName(t)), clean(t.DataSet), fmt.Sprint(len(t.Nodes)), grouped(rowsOf(t)),
			p.tableVerdict(t.Verdict) + ofScope(t), grouped(t.Counts.Persistent), suspectsText(t.Counts)})
	}
	header := []string{"table", "data set", "nodes", "rows", "verdict", "differ", "other suspects"}
	if err := p.grid(0, header, rows, 2, 3, 5); err != nil {
		return err
	}
	for _, why := range c.Reasons {
		p.para("  ", p.paint(yellow, "not compared")+": "+clean(why))
	}
	for _, t := range c.Tables {
		for _, why := range t.Reasons {
			p.para("  ", p.paint(yellow, clean(tableName(t)))+": "+clean(why))
		}
		for _, note := range tableNotes(t) {
			p.para("  ", clean(tableName(t))+": "+clean(note))
		}
	}
	for _, t := range c.Tables {
		if err := p.differences(c.Policy, t, verbose); err != nil {
			return err
		}
	}
	p.fence(c)
	if verbose {
		return p.coverage(c)
	}
	return nil
}

// howCompared says by what rules, for the heading.
func howCompared(c *compare.Result) string {
	var parts []string
	if c.Mode != "" {
		parts = append(parts, "mode "+string(c.Mode))
	}
	if c.Policy != "" {
		parts = append(parts, "consensus by "+clean(c.Policy))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// tableNotes are what limits or colours the word on a table.
func tableNotes(t compare.Table) []string {
	var out []string
	if t.Where != "" {
		out = append(out, "only rows where "+t.Where)
	}
	for _, l := range t.Left {
		out = append(out, "left out: "+l)
	}
	if n := knownRows(t); n > 0 {
		out = append(out, plural(n, "row that differs is", "rows that differ are")+" the baseline's, with the same content on the same nodes")
	}
	return append(out, t.Notes...)
}

// ofScope says behind a verdict what it is about, when that is not all rows.
func ofScope(t compare.Table) string {
	if t.Scope == "" {
		return ""
	}
	return " (" + clean(t.Scope) + ")"
}

func tableName(t compare.Table) string { return t.Schema + "." + t.Name }

// rowsOf is the largest number of rows that a node holds.
func rowsOf(t compare.Table) int64 {
	var n int64
	for _, c := range t.Nodes {
		n = max(n, c.Rows)
	}
	return n
}

func (p *page) tableVerdict(v compare.Verdict) string {
	switch v {
	case compare.Match:
		return p.paint(green, string(v))
	case compare.Different:
		return p.paint(red, string(v))
	}
	return p.paint(yellow, string(v))
}

// suspectsText says what became of the suspects that are not real differences.
func suspectsText(c compare.Counts) string {
	var parts []string
	for _, x := range []struct {
		n    int64
		word string
	}{{c.Cleared, "cleared"}, {c.Volatile, "volatile"}, {c.Unverified, "unverified"}} {
		if x.n > 0 {
			parts = append(parts, grouped(x.n)+" "+x.word)
		}
	}
	return strings.Join(parts, ", ")
}

func (p *page) differences(policy string, t compare.Table, verbose bool) error {
	if len(t.Diffs) == 0 {
		return nil
	}
	p.heading("Differing rows of " + clean(tableName(t)))
	shown := t.Diffs
	if !verbose && len(shown) > textDifferences {
		shown = shown[:textDifferences]
	}
	for _, d := range shown {
		p.blank()
		p.para("  ", p.paint(bold, clean(keyText(t.Key, d.Key)))+": "+differenceText(policy, d))
		if err := p.versions(d); err != nil {
			return err
		}
		if d.Cause != "" {
			p.para("    likely cause: ", clean(d.Cause))
		}
	}
	if more := int64(len(t.Diffs)-len(shown)) + t.Cut; more > 0 {
		p.blank()
		p.para("  ", fmt.Sprintf("%s more not shown here, %s of them not listed in the report either.", grouped(more), grouped(t.Cut)))
	}
	return nil
}

// differenceText says what kind of difference it is, how sure, who agrees.
func differenceText(policy string, d compare.Difference) string {
	s := fmt.Sprintf("%s, %s", d.Kind, d.Status)
	if len(d.Columns) > 0 {
		s += "; differs in " + strings.Join(cleanAll(d.Columns), ", ")
	}
	word, none := rightBy(policy)
	if len(d.Majority) > 0 {
		return s + "; " + word + " " + strings.Join(cleanAll(d.Majority), ", ")
	}
	if none == "" {
		return s
	}
	return s + "; " + none
}

// rightBy is what the nodes are called that a consensus rule finds right, and
// what is said when it finds none; see [compare.Policy.String].
func rightBy(policy string) (word, none string) {
	rule, _, _ := strings.Cut(policy, " ")
	switch compare.Rule(strings.TrimSuffix(rule, ";")) {
	case compare.ByQuorum:
		return "quorum", "no quorum"
	case compare.BySource:
		return "right by source", "right by source: nobody"
	case compare.ByNewest:
		return "newest", "newest not known"
	case compare.Undecided:
		return "right", ""
	}
	return "majority", "no majority"
}

// keyText renders "id=17" or "country=DE, no=4".
func keyText(columns, key []string) string {
	var parts []string
	for i, k := range key {
		if i < len(columns) {
			k = columns[i] + "=" + k
		}
		parts = append(parts, k)
	}
	return strings.Join(parts, ", ")
}

// versions shows which nodes hold which version (the same letter is the same
// content), when and where it was written, and what differs. Nodes of which all
// that is the same share a line.
func (p *page) versions(d compare.Difference) error {
	letters := versionLetters(d)
	columns := d.Columns
	if !slices.ContainsFunc(d.Versions, func(v compare.RowVersion) bool { return len(v.Values) > 0 }) {
		columns = nil
	}
	var rows [][]string
	for i, v := range d.Versions {
		row := []string{clean(v.Node), p.versionText(d, v, letters[i]), commitText(v), originText(v)}
		for _, c := range columns {
			row = append(row, valueText(v, c))
		}
		same := slices.IndexFunc(rows, func(r []string) bool { return slices.Equal(r[1:], row[1:]) })
		if same >= 0 {
			rows[same][0] += ", " + row[0]
			continue
		}
		rows = append(rows, row)
	}
	header := append([]string{"nodes", "version", "committed (UTC)", "origin"}, cleanAll(columns)...)
	return p.grid(4, header, rows)
}

func (p *page) versionText(d compare.Difference, v compare.RowVersion, letter string) string {
	if slices.Contains(d.Majority, v.Node) {
		return letter
	}
	return p.paint(red, letter)
}

// versionLetters gives equal content the same letter, in node order.
func versionLetters(d compare.Difference) []string {
	var hashes, out []string
	for _, v := range d.Versions {
		if !v.Exists {
			out = append(out, "no row")
			continue
		}
		i := slices.Index(hashes, v.Hash)
		if i < 0 {
			i = len(hashes)
			hashes = append(hashes, v.Hash)
		}
		out = append(out, string(rune('A'+i%26)))
	}
	return out
}

func commitText(v compare.RowVersion) string {
	switch {
	case v.CommitAt != nil:
		return exact(*v.CommitAt)
	case v.Exists:
		return "not known"
	}
	return ""
}

func originText(v compare.RowVersion) string {
	switch {
	case v.Origin != "":
		return clean(v.Origin)
	case v.OriginRaw != "":
		return clean(v.OriginRaw)
	case v.Exists:
		return "not known"
	}
	return ""
}

// valueText tells NULL from the text NULL by quoting text, and cuts what is
// long; the record has it whole.
func valueText(v compare.RowVersion, column string) string {
	if !v.Exists {
		return ""
	}
	value, ok := v.Values[column]
	switch {
	case !ok:
		return "?"
	case value == nil:
		return "NULL"
	}
	return "'" + shorten(clean(*value), 40) + "'"
}

// shorten cuts a text to n runes, the last one an ellipsis.
func shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// fencedBefore tells that suspects were settled by an earlier run, whose fence
// this result does not have.
func fencedBefore(c *compare.Result) bool {
	return !c.Fence.Needed && slices.ContainsFunc(c.Tables, func(t compare.Table) bool { return t.Counts.Suspect > 0 })
}

func (p *page) fence(c *compare.Result) {
	f := c.Fence
	p.blank()
	switch {
	case fencedBefore(c):
		p.para("", "What was suspect was settled by an earlier run, whose fence is not listed here.")
	case !f.Needed:
		p.para("", "No fence was needed: no row was suspect after the scan.")
	case f.Passed:
		p.para("", fmt.Sprintf("Fence passed on %s: suspects were read again after everything written before the scan's end was applied everywhere.",
			plural(len(f.Edges), "edge", "edges")))
	default:
		p.para("", p.paint(yellow, "The fence did not pass")+": what is suspect could not be told from replication in flight.")
		for _, e := range f.Edges {
			if !e.Passed {
				p.para("  - ", fmt.Sprintf("%s → %s: %s", clean(e.Provider), clean(e.Subscriber), clean(e.Reason)))
			}
		}
	}
}

// coverage shows what was read where; without --verbose only the gaps are in
// the reasons of the tables.
func (p *page) coverage(c *compare.Result) error {
	p.heading("What was read")
	p.blank()
	var rows [][]string
	for _, t := range c.Tables {
		for _, n := range t.Nodes {
			state := n.LSN
			if n.Error != "" {
				state = clean(n.Error)
			}
			rows = append(rows, []string{clean(tableName(t)), clean(n.Node), grouped(n.Rows), shorten(n.Digest, 17), state})
		}
	}
	return p.grid(0, []string{"table", "node", "rows", "digest", "snapshot LSN"}, rows, 2)
}
