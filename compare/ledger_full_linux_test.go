package compare_test

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
)

// A disk that is full leaves a ledger without the beginning of a line, so that what
// is written when there is room again can be read.
func fullDisk(t *testing.T, req compare.Request) {
	file := filepath.Join(t.TempDir(), "ledger")
	var err error
	req.Ledger, err = compare.OpenLedger(file, req, false)
	require.NoError(t, err)
	begun, err := os.Stat(file)
	require.NoError(t, err)

	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	full := before
	full.Cur = uint64(begun.Size()) + 20
	// It holds for every file of the process, so for no longer than this one line takes.
	limited := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full)
	failed := req.Ledger.Note()
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
	require.NoError(t, limited)
	require.ErrorContains(t, failed, "write the ledger")

	require.Equal(t, compare.Match, run(t, req).Verdict, "there is room again")
	require.NoError(t, req.Ledger.Close())
	req.Ledger, err = compare.OpenLedger(file, req, true)
	require.NoError(t, err)
	require.Equal(t, compare.Match, run(t, req).Verdict)
	require.NoError(t, req.Ledger.Close())
}
