package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

// ruleDoc is what is known about a rule or check, in the form that rules and
// explain show.
type ruleDoc struct {
	Name     string          `json:"name"`
	Title    string          `json:"title"`
	Severity schema.Severity `json:"severity"`
	Needs    []string        `json:"needs"` // "plan", "facts", "barman"
	Why      string          `json:"why"`
	Remedy   string          `json:"remedy"`
	Source   string          `json:"source,omitempty"`
	Fails    string          `json:"fails,omitempty"`  // a plan that breaks it
	Passes   string          `json:"passes,omitempty"` // and one that keeps it
}

func newRulesCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rules",
		Short: "List every rule and check",
		Long:  "Lists every rule and check by name: what it demands, how severe a failure is,\nand what it needs to judge. Formats: text, json, markdown.",
		Example: example(
			"pgconcord rules",
			"pgconcord rules --format json",
		),
		Args: args(cobra.NoArgs, "rules takes none; for one rule use explain"),
		RunE: func(*cobra.Command, []string) error { return runRules(a) },
	}
}

func runRules(a *app) error {
	docs, err := ruleDocs()
	if err != nil {
		return err
	}
	return a.document(docs, func(format string) (string, error) {
		switch format {
		case "markdown":
			return rulesMarkdown(docs), nil
		default:
			return rulesText(docs), nil
		}
	})
}

// document writes what is no report: JSON of a value, or a text of a kind.
func (a *app) document(value any, text func(format string) (string, error)) error {
	for _, out := range a.flags.outputs.list {
		var s string
		switch out.format {
		case "json":
			data, err := json.MarshalIndent(value, "", "  ")
			if err != nil {
				return err
			}
			s = string(data) + "\n"
		case "text", "markdown":
			var err error
			if s, err = text(out.format); err != nil {
				return err
			}
		default:
			return usagef("this command has no format %s: expected text, json or markdown", out.format)
		}
		if out.file == "" {
			if err := a.print(s); err != nil {
				return err
			}
			continue
		}
		if err := replaceFile(out.file, []byte(s)); err != nil {
			return fmt.Errorf("write to %s: %w", out.file, cause(err))
		}
	}
	return nil
}

// ruleDocs collects every rule and check there is, by name.
func ruleDocs() ([]ruleDoc, error) {
	all, err := checks.All()
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	layout, err := schema.Rules()
	if err != nil {
		return nil, fmt.Errorf("read the layout rules: %w", err)
	}
	examples := map[string]schema.Rule{}
	for _, r := range layout {
		examples[r.Name] = r
	}
	var out []ruleDoc
	for _, c := range all {
		d := ruleDoc{Name: c.Name, Title: c.Title, Severity: c.Severity, Why: c.Why, Remedy: c.Remedy, Source: c.Source,
			Fails: examples[c.Name].Fails, Passes: examples[c.Name].Passes}
		for _, n := range []struct {
			bit  checks.Needs
			word string
		}{{checks.NeedsPlan, "plan"}, {checks.NeedsFacts, "facts"}, {checks.NeedsBarman, "barman"}} {
			if c.Needs&n.bit != 0 {
				d.Needs = append(d.Needs, n.word)
			}
		}
		out = append(out, d)
	}
	return out, nil
}

func rulesText(docs []ruleDoc) string {
	var b strings.Builder
	name, severity := 0, 0
	for _, d := range docs {
		name, severity = max(name, len(d.Name)), max(severity, len(d.Severity))
	}
	for _, d := range docs {
		fmt.Fprintf(&b, "%-*s  %-*s  %-12s  %s\n", name, d.Name, severity, d.Severity, strings.Join(d.Needs, "+"), d.Title)
	}
	fmt.Fprintf(&b, "\n%d rules. 'pgconcord explain RULE' tells why one is there and how to mend what breaks it.\n", len(docs))
	return b.String()
}

func rulesMarkdown(docs []ruleDoc) string {
	var b strings.Builder
	b.WriteString("# Rules and checks\n\n| rule | severity | needs | what must hold |\n| --- | --- | --- | --- |\n")
	for _, d := range docs {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Name, d.Severity, strings.Join(d.Needs, ", "), strings.ReplaceAll(d.Title, "|", `\|`))
	}
	return b.String()
}
