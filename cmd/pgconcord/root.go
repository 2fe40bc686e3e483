package main

import (
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/reports"
)

// commonFlags are those that every command takes.
type commonFlags struct {
	outputs   outputs
	failOn    string
	quiet     bool
	verbose   bool
	logFormat string
	config    string
}

func (f commonFlags) threshold() reports.FailOn {
	t, err := reports.ParseFailOn(f.failOn)
	if err != nil {
		return reports.FailOnError
	}
	return t
}

const rootLong = `pgconcord checks multi-master PostgreSQL clusters (Postgres-BDR, EDB Postgres
Distributed, pglogical, native logical replication): whether the plan is right,
whether the running cluster follows it and is healthy, and whether the nodes
hold the same rows. It writes nothing to any node.

Exit status, the same for every command:
  0    all that was asked for was done, and nothing at or above --fail-on was found
  1    findings at or above --fail-on, or rows that differ
  2    wrong use or wrong input, or output that cannot be written
  3    incomplete: something asked for could not be told, and nothing worse was found
  130  interrupted`

// newRootCmd lists the commands; each has a file of its own.
func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "pgconcord",
		Short:         "Check multi-master PostgreSQL clusters: plan, health, rows",
		Long:          rootLong,
		Example:       "  pgconcord validate topology.yaml\n  pgconcord check topology.yaml\n  pgconcord compare topology.yaml",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is no command", args[0])
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.start(cmd) },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	p := root.PersistentFlags()
	a.flags.outputs.register(p)
	p.StringVar(&a.flags.failOn, "fail-on", string(reports.FailOnError), "mildest severity that ends in exit code 1: error, warning, info, never")
	p.BoolVarP(&a.flags.quiet, "quiet", "q", false, "no progress, no log but errors, and of the text format only the verdict")
	p.BoolVarP(&a.flags.verbose, "verbose", "v", false, "passes and skipped checks too, and a log of what is done")
	p.StringVar(&a.flags.logFormat, "log-format", "text", "form of the log on standard error: text, json")
	p.StringVar(&a.flags.config, "config", "", "file of defaults for what the command line leaves open; none for no file. Without it pgconcord.cue, .yaml or .json in the working directory")
	root.AddCommand(
		newValidateCmd(a),
		newCheckCmd(a),
		newCompareCmd(a),
		newAuditCmd(a),
		newReportCmd(a),
		newVerifyCmd(a),
		newFactsCmd(a),
		newImportCmd(a),
		newRulesCmd(a),
		newExplainCmd(a),
		newGrantsCmd(a),
		newDemoCmd(a),
		newConfigCmd(a),
		newManCmd(a),
		newVersionCmd(a),
	)
	return root
}

// start judges the common flags before a command does anything.
func (a *app) start(cmd *cobra.Command) error {
	if err := a.configure(cmd); err != nil {
		return err
	}
	if _, err := reports.ParseFailOn(a.flags.failOn); err != nil {
		return usagef("--fail-on: %w", err)
	}
	if a.flags.quiet && a.flags.verbose {
		return usagef("--quiet and --verbose exclude each other")
	}
	level := slog.LevelWarn
	switch {
	case a.flags.quiet:
		level = slog.LevelError
	case a.flags.verbose:
		level = slog.LevelInfo
	}
	opt := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, at slog.Attr) slog.Attr {
		if at.Key == slog.TimeKey {
			at.Value = slog.StringValue(a.now().UTC().Format(time.RFC3339))
		}
		return at
	}}
	switch a.flags.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.stderr, opt))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.stderr, opt))
	default:
		return usagef("--log-format: %q is no form: expected text or json", a.flags.logFormat)
	}
	a.log = a.log.With("run", a.runID)
	a.warnAboutMisspelt()
	return a.flags.outputs.resolve()
}

// example indents the lines of an example the way cobra shows them.
func example(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }

// args wraps a rule about arguments so that breaking it counts as wrong use.
func args(rule cobra.PositionalArgs, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if rule(cmd, given) != nil {
			return usagef("%d arguments given: %s", len(given), want)
		}
		return nil
	}
}
