package main

import (
	"fmt"
	"strings"

	"github.com/mitchellh/go-wordwrap"
	"github.com/spf13/cobra"
)

func newExplainCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain RULE",
		Short: "Tell why a rule is there and how to mend what breaks it",
		Long:  "Tells what a rule or check demands, why, what an example of a breach looks like\nand how to mend it. Formats: text, json, markdown.",
		Example: example(
			"pgconcord explain backup/source-colocated",
			"pgconcord explain layout/shard-min-replicas --format markdown",
		),
		Args: args(cobra.ExactArgs(1), "name one rule; 'pgconcord rules' lists them"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			docs, _ := ruleDocs()
			var names []string
			for _, d := range docs {
				names = append(names, d.Name+"\t"+d.Title)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, names []string) error { return runExplain(a, names[0]) },
	}
}

func runExplain(a *app, name string) error {
	docs, err := ruleDocs()
	if err != nil {
		return err
	}
	for _, d := range docs {
		if d.Name == name {
			return a.document(d, func(format string) (string, error) {
				if format == "markdown" {
					return explainMarkdown(d), nil
				}
				return explainText(d), nil
			})
		}
	}
	return usagef("there is no rule %q%s", name, nearest(name, docs))
}

// nearest suggests names that share the family or a part of what was typed.
func nearest(name string, docs []ruleDoc) string {
	family, rest, _ := strings.Cut(name, "/")
	if rest == "" {
		rest = family
	}
	var near []string
	for _, d := range docs {
		if rest != "" && strings.Contains(d.Name, rest) {
			near = append(near, d.Name)
		}
	}
	for _, d := range docs {
		if len(near) == 0 && strings.HasPrefix(d.Name, family+"/") {
			return fmt.Sprintf(" in the family %s; 'pgconcord rules' lists them", family)
		}
	}
	if len(near) == 0 {
		return "; 'pgconcord rules' lists them"
	}
	return "; is it " + strings.Join(near[:min(3, len(near))], " or ") + "?"
}

func explainText(d ruleDoc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n\n", d.Name, d.Severity)
	section := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s\n%s\n\n", title, indentBy(wordwrap.WrapString(text, 76), "  "))
		}
	}
	section("What must hold", d.Title)
	section("Why", d.Why)
	section("How to mend it", d.Remedy)
	section("Judged from", strings.Join(d.Needs, ", "))
	section("Source", d.Source)
	for _, x := range []struct{ title, yaml string }{{"A plan that breaks it has", d.Fails}, {"A plan that keeps it has", d.Passes}} {
		if x.yaml != "" {
			fmt.Fprintf(&b, "%s\n%s\n\n", x.title, indentBy(strings.TrimRight(x.yaml, "\n"), "  "))
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func explainMarkdown(d ruleDoc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\nSeverity: %s. Judged from: %s.\n", d.Name, d.Title, d.Severity, strings.Join(d.Needs, ", "))
	section := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", title, text)
		}
	}
	section("Why", d.Why)
	section("How to mend it", d.Remedy)
	section("Source", d.Source)
	for _, x := range []struct{ title, yaml string }{{"Breaks it", d.Fails}, {"Keeps it", d.Passes}} {
		if x.yaml != "" {
			section(x.title, "```yaml\n"+strings.TrimRight(x.yaml, "\n")+"\n```")
		}
	}
	return b.String()
}

func indentBy(text, prefix string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = prefix + l
		}
	}
	return strings.Join(lines, "\n")
}
