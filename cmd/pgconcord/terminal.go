package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/pgconcord/pgconcord/reports"
)

// isTerminal reports whether somebody looks at a stream.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// look decides how text is laid out: the terminal's width, else COLUMNS, else
// 80; colour and symbols only where somebody looks and NO_COLOR is not set.
func (a *app) look(onStdout bool) reports.Options {
	o := reports.Options{Width: 80, Verbose: a.flags.verbose, Brief: a.flags.quiet, Source: func(file string) []byte { return a.sources[file] }, Err: a.failure}
	if n, err := strconv.Atoi(a.getenv("COLUMNS")); err == nil && n >= 40 && n <= 1000 {
		o.Width = n
	}
	if !onStdout || !isTerminal(a.stdout) {
		return o
	}
	if w, _, err := term.GetSize(int(a.stdout.(*os.File).Fd())); err == nil && w >= 40 {
		o.Width = w
	}
	o.Colour = a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(a.getenv(name)); v != "" {
			o.Symbols = strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
			break
		}
	}
	return o
}
