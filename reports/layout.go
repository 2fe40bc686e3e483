package reports

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// page writes text for a terminal of a known width.
type page struct {
	w       *bufio.Writer
	width   int
	colour  bool
	symbols bool
}

// ANSI attributes that page.paint knows.
const (
	red    = "31"
	yellow = "33"
	green  = "32"
	cyan   = "36"
	bold   = "1"
	faint  = "2"
)

func (p *page) paint(attribute, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + attribute + "m" + s + "\x1b[0m"
}

// line writes one line as it is.
func (p *page) line(s string) { fmt.Fprintln(p.w, strings.TrimRight(s, " ")) }

func (p *page) blank() { fmt.Fprintln(p.w) }

func (p *page) heading(s string) {
	p.blank()
	p.line(p.paint(bold, s))
}

// para writes text wrapped to the page under a hanging indent: first starts
// the first line, the others are indented by its width.
func (p *page) para(first, text string) {
	indent := visible(first)
	for i, l := range wrap(text, p.width-indent) {
		if i == 0 {
			p.line(first + l)
		} else {
			p.line(strings.Repeat(" ", indent) + l)
		}
	}
}

// grid writes a table without borders whose columns fit the page: the widest
// columns of text are wrapped until the row does. Right lists the columns of
// numbers.
func (p *page) grid(indent int, header []string, rows [][]string, right ...int) error {
	widths, words := make([]int, len(header)), make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], visible(cell))
			for _, word := range strings.Fields(cell) {
				words[i] = max(words[i], visible(word))
			}
		}
	}
	fit(widths, words, p.width-indent-2*(len(header)-1))
	align, padding := make([]tw.Align, len(header)), make([]tw.Padding, len(header))
	for i := range align {
		align[i], padding[i] = tw.AlignLeft, tw.Padding{Right: "  ", Overwrite: true}
	}
	padding[len(header)-1].Right = ""
	for _, i := range right {
		align[i] = tw.AlignRight
	}
	prefix := newIndenter(p.w, indent)
	t := tablewriter.NewTable(prefix,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{
				Separators: tw.SeparatorsNone,
				Lines:      tw.LinesNone,
			},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{Global: tw.AlignLeft, PerColumn: align}),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{Global: tw.AlignLeft, PerColumn: align}),
		tablewriter.WithHeaderPaddingPerColumn(padding),
		tablewriter.WithRowPaddingPerColumn(padding),
		tablewriter.WithTrimSpace(tw.Off),
	)
	t.Header(wrapCells(header, widths, func(s string) string { return p.paint(faint, s) }))
	for _, row := range rows {
		if err := t.Append(wrapCells(row, widths, nil)); err != nil {
			return fmt.Errorf("lay out a table: %w", err)
		}
	}
	if err := t.Render(); err != nil {
		return fmt.Errorf("lay out a table: %w", err)
	}
	return prefix.flush()
}

func wrapCells(cells []string, widths []int, paint func(string) string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		lines := []string{c}
		if visible(c) > widths[i] {
			lines = wrap(c, widths[i])
		}
		if paint != nil {
			for j := range lines {
				lines[j] = paint(lines[j])
			}
		}
		out[i] = strings.Join(lines, "\n")
	}
	return out
}

// fit takes from the widest columns until their sum is at most total: first
// where it breaks no word, then anywhere, though no column gets narrower than
// eight.
func fit(widths, words []int, total int) {
	sum := 0
	for _, w := range widths {
		sum += w
	}
	floor := words
	for sum > total {
		widest := -1
		for i, w := range widths {
			if w > max(floor[i], 1) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		switch {
		case widest >= 0:
			widths[widest]--
			sum--
		case &floor[0] == &words[0]:
			floor = make([]int, len(words))
			for i := range floor {
				floor[i] = min(words[i], 8)
			}
		default:
			return
		}
	}
}

// wrap breaks text into lines of at most width columns, at blanks where there
// are some and inside a word only when it is longer than a line.
func wrap(text string, width int) []string {
	width = max(width, 8)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for {
			switch {
			case line == "" && visible(word) <= width:
				line = word
			case line != "" && visible(line)+1+visible(word) <= width:
				line += " " + word
			case line != "":
				lines = append(lines, line)
				line = ""
				continue
			default: // a word longer than a line
				head := runewidth.Truncate(word, width, "")
				lines = append(lines, head)
				word = word[len(head):]
				if word != "" {
					continue
				}
			}
			break
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// visible is how many columns a string takes, colour left out.
func visible(s string) int {
	if strings.Contains(s, "\x1b[") {
		var b strings.Builder
		for {
			i := strings.Index(s, "\x1b[")
			if i < 0 {
				break
			}
			b.WriteString(s[:i])
			j := strings.IndexByte(s[i:], 'm')
			if j < 0 {
				break
			}
			s = s[i+j+1:]
		}
		s = b.String() + s
	}
	return runewidth.StringWidth(s)
}

// clean makes text of foreign origin (keys, values, names from a catalog) safe
// to print: no control character, escape sequence or change of writing
// direction reaches a terminal or a line-based format.
func clean(s string) string {
	ok := func(r rune) bool { return r == ' ' || unicode.IsPrint(r) && r != unicode.ReplacementChar }
	for _, r := range s {
		if !ok(r) {
			return cleaned(s, ok)
		}
	}
	return s
}

func cleaned(s string, ok func(rune) bool) string {
	var b strings.Builder
	for _, r := range s {
		if ok(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// trailing blanks, also those inside the last colour.
var trailing = regexp.MustCompile(`( |(\x1b\[0m))+$`)

// indenter puts blanks before every line and takes them from its end.
type indenter struct {
	w      io.Writer
	prefix string
	rest   []byte
}

func newIndenter(w io.Writer, n int) *indenter {
	return &indenter{w: w, prefix: strings.Repeat(" ", n)}
}

// Write passes whole lines on.
func (i *indenter) Write(b []byte) (int, error) {
	i.rest = append(i.rest, b...)
	for {
		n := strings.IndexByte(string(i.rest), '\n')
		if n < 0 {
			return len(b), nil
		}
		l := trailing.ReplaceAllString(string(i.rest[:n]), "$2")
		i.rest = i.rest[n+1:]
		if l != "" {
			l = i.prefix + l
		}
		if _, err := io.WriteString(i.w, l+"\n"); err != nil {
			return 0, err
		}
	}
}

func (i *indenter) flush() error {
	if len(i.rest) == 0 {
		return nil
	}
	_, err := i.Write([]byte("\n"))
	return err
}
