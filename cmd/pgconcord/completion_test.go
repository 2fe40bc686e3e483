package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The completion scripts are there, know the commands and are valid shell.
func TestCompletionScripts(t *testing.T) {
	for shell, check := range map[string][]string{"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}, "powershell": nil} {
		t.Run(shell, func(t *testing.T) {
			a := newApp()
			var out, errs bytes.Buffer
			a.stdout, a.stderr = &out, &errs
			require.Equal(t, 0, a.run([]string{"completion", shell}), errs.String())
			require.Greater(t, out.Len(), 1000)
			require.Contains(t, out.String(), "__complete")
			if check == nil {
				return
			}
			program, err := exec.LookPath(check[0])
			if err != nil {
				t.Skipf("there is no %s here to read the script", check[0])
			}
			name := filepath.Join(t.TempDir(), "completion")
			require.NoError(t, os.WriteFile(name, out.Bytes(), 0o644))
			said, err := exec.Command(program, append(check[1:], name)...).CombinedOutput()
			require.NoError(t, err, string(said))
		})
	}
}

// What the scripts ask the program is answered.
func TestCompletionAnswers(t *testing.T) {
	for line, want := range map[string]string{"val": "validate\t", "explain backup/source-c": "backup/source-colocated\t", "report --hist": "--history\t"} {
		a := newApp()
		var out bytes.Buffer
		a.stdout, a.stderr = &out, &bytes.Buffer{}
		require.Equal(t, 0, a.run(append([]string{"__complete"}, strings.Fields(line)...)))
		require.Contains(t, out.String(), want)
	}
}
