package archive

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 4 {
		_, err := Append(dir, time.Date(2026, 11, 1+i, 2, 0, 0, 0, time.UTC), fmt.Sprintf("run%d", i), []byte(fmt.Sprintf("{\"n\": %d}\n", i)))
		require.NoError(t, err)
	}
	return dir
}

// Every way of tampering is named; untouched there is none.
func TestVerifyNamesTampering(t *testing.T) {
	third := "20261103T020000Z-run2.json"
	lines := func(dir string) [][]byte {
		data, err := os.ReadFile(filepath.Join(dir, Manifest))
		require.NoError(t, err)
		return bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	}
	put := func(dir string, ls ...[]byte) {
		data := append(bytes.TrimSuffix(bytes.Join(ls, nil), []byte("\n")), '\n')
		require.NoError(t, os.WriteFile(filepath.Join(dir, Manifest), data, 0o600))
	}
	for name, c := range map[string]struct {
		tamper func(dir string)
		kinds  []string
	}{
		"untouched": {func(string) {}, nil},
		"edited report": {func(dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, third), []byte("{\"n\": 9}\n"), 0o600))
		}, []string{"digest"}},
		"removed report": {func(dir string) { require.NoError(t, os.Remove(filepath.Join(dir, third))) }, []string{"missing"}},
		"stray report":   {func(dir string) { require.NoError(t, os.WriteFile(filepath.Join(dir, "x.json"), nil, 0o600)) }, []string{"stray"}},
		"edited line": {func(dir string) {
			l := lines(dir)
			l[1] = bytes.Replace(l[1], []byte("run1"), []byte("run9"), 1)
			put(dir, l...)
		}, []string{"chain"}},
		"removed line":  {func(dir string) { l := lines(dir); put(dir, l[0], l[2], l[3]) }, []string{"order", "chain"}},
		"swapped lines": {func(dir string) { l := lines(dir); put(dir, l[0], l[2], l[1], append(l[3], '\n')) }, []string{"order", "chain"}},
		"garbage line":  {func(dir string) { l := lines(dir); put(dir, l[0], []byte("hello\n"), l[2], l[3]) }, []string{"chain"}},
		"report and its line edited": {func(dir string) {
			data := []byte("{\"n\": 9}\n")
			require.NoError(t, os.WriteFile(filepath.Join(dir, third), data, 0o600))
			l := lines(dir)
			l[2] = bytes.Replace(l[2], []byte(sum([]byte("{\"n\": 2}\n"))), []byte(sum(data)), 1)
			put(dir, l...)
		}, []string{"chain"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			_, head, _, err := Verify(dir)
			require.NoError(t, err)
			c.tamper(dir)
			_, now, faults, err := Verify(dir)
			require.NoError(t, err)
			kinds := map[string]bool{}
			for _, f := range faults {
				kinds[f.Kind] = true
				require.NotEmpty(t, f.Text)
			}
			for _, k := range c.kinds {
				require.True(t, kinds[k], "%v", faults)
			}
			require.Equal(t, len(c.kinds) == 0, len(faults) == 0, "%v", faults)
			if name == "untouched" {
				require.Equal(t, head, now)
			}
		})
	}
	// A cut of the newest lines shows in the head alone.
	dir := filled(t)
	_, head, _, err := Verify(dir)
	require.NoError(t, err)
	l := lines(dir)
	put(dir, l[0], l[1], l[2])
	require.NoError(t, os.Remove(filepath.Join(dir, "20261104T020000Z-run3.json")))
	_, now, faults, err := Verify(dir)
	require.NoError(t, err)
	require.Empty(t, faults)
	require.NotEqual(t, head, now)
}

func TestVerifyOfWhatIsNoHistory(t *testing.T) {
	_, _, _, err := Verify(t.TempDir())
	require.ErrorContains(t, err, "no history directory")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, Manifest), []byte(`{"n": 1`), 0o600))
	_, _, _, err = Verify(dir)
	require.ErrorContains(t, err, "cut off")
	// A manifest cannot lead out of its directory.
	_, err = parse([]byte(`{"n": 1, "file": "../../etc/passwd.json"}`))
	require.ErrorContains(t, err, "no report of this directory")
}

func TestSignature(t *testing.T) {
	keys := t.TempDir()
	write := func(name, kind string, der []byte, err error) string {
		require.NoError(t, err)
		path := filepath.Join(keys, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	pair := func(name string) (private, public string) {
		pub, priv, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(priv)
		private = write(name, "PRIVATE KEY", der, err)
		der, err = x509.MarshalPKIXPublicKey(pub)
		return private, write(name+".pub", "PUBLIC KEY", der, err)
	}
	mine, minePub := pair("mine")
	_, otherPub := pair("other")
	dir := filled(t)
	fault, err := CheckSignature(dir, minePub)
	require.NoError(t, err)
	require.Equal(t, "the signature is missing", fault.Text)
	require.NoError(t, Sign(dir, mine))
	fault, err = CheckSignature(dir, minePub)
	require.NoError(t, err)
	require.Nil(t, fault)
	fault, err = CheckSignature(dir, otherPub)
	require.NoError(t, err)
	require.NotNil(t, fault)
	_, err = Append(dir, time.Now(), "later", []byte("{}"))
	require.NoError(t, err)
	fault, err = CheckSignature(dir, minePub)
	require.NoError(t, err)
	require.NotNil(t, fault, "the signature is of the manifest as it was")
	require.Error(t, Sign(dir, minePub))
	_, err = CheckSignature(dir, mine)
	require.Error(t, err)
}
