package majors

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/lab"
)

func TestServersOfEachMajor(t *testing.T) {
	for major := 11; major <= 18; major++ {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			bin := Need(t, major)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			nodes, down, err := lab.Servers(ctx, 1, lab.Options{PGBin: bin})
			lab.Need(t, err)
			t.Cleanup(func() { require.NoError(t, down()) })
			got, err := nodes[0].Scalar(ctx, "SELECT current_setting('server_version_num')")
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(got, fmt.Sprint(major)), got)
			// The same rows give the same digest on all of them.
			got, err = nodes[0].Scalar(ctx, `SELECT hashtextextended('abc' COLLATE "C", 42)::text`)
			require.NoError(t, err)
			require.Equal(t, "4423357919252764502", got)
		})
	}
}

type fakeT struct{ said string }

func (f *fakeT) Helper()                   {}
func (f *fakeT) Skipf(s string, a ...any)  { f.said = "skip: " + fmt.Sprintf(s, a...) }
func (f *fakeT) Fatalf(s string, a ...any) { f.said = "fatal: " + fmt.Sprintf(s, a...) }

func TestAbsentMajor(t *testing.T) {
	t.Setenv("PGCONCORD_MAJORS", t.TempDir())
	t.Setenv("PGCONCORD_REQUIRE_MAJORS", "9")
	skipped, failed := &fakeT{}, &fakeT{}
	Need(skipped, 8)
	Need(failed, 9)
	require.Contains(t, skipped.said, "skip: needs a server of this major: PostgreSQL 8 server not found")
	require.Contains(t, failed.said, "fatal: ")
	require.Contains(t, failed.said, "make majors")
}

func TestWrongChecksumIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.tgz")
	require.NoError(t, os.WriteFile(file, []byte("not what was pinned"), 0o600))
	require.ErrorContains(t, pins[0].verify(file), "SHA-512")
}

func TestUnpackStaysInside(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "../outside", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1}))
	_, err := w.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	dir := t.TempDir()
	file := filepath.Join(dir, "x.tgz")
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "in"), 0o755))
	require.Error(t, unpack(file, filepath.Join(dir, "in")))
	require.NoFileExists(t, filepath.Join(dir, "outside"))
}
