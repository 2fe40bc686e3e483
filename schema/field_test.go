package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTopologiesOfTheFieldKeepEveryRule(t *testing.T) {
	for _, n := range []string{"bdr-worldwide", "bdr-worldwide-split", "pgd-always-on", "reporting", "pglogical-pair"} {
		t.Run(n, func(t *testing.T) {
			p := load(t, topologies+"/"+n+".yaml")
			require.Empty(t, p.Violations, listing(p.Violations))
			require.Equal(t, n, p.Topology.Name)
		})
	}
}

// A mesh on one machine, as a laboratory has it, breaks no rule: the loopback is
// reachable by all and overheard by nobody.
func TestAMeshOnOneMachineKeepsEveryRule(t *testing.T) {
	b, err := os.ReadFile(worldwide)
	require.NoError(t, err)
	port := 10000
	local := regexp.MustCompile(`dsn: "[^"]*"`).ReplaceAllFunc(b, func([]byte) []byte {
		port++
		return []byte(`dsn: "host=127.0.0.1 port=` + strconv.Itoa(port) + ` dbname=app sslmode=disable"`)
	})
	p, err := Load(t.Context(), []Input{{Name: "lab.yaml", Data: local}}, Options{})
	require.NoError(t, err)
	require.Empty(t, p.Violations, listing(p.Violations))
}

func cueTool(t *testing.T, args ...string) (stdout, stderr string, ok bool) {
	t.Helper()
	c := exec.Command("go", append([]string{"tool", "cue"}, args...)...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if _, exit := err.(*exec.ExitError); err != nil && !exit {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), err == nil
}

// A team may gate with the plain cue command and the published directory: it
// finds what has error severity, at the same lines. It cannot read connection
// strings, so layout/dsn-* is not for it.
func TestThePlainCueCommandFindsTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the cue command")
	}
	published, err := filepath.Glob("*.cue")
	require.NoError(t, err)
	vet := func(file string) (string, bool) {
		_, errs, ok := cueTool(t, append([]string{"vet", "-c", file}, published...)...)
		return errs, ok
	}
	for _, n := range []string{"bdr-worldwide", "pgd-always-on", "reporting", "pglogical-pair"} {
		out, ok := vet(topologies + "/" + n + ".yaml")
		require.True(t, ok, out)
	}

	file := topologies + "/broken.yaml"
	out, ok := vet(file)
	require.False(t, ok)
	p := load(t, file)
	severity := map[string]Severity{}
	for _, r := range p.Rules {
		severity[r.Name] = r.Severity
	}
	var want []string
	for _, v := range p.Violations {
		if severity[v.Rule] == Error && !strings.HasPrefix(v.Rule, "layout/dsn-") {
			want = append(want, strconv.Itoa(v.Pos.Line)+" "+v.Message)
		}
	}
	require.Greater(t, len(want), 9)
	got := vetFindings(out, "broken.yaml")
	for _, w := range want {
		line, message, _ := strings.Cut(w, " ")
		require.Contains(t, got[message], line, "%s\n%s", message, out)
	}
	require.Len(t, got, len(want), out)
}

// vetFindings reads the messages of cue vet, each with the user's lines.
func vetFindings(out, file string) map[string][]string {
	got := map[string][]string{}
	message := ""
	at := regexp.MustCompile(regexp.QuoteMeta(file) + `:(\d+):`)
	for _, l := range strings.Split(out, "\n") {
		if m := regexp.MustCompile(`^_vet\.[^:]*?: (.*?):?$`).FindStringSubmatch(l); m != nil {
			message = m[1]
			got[message] = nil
		} else if m := at.FindStringSubmatch(l); m != nil && message != "" {
			got[message] = append(got[message], m[1])
		}
	}
	for _, ls := range got {
		sort.Strings(ls)
	}
	return got
}

// The JSON Schema for editors is made from the shape.
func TestTheJSONSchemaIsThatOfTheShape(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the cue command")
	}
	out, errs, ok := cueTool(t, "def", "--out", "jsonschema", "-e", "#Topology", "shape.cue", "rule.cue")
	require.True(t, ok, errs)
	require.True(t, json.Valid([]byte(out)))
	golden(t, "topology.schema.json", out)
}
