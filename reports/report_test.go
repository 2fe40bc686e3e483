package reports_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
	"github.com/pgconcord/pgconcord/schema"
)

var update = flag.Bool("update", false, "write the goldens anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	if bytes.Equal(want, got) {
		return
	}
	a, b := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("%s:%d: %q, want %q; run go test ./reports -update when the change is meant", path, i+1, b[i], a[i])
		}
	}
	t.Fatalf("%s: %d lines, want %d; run go test ./reports -update when the change is meant", path, len(b), len(a))
}

func render(t *testing.T, format string, r *reports.Report, o reports.Options) []byte {
	t.Helper()
	f, err := reports.FormatByName(format)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, f.Write(&b, r, o))
	return b.Bytes()
}

// Every format gives the same bytes for the same report, and holds no secret.
func TestGoldens(t *testing.T) {
	for _, f := range reports.Formats() {
		for name, r := range samples() {
			t.Run(f.Name+"/"+name, func(t *testing.T) {
				got := render(t, f.Name, r, reports.Options{})
				require.Equal(t, string(got), string(render(t, f.Name, samples()[name], reports.Options{})))
				require.NotContains(t, string(got), "c4nary")
				golden(t, name+f.Extensions[0], got)
			})
		}
	}
}

func TestTextWidths(t *testing.T) {
	for _, width := range []int{80, 140} {
		for name, r := range samples() {
			for _, o := range []reports.Options{{Width: width, Verbose: true}, {Width: width, Colour: true, Symbols: true}} {
				t.Run(fmt.Sprintf("%s at %d, colour %t", name, width, o.Colour), func(t *testing.T) {
					got := render(t, "text", r, o)
					golden(t, fmt.Sprintf("%s-%d-%t.txt", name, width, o.Colour), got)
					for _, l := range strings.Split(string(got), "\n") {
						require.LessOrEqual(t, reports.Visible(l), width, l)
						if !o.Colour {
							require.NotContains(t, l, "\x1b")
						}
						require.NotContains(t, l, "\x1b[31mred")
					}
				})
			}
		}
	}
}

func TestJSONHasThePublishedShape(t *testing.T) {
	for name, r := range samples() {
		require.NoError(t, reports.Validate(render(t, "json", r, reports.Options{})), name)
	}
	// The definition can say no.
	data := render(t, "json", samples()["clean"], reports.Options{})
	for old, bad := range map[string]string{
		`"verdict": "ok"`:          `"verdict": "fine"`,
		`"unknown": 0`:             `"unknown": 1`,
		`"schema_version": "1.0"`:  `"schema_version": "2.0"`,
		`"command": "check"`:       `"command": "check", "surprise": 1`,
		`"name": "pgconcord",`:     ``,
		`"started": "2026-11-21T0`: `"started": "yesterday`,
	} {
		require.Contains(t, string(data), old)
		require.Error(t, reports.Validate([]byte(strings.Replace(string(data), old, bad, 1))), bad)
	}
}

func TestVerdict(t *testing.T) {
	finding := func(s checks.Status, v schema.Severity) checks.Finding {
		return checks.Finding{Check: "a/b", Status: s, Severity: v}
	}
	rows := func(v compare.Verdict, tables ...compare.Verdict) *compare.Result {
		r := &compare.Result{Verdict: v}
		for _, t := range tables {
			r.Tables = append(r.Tables, compare.Table{Verdict: t})
		}
		return r
	}
	pass := finding(checks.Pass, schema.Error)
	for name, c := range map[string]struct {
		in     reports.Input
		want   reports.Verdict
		exit   int
		failOn reports.FailOn
	}{
		"all pass":                       {in: reports.Input{Findings: []checks.Finding{pass}}, want: reports.OK, exit: 0},
		"nothing judged":                 {want: reports.Incomplete, exit: 3},
		"error":                          {in: reports.Input{Findings: []checks.Finding{pass, finding(checks.Fail, schema.Error)}}, want: reports.Findings, exit: 1},
		"warning below":                  {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Warning)}}, want: reports.OK, exit: 0},
		"warning at":                     {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Warning)}}, failOn: "warning", want: reports.Findings, exit: 1},
		"info at":                        {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Info)}}, failOn: "info", want: reports.Findings, exit: 1},
		"info below":                     {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Info)}}, failOn: "warning", want: reports.OK, exit: 0},
		"unknown severity is an error":   {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, "")}}, want: reports.Findings, exit: 1},
		"never":                          {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Error)}}, failOn: "never", want: reports.Findings, exit: 0},
		"never, with a gap":              {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Error), finding(checks.Unknown, schema.Error)}}, failOn: "never", want: reports.Findings, exit: 3},
		"unknown":                        {in: reports.Input{Findings: []checks.Finding{pass, finding(checks.Unknown, schema.Info)}}, want: reports.Incomplete, exit: 3},
		"unknown, never":                 {in: reports.Input{Findings: []checks.Finding{pass, finding(checks.Unknown, schema.Info)}}, failOn: "never", want: reports.Incomplete, exit: 3},
		"foreign status":                 {in: reports.Input{Findings: []checks.Finding{pass, finding("fine", schema.Info)}}, want: reports.Incomplete, exit: 3},
		"unknown and error":              {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Error), finding(checks.Unknown, schema.Info)}}, want: reports.Findings, exit: 1},
		"unknown and a warning below":    {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Warning), finding(checks.Unknown, schema.Info)}}, want: reports.Incomplete, exit: 3},
		"waived":                         {in: reports.Input{Findings: []checks.Finding{finding(checks.Waived, schema.Error)}}, want: reports.OK, exit: 0},
		"match":                          {in: reports.Input{Comparison: rows(compare.Match, compare.Match)}, want: reports.OK, exit: 0},
		"different":                      {in: reports.Input{Comparison: rows(compare.Different, compare.Match, compare.Different)}, want: reports.Findings, exit: 1},
		"different, never":               {in: reports.Input{Comparison: rows(compare.Different, compare.Different)}, failOn: "never", want: reports.Findings, exit: 0},
		"different and incomplete":       {in: reports.Input{Comparison: rows(compare.Different, compare.Incomplete, compare.Different)}, want: reports.Findings, exit: 1},
		"different, incomplete, never":   {in: reports.Input{Comparison: rows(compare.Different, compare.Incomplete, compare.Different)}, failOn: "never", want: reports.Findings, exit: 3},
		"incomplete":                     {in: reports.Input{Comparison: rows(compare.Incomplete, compare.Match, compare.Incomplete)}, want: reports.Incomplete, exit: 3},
		"match that a table contradicts": {in: reports.Input{Comparison: rows(compare.Match, compare.Match, compare.Different)}, want: reports.Findings, exit: 1},
		"match over a table without one": {in: reports.Input{Comparison: rows(compare.Match, compare.Match, "")}, want: reports.Incomplete, exit: 3},
		"no table":                       {in: reports.Input{Comparison: rows(compare.Match)}, want: reports.Incomplete, exit: 3},
		"not done":                       {in: reports.Input{Findings: []checks.Finding{pass}, Incomplete: []string{"time over"}}, want: reports.Incomplete, exit: 3},
		"interrupted":                    {in: reports.Input{Findings: []checks.Finding{pass}, Interrupted: true}, want: reports.Incomplete, exit: 130},
		"interrupted with an error":      {in: reports.Input{Findings: []checks.Finding{finding(checks.Fail, schema.Error)}, Interrupted: true}, want: reports.Findings, exit: 130},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.FailOn = c.failOn
			r := reports.New("check", c.in)
			require.Equal(t, c.want, r.Verdict)
			require.Equal(t, c.exit, reports.ExitCode(nil, r, r.FailOn))
			require.NoError(t, reports.Validate(render(t, "json", r, reports.Options{})))
		})
	}
}

func TestExitCodeOfErrors(t *testing.T) {
	require.Equal(t, 0, reports.ExitCode(nil, nil, reports.FailOnError))
	require.Equal(t, 2, reports.ExitCode(errors.New("no such file"), nil, reports.FailOnError))
	require.Equal(t, 2, reports.ExitCode(errors.New("disk full"), samples()["clean"], reports.FailOnError))
	require.Equal(t, 130, reports.ExitCode(fmt.Errorf("read: %w", context.Canceled), nil, reports.FailOnError))
	require.Equal(t, 130, reports.ExitCode(reports.ErrInterrupted, nil, reports.FailOnNever))
}

func TestFormatByFile(t *testing.T) {
	f, ok := reports.FormatByFile("out/Report.JSON")
	require.True(t, ok)
	require.Equal(t, "json", f.Name)
	_, ok = reports.FormatByFile("report")
	require.False(t, ok)
	_, err := reports.FormatByName("yaml")
	require.ErrorContains(t, err, "text, json")
}
