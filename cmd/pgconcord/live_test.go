package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/reports"
)

// The live scripts share one lab, whose topology is in $TOPOLOGY; each heals
// what it breaks. Those of joins come last.
func TestLive(t *testing.T) {
	// Built without the race detector, which makes it several times slower; the
	// packages that are concurrent have tests of their own on real servers.
	t.Setenv("PATH", buildProgram(t)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	l, err := lab.Up(t.Context(), lab.Options{Barman: true})
	lab.Need(t, err)
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	topology := filepath.Join(t.TempDir(), "lab.yaml")
	if err := os.WriteFile(topology, l.Topology(), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string) {
		p := scriptParams(t, filepath.Join("..", "..", "testdata", "script", name))
		setup := p.Setup
		p.Setup = func(env *testscript.Env) error {
			env.Setenv("PATH", os.Getenv("PATH"))
			env.Setenv("TOPOLOGY", topology)
			env.Setenv("DSN", l.Node("dc1n1").ReaderDSN())
			return setup(env)
		}
		p.Cmds["lab"] = func(ts *testscript.TestScript, _ bool, args []string) { inject(ts, l, args) }
		p.Cmds["once"] = func(ts *testscript.TestScript, _ bool, args []string) { once(ts, l, args) }
		p.Cmds["differ"] = differ
		// Run waits for parallel scripts in a group of its own, so that the lab
		// outlives them.
		t.Run(name, func(t *testing.T) { testscript.Run(t, p) })
	}
	run("live")
	t.Run("obstacles", func(t *testing.T) { withObstacles(t, l) })
	t.Run("commands", func(t *testing.T) { everyCommand(t, l) })
	t.Run("pre-join", func(t *testing.T) { beforeJoin(t, l) })
	run("join") // the lab has more nodes from here on
	t.Run("post-join", func(t *testing.T) { afterJoin(t, l) })
}

// buildProgram builds the program as its users have it and returns its folder.
func buildProgram(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "pgconcord"), ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build the program: %v: %s", err, out)
	}
	return dir
}

// inject breaks, mends and extends the lab:
//
//	lab local NODE SQL            rows that the others do not hear of
//	lab mend NODE DONOR TABLE KEY what that did
//	lab crash NODE, start NODE
//	lab disable PROVIDER SUBSCRIBER, enable PROVIDER SUBSCRIBER
//	lab join NODE TOPOLOGY        cleanly
//	lab join-under-lag ROWS TOPOLOGY
//
// Joins write the new topology, and the rows that stay old on the joiner as
// differ wants them.
func inject(ts *testscript.TestScript, l *lab.Lab, args []string) {
	ctx := context.Background()
	if len(args) < 2 {
		ts.Fatalf("usage: lab WHAT NODE [...]")
	}
	args = append(args, "")
	switch args[0] {
	case "local":
		ts.Check(l.Node(args[1]).ExecLocal(ctx, args[2]))
	case "crash":
		ts.Check(l.Node(args[1]).Crash())
	case "start":
		ts.Check(l.Node(args[1]).Start(ctx))
		ts.Check(l.Settle(ctx))
		ts.Check(l.StartWALReceivers(ctx, args[1])) // it may have given up meanwhile
	case "mend":
		ts.Check(l.Mend(ctx, args[1], args[2], lab.Row{Table: args[3], Key: args[4 : len(args)-1]}))
	case "disable":
		ts.Check(l.DisableEdge(ctx, args[1], args[2]))
	case "enable":
		ts.Check(l.EnableEdge(ctx, args[1], args[2]))
	case "join":
		ts.Check(l.JoinCleanly(ctx, args[1]))
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), l.Topology(), 0o600))
	case "join-under-lag":
		join, err := l.JoinUnderLag(ctx)
		ts.Check(err)
		var rows strings.Builder
		for _, row := range join.Stale {
			fmt.Fprintln(&rows, row.Table, strings.Join(row.Key, " "))
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(rows.String()), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), l.Topology(), 0o600))
	default:
		ts.Fatalf("lab %s: not known", args[0])
	}
}

// once SAYS WHAT PROVIDER SUBSCRIBER PROGRAM ARGS… runs a program, does that to
// the lab as soon as the program says this on standard error, and wants it to
// end with 0.
func once(ts *testscript.TestScript, l *lab.Lab, args []string) {
	cmd := exec.Command(program(ts, args[4]), args[5:]...)
	cmd.Dir, cmd.Stdout = ts.Getenv("WORK"), ts.Stdout()
	said, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	done := false
	for lines := bufio.NewScanner(said); lines.Scan(); {
		fmt.Fprintln(ts.Stderr(), lines.Text())
		if !done && strings.Contains(lines.Text(), args[0]) {
			done = true
			inject(ts, l, args[1:4])
		}
	}
	wantExit(ts, cmd, 0)
	if !done {
		ts.Fatalf("it never said %q", args[0])
	}
}

// differ DIFFERENCES ROWS wants an export of differences to hold exactly those
// rows, each with the evidence of every node and the cause of a join.
func differ(ts *testscript.TestScript, _ bool, args []string) {
	var found []string
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var d reports.DifferenceLine
		ts.Check(json.Unmarshal([]byte(line), &d))
		if d.Status != compare.Persistent || !strings.HasPrefix(d.Cause, compare.CauseJoin) || d.CommitAt == nil || d.Origin == "" {
			ts.Fatalf("no evidence of a join: %s", line)
		}
		if slices.Contains(d.Majority, d.Node) {
			continue
		}
		var key []string
		for dec := json.NewDecoder(bytes.NewReader(d.Key)); ; {
			token, err := dec.Token()
			if err != nil {
				break
			}
			if s, ok := token.(string); ok {
				key = append(key, s)
			}
		}
		for i := len(key) - 2; i >= 0; i -= 2 { // names alternate with values
			key = slices.Delete(key, i, i+1)
		}
		found = append(found, d.Table+" "+strings.Join(key, " ")+" on "+d.Node)
	}
	var want []string
	for row := range strings.Lines(ts.ReadFile(args[1])) {
		want = append(want, strings.TrimSpace(row)+" on "+lab.Joiner)
	}
	slices.Sort(found)
	slices.Sort(want)
	if !slices.Equal(found, want) {
		ts.Fatalf("differing: %q\nwant: %q", found, want)
	}
}
