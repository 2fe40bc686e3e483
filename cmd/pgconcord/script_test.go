package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	run := func() {
		a := newApp()
		a.version, a.runID = "1.0.0-test", "0123456789abcdef"
		now := time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC)
		if at, err := time.Parse(time.RFC3339, os.Getenv("NIGHT")); err == nil { // a script of several nights
			now, a.runID = at, fmt.Sprintf("%016x", at.Unix())
		}
		a.now = func() time.Time { return now }
		os.Exit(a.run(os.Args[1:]))
	}
	// The live scripts have the program as its users have it under the first
	// name, and this one, whose clock they set, under the second.
	testscript.Main(m, map[string]func(){"pgconcord": run, "pgconcord-at-night": run})
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
			env.Setenv("FACTS", filepath.Join(root, "testdata", "facts"))
			env.Setenv("TOPOLOGIES", filepath.Join(root, "testdata", "topologies"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"closedpipe":  closedPipe,
			"deaf":        deaf,
			"interrupted": interrupted,
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

// program finds a program of this test binary for a script.
func program(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); isFile(path) {
			return path
		}
	}
	ts.Fatalf("no program %s", name)
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// start starts a program in the script's folder; the next stderr command sees
// what it said.
func start(ts *testscript.TestScript, stdout *os.File, args []string) *exec.Cmd {
	cmd := exec.Command(program(ts, args[0]), args[1:]...)
	cmd.Dir, cmd.Stderr = ts.Getenv("WORK"), ts.Stderr()
	if stdout != nil { // a nil file in an interface is not nil
		cmd.Stdout = stdout
	}
	ts.Check(cmd.Start())
	return cmd
}

func wantExit(ts *testscript.TestScript, cmd *exec.Cmd, want int) {
	err := cmd.Wait()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		ts.Fatalf("ended with %v, want exit status %d", err, want)
	}
}

// closedPipe CODE PROGRAM ARGS… runs a program whose standard output nobody
// reads any more.
func closedPipe(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	r, w, err := os.Pipe()
	ts.Check(err)
	r.Close()
	defer w.Close()
	wantExit(ts, start(ts, w, args[1:]), want)
}

// interrupted NAME PROGRAM ARGS… sends SIGINT as soon as the program has
// connected to the deaf node, and wants exit status 130. What a program before
// this one left waiting to be accepted comes before a call of our own: taken for
// one of this program, it would bring the signal before there is a handler.
func interrupted(ts *testscript.TestScript, _ bool, args []string) {
	called, ok := deafs.Load(args[0])
	if !ok {
		ts.Fatalf("no deaf %s", args[0])
	}
	calls := called.(chan string)
	own, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", ts.Getenv(args[0])))
	ts.Check(err)
	defer own.Close()
	next := func() string {
		select {
		case from := <-calls:
			return from
		case <-time.After(30 * time.Second):
			return ""
		}
	}
	for from := ""; from != own.LocalAddr().String(); {
		if from = next(); from == "" {
			ts.Fatalf("the deaf node accepts nobody")
		}
	}
	cmd := start(ts, nil, args[1:])
	if next() == "" {
		cmd.Process.Kill()
		ts.Fatalf("nobody connected")
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	wantExit(ts, cmd, 130)
}

// deaf NAME listens on a free port, accepts and never says a word; the port is
// in $NAME. A node of this kind must not hold anybody up for long.
func deaf(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	called := make(chan string, 1000) // who called
	deafs.Store(args[0], called)
	go func() {
		var open []net.Conn // until the listener ends
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, c)
			called <- c.RemoteAddr().String()
		}
		for _, c := range open {
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	ts.Setenv(args[0], port)
}

// deafs are the calls to deaf nodes, by the name that a script gave the last of them.
var deafs sync.Map
