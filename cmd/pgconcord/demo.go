package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/reports"
)

type demoOptions struct {
	dir  string
	keep bool
	stop string
}

func newDemoCmd(a *app) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A real six-node cluster on this machine, and a walk through all of it",
		Long: `Starts six PostgreSQL servers that replicate to each other with pglogical, and
three Barman hosts that stream from them, all on loopback and in a folder of
its own. Then it judges the plan, the cluster and the rows; lets a seventh node
join while changes are still on their way; and finds the rows that this made
different for good. It touches no server that it did not start, and stops what
it started, even when it is killed.

The PostgreSQL, pglogical and Barman that run are those of the distribution.`,
		Example: example(
			"pgconcord demo",
			"pgconcord demo --keep   # leaves the cluster running, to play with",
			"pgconcord demo --stop DIR",
		),
		Args: args(cobra.NoArgs, "demo takes none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.stop != "" {
				return lab.Remove(o.stop)
			}
			return runDemo(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.dir, "dir", "pgconcord-demo", "folder for the topology and the reports")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the cluster running and print how to reach it")
	cmd.Flags().StringVar(&o.stop, "stop", "", "end the cluster that an earlier --keep left in this folder")
	return cmd
}

// demo is one walk. What it shows are the program's own commands, run as a
// user would run them, so that every line can be repeated by hand.
type demo struct {
	*app
	ctx     context.Context
	opt     demoOptions
	lab     *lab.Lab
	plan    string // the topology file
	started time.Time
	chapter int
}

func runDemo(ctx context.Context, a *app, o demoOptions) (err error) {
	d := &demo{app: a, ctx: ctx, opt: o, plan: filepath.Join(o.dir, "topology.yaml"), started: a.now()}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for the reports: %w", err)
	}
	d.title("A real cluster: six nodes, three datacenters, three Barman hosts")
	d.lab, err = lab.Up(ctx, lab.Options{Barman: true, Log: d.say})
	if err != nil {
		return fmt.Errorf("bring the cluster up: %w", err)
	}
	kept := false
	defer func() {
		if !kept {
			err = errors.Join(err, d.lab.Down())
		}
	}()
	for _, step := range []func() error{d.judge, d.join} {
		if err := step(); err != nil {
			return err
		}
	}
	d.farewell()
	if o.keep {
		if err := d.lab.Detach(); err != nil {
			return fmt.Errorf("leave the cluster running: %w", err)
		}
		kept = true
		d.howToReach()
	}
	return nil
}

// judge asks the three questions of a cluster in good order.
func (d *demo) judge() error {
	if err := d.writePlan(); err != nil {
		return err
	}
	d.title("Is the plan right? No database is asked")
	if err := d.expect(reports.ExitOK, "1-validate", "validate", d.plan); err != nil {
		return err
	}
	d.title("Does the cluster follow the plan, and is it healthy?")
	if err := d.expect(reports.ExitOK, "2-check", "check", d.plan); err != nil {
		return err
	}
	d.title("Do the nodes hold the same rows?")
	return d.expect(reports.ExitOK, "3-compare", "compare", d.plan)
}

// join lets a node join as the documentation says not to, and asks again.
func (d *demo) join() error {
	d.title("A seventh node joins while changes are still on their way")
	d.say("A node writes while its streams are held up, and %s joins by copying from a node", lab.Joiner)
	d.say("that has not got the changes yet. The copied rows bear a later commit timestamp than")
	d.say("the changes, so last-update-wins drops these on %s, and only there.", lab.Joiner)
	d.say("")
	join, err := d.lab.JoinUnderLag(d.ctx)
	if err != nil {
		return fmt.Errorf("join %s: %w", lab.Joiner, err)
	}
	if err := d.writePlan(); err != nil {
		return err
	}
	d.title("Every catalog, slot and lag is content …")
	if err := d.expect(reports.ExitOK, "4-check-after-join", "check", d.plan, "--quiet"); err != nil {
		return err
	}
	d.title("… and rows differ")
	if err := d.expect(reports.ExitFindings, "5-compare-after-join", "compare", d.plan); err != nil {
		return err
	}
	return d.verify(join)
}

// verify fails the demo unless exactly the rows that were made stale were found.
func (d *demo) verify(join *lab.Join) error {
	data, err := os.ReadFile(filepath.Join(d.opt.dir, "5-compare-after-join.json"))
	if err != nil {
		return err
	}
	var r reports.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("read the comparison back: %w", err)
	}
	var found, made []string
	for _, t := range r.Comparison.Tables {
		for _, diff := range t.Diffs {
			found = append(found, t.Schema+"."+t.Name+" "+strings.Join(diff.Key, ","))
		}
	}
	for _, row := range join.Stale {
		made = append(made, row.Table+" "+strings.Join(row.Key, ","))
	}
	slices.Sort(found)
	slices.Sort(made)
	if !slices.Equal(found, made) {
		return fmt.Errorf("the join made these rows stale: %v; the comparison found: %v", made, found)
	}
	d.say("")
	d.say("The join made %d rows stale on %s; the comparison found exactly those.", len(made), join.Joiner)
	return nil
}

// expect runs one of the program's commands, text to the screen and every file
// format into the folder, and fails when it ends in another exit code.
func (d *demo) expect(code int, name string, args ...string) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	fmt.Fprintf(d.stdout, "$ pgconcord %s\n\n", strings.Join(args, " "))
	args = append(args, "--format", "text", "--config", "none")
	for _, f := range []string{"json", "html"} {
		if _, err := reports.FormatByName(f); err == nil {
			args = append(args, "--format", f, "--output", filepath.Join(d.opt.dir, name+"."+f))
		}
	}
	sub := newApp()
	sub.stdout, sub.stderr, sub.getenv, sub.now, sub.version = d.stdout, d.stderr, d.getenv, d.now, d.version
	sub.hushed = true
	if got := sub.run(args); got != code {
		return fmt.Errorf("%s ended with exit code %d, where %d was expected", args[0], got, code)
	}
	return nil
}

func (d *demo) writePlan() error {
	if err := replaceFile(d.plan, d.lab.Topology()); err != nil {
		return fmt.Errorf("write %s: %w", d.plan, err)
	}
	return nil
}

func (d *demo) title(s string) {
	d.chapter++
	fmt.Fprintf(d.stdout, "\n── %d. %s\n\n", d.chapter, s)
}

func (d *demo) say(format string, a ...any) { fmt.Fprintf(d.stdout, format+"\n", a...) }

func (d *demo) farewell() {
	d.title("Done in " + d.now().Sub(d.started).Round(time.Second).String())
	d.say("Reports and topology are in %s:", d.opt.dir)
	entries, err := os.ReadDir(d.opt.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		d.say("  %s", filepath.Join(d.opt.dir, e.Name()))
	}
}

func (d *demo) howToReach() {
	d.say("\nThe cluster goes on running in %s. To play with it:", d.lab.Dir)
	for _, n := range d.lab.Nodes() {
		d.say("  psql '%s'", n.DSN())
	}
	d.say("  pgconcord check %s", d.plan)
	d.say("  pgconcord compare %s", d.plan)
	d.say("To end it:\n  pgconcord demo --stop %s", d.lab.Dir)
}
