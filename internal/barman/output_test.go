package barman

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
)

const outputs = "../../testdata/barman/outputs"

// saved reads a folder that holds copies of recorded outputs.
func saved(t *testing.T, files ...string) *Host {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(outputs, f))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), data, 0o644))
	}
	return readOne(schema.Barman{JSONDir: dir})
}

func TestDiagnose(t *testing.T) {
	h := saved(t, "diagnose.json")
	require.Empty(t, h.Gaps)
	require.True(t, h.Complete)
	require.Equal(t, "3.4.0", h.Version)
	s := h.Servers["dc1n1"]
	taken := time.Date(2026, 11, 21, 20, 7, 49, 688375000, time.UTC)
	require.Equal(t, Origin{From: s.Settings.From, At: taken, Saved: true}, s.Live.Origin, "a saved diagnose tells its own time")
	set := s.Settings
	set.Origin = Origin{}
	require.Equal(t, Settings{
		Active: true, Address: "dc1n1:5432/postgres", StreamingAddress: "dc1n1:5432", WALAddress: "dc1n1:5432", Slot: "bm1", CreateSlot: "auto",
		StreamingArchiver: true, ArchiverName: "barman_receive_wal", BackupMethod: "postgres", BackupDirectory: "/var/lib/barman/dc1n1",
		MinimumRedundancy: 1, RetentionPolicy: "window 7 d", MaximumAge: 24 * time.Hour,
	}, set)
	live := s.Live
	live.Origin = Origin{}
	require.Equal(t, Live{
		SystemID: "7710716799179391748", StreamingSystemID: "7710716799179391748", Version: "15.18", SlotKnown: true, SlotActive: true,
		SlotRestartLSN: "0/5000000", LastWAL: "000000010000000000000004",
	}, live)
	require.Equal(t, []Backup{{
		ID: "20261121T200705", Status: "DONE", SystemID: "7710716799179391748", Timeline: 1, VersionNum: 150018, BeginLSN: "0/3000028", EndLSN: "0/4000000", Size: 31669621,
		Began: time.Date(2026, 11, 21, 20, 7, 5, 304700000, time.UTC), Ended: time.Date(2026, 11, 21, 20, 7, 9, 889907000, time.UTC),
	}}, s.Backups.List)
}

func TestDiagnoseWrappedInJSON(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(outputs, "diagnose.json"))
	require.NoError(t, err)
	wrapped, err := json.Marshal(map[string]any{"_INFO": []string{string(data)}})
	require.NoError(t, err)
	dir := tree(t, map[string]string{"diagnose.json": "Welcome to barman-a!\n" + string(wrapped) + "\n"})
	h := readOne(schema.Barman{JSONDir: dir})
	require.Empty(t, h.Gaps)
	require.Equal(t, "7710716799179391748", h.Servers["dc1n1"].Live.SystemID)
}

// Barman before 2.19 writes ctime into diagnose and knows no systemid of a
// backup; list-backups has the exact time as text.
func TestDiagnoseOfOldBarman(t *testing.T) {
	old := `{"global": {"config": {}, "system_info": {"barman_ver": "2.8"}}, "servers": {"a": {
		"config": {"conninfo": "host=a password=canary", "active": true, "streaming_archiver": true, "slot_name": "s", "minimum_redundancy": "3", "last_backup_maximum_age": null},
		"status": {"server_txt_version": "11.4", "replication_slot": ["s", false, "0/1"]},
		"backups": {"20190701T010000": {"status": "DONE", "end_time": "Mon Jul  1 01:10:00 2019", "timeline": 1, "version": 110004}}}}}`
	h := readOne(schema.Barman{JSONDir: tree(t, map[string]string{"diagnose.json": old})})
	require.Empty(t, h.Gaps)
	s := h.Servers["a"]
	require.Equal(t, 3, s.Settings.MinimumRedundancy)
	require.Zero(t, s.Settings.MaximumAge)
	require.True(t, s.Live.SlotKnown)
	require.False(t, s.Live.SlotActive)
	require.Empty(t, s.Live.SystemID)
	require.True(t, s.Backups.List[0].ZoneUnknown)
	require.Equal(t, time.Date(2019, 7, 1, 1, 10, 0, 0, time.UTC), s.Backups.List[0].Ended)

	h = readOne(schema.Barman{JSONDir: tree(t, map[string]string{
		"diagnose.json":    old,
		"list-backup.json": `{"a": [{"backup_id": "20190701T010000", "status": "DONE", "end_time": "Mon Jul  1 01:10:00 2019", "end_time_timestamp": "1561936200"}]}`,
	})})
	b := h.Servers["a"].Backups.List[0]
	require.False(t, b.ZoneUnknown)
	require.Equal(t, time.Date(2019, 6, 30, 23, 10, 0, 0, time.UTC), b.Ended)
	require.Equal(t, 110004, b.VersionNum)
	all, err := json.Marshal(h)
	require.NoError(t, err)
	require.NotContains(t, string(all), "canary")
}

func TestShowServers(t *testing.T) {
	h := saved(t, "show-servers-all.json")
	require.Empty(t, h.Gaps)
	require.False(t, h.Complete, "a saved show-servers may be that of one server only")
	s := h.Servers["dc1n1"]
	require.Equal(t, 24*time.Hour, s.Settings.MaximumAge, "the age of the latest backup is not part of the rule")
	require.Equal(t, "bm1", s.Settings.Slot)
	require.True(t, s.Live.SlotKnown && s.Live.SlotActive)
	require.Equal(t, "0/5000000", s.Live.SlotRestartLSN)
	require.Equal(t, "7710716799179391748", s.Live.StreamingSystemID)

	down := saved(t, "show-servers-node-down.json").Servers["dc1n1"]
	require.True(t, down.Live.Known())
	require.NotEmpty(t, down.Live.Unreachable)
	require.Empty(t, down.Live.SystemID)
	require.False(t, down.Live.SlotKnown)
	require.Equal(t, "bm1", down.Settings.Slot)
}

func TestListBackups(t *testing.T) {
	h := saved(t, "list-backups-failed-and-invalid-setting.json")
	require.Equal(t, []string{"barman list-backups: Ignoring invalid configuration value '1 MINUTES' for key last_backup_maximum_age in [dc1n1] section: Invalid value for a time interval 1 MINUTES"}, h.Notices)
	l := h.Servers["dc1n2"].Backups.List
	require.Equal(t, "FAILED", l[0].Status)
	require.True(t, l[0].Ended.IsZero())
	require.False(t, l[0].Usable())
	require.Equal(t, time.Unix(1795293604, 0).UTC(), l[1].Ended)
	require.Equal(t, int64(31636843), l[1].Size)

	h = saved(t, "list-backups-one-without-backup.json")
	require.True(t, h.Servers["dc1n2"].Backups.Known())
	require.Empty(t, h.Servers["dc1n2"].Backups.List)

	h = saved(t, "list-backups-one-without-backup.json", "show-backup-latest.json")
	require.Equal(t, 150018, h.Servers["dc1n1"].Backups.List[0].VersionNum, "show-backup adds to a known backup")
	require.Equal(t, "0/3000028", h.Servers["dc1n1"].Backups.List[0].BeginLSN)
	require.False(t, saved(t, "show-backup-latest.json").Servers["dc1n1"].Backups.Known(), "one backup is no catalog")

	h = saved(t, "list-backups-inactive-server.json")
	require.Equal(t, []string{"barman list-backups: Skipping inactive server 'dc1n2'"}, h.Notices)
	require.False(t, h.Complete)

	h = readOne(schema.Barman{JSONDir: tree(t, map[string]string{"list-backups.json": `{"a": ["20261121T200705"]}`})})
	require.False(t, h.Servers["a"].Backups.Known(), "--minimal says too little")
}

func TestIgnoredSettingsFromWarnings(t *testing.T) {
	h := saved(t, "diagnose.json", "list-backups-failed-and-invalid-setting.json")
	require.Equal(t, []string{"last_backup_maximum_age = 1 MINUTES"}, h.Servers["dc1n1"].Settings.Ignored)
}

func TestCheck(t *testing.T) {
	c := saved(t, "check-receive-wal-stopped.json").Servers["dc1n1"].Check
	require.Equal(t, CheckResult{"FAILED", "slot 'bm1' not active: is 'receive-wal' running?"}, c.Results["replication_slot"])
	require.Len(t, c.Results, 22)
	c = saved(t, "check-node-down.json").Servers["dc1n1"].Check
	require.Equal(t, CheckResult{"OK", "no system Id available"}, c.Results["systemid_coherence"])
	h := readOne(schema.Barman{JSONDir: tree(t, map[string]string{"check.json": `{"a": {"brand_new_check": {"status": "FAILED", "hint": "x"}}}`})})
	require.Equal(t, []string{"brand_new_check"}, h.Servers["a"].Check.Names(), "unknown keys are kept")
	require.Equal(t, []string{"barman check: Unknown server 'nosuch'"}, saved(t, "check-unknown-server.json").Gaps)
}

func TestReplicationStatus(t *testing.T) {
	s := saved(t, "replication-status.json").Servers["dc1n1"]
	require.Equal(t, []Client{{Application: "barman_receive_wal", Slot: "bm1", State: "streaming", SentLSN: "0/5000988", FlushLSN: "0/5000000"}}, s.Clients.List)
	s = saved(t, "replication-status-stopped.json").Servers["dc1n1"]
	require.True(t, s.Clients.Known())
	require.Empty(t, s.Clients.List)
}

func TestStatusAndListServers(t *testing.T) {
	require.Equal(t, "15.18", saved(t, "status.json").Servers["dc1n1"].Live.Version)
	require.Equal(t, "FAILED trying to get PostgreSQL version", saved(t, "status-node-down.json").Servers["dc1n1"].Live.Unreachable)
	h := saved(t, "list-servers.json")
	require.True(t, h.Complete)
	require.Equal(t, []string{"dc1n1"}, h.ServerNames())
}

func TestEveryRecordedOutputIsRead(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(outputs, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		h := saved(t, filepath.Base(f))
		for _, g := range h.Gaps {
			require.Contains(t, g, "Unknown server", f)
		}
	}
	h := readOne(schema.Barman{JSONDir: outputs})
	require.NotEmpty(t, h.Servers["dc1n1"].Check.Results)
	require.NotEmpty(t, h.Servers["dc2n4"].Backups.List)
}

func TestSavedGaps(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no JSON in the output":           {"check.json": "please run barman as 'barman' user\n"},
		"no valid JSON":                   {"check.json": `{"a": {`},
		"no servers in the output":        {"diagnose.json": `{"global": {}}`},
		"holds no saved output of Barman": {"other.json": "{}"},
	} {
		h := readOne(schema.Barman{JSONDir: tree(t, files)})
		require.Contains(t, strings.Join(h.Gaps, "\n"), name)
		require.False(t, h.Complete)
	}
	require.Contains(t, readOne(schema.Barman{JSONDir: "/nowhere/at/all"}).Gaps[0], "no such file")
}
