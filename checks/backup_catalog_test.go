package checks

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/barman"
)

// backups edits the catalog of section n1.
func backups(edit func(l *barman.Backups)) func(Input) {
	return func(in Input) { changeIn(in, "bm1", "n1", func(s *barman.Server) { edit(&s.Backups) }) }
}

// settings edits the settings of section n1.
func settings(edit func(l *barman.Settings)) func(Input) {
	return func(in Input) { changeIn(in, "bm1", "n1", func(s *barman.Server) { edit(&s.Settings) }) }
}

func noBarman(in Input) { delete(in.Barman, "bm1") }

func noBackups(in Input) { backups(func(b *barman.Backups) { *b = barman.Backups{} })(in) }

func noSettings(in Input) { settings(func(s *barman.Settings) { *s = barman.Settings{} })(in) }

func TestBackupRecent(t *testing.T) {
	age := func(d time.Duration) func(Input) {
		return backups(func(b *barman.Backups) { b.List[0].Ended = backupNow.Add(-d) })
	}
	saved := func(b *barman.Backups, ago time.Duration) {
		b.Origin = barman.Origin{From: "list-backups.json", At: backupNow.Add(-ago), Saved: true}
	}
	zoneless := func(d time.Duration) func(Input) {
		return backups(func(b *barman.Backups) { b.List[0].Ended, b.List[0].ZoneUnknown = backupNow.Add(-d), true })
	}
	runBackupCases(t, BackupRecent, []backupCase{
		{"too old", age(27 * time.Hour), "n1", "fail: 1d3h old, more than the plan's 26h0m0s"},
		{"none", backups(func(b *barman.Backups) { b.List = nil }), "n1", "fail: has no complete backup"},
		{"only failed ones", backups(func(b *barman.Backups) { b.List[0].Status = "FAILED" }), "n1", "fail: not complete: 20261121T200705 FAILED"},
		{"waiting for WAL", backups(func(b *barman.Backups) { b.List[0].Status = "WAITING_FOR_WALS" }), "n1", "fail: has no complete backup"},
		{"catalog unread", noBackups, "n1", "unknown: were not read"},
		{"host unread", noBarman, "n1", "unknown: was not read"},
		{"in the future", age(-time.Hour), "n1", "unknown: clock"},
		{"end unknown", backups(func(b *barman.Backups) { b.List[0].Ended = time.Time{} }), "n1", "unknown: does not tell when it ended"},
		{"no zone, near the limit", zoneless(20 * time.Hour), "n1", "unknown: without its time zone"},
		{"no zone, certainly old", zoneless(50 * time.Hour), "n1", "fail: more than the plan's"},
		{"saved long ago, then young", backups(func(b *barman.Backups) {
			saved(b, 48*time.Hour)
			b.List[0].Ended = backupNow.Add(-50 * time.Hour)
		}), "n1", "unknown: there may be a newer one"},
		{"saved long ago, then already old", backups(func(b *barman.Backups) {
			saved(b, time.Hour)
			b.List[0].Ended = backupNow.Add(-50 * time.Hour)
		}), "n1", "fail: 2d2h old"},
		{"saved long ago, empty", backups(func(b *barman.Backups) { saved(b, 48*time.Hour); b.List = nil }), "n1", "unknown: was saved 2d0h ago"},
	})
	t.Run("a failed attempt after a young backup is told", func(t *testing.T) {
		in := healthyBackups()
		backups(func(b *barman.Backups) {
			b.List = append([]barman.Backup{{ID: "20261121T210000", Status: "FAILED"}}, b.List...)
		})(in)
		require.Equal(t, "pass n1: the newest complete backup of server n1 is 2h00m old (not complete: 20261121T210000 FAILED)", answers(t, BackupRecent, in)[0])
	})
	t.Run("no zone, certainly young", func(t *testing.T) {
		in := healthyBackups()
		zoneless(time.Hour)(in)
		require.Contains(t, answers(t, BackupRecent, in)[0], "pass n1")
	})
}

func TestBackupRedundancy(t *testing.T) {
	runBackupCases(t, BackupRedundancy, []backupCase{
		{"zero guards nothing", settings(func(s *barman.Settings) { s.MinimumRedundancy = 0 }), "n1", "fail: Barman guards no backup"},
		{"fewer than Barman is to keep", settings(func(s *barman.Settings) { s.MinimumRedundancy = 2 }), "n1", "fail: 1 complete backups, 2 asked for"},
		{"no backup", backups(func(b *barman.Backups) { b.List = nil }), "n1", "fail: 0 complete backups"},
		{"a backup of another node guards nothing", backups(func(b *barman.Backups) { b.List[0].SystemID = "7002" }), "n1", "fail: 0 complete backups of n1 (and 1 of another node)"},
		{"settings unread", noSettings, "n1", "unknown: settings"},
		{"backups unread", noBackups, "n1", "unknown: backups"},
		{"saved long ago", backups(func(b *barman.Backups) {
			b.List, b.Origin = nil, barman.Origin{From: "list-backups.json", At: backupNow.Add(-48 * time.Hour), Saved: true}
		}), "n1", "unknown: was saved 2d0h ago"},
	})
	t.Run("the plan asks for more", func(t *testing.T) {
		in := healthyBackups()
		in.Plan.Policy.Backup.MinRedundancy = 3
		for _, a := range answers(t, BackupRedundancy, in) {
			require.Contains(t, a, "minimum_redundancy is 1, the plan asks for 3; 1 complete backups, 3 asked for")
		}
	})
}

func TestBackupAgeRule(t *testing.T) {
	runBackupCases(t, BackupAgeRule, []backupCase{
		{"none", settings(func(s *barman.Settings) { s.MaximumAge = 0 }), "n1", "fail: content with a backup of any age"},
		{"one that Barman cannot read", settings(func(s *barman.Settings) {
			s.MaximumAge = 0
			s.Ignored = []string{"last_backup_maximum_age = 1 MINUTES"}
		}), "n1", "fail: Barman ignores \"last_backup_maximum_age = 1 MINUTES\""},
		{"settings unread", noSettings, "n1", "unknown: were not read"},
	})
	in := healthyBackups()
	settings(func(s *barman.Settings) {
		s.MaximumAge = 7 * 24 * time.Hour
		s.Ignored = []string{"last_backup_maximum_age = 1 MINUTES"}
	})(in)
	require.Equal(t, "pass n1: server n1 has last_backup_maximum_age 168h0m0s, inherited, since Barman ignores \"last_backup_maximum_age = 1 MINUTES\"; it speaks up later than the plan's 26h0m0s", answers(t, BackupAgeRule, in)[0])
}

func TestBackupFreshSinceRepoint(t *testing.T) {
	runBackupCases(t, BackupFreshSinceRepoint, []backupCase{
		{"re-pointed, no new backup", func(in Input) { idleIn(in, "n1"); streamIn(in, "n2", "bm1") }, "n1", "fail: is of n1; WAL now comes from n2"},
		{"re-pointed, as Barman sees it", func(in Input) { liveIn(in, "bm1", "n1", barman.Live{StreamingSystemID: "999"}) }, "n1", "fail: comes from a server that is no node"},
		{"backup of a server that is gone", backups(func(b *barman.Backups) { b.List[0].SystemID = "5" }), "n1", "fail: is of no node that was read"},
		{"newest backup of the other node, older of this", backups(func(b *barman.Backups) {
			b.List = append([]barman.Backup{{ID: "20261121T210000", Status: "DONE", SystemID: "7002"}}, b.List...)
		}), "n1", "fail: 20261121T210000, is of n2"},
		{"identifier not stored", backups(func(b *barman.Backups) { b.List[0].SystemID = "" }), "n1", "unknown: does not tell its system identifier"},
		{"source down", func(in Input) { downIn(in, "n1") }, "n1", "unknown: connect to n1: unreachable"},
		{"slot read on two nodes", func(in Input) { streamIn(in, "n2", "bm1") }, "n1", "unknown: read on several nodes"},
		{"backups unread", noBackups, "n1", "unknown: were not read"},
		{"no backup", backups(func(b *barman.Backups) { b.List = nil }), "n1", "skipped: see backup/recent"},
	})
	t.Run("re-pointed and backed up", func(t *testing.T) {
		in := healthyBackups()
		idleIn(in, "n1")
		streamIn(in, "n2", "bm1")
		backups(func(b *barman.Backups) {
			b.List = append([]barman.Backup{{ID: "20261121T210000", Status: "DONE", SystemID: "7002"}}, b.List...)
		})(in)
		require.Contains(t, answers(t, BackupFreshSinceRepoint, in)[0], "pass n1: the newest complete backup of server n1 is of n2")
	})
}

func TestBackupNoMixedSystemIDs(t *testing.T) {
	runBackupCases(t, BackupNoMixedSystemIDs, []backupCase{
		{"two nodes", backups(func(b *barman.Backups) {
			b.List = append(b.List, barman.Backup{ID: "20261120T200705", Status: "DONE", SystemID: "7002"})
		}), "n1", "fail: 7001 (n1): 20261121T200705, identity.json; 7002 (n2): 20261120T200705"},
		{"identity of another node", func(in Input) { changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Home.SystemID = "7002" }) }, "n1", "fail: 7002 (n2): identity.json"},
		{"identifier not stored", backups(func(b *barman.Backups) { b.List[0].SystemID = "" }), "n1", "unknown: do not tell their system identifier: 20261121T200705"},
		{"backups unread", noBackups, "n1", "unknown: were not read"},
		{"no backup", backups(func(b *barman.Backups) { b.List = nil }), "n1", "skipped: has no backup"},
	})
}
