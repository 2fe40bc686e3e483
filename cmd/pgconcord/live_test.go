package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pgconcord/pgconcord/internal/lab"
)

// The live scripts share one lab, whose topology is in $TOPOLOGY; each heals
// what it breaks.
func TestLive(t *testing.T) {
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
	p := scriptParams(t, filepath.Join("..", "..", "testdata", "script", "live"))
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("TOPOLOGY", topology)
		env.Setenv("DSN", l.Node("dc1n1").ReaderDSN())
		return setup(env)
	}
	p.Cmds["lab"] = func(ts *testscript.TestScript, _ bool, args []string) { inject(ts, l, args) }
	// Run waits for parallel scripts in a group of its own, so that the lab
	// outlives them.
	t.Run("scripts", func(t *testing.T) { testscript.Run(t, p) })
	t.Run("commands", func(t *testing.T) { everyCommand(t, l) })
}

// inject breaks and mends the lab: lab local NODE SQL, lab crash NODE, lab
// start NODE.
func inject(ts *testscript.TestScript, l *lab.Lab, args []string) {
	ctx := context.Background()
	if len(args) < 2 {
		ts.Fatalf("usage: lab local|crash|start NODE [SQL]")
	}
	node := l.Node(args[1])
	switch args[0] {
	case "local":
		ts.Check(node.ExecLocal(ctx, args[2]))
	case "crash":
		ts.Check(node.Crash())
	case "start":
		ts.Check(node.Start(ctx))
		ts.Check(l.Settle(ctx))
	default:
		ts.Fatalf("lab %s: not known", args[0])
	}
}
