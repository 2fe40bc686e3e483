package tpa_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/encoding/yaml"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema/tpa"
)

// Whatever a config.yml holds, the import ends without a panic, and what it
// keeps and what is judged are the same topology.
func FuzzImport(f *testing.F) {
	files, err := filepath.Glob(dir + "/*.yml")
	require.NoError(f, err)
	refused, err := filepath.Glob(dir + "/refused/*.yml")
	require.NoError(f, err)
	for _, file := range append(files, refused...) {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := tpa.Import("config.yml", text, tpa.Options{Addresses: len(text)%2 == 0})
		if err != nil {
			return
		}
		kept, err := yaml.Extract("topology.yaml", got.YAML)
		require.NoError(t, err, "%s", got.YAML)
		ctx := cuecontext.New()
		a, err := ctx.BuildFile(kept).MarshalJSON()
		require.NoError(t, err, "%s", got.YAML)
		b, err := ctx.BuildFile(got.File).MarshalJSON()
		require.NoError(t, err)
		require.True(t, bytes.Equal(a, b), "kept %s\njudged %s", a, b)
	})
}
