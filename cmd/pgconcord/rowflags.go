package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
)

// rowFlags are those of every command that compares rows.
type rowFlags struct {
	mode      string
	consensus consensusFlags
	sample    int
	reading   readingFlags
	limits    limitFlags
	export    exportFlags
}

func (f *rowFlags) register(fs *pflag.FlagSet, redact string) {
	fs.StringVar(&f.mode, "mode", string(compare.Exact), "what counts as equal: exact (byte for byte), value (relaxed by type), strong (exact, SHA-256)")
	f.consensus.register(fs)
	fs.IntVar(&f.sample, "max-differences", 1000, "differing keys listed with evidence, per table; all are counted")
	f.reading.register(fs, "; small tables are compared as many at once, a table of several chunks is read over all of them")
	f.limits.register(fs)
	f.export.register(fs, redact)
}

// request makes a comparison request out of the flags.
func (f rowFlags) request(connect connectFlags) (compare.Request, error) {
	settings, err := connect.settings()
	if err != nil {
		return compare.Request{}, err
	}
	if f.sample < 1 {
		return compare.Request{}, usagef("--max-differences must be at least 1; --redact all takes keys and values out of the report")
	}
	if err := f.reading.check(); err != nil {
		return compare.Request{}, err
	}
	out := compare.Request{Mode: compare.Mode(f.mode), Policy: f.consensus.chosen(), SampleLimit: f.sample, MaxConnections: f.reading.connections,
		FenceTimeout: f.reading.fenceTimeout, Settings: settings}
	return out, f.limits.apply(&out)
}

// readingFlags are those of every command that reads rows, be it all of them or
// some keys.
type readingFlags struct {
	connections  int
	fenceTimeout time.Duration
}

// register takes what a command does with the connections.
func (f *readingFlags) register(fs *pflag.FlagSet, connections string) {
	fs.IntVar(&f.connections, "max-connections", 2, "connections to one node"+connections)
	fs.DurationVar(&f.fenceTimeout, "fence-timeout", time.Minute, "how long to wait until what was written is applied everywhere")
}

// check refuses what would be taken for the default.
func (f readingFlags) check() error {
	switch {
	case f.connections < 1:
		return usagef("--max-connections must be at least 1")
	case f.fenceTimeout <= 0:
		return usagef("--fence-timeout must be more than 0; --static waits for nothing")
	}
	return nil
}

// consensusFlags say who is right about a key.
type consensusFlags struct {
	policy compare.Policy
	rule   string
}

func (f *consensusFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.rule, "consensus", string(compare.ByMajority), "who is right about a key: majority, quorum, source, newest, off")
	fs.Float64Var(&f.policy.Quorum, "quorum", 0, "with --consensus quorum: the share of nodes that must agree")
	fs.StringSliceVar(&f.policy.Sources, "right", nil, "with --consensus source: the nodes that are right")
	fs.StringSliceVar(&f.policy.TieBreakers, "tie-breaker", nil, "nodes that decide where the rule finds nobody right")
}

func (f consensusFlags) chosen() compare.Policy {
	f.policy.Rule = compare.Rule(f.rule)
	return f.policy
}

// limitFlags keep a comparison gentle.
type limitFlags struct {
	rate, lag     int64
	active, pages int
	pause         time.Duration
}

func (f *limitFlags) register(fs *pflag.FlagSet) {
	fs.Int64Var(&f.rate, "max-rate", 0, "rows to read a second on one node; the default 0 is no limit")
	fs.Int64Var(&f.lag, "max-lag", 0, "bytes of WAL that the slowest active logical slot of a node may be behind when a table or a chunk of it is begun; beyond that the run waits. The default 0 is no limit")
	fs.IntVar(&f.active, "max-active", 0, "client sessions that may be at work on a node when a table or a chunk of it is begun, ours not counted; beyond that the run waits. The default 0 is no limit")
	fs.DurationVar(&f.pause, "max-pause", 5*time.Minute, "with --max-lag and --max-active: how long to wait in all; then the run goes on and the report says so")
	fs.IntVar(&f.pages, "chunk-pages", 0, "pages of a big table or partition that its first statement reads, the later ones as many as keep them short; 65536 pages are 512 MB. The default 0 reads a table in one statement if half the statement timeout, at most a minute, is enough for it, else 65536 pages first")
}

// apply refuses what cannot be a limit.
func (f limitFlags) apply(r *compare.Request) error {
	switch {
	case f.rate < 0 || f.lag < 0 || f.active < 0:
		return usagef("--max-rate, --max-lag and --max-active cannot be below 0, which is no limit")
	case f.pause < 0:
		return usagef("--max-pause cannot be below 0")
	case f.pages < 0:
		return usagef("--chunk-pages cannot be below 0, which chooses")
	}
	r.MaxRate, r.MaxLag, r.MaxActive, r.MaxPause, r.ChunkPages = f.rate, f.lag, f.active, max(f.pause, 1), f.pages
	return nil
}

// exportFlags say what of the rows leaves the program.
type exportFlags struct {
	redact      string
	differences []string
}

func (f *exportFlags) register(fs *pflag.FlagSet, redact string) {
	fs.StringVar(&f.redact, "redact", redact, "take out of the report: none, values (of columns), all (keys too)")
	fs.StringArrayVar(&f.differences, "differences", nil, "file for the differing keys besides the report, a line for each key and node: .jsonl or .csv; repeatable")
}

// check judges the flags before anything else is done.
func (f exportFlags) check(a *app) (reports.Redaction, error) {
	for i, file := range f.differences {
		if _, err := reports.DifferencesForm(file); err != nil {
			return "", usagef("--differences %s: %w", file, err)
		}
		if slices.Contains(f.differences[:i], file) {
			return "", usagef("--differences %s is given twice", file)
		}
		if slices.ContainsFunc(a.flags.outputs.list, func(o output) bool { return o.file == file }) {
			return "", usagef("--differences %s is an --output too", file)
		}
		if err := writable("--differences", file); err != nil {
			return "", err
		}
	}
	switch f.redact {
	case "", "none":
		return reports.RedactNone, nil
	case "values":
		return reports.RedactValues, nil
	case "all":
		return reports.RedactAll, nil
	}
	return "", usagef("--redact: %q is not known: expected %s", f.redact, strings.Join([]string{"none", "values", "all"}, ", "))
}

// publishRows publishes a report, and its differing keys where they were asked
// for.
func (a *app) publishRows(r *reports.Report, f exportFlags) error {
	errs := []error{a.publish(r)}
	for _, file := range f.differences {
		errs = append(errs, a.exportDifferences(r, file))
	}
	return errors.Join(errs...)
}

// exportDifferences leaves the file alone when nothing was compared: an empty
// one would read as no difference.
func (a *app) exportDifferences(r *reports.Report, file string) error {
	if r.Comparison == nil {
		return fmt.Errorf("--differences %s: nothing was compared, so it was not written", file)
	}
	form, err := reports.DifferencesForm(file)
	if err != nil {
		return err
	}
	data, err := r.ExportDifferences(form)
	if err != nil {
		return fmt.Errorf("render the differences as %s: %w", form, err)
	}
	if err := replaceFile(file, data); err != nil {
		return fmt.Errorf("write the differences to %s: %w", file, cause(err))
	}
	if n := r.Unlisted(); n > 0 {
		fmt.Fprintf(a.stderr, "pgconcord: %d differing keys are counted and not listed in %s: they are beyond --max-differences or were not told apart\n", n, file)
	}
	if !a.flags.quiet && !a.hushed {
		fmt.Fprintf(a.stderr, "pgconcord: differences written to %s\n", file)
	}
	return nil
}
