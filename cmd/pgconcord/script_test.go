package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pgconcord": func() {
			a := newApp()
			a.version, a.runID = "1.0.0-test", "0123456789abcdef"
			a.now = func() time.Time { return time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC) }
			os.Exit(a.run(os.Args[1:]))
		},
	})
}

// The scripts run the program as its users do. What needs no server is beside
// this folder's live ones.
func TestScripts(t *testing.T) {
	testscript.Run(t, scriptParams(t, filepath.Join("..", "..", "testdata", "script")))
}

func scriptParams(t *testing.T, dir string) testscript.Params {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			env.Setenv("TOPOLOGIES", filepath.Join(root, "testdata", "topologies"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"closedpipe": closedPipe,
			"deaf":       deaf,
			"waitcalled": waitCalled,
		},
		RequireExplicitExec: true,
	}
}

// exits CODE PROGRAM ARGS… runs a program and wants it to end with that code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("ended with %d, want %d", code, want)
	}
}

// closedPipe CODE PROGRAM ARGS… runs a program whose standard output nobody
// reads any more. The next stderr command sees what it said.
func closedPipe(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	path, err := exec.LookPath(args[1])
	if err != nil {
		path = filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], args[1])
	}
	r, w, err := os.Pipe()
	ts.Check(err)
	r.Close()
	defer w.Close()
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir, cmd.Stdout = ts.Getenv("WORK"), w
	cmd.Stderr = ts.Stderr()
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		ts.Fatalf("ended with %v, want exit status %d", err, want)
	}
}

// deaf NAME listens on a free port, accepts and never says a word; the port is
// in $NAME. A node of this kind must not hold anybody up for long.
func deaf(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	called := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ts.Defer(func() { c.Close() })
			called <- struct{}{}
		}
	}()
	ts.Defer(func() { l.Close() })
	deafs[l.Addr().String()] = called
	_, port, _ := net.SplitHostPort(l.Addr().String())
	ts.Setenv(args[0], port)
	ts.Setenv(args[0]+"_ADDR", l.Addr().String())
}

var deafs = map[string]chan struct{}{}

// waitcalled NAME returns when somebody has connected to a deaf node.
func waitCalled(ts *testscript.TestScript, _ bool, args []string) {
	select {
	case <-deafs[ts.Getenv(args[0]+"_ADDR")]:
	case <-time.After(30 * time.Second):
		ts.Fatalf("nobody connected")
	}
}
