package reports

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

// writeText renders a report for a person at a terminal: the verdict, then what
// is wrong, then what could not be told, then the overview.
func writeText(w io.Writer, r *Report, o Options) error {
	p := &page{w: bufio.NewWriter(w), width: cmp.Or(o.Width, 80), colour: o.Colour, symbols: o.Symbols}
	p.para(p.verdictMark(r.Verdict)+"  ", clean(r.Sentence))
	if o.Brief {
		return p.w.Flush()
	}
	p.findings("Failures", r.with(checks.Fail), r)
	p.unknowns(r.unknowns())
	p.findings("Waived", r.with(checks.Waived), r)
	p.findings("Known from the baseline", r.known(), r)
	if o.Verbose {
		p.findings("Skipped", r.with(checks.Skipped), r)
		p.passes(r)
	}
	if err := p.matrix(r, o.Verbose); err != nil {
		return err
	}
	if err := p.comparison(r, o.Verbose); err != nil {
		return err
	}
	if err := p.profile(r.Profile); err != nil {
		return err
	}
	p.history(r)
	p.next(r.Next)
	p.closing(r)
	return p.w.Flush()
}

// verdictMark is the one word everything else explains.
func (p *page) verdictMark(v Verdict) string {
	switch v {
	case OK:
		return p.paint(bold+";"+green, p.choose("✔ OK", "OK"))
	case Findings:
		return p.paint(bold+";"+red, p.choose("✘ FINDINGS", "FINDINGS"))
	}
	return p.paint(bold+";"+yellow, p.choose("? INCOMPLETE", "INCOMPLETE"))
}

func (p *page) choose(symbol, word string) string {
	if p.symbols {
		return symbol
	}
	return word
}

func severityColour(s schema.Severity) string {
	switch s {
	case schema.Warning:
		return yellow
	case schema.Info:
		return cyan
	}
	return red
}

// findings lists findings of one status with their evidence. The remedy of a
// rule is said once, after its last finding.
func (p *page) findings(title string, fs []Finding, r *Report) {
	if len(fs) == 0 {
		return
	}
	p.heading(fmt.Sprintf("%s (%s)", title, grouped(int64(len(fs)))))
	for i, f := range fs {
		if i == 0 || fs[i-1].Check != f.Check {
			p.blank()
			word := string(f.Severity)
			if f.Status != checks.Fail {
				word = string(f.Status)
			}
			rule := r.rule(f.Check)
			head := "  " + p.paint(severityColour(f.Severity), word) + "  " + p.paint(bold, clean(f.Check))
			if t := clean(rule.Title); t != "" && t != f.Check && visible(head)+2+visible(t) <= p.width {
				head += "  " + p.paint(faint, t)
			}
			p.line(head)
		}
		p.finding(f)
		last := i == len(fs)-1 || fs[i+1].Check != f.Check
		if rule := r.rule(f.Check); last && rule.Remedy != "" && f.Status != checks.Skipped {
			p.para("    remedy:   ", clean(rule.Remedy))
		}
	}
}

func (p *page) finding(f Finding) {
	subject, message := clean(f.Subject.String()), clean(f.Message)
	switch {
	case subject == "":
		p.para("  - ", message)
	default:
		p.para("  - ", p.paint(bold, subject)+": "+message)
	}
	p.evidence(f.Found, f.Expected, f.Pos)
	if w := f.Waiver; w != nil {
		p.para("    waived:   ", clean(waiverText(w)))
	}
	if len(f.Related) > 0 {
		var places []string
		for _, pos := range f.Related {
			places = append(places, clean(pos.String()))
		}
		p.para("    see also: ", strings.Join(places, ", "))
	}
}

// evidence shows what was found, what was expected and where: in one line when
// it fits.
func (p *page) evidence(found, expected string, pos schema.Position) {
	var parts [][2]string
	if found != "" {
		parts = append(parts, [2]string{"found:", clean(found)})
	}
	if expected != "" {
		parts = append(parts, [2]string{"expected:", clean(expected)})
	}
	if pos.IsValid() {
		parts = append(parts, [2]string{"at:", clean(pos.String())})
	}
	line := "   "
	for _, x := range parts {
		line += " " + x[0] + " " + x[1] + " "
	}
	if visible(strings.TrimRight(line, " ")) <= p.width {
		if len(parts) > 0 {
			p.line(line)
		}
		return
	}
	for _, x := range parts {
		p.para(fmt.Sprintf("    %-9s ", x[0]), x[1])
	}
}

// waiverText says who answers for a failure, until when and why.
func waiverText(w *checks.Waiver) string {
	s := fmt.Sprintf("until %s by %s", w.Expires, w.Owner)
	if w.Ticket != "" {
		s += " (" + w.Ticket + ")"
	}
	return s + ": " + w.Reason
}

// unknowns lists what could not be told by its reason: one node that is down
// is one thing to mend, however many checks it silences.
func (p *page) unknowns(groups []unknown) {
	total := 0
	for _, g := range groups {
		total += g.answers
	}
	if total == 0 {
		return
	}
	p.heading(fmt.Sprintf("Could not be told (%s)", grouped(int64(total))))
	p.blank()
	for _, g := range groups {
		head := clean(g.message)
		if g.subject != "" {
			head = p.paint(bold, clean(g.subject)) + ": " + head
		}
		p.para("  "+p.paint(yellow, "?")+" ", head)
		p.para("    unknown:  ", clean(strings.Join(g.checks, ", ")))
		p.evidence(g.found, g.expected, g.pos)
	}
}

// passes lists what passed, a line each.
func (p *page) passes(r *Report) {
	fs := r.with(checks.Pass)
	if len(fs) == 0 {
		return
	}
	p.heading(fmt.Sprintf("Passed (%s)", grouped(int64(len(fs)))))
	for _, f := range fs {
		text := clean(f.Check)
		if s := clean(f.Subject.String()); s != "" {
			text += "  " + s
		}
		if f.Message != "" {
			text += ": " + clean(f.Message)
		}
		p.para("  "+p.paint(green, p.choose("✔", "pass"))+" ", text)
	}
}

// matrix shows the worst answer of every check on every node. Checks about no
// node, the layout rules among them, are summed up in a line.
func (p *page) matrix(r *Report, verbose bool) error {
	m := newMatrix(r)
	if m.elsewhere.total() > 0 {
		p.blank()
		p.para("", "Answers about the plan or the whole: "+m.elsewhere.String()+".")
	}
	for _, block := range m.blocks(p.width) {
		p.blank()
		header := append([]string{"check"}, cleanAll(block.Nodes)...)
		var rows [][]string
		idle := 0
		for _, row := range block.Rows {
			if !verbose && row.skipped() {
				idle++
				continue
			}
			cells := []string{clean(row.Check)}
			for _, s := range row.Cells {
				cells = append(cells, p.cell(s))
			}
			rows = append(rows, cells)
		}
		if len(rows) > 0 {
			if err := p.grid(0, header, rows); err != nil {
				return err
			}
		}
		if idle > 0 {
			p.para("", plural(idle, "more check does not apply here.", "more checks do not apply here."))
		}
	}
	return nil
}

func (p *page) cell(s checks.Status) string {
	switch s {
	case checks.Pass:
		return p.paint(green, p.choose("✔", "ok"))
	case checks.Fail:
		return p.paint(red, p.choose("✘", "FAIL"))
	case checks.Unknown:
		return p.paint(yellow, "?")
	case checks.Waived:
		return p.paint(cyan, p.choose("~", "waived"))
	case checks.Skipped:
		return p.paint(faint, "-")
	}
	return ""
}

// closing says what the report rests on.
func (p *page) closing(r *Report) {
	p.blank()
	for _, n := range r.Notes {
		p.para("note: ", clean(n))
	}
	s := r.Summary
	if total := s.Pass + s.Fail + s.Unknown + s.Skipped + s.Waived; total > 0 {
		p.para("", fmt.Sprintf("Answers: %s passed, %s failed, %s unknown, %s waived, %s skipped.",
			grouped(int64(s.Pass)), grouped(int64(s.Fail)), grouped(int64(s.Unknown)), grouped(int64(s.Waived)), grouped(int64(s.Skipped))))
	}
	text := fmt.Sprintf("%s %s, run %s, %s to %s.", r.Tool.Name, r.Tool.Version, r.RunID, stamp(r.Started), stamp(r.Finished))
	if r.InputDigest != "" {
		text += fmt.Sprintf(" Input %s, SHA-256 %s.", strings.Join(cleanAll(r.Inputs), ", "), r.InputDigest[:min(16, len(r.InputDigest))])
	}
	p.para("", text)
}

func cleanAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = clean(s)
	}
	return out
}
