package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const committed = "../../checks/docs"

func TestPagesAreWhatTheRegistrySays(t *testing.T) {
	want, err := pages()
	require.NoError(t, err)
	have, err := existing(committed)
	require.NoError(t, err)
	for name, text := range want {
		require.Equal(t, text, have[name], "checks/docs/%s is not what the registry says: run go generate ./checks", name)
	}
	for name := range have {
		require.Contains(t, want, name, "checks/docs/%s is the page of no rule: run go generate ./checks", name)
	}
}

func TestWriteBringsAFolderUpToDate(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "gone"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gone", "rule.md"), []byte("old"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"), []byte("old"), 0o644))
	require.NoError(t, write(dir))
	want, err := pages()
	require.NoError(t, err)
	have, err := existing(dir)
	require.NoError(t, err)
	require.Equal(t, want, have)
}
