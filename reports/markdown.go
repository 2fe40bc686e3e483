package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
)

// writeMarkdown renders a report for tickets, pull requests and job summaries.
func writeMarkdown(w io.Writer, r *Report, _ Options) error {
	b := bufio.NewWriter(w)
	mark := map[Verdict]string{OK: "✅", Findings: "❌", Incomplete: "⚠️"}[r.Verdict]
	fmt.Fprintf(b, "## %s pgconcord %s: %s\n\n%s\n", mark, md(r.Command), strings.ToUpper(string(r.Verdict)), md(r.Sentence))
	mdFindings(b, "Failures", r.with(checks.Fail), r)
	if groups := r.unknowns(); len(groups) > 0 {
		fmt.Fprintf(b, "\n### Could not be told\n\n| subject | reason | checks |\n| --- | --- | --- |\n")
		for _, g := range groups {
			fmt.Fprintf(b, "| %s | %s | %s |\n", md(g.subject), md(g.message), mdCode(strings.Join(g.checks, ", ")))
		}
	}
	mdFindings(b, "Waived", r.with(checks.Waived), r)
	mdComparison(b, r.Comparison)
	mdMatrix(b, r)
	fmt.Fprintf(b, "\n<sub>%s %s, run %s, %s to %s", md(r.Tool.Name), md(r.Tool.Version), md(r.RunID), stamp(r.Started), stamp(r.Finished))
	if r.InputDigest != "" {
		fmt.Fprintf(b, ", input SHA-256 %s", md(r.InputDigest))
	}
	fmt.Fprintf(b, "</sub>\n")
	return b.Flush()
}

func mdFindings(b *bufio.Writer, title string, fs []Finding, r *Report) {
	if len(fs) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s (%d)\n\n| severity | check | subject | what | found | expected | at |\n| --- | --- | --- | --- | --- | --- | --- |\n", title, len(fs))
	for _, f := range fs {
		at := ""
		if f.Pos.IsValid() {
			at = mdCode(f.Pos.String())
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.Severity, mdCode(f.Check), md(f.Subject.String()), md(f.Message), md(f.Found), md(f.Expected), at)
	}
	fmt.Fprintf(b, "\n<details><summary>How to mend it</summary>\n\n")
	last := ""
	for _, f := range fs {
		if rule := r.rule(f.Check); f.Check != last && rule.Remedy != "" {
			fmt.Fprintf(b, "- %s: %s\n", mdCode(f.Check), md(rule.Remedy))
		}
		last = f.Check
	}
	fmt.Fprintf(b, "\n</details>\n")
}

func mdComparison(b *bufio.Writer, c *compare.Result) {
	if c == nil {
		return
	}
	fmt.Fprintf(b, "\n### Rows\n\n| table | data set | nodes | rows | verdict | differ | other suspects |\n| --- | --- | ---: | ---: | --- | ---: | --- |\n")
	for _, t := range c.Tables {
		verdict := string(t.Verdict)
		if t.Verdict != compare.Match {
			verdict = "**" + verdict + "**"
		}
		verdict += md(ofScope(t))
		fmt.Fprintf(b, "| %s | %s | %d | %s | %s | %s | %s |\n", mdCode(tableName(t)), md(t.DataSet), len(t.Nodes), grouped(rowsOf(t)), verdict, grouped(t.Counts.Persistent), suspectsText(t.Counts))
	}
	for _, t := range c.Tables {
		for _, why := range t.Reasons {
			fmt.Fprintf(b, "\n%s: %s\n", mdCode(tableName(t)), md(why))
		}
	}
	for _, t := range c.Tables {
		if len(t.Diffs) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n#### Differing rows of %s\n", mdCode(tableName(t)))
		for i, d := range t.Diffs {
			if i == textDifferences {
				break
			}
			fmt.Fprintf(b, "\n%s: %s\n\n| node | version | committed | origin |\n| --- | --- | --- | --- |\n", mdCode(keyText(t.Key, d.Key)), md(differenceText(c.Policy, d)))
			letters := versionLetters(d)
			for j, v := range d.Versions {
				fmt.Fprintf(b, "| %s | %s | %s | %s |\n", md(v.Node), letters[j], commitText(v), md(originText(v)))
			}
			if d.Cause != "" {
				fmt.Fprintf(b, "\nLikely cause: %s\n", md(d.Cause))
			}
		}
		if more := int64(max(0, len(t.Diffs)-textDifferences)) + t.Cut; more > 0 {
			fmt.Fprintf(b, "\n%s more.\n", grouped(more))
		}
	}
}

func mdMatrix(b *bufio.Writer, r *Report) {
	m := newMatrix(r)
	if m.elsewhere.total() > 0 {
		fmt.Fprintf(b, "\nAnswers about the plan or the whole: %s.\n", m.elsewhere)
	}
	signs := map[checks.Status]string{checks.Pass: "✅", checks.Fail: "❌", checks.Unknown: "❔", checks.Waived: "waived", checks.Skipped: "–", "": ""}
	for _, blk := range m.blocks(200) {
		fmt.Fprintf(b, "\n| check | %s |\n| --- |%s\n", strings.Join(mdAll(blk.Nodes), " | "), strings.Repeat(" --- |", len(blk.Nodes)))
		for _, row := range blk.Rows {
			fmt.Fprintf(b, "| %s |", mdCode(row.Check))
			for _, s := range row.Cells {
				fmt.Fprintf(b, " %s |", signs[s])
			}
			fmt.Fprintln(b)
		}
	}
}

var mdEscapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "|", `\|`, "#", `\#`, "~", `\~`, "@", "&#64;")

// md makes text safe inside a table cell: it starts no markup, no mention and
// no new line.
func md(s string) string { return mdEscapes.Replace(clean(s)) }

// mdCode shows text as code; a tick cannot be part of it, and a bar would end
// the cell even there.
func mdCode(s string) string {
	s = strings.NewReplacer("`", "'", "|", `\|`).Replace(clean(s))
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func mdAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = md(s)
	}
	return out
}
