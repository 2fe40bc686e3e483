package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

func newExplainCmd(a *app) *cobra.Command {
	var policy planFlags
	cmd := &cobra.Command{
		Use:   "explain RULE",
		Short: "Tell why a rule is there and how to mend what breaks it",
		Long:  "Tells what a rule or check demands, why, where it comes from, how to mend what\nbreaks it, and for rules about the plan what does. Formats: text, json, markdown.",
		Example: example(
			"pgconcord explain backup/source-colocated",
			"pgconcord explain layout/shard-min-replicas --format markdown",
		),
		Args: args(cobra.ExactArgs(1), "name one rule; 'pgconcord rules' lists them"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			docs, _ := a.docs(policy)
			var names []string
			for _, d := range docs {
				names = append(names, d.Name+"\t"+d.Title)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, names []string) error { return runExplain(a, names[0], policy) },
	}
	policy.register(cmd.Flags())
	return cmd
}

func runExplain(a *app, name string, policy planFlags) error {
	docs, err := a.docs(policy)
	if err != nil {
		return err
	}
	for _, d := range docs {
		if d.Name == name {
			return a.document(d, func(format string) string {
				if format == "markdown" {
					return reports.ExplainMarkdown(d)
				}
				return reports.ExplainText(d)
			})
		}
	}
	return usagef("there is no rule %q%s", name, nearest(name, docs))
}

// nearest suggests names that hold a part of what was typed, or differ from it
// by a slip of the finger.
func nearest(name string, docs []checks.Doc) string {
	family, rest, _ := strings.Cut(name, "/")
	if rest == "" {
		rest = family
	}
	var near, all []string
	for _, d := range docs {
		all = append(all, d.Name)
		if rest != "" && strings.Contains(d.Name, rest) {
			near = append(near, d.Name)
		}
	}
	if len(near) == 0 {
		if n := schema.Nearest(name, all); n != "" {
			near = []string{n}
		}
	}
	if len(near) > 0 {
		return "; is it " + strings.Join(near[:min(3, len(near))], " or ") + "?"
	}
	for _, d := range docs {
		if d.Family() == family {
			return fmt.Sprintf(" in the family %s; 'pgconcord rules' lists them", family)
		}
	}
	return "; 'pgconcord rules' lists them"
}
