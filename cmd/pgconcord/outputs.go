package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/reports"
)

// output is one rendering that was asked for: a format and where it goes, ""
// being standard output.
type output struct{ format, file string }

// outputs collects --format and --output in the order they were given: each
// --output belongs to the --format before it, or after it when none is open.
type outputs struct{ list []output }

func (o *outputs) register(fs *pflag.FlagSet) {
	fs.VarP((*formatFlag)(o), "format", "f", "form of the report: "+strings.Join(reports.FormatNames(), ", ")+"; repeatable, each with its --output")
	fs.VarP((*fileFlag)(o), "output", "o", "file for the report instead of standard output; its ending tells the format when there is no --format")
}

type formatFlag outputs

func (f *formatFlag) String() string { return "" }
func (f *formatFlag) Type() string   { return "FORMAT" }

// Set opens a pair, or completes one that began with --output.
func (f *formatFlag) Set(s string) error {
	if _, err := reports.FormatByName(s); err != nil {
		return err
	}
	if n := len(f.list); n > 0 && f.list[n-1].format == "" {
		if _, ok := reports.FormatByFile(f.list[n-1].file); !ok {
			f.list[n-1].format = s
			return nil
		}
	}
	f.list = append(f.list, output{format: s})
	return nil
}

type fileFlag outputs

func (f *fileFlag) String() string { return "" }
func (f *fileFlag) Type() string   { return "FILE" }

// Set completes a pair, or opens one that a --format may follow.
func (f *fileFlag) Set(s string) error {
	if s == "" {
		return errors.New("the name of a file is empty")
	}
	if n := len(f.list); n > 0 && f.list[n-1].file == "" {
		f.list[n-1].file = s
		return nil
	}
	f.list = append(f.list, output{file: s})
	return nil
}

// resolve fills in formats that follow from a file's name, and finds what
// cannot work before anything else is done.
func (o *outputs) resolve() error {
	if len(o.list) == 0 {
		o.list = []output{{format: "text"}}
	}
	stdout, files := 0, map[string]bool{}
	for i := range o.list {
		out := &o.list[i]
		if out.file == "-" {
			out.file = ""
		}
		if out.format == "" {
			f, ok := reports.FormatByFile(out.file)
			if !ok {
				return usagef("--output %s: the ending tells no format; give one with --format", out.file)
			}
			out.format = f.Name
		}
		if out.file == "" {
			stdout++
			continue
		}
		if files[out.file] {
			return usagef("--output %s is given twice", out.file)
		}
		files[out.file] = true
		if err := writable("--output", out.file); err != nil {
			return err
		}
	}
	if stdout > 1 {
		return usagef("only one format can go to standard output; give the others an --output each")
	}
	return nil
}

// publish renders a report to every output that was asked for. All are tried;
// what failed is said together.
func (a *app) publish(r *reports.Report) error {
	a.report = r
	var failed []error
	for _, out := range a.flags.outputs.list {
		f, err := reports.FormatByName(out.format)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		look := a.look(out.file == "")
		if out.file != "" {
			look.Previous = previous(out.file)
		}
		if err := f.Write(&b, r, look); err != nil {
			failed = append(failed, fmt.Errorf("render the report as %s: %w", out.format, err))
			continue
		}
		if out.file == "" {
			a.nagios = out.format == "nagios"
			if out.format == "github" {
				failed = append(failed, a.stepSummary(r))
			}
			if _, err := a.stdout.Write(b.Bytes()); err != nil {
				failed = append(failed, fmt.Errorf("write the report to standard output: %w", cause(err)))
			}
			continue
		}
		if err := replaceFile(out.file, b.Bytes()); err != nil {
			failed = append(failed, fmt.Errorf("write the report to %s: %w", out.file, cause(err)))
			continue
		}
		if !a.flags.quiet && !a.hushed {
			fmt.Fprintf(a.stderr, "pgconcord: %s report written to %s\n", out.format, out.file)
		}
	}
	return errors.Join(failed...)
}

// previous returns what a file holds that is about to be replaced; nothing for
// a device, which may never end, and for what cannot be read.
func previous(name string) []byte {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, _ := os.ReadFile(name)
	return data
}

// stepSummary adds the report to the summary page of a GitHub job, when this
// is one.
func (a *app) stepSummary(r *reports.Report) error {
	name := a.getenv("GITHUB_STEP_SUMMARY")
	if name == "" {
		return nil
	}
	f, err := reports.FormatByName("markdown")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := f.Write(&b, r, reports.Options{}); err != nil {
		return fmt.Errorf("render the job summary: %w", err)
	}
	if err := writeTo(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666, b.Bytes(), false); err != nil {
		return fmt.Errorf("add to the job summary %s: %w", name, cause(err))
	}
	return nil
}

// cause drops the name of a temporary file from an error of the file system.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// writable finds out early whether a file can be written at the end.
func writable(flag, name string) error {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s %s: is a directory", flag, name)
	case err == nil && !info.Mode().IsRegular():
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".pgconcord-*")
	if err != nil {
		return fmt.Errorf("%s %s: cannot write there: %w", flag, name, cause(err))
	}
	f.Close()
	return os.Remove(f.Name())
}

// replaceFile writes a file whole or not at all: a reader, a crash and a full
// disk see the old one or the new one. Devices and pipes are written directly.
func replaceFile(name string, data []byte) error {
	mode := os.FileMode(0o666) // less the umask
	if info, err := os.Stat(name); err == nil {
		if !info.Mode().IsRegular() {
			return writeTo(name, os.O_WRONLY, mode, data, false)
		}
		mode = info.Mode().Perm()
		if real, err := filepath.EvalSymlinks(name); err == nil {
			name = real
		}
	}
	temp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%d.tmp", filepath.Base(name), os.Getpid()))
	if err := writeTo(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode, data, true); err != nil {
		os.Remove(temp)
		return err
	}
	if err := os.Rename(temp, name); err != nil {
		os.Remove(temp)
		return err
	}
	return nil
}

func writeTo(name string, flags int, mode os.FileMode, data []byte, sync bool) (err error) {
	f, err := os.OpenFile(name, flags, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, bytes.NewReader(data)); err != nil {
		return err
	}
	if sync {
		return f.Sync()
	}
	return nil
}
