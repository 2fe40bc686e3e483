package barman

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
)

// fakeBarman is a program that writes down how it was called and answers with
// the recorded outputs; cases is more of its shell `case "$*"`.
func fakeBarman(t *testing.T, cases string) (command []string, calls func() []string) {
	t.Helper()
	abs, err := filepath.Abs(outputs)
	require.NoError(t, err)
	dir := tree(t, map[string]string{"barman": strings.NewReplacer("OUT", abs).Replace(strings.Replace(`#!/bin/sh
echo "$*" >>"$(dirname "$0")/calls"
case "$*" in
CASES
"diagnose") cat OUT/diagnose.json ;;
"-f json replication-status all") cat OUT/replication-status.json ;;
"-f json show-servers all") cat OUT/show-servers-all.json ;;
"-f json list-backups all") cat OUT/list-backups-one-without-backup.json ;;
*) echo "unexpected: $*" >&2; exit 64 ;;
esac
`, "CASES", cases, 1))})
	path := filepath.Join(dir, "barman")
	require.NoError(t, os.Chmod(path, 0o755))
	return []string{path}, func() []string {
		data, err := os.ReadFile(filepath.Join(dir, "calls"))
		require.NoError(t, err)
		return strings.Split(strings.TrimSpace(string(data)), "\n")
	}
}

func TestAsk(t *testing.T) {
	command, calls := fakeBarman(t, "")
	h := readOne(schema.Barman{Command: command})
	require.Empty(t, h.Gaps)
	require.ElementsMatch(t, []string{"diagnose", "-f json replication-status all"}, calls())
	require.True(t, h.Complete)
	require.Equal(t, "7710716799179391748", h.Servers["dc1n1"].Live.SystemID)
	require.Equal(t, "bm1", h.Servers["dc1n1"].Clients.List[0].Slot)
	require.False(t, h.Servers["dc1n1"].Live.Saved)
	require.Equal(t, command[0]+" diagnose", h.Servers["dc1n1"].Live.From)
}

func TestAskWithoutDiagnose(t *testing.T) {
	command, calls := fakeBarman(t, `"diagnose") echo broken; exit 1 ;;`)
	h := readOne(schema.Barman{Command: command})
	require.ElementsMatch(t, []string{"diagnose", "-f json replication-status all", "-f json show-servers all", "-f json list-backups all"}, calls())
	require.Len(t, h.Gaps, 1)
	require.Contains(t, h.Gaps[0], "diagnose")
	require.True(t, h.Complete)
	require.Equal(t, "bm1", h.Servers["dc1n1"].Settings.Slot)
	require.Len(t, h.Servers["dc1n1"].Backups.List, 1)
}

func TestAskOldBarman(t *testing.T) {
	command, calls := fakeBarman(t, `"diagnose") echo '{"global": {"system_info": {"barman_ver": "2.8"}}, "servers": {"dc1n1": {"backups": {"20261121T200705": {"status": "DONE", "end_time": "Sat Nov 21 21:07:09 2026"}}}}}' ;;
"-f json list-backup all") cat OUT/list-backups-one-without-backup.json ;;`)
	h := readOne(schema.Barman{Command: command})
	require.Empty(t, h.Gaps)
	require.Contains(t, strings.Join(calls(), "\n"), "-f json list-backup all", "the name before 2.15, for the time with its zone")
	require.Equal(t, time.Unix(1795291629, 0).UTC(), h.Servers["dc1n1"].Backups.List[0].Ended)
}

func TestAskFailures(t *testing.T) {
	t.Run("wrong account", func(t *testing.T) {
		command, _ := fakeBarman(t, `*) echo "ERROR: please run barman as 'barman' user, not password=canary" >&2; exit 1 ;;`)
		h := readOne(schema.Barman{Command: command})
		require.Contains(t, strings.Join(h.Gaps, "\n"), "please run barman as 'barman' user")
		require.NotContains(t, strings.Join(h.Gaps, "\n"), "canary")
		require.Empty(t, h.Servers)
		require.False(t, h.Complete)
	})
	t.Run("no such program", func(t *testing.T) {
		h := readOne(schema.Barman{Command: []string{"/nowhere/barman"}})
		require.Contains(t, h.Gaps[0], "/nowhere/barman")
	})
	t.Run("errors beside JSON are kept and the JSON is read", func(t *testing.T) {
		command, _ := fakeBarman(t, `"diagnose") cat OUT/diagnose.json; exit 1 ;;`)
		h := readOne(schema.Barman{Command: command})
		require.Empty(t, h.Gaps)
		require.True(t, h.Complete)
	})
	t.Run("no answer", func(t *testing.T) {
		command, _ := fakeBarman(t, `"diagnose") sleep 600 & sleep 600 ;;`)
		r := runner{prefix: command, timeout: 200 * time.Millisecond}
		_, _, err := r.run(context.Background(), "diagnose")
		require.ErrorContains(t, err, "no answer within 200ms")
	})
	t.Run("interrupted", func(t *testing.T) {
		command, _ := fakeBarman(t, `"diagnose") sleep 600 ;;`)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _, err := runner{prefix: command, timeout: time.Minute}.run(ctx, "diagnose")
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("endless output", func(t *testing.T) {
		l := &limited{max: 3}
		n, err := l.Write([]byte("abcdef"))
		require.NoError(t, err)
		require.Equal(t, 6, n)
		require.Equal(t, "abc", l.String())
		require.True(t, l.cut)
	})
}

func TestOnlyReadOnlyCommandsRun(t *testing.T) {
	command, calls := fakeBarman(t, "")
	r := runner{prefix: command, timeout: time.Minute}
	_, _, err := r.run(context.Background(), "diagnose")
	require.NoError(t, err)
	for _, args := range [][]string{{"check", "all"}, {"-f", "json", "check", "all"}, {"cron"}, {"switch-wal", "a"}, {"receive-wal", "--drop-slot", "a"}, {"anything-new"}, {}} {
		_, _, err := r.run(context.Background(), args...)
		require.ErrorContains(t, err, "does not only read", "%v", args)
	}
	require.Equal(t, []string{"diagnose"}, calls())
	require.True(t, readsOnly([]string{"-f", "json", "list-backup", "all"}))
}
