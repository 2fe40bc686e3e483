package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const ciDir = "../../testdata/ci"

// commandLines finds what a CI configuration runs: every scalar under a key
// that holds commands.
func commandLines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(ciDir, file))
	require.NoError(t, err)
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &doc))
	var out []string
	var walk func(n *yaml.Node, commands bool)
	walk = func(n *yaml.Node, commands bool) {
		switch n.Kind {
		case yaml.ScalarNode:
			if commands {
				out = append(out, strings.Split(strings.TrimSpace(n.Value), "\n")...)
			}
		case yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				key := n.Content[i].Value
				walk(n.Content[i+1], key == "run" || key == "script" || key == "entry" || key == "additional_dependencies")
			}
		default:
			for _, c := range n.Content {
				walk(c, commands)
			}
		}
	}
	walk(&doc, false)
	return out
}

// project is a repository of a team with its plan under topology/.
func project(t *testing.T, plan string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "topology"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "topology", "topology.yaml"), []byte(plan), 0o644))
	return dir
}

func sh(t *testing.T, dir, line string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary.md"), "NO_COLOR=1", "COLUMNS=100")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), errs.String()
	}
	require.NoError(t, err)
	return 0, out.String(), errs.String()
}

// What people paste into their CI runs, and does what its comments say, as far
// as that can be seen without the CI service.
func TestPastedCIConfigurations(t *testing.T) {
	good, err := os.ReadFile("../../testdata/topologies/bdr-worldwide.yaml")
	require.NoError(t, err)
	bad := strings.Replace(string(good), "replicas: [dc1n1, dc1n2, dr1n1]", "replicas: [dc1n1, dc1n2, dc9n9]", 1)
	require.NotEqual(t, string(good), bad)

	for file, shows := range map[string]func(t *testing.T, dir, stdout string){
		"github.yml": func(t *testing.T, dir, stdout string) {
			require.Regexp(t, `(?m)^::error file=topology/topology\.yaml,line=\d+,col=\d+,title=.*layout/replica-known`, stdout)
			var sarif struct {
				Version string
				Runs    []struct{ Results []struct{ RuleID string } }
			}
			require.NoError(t, json.Unmarshal(read(t, dir, "pgconcord.sarif"), &sarif))
			require.Equal(t, "2.1.0", sarif.Version)
			require.NotEmpty(t, sarif.Runs[0].Results)
			require.Contains(t, string(read(t, dir, "summary.md")), "layout/replica-known")
		},
		"gitlab.yml": func(t *testing.T, dir, stdout string) {
			require.Contains(t, stdout, "layout/replica-known")
			var suites struct {
				Failures int `xml:"failures,attr"`
			}
			require.NoError(t, xml.Unmarshal(read(t, dir, "pgconcord.xml"), &suites))
			require.Positive(t, suites.Failures)
			var quality []struct {
				CheckName string `json:"check_name"`
				Location  struct{ Path string }
			}
			require.NoError(t, json.Unmarshal(read(t, dir, "pgconcord.gitlab.json"), &quality))
			require.NotEmpty(t, quality)
			require.Equal(t, "topology/topology.yaml", quality[0].Location.Path)
		},
		"pre-commit-config.yaml": func(t *testing.T, _, stdout string) {
			require.Contains(t, stdout, "at: topology/topology.yaml:")
		},
	} {
		t.Run(file, func(t *testing.T) {
			ran := 0
			for _, line := range commandLines(t, file) {
				if !strings.HasPrefix(line, "pgconcord ") {
					requireInstall(t, line)
					continue
				}
				ran++
				code, stdout, stderr := sh(t, project(t, string(good)), line)
				require.Equal(t, 0, code, stdout+stderr)
				dir := project(t, bad)
				code, stdout, stderr = sh(t, dir, line)
				require.Equal(t, 1, code, stdout+stderr)
				shows(t, dir, stdout)
				code, _, stderr = sh(t, project(t, "name: ["), line)
				require.Equal(t, 2, code)
				require.Contains(t, stderr, "topology/topology.yaml:")
			}
			require.Equal(t, 1, ran, "each configuration runs the gate once")
			shownInReadme(t, file)
		})
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

// requireInstall checks that what is installed is this command.
func requireInstall(t *testing.T, line string) {
	t.Helper()
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	module := regexp.MustCompile(`(?m)^module (\S+)$`).FindStringSubmatch(string(mod))[1]
	require.Equal(t, module+"/cmd/pgconcord@latest", strings.TrimPrefix(line, "go install "))
}

// shownInReadme keeps what the README shows equal to what is tested here.
func shownInReadme(t *testing.T, file string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil || !bytes.Contains(readme, []byte("testdata/ci/"+file)) {
		return
	}
	text, err := os.ReadFile(filepath.Join(ciDir, file))
	require.NoError(t, err)
	require.Contains(t, string(readme), string(text), "README.md does not show testdata/ci/%s as it is", file)
}
