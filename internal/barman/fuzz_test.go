package barman

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a Barman of another version, a login banner or a broken pipe makes of
// an output: it is read or refused, never a crash.
func FuzzTake(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(outputs, "*.json"))
	require.NoError(f, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(`{"a": null, "b": [], "c": {"backup_id": 3}, "servers": {"d": []}}`))
	f.Add([]byte(`{"a": [{"backup_id": []}, null], "_INFO": [{}], "_ERROR": "x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h := &Host{Servers: map[string]Server{}}
		for _, command := range order {
			_ = h.take(reading{command: command, origin: Origin{From: "fuzz"}}, data)
		}
		h.ignored()
	})
}
