package schema

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const malformed = "../testdata/malformed"

// Every malformed input is refused with messages a person can act on, which
// are kept beside it; none shows a password.
func TestMalformedInputs(t *testing.T) {
	inputs := map[string][]byte{
		"garbage-10mb.yaml":  bytes.Repeat([]byte("\x00\x01garbage\xff\n"), 1<<20),
		"letters-10mb.yaml":  bytes.Repeat([]byte("x"), 10<<20),
		"garbage-10mb.json":  append([]byte("{"), bytes.Repeat([]byte("[{]}"), 10<<18)...),
		"deep.yaml":          []byte("name: x\nnodes: " + strings.Repeat("[", 20000)),
		"deep.json":          []byte(`{"name": ` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}"),
		"deep-map.json":      []byte(strings.Repeat(`{"nodes":`, 20000) + "1" + strings.Repeat("}", 20000)),
		"deep.cue":           []byte("name: " + strings.Repeat("(", 20000)),
		"deep-flow-map.yaml": []byte("name: x\nnodes: " + strings.Repeat("{a: ", 20000)),
		"long-key.yaml":      []byte("name: x\n" + strings.Repeat("k", 100000) + ": 1\n"),
	}
	names, err := filepath.Glob(malformed + "/*")
	require.NoError(t, err)
	for _, n := range names {
		if b := filepath.Base(n); filepath.Ext(b) != ".want" {
			inputs[b], err = os.ReadFile(n)
			require.NoError(t, err)
		}
	}
	require.Greater(t, len(inputs), 40)
	for n, data := range inputs {
		t.Run(n, func(t *testing.T) {
			_, err := Load(context.Background(), []Input{{Name: n, Data: data}}, Options{})
			require.Error(t, err)
			var e *InputError
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, e.Problems)
			require.NotContains(t, err.Error(), "hunter")
			require.NotContains(t, err.Error(), ours)
			golden(t, filepath.Join(malformed, n+".want"), err.Error()+"\n")
		})
	}
}

func TestGoldensOfMalformedInputsAreUsed(t *testing.T) {
	names, err := filepath.Glob(malformed + "/*.want")
	require.NoError(t, err)
	require.Greater(t, len(names), 40)
	for _, n := range names {
		b, err := os.ReadFile(n)
		require.NoError(t, err)
		require.Less(t, len(b), 4000, n)
	}
}

// FuzzLoad: no input of any format makes Load panic, hang or report a finding
// without a message. Whatever is refused is refused with an error of ours.
func FuzzLoad(f *testing.F) {
	for _, dir := range []string{malformed, topologies, "../testdata/rules/layout/dsn-valid"} {
		names, err := filepath.Glob(dir + "/*")
		require.NoError(f, err)
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err == nil && len(b) < 1<<14 && filepath.Ext(n) != ".want" && filepath.Ext(n) != ".txt" {
				f.Add(strings.TrimPrefix(filepath.Ext(n), "."), b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, ending string, data []byte) {
		if len(data) > 1<<14 {
			t.Skip()
		}
		name := "x.yaml"
		switch ending {
		case "json", "cue":
			name = "x." + ending
		}
		p, err := Load(context.Background(), []Input{{Name: name, Data: data}}, Options{})
		var input *InputError
		switch {
		case err == nil:
			for _, v := range p.Violations {
				if v.Message == "" || v.Rule == "" {
					t.Fatalf("an empty violation: %#v", v)
				}
			}
			in, err := parse([]Input{{Name: name, Data: data}})
			require.NoError(t, err)
			if plain, ok := judge(in); ok { // and what is judged as plain data is judged as any other
				whole, err := (&loading{}).whole(in, nil)
				require.NoError(t, err)
				require.Equal(t, whole, plain)
			}
		case !errors.As(err, &input) || len(input.Problems) == 0:
			t.Fatalf("not an error of ours: %v", err)
		}
	})
}
