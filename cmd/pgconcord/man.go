package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newManCmd writes the manual page. It is made from the commands themselves, so
// that it cannot tell of flags that are not there.
func newManCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the manual page",
		Long:    "Prints the manual page of all commands, for man(1).",
		Example: example("pgconcord man > pgconcord.1"),
		Args:    args(cobra.NoArgs, "man takes none"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.print(manual(cmd.Root(), a.version, a.now())) },
	}
}

const manRisks = `pgconcord opens read-only transactions with statement, lock and idle timeouts and
at most two connections to a node, and creates no object. What it costs:

A comparison reads every row of the compared tables once on every node that holds
them, and rows that differed once more: it takes I/O and CPU there. Start with one
shard in a quiet hour.

While a table is read its snapshot keeps VACUUM on that node from removing rows
that died since, in the whole database. On a table that takes an hour that is an
hour.

Reading takes ACCESS SHARE locks, behind which statements such as ALTER TABLE
wait, and what comes behind these. Cancel the run when one must get through.

Reports of a comparison can hold keys and values of rows; --redact takes them out,
and the nightly report does without values unless it is told otherwise.`

const manLimitations = `A verdict is about what was read, when it was read: nodes are not read at one
instant, and nothing is said about later changes, excluded tables and columns, or
what is listed as unknown.

Rows are compared by digest; the report states the bound of the probability that
a difference was missed. A row that was still changing whenever it was read again
is volatile: whether it differs for good cannot be told, and its table is
incomplete. Large objects and the values of sequences are not compared.

A likely cause of a difference follows a stated rule over commit timestamps and
origins; it is no proof. An empty conflict log is none that there were no
conflicts. Nothing is repaired.

Postgres-BDR and EDB Postgres Distributed are read by their documented catalogs;
the tests run a stand-in for them, not the products. Clean checks replace no
restore test.`

const manExit = `0	all that was asked for was done, and nothing at or above --fail-on was found
1	findings at or above --fail-on, or rows that differ
2	wrong use or wrong input, or output that cannot be written
3	incomplete: something asked for could not be told, and nothing worse was found
130	interrupted

With --format nagios on standard output the states of a monitoring plugin are
used instead: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.`

const manEnvironment = `PGCONCORD_CONFIG	file of defaults, like --config
PGCONCORD_TOPOLOGY	the topology when none is named
PGCONCORD_...	a setting by its flag's name: PGCONCORD_FAIL_ON is --fail-on; pgconcord config lists them
NO_COLOR	no colour on a terminal
COLUMNS	width of text that does not go to a terminal
GITHUB_STEP_SUMMARY	with --format github the summary page of the job is added to it

Connection strings are read as libpq does: PGPASSFILE, PGSERVICEFILE,
PGSSLROOTCERT and the like count.`

// manual renders the page in the man macros.
func manual(root *cobra.Command, version string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH PGCONCORD 1 %s %s \"User Commands\"\n", roffQuote(now.UTC().Format(time.DateOnly)), roffQuote("pgconcord "+version))
	section := func(title string) { fmt.Fprintf(&b, ".SH %s\n", roff(title)) }
	section("NAME")
	fmt.Fprintf(&b, "pgconcord \\- %s\n", roff(root.Short))
	section("SYNOPSIS")
	commands := manCommands(root)
	for _, c := range commands {
		fmt.Fprintf(&b, ".B %s\n.br\n", roff(useLine(c)))
	}
	section("RISKS")
	b.WriteString(roffParagraph(manRisks))
	section("DESCRIPTION")
	b.WriteString(roffParagraph(strings.SplitN(root.Long, "\n\n", 2)[0]))
	section("COMMANDS")
	for _, c := range commands {
		fmt.Fprintf(&b, ".SS %s\n%s", roff(useLine(c)), roffParagraph(firstOf(c.Long, c.Short)))
		b.WriteString(manFlags(c.LocalNonPersistentFlags()))
		if c.Example != "" {
			fmt.Fprintf(&b, ".PP\nExamples:\n.PP\n.nf\n%s\n.fi\n", roff(c.Example))
		}
	}
	section("OPTIONS OF EVERY COMMAND")
	b.WriteString(manFlags(root.PersistentFlags()))
	section("EXIT STATUS")
	b.WriteString(roffTable(manExit))
	section("ENVIRONMENT")
	b.WriteString(roffTable(manEnvironment))
	section("FILES")
	b.WriteString(roffTable("pgconcord.cue, pgconcord.yaml, pgconcord.json\tdefaults for flags, in the working directory\nwaivers.cue, waivers.yaml\twaivers, beside the topology\npolicy/\tthe house's own rules, beside the topology"))
	section("LIMITATIONS")
	b.WriteString(roffParagraph(manLimitations))
	return b.String()
}

func manCommands(root *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.Runnable() {
			out = append(out, c)
		}
		out = append(out, manCommands(c)...)
	}
	return out
}

// useLine is the synopsis of a command.
func useLine(c *cobra.Command) string { return c.Parent().CommandPath() + " " + c.Use }

func manFlags(fs *pflag.FlagSet) string {
	var b strings.Builder
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		if f.DefValue != "" && f.DefValue != "[]" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(name), roff(usage))
	})
	return b.String()
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// roff escapes text: a backslash, a hyphen that must stay one, and what would
// be a request at the start of a line.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

func roffQuote(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, `\(dq`) + `"` }

func roffParagraph(s string) string {
	return ".PP\n" + strings.ReplaceAll(roff(strings.TrimSpace(s)), "\n\n", "\n.PP\n") + "\n"
}

// roffTable sets lines of "name<tab>text" as a list; others are paragraphs.
func roffTable(s string) string {
	var b strings.Builder
	for _, l := range strings.Split(s, "\n") {
		switch name, text, ok := strings.Cut(l, "\t"); {
		case ok:
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(name), roff(text))
		case l == "":
			b.WriteString(".PP\n")
		default:
			b.WriteString(roff(l) + "\n")
		}
	}
	return b.String()
}
