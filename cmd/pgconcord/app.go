package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

// app is what every command shares: streams, clock, identity, common flags and
// the report it ended in. Tests make their own.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	environ        func() []string
	now            func() time.Time
	runID          string
	version        string

	flags    commonFlags
	settings configured
	log      *slog.Logger
	sources  map[string][]byte
	report   *reports.Report // set by the command that ran, when it made one
	failure  error           // what the command ends in beside its report
	nagios   bool            // the report on stdout is a monitoring plugin's line
	hushed   bool            // do not say where reports were written
}

func newApp() *app {
	return &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, environ: os.Environ, now: time.Now,
		runID: newRunID(), version: buildVersion()}
}

// version is set by the linker for releases; otherwise the build's own data say it.
var version string

func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return strings.Trim(info.Main.Version, "()")
}

func newRunID() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails, says its documentation
	return hex.EncodeToString(b)
}

// run runs one command line and returns the exit code.
func (a *app) run(args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			a.crashed(p)
			code = reports.ExitUsage
		}
	}()
	ctx, stop := a.withSignals()
	defer stop()
	a.log = slog.New(slog.DiscardHandler)
	root := newRootCmd(a)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && errors.Is(context.Cause(ctx), reports.ErrInterrupted) {
		err = reports.ErrInterrupted
	}
	if err != nil {
		a.complain(err)
		if errors.As(err, new(usageError)) {
			fmt.Fprintf(a.stderr, "Run '%s --help' for what it takes.\n", cmd.CommandPath())
		}
	}
	if a.nagios && err == nil && a.report != nil && !a.report.Interrupted {
		return reports.NagiosState(a.report)
	}
	return reports.ExitCode(err, a.report, a.flags.threshold())
}

// complain says what went wrong. Faults of an input keep their position at the
// start of the line, where editors look for it.
func (a *app) complain(err error) {
	prefix := "pgconcord: "
	if _, ok := errors.AsType[*schema.InputError](err); ok {
		prefix = ""
	}
	for _, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		fmt.Fprintf(a.stderr, "%s%s\n", prefix, line)
	}
}

// usageError marks wrong use: the message is followed by a hint at the help.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usagef makes a usageError.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// withSignals ends the context at the first SIGINT or SIGTERM, so that
// sessions are closed and what was done is reported; a second one ends the
// process. A closed pipe becomes an error of the write, not a silent death.
func (a *app) withSignals() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	go func() {
		if _, ok := <-c; !ok {
			return
		}
		fmt.Fprintln(a.stderr, "pgconcord: interrupted; ending what is under way (once more to stop at once)")
		cancel(reports.ErrInterrupted)
		if _, ok := <-c; ok {
			os.Exit(reports.ExitInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(c)
		signal.Stop(pipe)
		close(c)
		cancel(nil)
	}
}

// crashed reports a fault of the program itself. The value of a panic may hold
// anything, a connection string too, so only those of the Go runtime are shown.
func (a *app) crashed(p any) {
	what := fmt.Sprintf("a %T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	fmt.Fprintf(a.stderr, "pgconcord: this is a fault of pgconcord %s itself: %s\n", a.version, what)
	fmt.Fprintln(a.stderr, "Nothing was written to any node. Please report it with the lines below and the command you gave:")
	for _, line := range strings.Split(string(debug.Stack()), "\n") {
		if strings.Contains(line, ".go:") {
			fmt.Fprintln(a.stderr, "\t"+strings.TrimSpace(line))
		}
	}
}
