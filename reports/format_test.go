package reports_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
)

func TestSARIFIsValid(t *testing.T) {
	for name, r := range samples() {
		t.Run(name, func(t *testing.T) {
			data := render(t, "sarif", r, reports.Options{})
			doc, err := sarif.FromBytes(data)
			require.NoError(t, err)
			require.NoError(t, doc.Validate())
			suppressed := 0
			for _, res := range doc.Runs[0].Results {
				require.Equal(t, *res.RuleID, *doc.Runs[0].Tool.Driver.Rules[res.RuleIndex].ID)
				suppressed += len(res.Suppressions)
			}
			require.Equal(t, r.Summary.Waived, suppressed)
		})
	}
}

// A suite per node, and every finding in exactly one case, passes too.
func TestJUnitReadsBack(t *testing.T) {
	type result struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	var doc struct {
		Suites []struct {
			Name   string `xml:"name,attr"`
			Errors int    `xml:"errors,attr"`
			Cases  []struct {
				Name    string  `xml:"name,attr"`
				Failure *result `xml:"failure"`
				Error   *result `xml:"error"`
				Skipped *result `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	r := samples()["everything"]
	require.NoError(t, xml.Unmarshal(render(t, "junit", r, reports.Options{}), &doc))
	var names []string
	fail, unknown, skipped, total := 0, 0, 0, 0
	for _, s := range doc.Suites {
		names = append(names, s.Name)
		for _, c := range s.Cases {
			total++
			switch {
			case c.Failure != nil:
				fail++
			case c.Error != nil:
				unknown++
			case c.Skipped != nil:
				skipped++
			}
		}
	}
	require.Equal(t, []string{"plan", "dc1n1", "dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2", "rows"}, names)
	require.Equal(t, len(r.Findings)+len(r.Comparison.Tables), total)
	require.Equal(t, r.Summary.Fail+1, fail, "and the table that differs")
	require.Equal(t, r.Summary.Unknown+1, unknown, "and the table that was not compared in full")
	require.Equal(t, r.Summary.Waived+r.Summary.Skipped, skipped)
}

func TestPrometheusReadsBack(t *testing.T) {
	const family = "pgconcord_last_ok_timestamp_seconds"
	parse := func(data []byte) map[string]float64 {
		p := expfmt.NewTextParser(model.UTF8Validation)
		families, err := p.TextToMetricFamilies(bytes.NewReader(data))
		require.NoError(t, err)
		out := map[string]float64{}
		for name, f := range families {
			for _, m := range f.Metric {
				require.Nil(t, m.TimestampMs, "node_exporter refuses timestamps")
				out[name] += m.GetGauge().GetValue()
			}
		}
		return out
	}
	good := render(t, "prometheus", samples()["clean"], reports.Options{})
	require.Equal(t, float64(at(10).Unix()), parse(good)[family])

	// A run that found something keeps the time of the last good one, of its own
	// cluster and command only.
	bad := reports.New("check", sampleInput())
	bad.Finished = at(1000)
	require.NotContains(t, parse(render(t, "prometheus", bad, reports.Options{})), family)
	after := render(t, "prometheus", bad, reports.Options{Previous: good})
	require.Equal(t, float64(at(10).Unix()), parse(after)[family])
	require.Equal(t, float64(at(10).Unix()), parse(render(t, "prometheus", bad, reports.Options{Previous: after}))[family])
	other := samples()["everything"]
	require.NotContains(t, parse(render(t, "prometheus", other, reports.Options{Previous: good})), family)
	require.NotContains(t, parse(render(t, "prometheus", bad, reports.Options{Previous: []byte("{\"not\": metrics")})), family)

	m := parse(render(t, "prometheus", other, reports.Options{}))
	require.Equal(t, 3.0, m["pgconcord_rows_differing"])
	require.Equal(t, 5.0, m["pgconcord_node_up"])
	require.Equal(t, float64(len(other.Findings)), m["pgconcord_findings"])
}

func TestGitHubLinesCannotBeBroken(t *testing.T) {
	in := sampleInput()
	in.Findings = []checks.Finding{{Check: "a/b", Status: checks.Fail, Message: "50% of\n::error::it\r, all: over"}}
	in.Comparison = nil
	out := string(render(t, "github", reports.New("check", in), reports.Options{}))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 2, "one for the finding, one for the verdict")
	require.Contains(t, lines[0], `50%25 of\n::error::it\r, all: over`)
	for _, l := range lines {
		require.Regexp(t, `^::(error|warning|notice) `, l)
	}
}

func TestGitLabHasWhatItMustHave(t *testing.T) {
	var issues []map[string]any
	require.NoError(t, json.Unmarshal(render(t, "gitlab", samples()["everything"], reports.Options{}), &issues))
	seen := map[string]bool{}
	for _, i := range issues {
		for _, key := range []string{"description", "check_name", "fingerprint", "severity"} {
			require.NotEmpty(t, i[key], key)
		}
		require.Contains(t, []string{"info", "minor", "major", "critical", "blocker"}, i["severity"])
		place := i["location"].(map[string]any)
		require.NotEmpty(t, place["path"])
		require.GreaterOrEqual(t, place["lines"].(map[string]any)["begin"], 1.0)
		require.False(t, seen[i["fingerprint"].(string)], "fingerprints are unique")
		seen[i["fingerprint"].(string)] = true
	}
}

// The line of a monitoring plugin is one line, and its performance data read
// back as the plugin guidelines give them.
func TestNagiosLine(t *testing.T) {
	perf := regexp.MustCompile(`^'[a-z_]+'=-?[0-9.]+(s|B)?(;[0-9.]*){0,4}$`)
	for name, want := range map[string]int{"clean": reports.NagiosOK, "everything": reports.NagiosCritical, "plan": reports.NagiosCritical} {
		r := samples()[name]
		require.Equal(t, want, reports.NagiosState(r))
		out := string(render(t, "nagios", r, reports.Options{}))
		require.Equal(t, 1, strings.Count(out, "\n"))
		text, data, found := strings.Cut(strings.TrimSpace(out), " | ")
		require.True(t, found)
		require.Regexp(t, `^PGCONCORD (OK|WARNING|CRITICAL|UNKNOWN) - `, text)
		fields := csv.NewReader(strings.NewReader(data))
		fields.Comma = ' '
		row, err := fields.Read()
		require.NoError(t, err)
		for _, f := range row {
			require.Regexp(t, perf, f)
		}
		_, err = fields.Read()
		require.ErrorIs(t, err, io.EOF)
	}
	unknown := reports.New("check", reports.Input{Findings: []checks.Finding{{Check: "a/b", Status: checks.Unknown}}})
	require.Equal(t, reports.NagiosUnknown, reports.NagiosState(unknown))
	warning := reports.New("check", reports.Input{Findings: []checks.Finding{{Check: "a/b", Status: checks.Fail, Severity: "warning"}}})
	require.Equal(t, reports.NagiosWarning, reports.NagiosState(warning))
}

// Foreign text starts no markup.
func TestMarkdownIsSafe(t *testing.T) {
	in := sampleInput()
	in.Findings = []checks.Finding{{Check: "a/b", Status: checks.Fail, Message: "| <script>x</script> [link](http://x) `tick` @all\nnext"}}
	out := string(render(t, "markdown", reports.New("check", in), reports.Options{}))
	for _, bad := range []string{"<script", "[link](", "@all", "`tick`"} {
		require.NotContains(t, out, bad)
	}
	for _, l := range strings.Split(out, "\n") {
		if strings.HasPrefix(l, "| error") {
			require.Equal(t, 8, strings.Count(strings.ReplaceAll(l, `\|`, ""), "|"), l)
		}
	}
}
