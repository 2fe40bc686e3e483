// Command check measures "pgconcord check" with the built program: wall time on
// the six-node lab and on sixty nodes, and what it asks of each node. It ends
// with 1 when a figure is over its limit.
//
//	go run ./internal/bench/check -program bin/pgconcord
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/lab"
)

// The limits: a check is run before and after every join and every night, on
// servers that have other things to do.
const (
	sixLimit         = 1500 * time.Millisecond
	sixtyLimit       = 5 * time.Second
	connectionsLimit = 2 // a node, at one time and in all
)

func main() {
	program := flag.String("program", "bin/pgconcord", "the built program")
	runs := flag.Int("runs", 10, "of the six-node lab; of sixty nodes half as many")
	only := flag.Int("only", 0, "6 or 60; 0: both")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	over, err := bench(ctx, *program, *runs, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if len(over) > 0 {
		fmt.Println("OVER THE LIMIT: " + strings.Join(over, "; "))
		os.Exit(1)
	}
}

func bench(ctx context.Context, program string, runs, only int) (over []string, err error) {
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	for _, b := range []struct {
		size int
		run  func(context.Context, string, int) ([]string, error)
	}{{6, six}, {60, sixty}} {
		if only != 0 && only != b.size {
			continue
		}
		more, err := b.run(ctx, program, runs)
		if err != nil {
			return nil, err
		}
		over = append(over, more...)
	}
	return over, nil
}

// six measures the lab with its Barman hosts.
func six(ctx context.Context, program string, runs int) (over []string, err error) {
	l, err := lab.Up(ctx, lab.Options{Barman: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Down()) }()
	if err := l.Settle(ctx); err != nil {
		return nil, err
	}
	c := &check{program: program, plan: string(l.Topology()), nodes: l.Nodes(), want: 0}
	return c.measure(ctx, "six nodes in a pglogical mesh, three Barman hosts", runs, sixLimit)
}

// check is one cluster to be checked over and over.
type check struct {
	program string
	plan    string
	nodes   []*lab.Node // the servers
	want    int         // exit code
}

// measure prints wall times, then what one more run asks of each server, which
// is counted by a proxy before it.
func (c *check) measure(ctx context.Context, title string, runs int, limit time.Duration) (over []string, err error) {
	var walls []time.Duration
	if _, err := c.run(ctx, c.plan); err != nil { // the first meets cold caches, which a nightly run does too, but once
		return nil, err
	}
	for range runs {
		wall, err := c.run(ctx, c.plan)
		if err != nil {
			return nil, err
		}
		walls = append(walls, wall)
	}
	slices.Sort(walls)
	worst := walls[len(walls)-1]
	fmt.Printf("%s\n  wall time   median %s, slowest %s of %d runs (limit %s)\n", title, ms(walls[len(walls)/2]), ms(worst), len(walls), ms(limit))
	if worst > limit {
		over = append(over, fmt.Sprintf("%s: %s", title, ms(worst)))
	}
	traffic, err := c.traffic(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Printf("  %-8s  %11s  %7s  %11s  %10s\n", "server", "connections", "at once", "round trips", "statements")
	for i, n := range c.nodes {
		t := traffic[i]
		databases := max(1, strings.Count(c.plan, fmt.Sprintf("port=%d ", n.Port)))
		fmt.Printf("  %-8s  %11d  %7d  %11d  %10d\n", n.Name, t.Connections, t.AtOnce, t.RoundTrips, t.Statements)
		if t.Connections > connectionsLimit*databases {
			over = append(over, fmt.Sprintf("%s: %d connections to %s, which has %d nodes", title, t.Connections, n.Name, databases))
		}
	}
	return over, nil
}

// traffic counts what one run asks of each server.
func (c *check) traffic(ctx context.Context) ([]lab.Traffic, error) {
	plan := c.plan
	var wires []*lab.Wire
	for _, n := range c.nodes {
		w, err := n.Wire()
		if err != nil {
			return nil, err
		}
		defer w.Close()
		wires = append(wires, w)
		plan = w.Redirect(plan)
	}
	c.want = -1 // the catalogs hold other addresses than the plan now
	if _, err := c.run(ctx, plan); err != nil {
		return nil, err
	}
	var out []lab.Traffic
	for _, w := range wires {
		out = append(out, w.Traffic())
	}
	return out, nil
}

// run runs the program as a user does and returns its wall time.
func (c *check) run(ctx context.Context, plan string) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "bench-check")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "topology.yaml")
	if err := os.WriteFile(file, []byte(plan), 0o600); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, c.program, "check", file)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = nil
		if c.want >= 0 && exit.ExitCode() != c.want {
			err = fmt.Errorf("%s ended with %d, not %d: %s%s", cmd, exit.ExitCode(), c.want, tail(stdout.String()), stderr.String())
		}
	}
	if err == nil && strings.Contains(stdout.String(), "did not answer") {
		err = fmt.Errorf("%s did not read every node: %s", cmd, tail(stdout.String()))
	}
	return wall, err
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func tail(s string) string {
	if len(s) > 4000 {
		return s[len(s)-4000:]
	}
	return s
}
