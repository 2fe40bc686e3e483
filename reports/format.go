package reports

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// Format is one way to render a report. Formats are values, listed once below;
// the command line, its help and the tests derive from that list.
type Format struct {
	Name       string
	Title      string   // one line: who reads it
	Extensions []string // of file names that suggest it, longest first
	Write      func(io.Writer, *Report, Options) error
}

// Options of a rendering. They change how a report looks, never what it says;
// formats that machines read ignore them.
type Options struct {
	Width   int  // columns of the terminal; 0 means 80
	Colour  bool // ANSI colour
	Symbols bool // ✔ and ✘ in place of words
	Brief   bool // of text only the verdict
	// Previous is what the file held before; the prometheus format takes the
	// time of the last good run from it.
	Previous []byte
	Verbose  bool // passes and skipped checks one by one too
	// Source returns what a file of the plan held when it was read, nil when it
	// was not. SARIF counts columns in other units than the plan's positions,
	// which takes the line itself; without it columns are left out.
	Source func(file string) []byte
	// Err is what the command ends in beside the report; SARIF tells how the
	// process ends.
	Err error
}

// formats is the registry.
var formats = []Format{
	{"text", "for people at a terminal", []string{".txt"}, writeText},
	{"json", "the record: the whole report, versioned", []string{".json"}, writeJSON},
	{"html", "one self-contained page, for people and auditors", []string{".html"}, writeHTML},
	{"markdown", "for tickets, pull requests and job summaries", []string{".md"}, writeMarkdown},
	{"sarif", "SARIF 2.1.0, for code scanning and editors", []string{".sarif"}, writeSARIF},
	{"junit", "JUnit XML, for the test tab of a CI server", []string{".xml"}, writeJUnit},
	{"github", "annotations of a GitHub workflow", []string{".github"}, writeGitHub},
	{"gitlab", "GitLab's code quality report", []string{".gitlab.json", ".codequality.json"}, writeGitLab},
	{"prometheus", "metrics for node_exporter's textfile collector", []string{".prom"}, writePrometheus},
	{"nagios", "the line of a Nagios or Icinga plugin, with its exit codes", []string{".nagios"}, writeNagios},
}

// Formats returns every format, in the order help lists them.
func Formats() []Format { return formats }

// FormatNames returns their names.
func FormatNames() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	return names
}

// FormatByName finds a format.
func FormatByName(name string) (Format, error) {
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("%q is no format: expected one of %s", name, strings.Join(FormatNames(), ", "))
}

// FormatByFile guesses a format from the ending of a file's name.
func FormatByFile(name string) (Format, bool) {
	base := strings.ToLower(path.Base(name))
	best, found, length := Format{}, false, 0
	for _, f := range formats {
		for _, ext := range f.Extensions {
			if strings.HasSuffix(base, ext) && len(ext) > length {
				best, found, length = f, true, len(ext)
			}
		}
	}
	return best, found
}
