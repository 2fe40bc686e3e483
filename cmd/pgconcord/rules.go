package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

func newRulesCmd(a *app) *cobra.Command {
	var policy planFlags
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List every rule and check",
		Long: `Lists every rule and check by name: how severe a failure is, what it is judged
from, and what must hold. With --policy the house's own rules are among them, and
the others are as the policy leaves them. Formats: text, json, markdown.`,
		Example: example(
			"pgconcord rules",
			"pgconcord rules --format json",
			"pgconcord rules --policy policy/",
		),
		Args: args(cobra.NoArgs, "rules takes none; for one rule use explain"),
		RunE: func(*cobra.Command, []string) error { return runRules(a, policy) },
	}
	policy.register(cmd.Flags())
	return cmd
}

func runRules(a *app, policy planFlags) error {
	docs, err := a.docs(policy)
	if err != nil {
		return err
	}
	return a.document(docs, func(format string) string {
		if format == "markdown" {
			return reports.RulesMarkdown(docs, func(checks.Doc) string { return "" })
		}
		return reports.RulesText(docs)
	})
}

// docs documents every rule and check, those of a policy among them.
func (a *app) docs(policy planFlags) ([]checks.Doc, error) {
	var house []schema.Input
	for _, name := range policy.policies {
		ins, err := a.readPolicy(name)
		if err != nil {
			return nil, err
		}
		house = append(house, ins...)
	}
	return checks.Docs(house)
}

// document writes what is no report: JSON of a value, or a text of a kind.
func (a *app) document(value any, text func(format string) string) error {
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
			s = text(out.format)
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
