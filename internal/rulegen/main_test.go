package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const committed = "../../schema"

func TestGoFilesAreWhatTheRulesSay(t *testing.T) {
	want, err := generate(committed)
	require.NoError(t, err)
	require.Len(t, want, 2)
	for name, text := range want {
		have, err := os.ReadFile(filepath.Join(committed, name))
		require.NoError(t, err)
		require.True(t, string(text) == string(have), "schema/%s is not what the CUE files say: run go generate ./schema", name)
	}
}

func TestAChangeOfARuleChangesItsGoFile(t *testing.T) {
	before, err := generate(committed)
	require.NoError(t, err)
	for _, c := range []struct{ file, from, to, changed string }{
		{"dsn.cue", `n, a in #facts.nodes.secret`, `n, a in #facts.nodes.local`, "rulesyntax/syntax.go"},
		{"index.cue", `v.kind != "data"`, `v.kind != "witness"`, "rulesyntax/syntax.go"},
		{"shape.cue", `"data" | "witness"`, `"data" | "voter"`, "rulesyntax/syntax.go"},
		{"dsn.cue", `default_severity: "warning"`, `default_severity: "info"`, "catalogue.go"},
		{"dsn.cue", `title:            "No connection string`, `title:            "Not one connection string`, "catalogue.go"},
	} {
		after, err := generate(changed(t, c.file, c.from, c.to))
		require.NoError(t, err)
		for name := range before {
			require.Equal(t, name == c.changed, string(before[name]) != string(after[name]), "%s → %s in %s: %s", c.from, c.to, c.file, name)
		}
	}
}

// What cannot be written as it stands is refused: half a rule would be a wrong one.
func TestWhatRulegenDoesNotKnowIsRefused(t *testing.T) {
	for _, c := range []struct{ file, from, to, err string }{
		{"dsn.cue", `why:              "a topology is kept`, `why:              1 + "a topology is kept`, "why is no constant text"},
		{"dsn.cue", `default_severity: "info"`, `severity: "info"`, "the field severity is not known here"},
		{"dsn.cue", `{subject: nodes[n].dsn, message: "node \(n): the connection string to \(a) holds a password"}`, `{X="subject": nodes[n].dsn, message: "\(X)"}`, "a reference to an alias"},
	} {
		_, err := generate(changed(t, c.file, c.from, c.to))
		require.ErrorContains(t, err, c.err)
	}
}

func TestWriteMakesTheFiles(t *testing.T) {
	dir := changed(t, "dsn.cue", "", "")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "rulesyntax"), 0o755))
	require.NoError(t, write(dir))
	require.FileExists(t, filepath.Join(dir, "catalogue.go"))
	require.FileExists(t, filepath.Join(dir, "rulesyntax", "syntax.go"))
}

// changed copies the CUE files, with a text of one of them replaced.
func changed(t *testing.T, file, from, to string) string {
	t.Helper()
	dir := t.TempDir()
	names, err := filepath.Glob(filepath.Join(committed, "*.cue"))
	require.NoError(t, err)
	for _, n := range names {
		data, err := os.ReadFile(n)
		require.NoError(t, err)
		text := string(data)
		if filepath.Base(n) == file && from != to {
			require.Contains(t, text, from)
			text = strings.Replace(text, from, to, 1)
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(n)), []byte(text), 0o644))
	}
	return dir
}
