package barman

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
)

// tree writes files into a new folder; DIR in their text is the folder's path.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(expandDir(text, dir)), 0o644))
	}
	return dir
}

func expandDir(text, dir string) string {
	return os.Expand(text, func(k string) string {
		if k == "DIR" {
			return dir
		}
		return "$" + k
	})
}

func readOne(b schema.Barman) *Host {
	return Read(context.Background(), &schema.Topology{Barman: map[string]schema.Barman{"bm": b}})["bm"]
}

const mainConf = `; a comment
[barman]
barman_user = barman
barman_home = $DIR/home
configuration_files_directory = $DIR/conf.d
compression = gzip
minimum_redundancy = 2
retention_policy = RECOVERY WINDOW OF 7 DAYS
last_backup_maximum_age = 1 DAYS
streaming_archiver = on
`

func TestConfigSettings(t *testing.T) {
	dir := tree(t, map[string]string{
		"barman.conf": mainConf,
		"conf.d/a.conf": `[a]
description = node a ; not a comment
conninfo = host=a port=5433 user=barman dbname=postgres password=canary
streaming_conninfo = "host=a port=5434 user=streaming_barman"
Slot_Name = BM1
backup_method = postgres
last_backup_maximum_age = 1 MINUTES
`,
		"conf.d/b.conf": `[b]
conninfo = host=b user=barman
streaming_archiver = off
archiver = on
minimum_redundancy = none
last_backup_maximum_age = none
active = false
streaming_archiver_name = other
backup_directory = %(barman_home)s/elsewhere/%(name)s
`,
		"conf.d/c.conf": `[c]
conninfo = host=c
  user=barman port=6000
primary_ssh_command = ssh barman@other
last_backup_maximum_age = 2 Weeks
minimum_redundancy = two
`,
		"conf.d/c.conf.bak": "[nope]\nconninfo = host=nope\n",
	})
	h := readOne(schema.Barman{Config: filepath.Join(dir, "barman.conf")})
	require.True(t, h.Complete)
	require.Equal(t, []string{"a", "b", "c"}, h.ServerNames())

	a := h.Servers["a"].Settings
	require.Equal(t, filepath.Join(dir, "barman.conf"), a.From)
	a.Origin = Origin{}
	require.Equal(t, Settings{
		Local: true, Active: true, Address: "a:5433/postgres", StreamingAddress: "a:5434", WALAddress: "a:5434", Slot: "bm1", CreateSlot: "manual",
		StreamingArchiver: true, ArchiverName: "barman_receive_wal", BackupMethod: "postgres", BackupDirectory: filepath.Join(dir, "home/a"),
		MinimumRedundancy: 2, RetentionPolicy: "RECOVERY WINDOW OF 7 DAYS", MaximumAge: 24 * time.Hour,
		Ignored: []string{"last_backup_maximum_age = 1 MINUTES"},
	}, a, "an unreadable value gives way to the inherited one, as in Barman")

	b := h.Servers["b"].Settings
	b.Origin = Origin{}
	require.Equal(t, Settings{
		Local: true, Address: "b:5432", StreamingAddress: "b:5432", WALAddress: "b:5432", CreateSlot: "manual", Archiver: true, ArchiverName: "other",
		BackupMethod: "rsync", BackupDirectory: filepath.Join(dir, "home/elsewhere/b"), RetentionPolicy: "RECOVERY WINDOW OF 7 DAYS",
		MaximumAge: 24 * time.Hour,
	}, b, "none hides an inherited text or number, but not an interval: so Barman 3.4 itself shows")

	c := h.Servers["c"].Settings
	require.Equal(t, "c:6000", c.Address, "a value goes on over indented lines")
	require.True(t, c.Passive)
	require.Equal(t, 14*24*time.Hour, c.MaximumAge)
	require.Zero(t, c.MinimumRedundancy, "what Barman cannot read as a number is 0 to it")
	require.Equal(t, []string{"minimum_redundancy = two"}, c.Ignored)

	out, err := json.Marshal(h)
	require.NoError(t, err)
	require.NotContains(t, string(out), "canary")
}

func TestConfigDefaults(t *testing.T) {
	dir := tree(t, map[string]string{"barman.conf": "[barman]\nbarman_home = $DIR/home\n[one]\nconninfo = host=h\n"})
	s := readOne(schema.Barman{Config: filepath.Join(dir, "barman.conf")}).Servers["one"].Settings
	s.Origin = Origin{}
	require.Equal(t, Settings{
		Local: true, Active: true, Address: "h:5432", StreamingAddress: "h:5432", WALAddress: "h:5432", CreateSlot: "manual",
		ArchiverName: "barman_receive_wal", BackupMethod: "rsync", BackupDirectory: filepath.Join(dir, "home/one"),
	}, s)
}

func TestConfigThatBarmanWroteItself(t *testing.T) {
	dir := tree(t, map[string]string{
		"barman.conf": mainConf,
		"conf.d/a.conf": "[a]\ncluster = c\nconninfo = host=a\nslot_name = s1\n" +
			"[a:switchover]\nmodel = true\ncluster = c\nconninfo = host=b\nwal_streaming_conninfo = host=w\n",
		"home/.barman.auto.conf":    "[a]\nslot_name = s2\n",
		"home/a/.active-model.auto": "a:switchover\n",
	})
	h := readOne(schema.Barman{Config: filepath.Join(dir, "barman.conf")})
	require.Equal(t, []string{"a"}, h.ServerNames(), "a model is no server")
	s := h.Servers["a"].Settings
	require.Equal(t, "s2", s.Slot, "config-update overrides the files")
	require.Equal(t, "b:5432", s.Address, "config-switch put the model on top")
	require.Equal(t, "w:5432", s.WALAddress)
	require.Equal(t, "a:switchover", s.Model)
}

func TestConfigCopiedFromTheBarmanHost(t *testing.T) {
	h := readOne(schema.Barman{Config: "../../testdata/barman/config/barman.conf"})
	require.True(t, h.Complete)
	require.Equal(t, []string{"dc1n1", "dc1n2"}, h.ServerNames())
	require.Equal(t, "dc1n1:5432", h.Servers["dc1n1"].Settings.StreamingAddress)
	require.Equal(t, "bm1_n2", h.Servers["dc1n2"].Settings.Slot)
	require.False(t, h.Servers["dc1n1"].Settings.Local)
	require.False(t, h.Servers["dc1n1"].Backups.Known())
	require.Len(t, h.Gaps, 1)
	require.Contains(t, h.Gaps[0], "was copied here")
}

func TestConfigGaps(t *testing.T) {
	two := tree(t, map[string]string{
		"etc/barman.conf":            "[barman]\nbarman_home = $DIR/home\nconfiguration_files_directory = $DIR/real/barman.d\n",
		"etc/barman.d/copied.conf":   "[x]\nconninfo = host=x\n",
		"real/barman.d/another.conf": "[y]\nconninfo = host=y\n",
		"broken.conf":                "conninfo = host=h password=canary\n[[[\nwhat\n",
		"noglobal.conf":              "[x]\nconninfo = host=h\n",
		"nodir.conf":                 "[barman]\nbarman_home = $DIR/home\nconfiguration_files_directory = $DIR/gone\n[x]\nconninfo = host=h\n",
	})
	for file, gap := range map[string]string{
		"etc/barman.conf": "lies beside it",
		"missing.conf":    "no such file",
		"broken.conf":     "not an INI file",
		"noglobal.conf":   "no [barman] section",
		"nodir.conf":      "configuration_files_directory",
	} {
		h := readOne(schema.Barman{Config: filepath.Join(two, file)})
		require.False(t, h.Complete, file)
		require.NotEmpty(t, h.Gaps, file)
		all, err := json.Marshal(h)
		require.NoError(t, err)
		require.Contains(t, string(all), gap, file)
		require.NotContains(t, string(all), "canary", file)
	}
	require.Contains(t, readOne(schema.Barman{}).Gaps[0], "the plan gives no way")
}

func TestHome(t *testing.T) {
	info := "backup_label='START WAL LOCATION: 0/3000028\\n'\nbegin_time=2026-11-21 20:07:05.304700+00:00\nbegin_xlog=0/3000028\n" +
		"end_time=2026-11-21 20:07:09.889907+01:00\nend_xlog=0/4000000\nerror=None\nmode=postgres\nsize=31669621\nstatus=DONE\nsystemid=7710716799179391748\ntimeline=1\nversion=150018\n"
	dir := tree(t, map[string]string{
		"barman.conf":          mainConf,
		"conf.d/a.conf":        "[a]\nconninfo = host=a\n",
		"conf.d/b.conf":        "[b]\nconninfo = host=b\n",
		"home/a/identity.json": "{\n    \"systemid\": \"7710716799179391748\",\n    \"version\": \"15\"\n}\n",
		"home/a/base/20261121T200705/backup.info": info,
		"home/a/base/20261122T200705/backup.info": "status=FAILED\nerror=failure with password=canary\nbegin_time=2026-11-22 20:07:05\n",
		"home/a/base/20261120T200705/backup.info": "status=DONE\nend_time=2026-11-20 20:07:05\nsystemid=None\n",
		"home/a/base/lost+found/x":                "",
	})
	h := readOne(schema.Barman{Config: filepath.Join(dir, "barman.conf")})
	a := h.Servers["a"]
	require.Equal(t, "7710716799179391748", a.Home.SystemID)
	require.Equal(t, []Backup{
		{ID: "20261122T200705", Status: "FAILED", Error: "failure with password=***", Began: time.Date(2026, 11, 22, 20, 7, 5, 0, time.UTC)},
		{ID: "20261121T200705", Status: "DONE", SystemID: "7710716799179391748", Timeline: 1, VersionNum: 150018, BeginLSN: "0/3000028", EndLSN: "0/4000000", Size: 31669621,
			Began: time.Date(2026, 11, 21, 20, 7, 5, 304700000, time.UTC), Ended: time.Date(2026, 11, 21, 19, 7, 9, 889907000, time.UTC)},
		{ID: "20261120T200705", Status: "DONE", Ended: time.Date(2026, 11, 20, 20, 7, 5, 0, time.UTC), ZoneUnknown: true},
	}, a.Backups.List)
	require.False(t, h.Servers["b"].Backups.Known(), "a home that is not there is not an empty catalog")
	require.Len(t, h.Gaps, 1)
	require.Contains(t, h.Gaps[0], "server b:")

	// A catalog with one unreadable backup is unknown as a whole.
	require.NoError(t, os.Remove(filepath.Join(dir, "home/a/base/20261121T200705/backup.info")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "home/a/base/20261121T200705/backup.info"), 0o755))
	require.False(t, readOne(schema.Barman{Config: filepath.Join(dir, "barman.conf")}).Servers["a"].Backups.Known())
}
