package reports_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
)

// emitted are the labels of every metric that reports write, with their values.
func emitted(t *testing.T) map[string]map[string][]string {
	t.Helper()
	out := map[string]map[string][]string{}
	for _, r := range samples() {
		p := expfmt.NewTextParser(model.UTF8Validation)
		families, err := p.TextToMetricFamilies(bytes.NewReader(render(t, "prometheus", r, reports.Options{})))
		require.NoError(t, err)
		for name, f := range families {
			if out[name] == nil {
				out[name] = map[string][]string{}
			}
			for _, m := range f.Metric {
				for _, l := range m.Label {
					out[name][l.GetName()] = append(out[name][l.GetName()], l.GetValue())
				}
			}
		}
	}
	return out
}

// Prometheus' own parser takes every expression, and each selector asks for a
// metric, labels and values that reports write: an alert that can never fire is
// none.
func TestAlertsParse(t *testing.T) {
	var doc struct {
		Groups []struct {
			Rules []struct{ Alert, Expr, For string }
		}
	}
	readYAML(t, "alerts.yaml", &doc)
	known := emitted(t)
	asked := map[string]bool{}
	for _, rule := range doc.Groups[0].Rules {
		t.Run(rule.Alert, func(t *testing.T) {
			expr, err := parser.ParseExpr(rule.Expr)
			require.NoError(t, err)
			require.Equal(t, parser.ValueTypeVector, expr.Type(), "an alert fires for each element of a vector")
			if rule.For != "" {
				_, err := model.ParseDuration(rule.For)
				require.NoError(t, err)
			}
			selectors := 0
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				s, ok := n.(*parser.VectorSelector)
				if !ok {
					return nil
				}
				selectors++
				asked[s.Name] = true
				require.Contains(t, known, s.Name)
				for _, m := range s.LabelMatchers {
					if m.Name == model.MetricNameLabel {
						continue
					}
					values := known[s.Name][m.Name]
					require.True(t, m.Name == "command" && m.Value == "report" && values != nil || slices.ContainsFunc(values, m.Matches), "no %s has %s", s.Name, m)
				}
				return nil
			})
			require.NotZero(t, selectors)
		})
	}
	for _, must := range []string{"pgconcord_last_run_timestamp_seconds", "pgconcord_rows_differing", "pgconcord_verdict", "pgconcord_findings"} {
		require.True(t, asked[must], "staleness, divergence, what is incomplete and findings are watched: %s", must)
	}
}

// The test above can fail.
func TestAlertsThatAreWrongAreFound(t *testing.T) {
	known := emitted(t)
	require.NotContains(t, known, "pgconcord_rows_diverged")
	require.NotContains(t, known["pgconcord_verdict"]["verdict"], "broken")
	_, err := parser.ParseExpr(`pgconcord_verdict{verdict="ok"} ==`)
	require.Error(t, err)
}

// What a baseline has is told apart in the formats that machines act on, and
// neither fails a CI job nor sets off an alert.
func TestBaselineInOtherFormats(t *testing.T) {
	old := night(1, map[string]checks.Status{"dc1n1": checks.Fail})
	r := night(2, map[string]checks.Status{"dc1n1": checks.Fail})
	require.Contains(t, string(render(t, "junit", r, reports.Options{})), "<failure")
	require.Contains(t, string(render(t, "prometheus", r, reports.Options{})), `status="fail"} 1`)
	r.ApplyBaseline(old)
	junit := string(render(t, "junit", r, reports.Options{}))
	require.NotContains(t, junit, "<failure")
	require.Contains(t, junit, "known from the baseline")
	metrics := string(render(t, "prometheus", r, reports.Options{}))
	require.Contains(t, metrics, `status="known"} 1`)
	require.NotContains(t, metrics, `status="fail"} 1`)
	require.Contains(t, string(render(t, "gitlab", r, reports.Options{})), "[]")
	require.Equal(t, reports.NagiosOK, reports.NagiosState(r))
}
