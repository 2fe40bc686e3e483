package reports

import (
	"fmt"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
)

// RulesText lists rules and checks for a terminal.
func RulesText(docs []checks.Doc) string {
	var b strings.Builder
	name, severity, needs := 0, 0, 0
	for _, d := range docs {
		name, severity, needs = max(name, len(d.Name)), max(severity, len(ruleSeverity(d))), max(needs, len(strings.Join(d.Needs, "+")))
	}
	for _, d := range docs {
		fmt.Fprintf(&b, "%-*s  %-*s  %-*s  %s\n", name, clean(d.Name), severity, ruleSeverity(d), needs, strings.Join(d.Needs, "+"), clean(d.Title))
	}
	fmt.Fprintf(&b, "\n%s. 'pgconcord explain RULE' tells why one is there and how to mend what breaks it.\n", plural(len(docs), "rule", "rules"))
	return b.String()
}

// ruleSeverity is the severity, or that the house switched the rule off.
func ruleSeverity(d checks.Doc) string {
	if d.Off {
		return "off"
	}
	return string(d.Severity)
}

// RulesMarkdown lists rules and checks by family; page gives the link to a
// rule's own page, "" for none.
func RulesMarkdown(docs []checks.Doc, page func(checks.Doc) string) string {
	var b strings.Builder
	b.WriteString("# Rules and checks\n\nWhat is judged from the plan needs no database; what is judged from facts asks every node, and what is judged from Barman its hosts too.\n")
	family := ""
	for _, d := range docs {
		if d.Family() != family {
			family = d.Family()
			fmt.Fprintf(&b, "\n## %s\n\n| rule | severity | judged from | what must hold |\n| --- | --- | --- | --- |\n", md(family))
		}
		name := mdCode(d.Name)
		if link := page(d); link != "" {
			name = "[" + name + "](" + link + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, ruleSeverity(d), strings.Join(d.Needs, ", "), md(d.Title))
	}
	return b.String()
}

// ExplainText is the page of one rule for a terminal.
func ExplainText(d checks.Doc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n\n", clean(d.Name), ruleSeverity(d))
	section := func(title string, lines []string) {
		fmt.Fprintf(&b, "%s\n", title)
		for _, l := range lines {
			b.WriteString(strings.TrimRight("  "+l, " ") + "\n")
		}
		b.WriteString("\n")
	}
	for _, s := range sections(d) {
		section(s[0], wrap(clean(s[1]), 76))
	}
	for _, s := range snippets(d) {
		section(s[0], strings.Split(s[1], "\n"))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// ExplainMarkdown is the page of one rule for the documentation.
func ExplainMarkdown(d checks.Doc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", md(d.Name))
	for _, s := range sections(d) {
		switch s[0] {
		case "What must hold":
			fmt.Fprintf(&b, "\n%s.\n", md(strings.TrimSuffix(s[1], ".")))
		case "Severity", "Judged from":
			fmt.Fprintf(&b, "\n%s: %s.\n", s[0], md(s[1]))
		default:
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", s[0], md(s[1]))
		}
	}
	for _, s := range snippets(d) {
		fmt.Fprintf(&b, "\n## %s\n\n```yaml\n%s\n```\n", s[0], s[1])
	}
	return b.String()
}

// sections are the parts of a rule's page, without those that are empty.
func sections(d checks.Doc) [][2]string {
	severity := string(d.Severity)
	if d.Off {
		severity += ", switched off by the house's policy"
	}
	if d.House {
		severity += "; a rule of the house"
	}
	from := strings.Join(d.Needs, ", ")
	if len(d.Gates) > 0 {
		from += "; run by " + strings.Join(d.Gates, ", ")
	}
	var out [][2]string
	for _, s := range [][2]string{{"What must hold", d.Title}, {"Severity", severity}, {"Judged from", from}, {"Why", d.Why}, {"How to mend it", d.Remedy}, {"Source", d.Source}} {
		if s[1] != "" {
			out = append(out, s)
		}
	}
	return out
}

// snippets are changes to the plan of the specification that break a layout
// rule and that keep it.
func snippets(d checks.Doc) [][2]string {
	var out [][2]string
	for _, s := range [][2]string{{"Breaks it, merged over the plan of BDR-Worldwide", d.Fails}, {"Keeps it, merged over the same plan", d.Passes}} {
		if s[1] != "" {
			out = append(out, [2]string{s[0], strings.TrimRight(s[1], "\n")})
		}
	}
	return out
}
