package reports_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/ini.v1"

	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/encoding/yaml"

	"github.com/pgconcord/pgconcord/reports"
)

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("schedule", name))
	require.NoError(t, err)
	file, err := yaml.Extract(name, data)
	require.NoError(t, err)
	require.NoError(t, cuecontext.New().BuildFile(file).Decode(into))
}

// Every metric and label value that an alert asks for is one that reports have.
func TestAlertsAskForWhatThereIs(t *testing.T) {
	var doc struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	readYAML(t, "alerts.yaml", &doc)
	metrics := ""
	for _, r := range samples() {
		metrics += string(render(t, "prometheus", r, reports.Options{}))
	}
	require.NotEmpty(t, doc.Groups[0].Rules)
	for _, rule := range doc.Groups[0].Rules {
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"])
		names := regexp.MustCompile(`pgconcord_[a-z_]+`).FindAllString(rule.Expr, -1)
		require.NotEmpty(t, names, rule.Alert)
		for _, n := range names {
			require.Contains(t, metrics, "\n# TYPE "+n+" gauge\n", rule.Alert)
		}
		for _, label := range regexp.MustCompile(`([a-z_]+)="([^"]+)"`).FindAllString(rule.Expr, -1) {
			require.Contains(t, metrics, label, rule.Alert)
		}
		require.Equal(t, strings.Count(rule.Expr, "("), strings.Count(rule.Expr, ")"), rule.Alert)
		for _, l := range regexp.MustCompile(`\$labels\.([a-z_]+)`).FindAllStringSubmatch(strings.Join([]string{rule.Annotations["summary"], rule.Annotations["description"]}, " "), -1) {
			require.Contains(t, metrics, l[1]+`="`, rule.Alert)
		}
	}
}

func TestCronJob(t *testing.T) {
	var doc struct {
		Kind string
		Spec struct {
			ConcurrencyPolicy string
			JobTemplate       struct {
				Spec struct {
					Template struct {
						Spec struct{ Containers []struct{ Args []string } }
					}
				}
			}
		}
	}
	readYAML(t, "cronjob.yaml", &doc)
	require.Equal(t, "CronJob", doc.Kind)
	require.Equal(t, "Forbid", doc.Spec.ConcurrencyPolicy, "two runs at once would load the nodes twice")
	require.Equal(t, "report", doc.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args[0])
}

// The units are ones that systemd takes, where there is a systemd to ask.
func TestUnits(t *testing.T) {
	for _, name := range []string{"pgconcord.service", "pgconcord.timer"} {
		file, err := ini.LoadSources(ini.LoadOptions{AllowShadows: true, IgnoreInlineComment: true, AllowPythonMultilineValues: true}, filepath.Join("schedule", name))
		require.NoError(t, err)
		require.True(t, file.HasSection("Unit"))
		if name == "pgconcord.service" {
			require.Equal(t, "oneshot", file.Section("Service").Key("Type").String())
			require.Equal(t, "1 3", file.Section("Service").Key("SuccessExitStatus").String(), "findings are answers")
		}
		if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
			out, err := exec.Command(analyze, "calendar", "*-*-* 02:00:00 UTC").CombinedOutput()
			require.NoError(t, err, string(out))
		}
	}
}
