package checks

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/schema"
)

// said puts a saved output of `barman check` into section n1.
func said(ago time.Duration, results map[string]barman.CheckResult) func(Input) {
	return func(in Input) {
		changeIn(in, "bm1", "n1", func(s *barman.Server) {
			s.Check = barman.SelfCheck{Origin: barman.Origin{From: "check.json", At: backupNow.Add(-ago), Saved: true}, Results: results}
		})
	}
}

func TestBackupServerPresent(t *testing.T) {
	gone := func(in Input) { delete(in.Barman["bm1"].Servers, "n1") }
	runBackupCases(t, BackupServerPresent, []backupCase{
		{"missing", gone, "n1", "fail: has no section n1"},
		{"missing from what was read", func(in Input) {
			gone(in)
			in.Barman["bm1"].Complete = false
			in.Barman["bm1"].Gaps = []string{"conf.d: permission denied"}
		}, "n1", "unknown: conf.d: permission denied"},
		{"switched off", settings(func(s *barman.Settings) { s.Active = false }), "n1", "fail: switched off"},
		{"disabled", settings(func(s *barman.Settings) { s.Disabled = true }), "n1", "fail: directories conflict"},
		{"settings unread", noSettings, "n1", "unknown: whether it is active is not known"},
		{"host unread", noBarman, "n1", "unknown: was not read"},
	})
}

func TestBackupNotPassive(t *testing.T) {
	passive := settings(func(s *barman.Settings) { s.Passive = true })
	runBackupCases(t, BackupNotPassive, []backupCase{
		{"passive", passive, "n1", "fail: is passive"},
		{"settings unread", noSettings, "n1", "unknown: were not read"},
	})
	in := healthyBackups()
	passive(in)
	in.Plan.Barman["bm1"].Sources[0].Passive = true
	require.Contains(t, answers(t, BackupNotPassive, in)[0], "as the plan says")
	for _, c := range []Check{BackupWALStreaming, BackupSlotActive, BackupSourceAsDeclared} {
		require.Contains(t, answers(t, c, in)[0], "skipped n1", c.Name)
	}
}

func TestBackupSystemIDCompared(t *testing.T) {
	coherence := func(status, hint string) func(Input) {
		return said(time.Minute, map[string]barman.CheckResult{"systemid_coherence": {Status: status, Hint: hint}})
	}
	both := func(fs ...func(Input)) func(Input) {
		return func(in Input) {
			for _, f := range fs {
				f(in)
			}
		}
	}
	stopped := func(in Input) { idleIn(in, "n1") }
	runBackupCases(t, BackupSystemIDCompared, []backupCase{
		{"Barman saw another server", coherence("FAILED", "the system Id of the connected PostgreSQL server changed"), "n1", "fail: changed"},
		{"OK without a comparison", both(stopped, coherence("OK", "no system Id available")), "n1", "unknown: OK, but with the hint \"no system Id available\""},
		{"nothing asked", stopped, "n1", "unknown: view of its source"},
		{"another server behind conninfo", func(in Input) { liveIn(in, "bm1", "n1", barman.Live{SystemID: "7002"}) }, "n1", "fail: holds system identifier 7001, but conninfo has 7002"},
		{"slot read on another node", both(stopped, func(in Input) { streamIn(in, "n2", "bm1") }), "n1", "fail: but n2, where its slot is read, has 7002"},
		{"source down", func(in Input) {
			downIn(in, "n1")
			liveIn(in, "bm1", "n1", barman.Live{Unreachable: "connection refused"})
		}, "n1", "unknown: Barman could not connect: connection refused"},
		{"nothing stored", func(in Input) {
			changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Home.SystemID = ""; s.Backups.List = nil })
		}, "n1", "unknown: nothing is stored yet"},
		{"OK long ago", both(stopped, said(48*time.Hour, map[string]barman.CheckResult{"systemid_coherence": {Status: "OK"}})), "n1", "unknown: nobody has compared"},
	})
	for name, break_ := range map[string]func(Input){
		"Barman compared": both(stopped, coherence("OK", "")),
		"identifiers that Barman saw": both(stopped, func(in Input) {
			liveIn(in, "bm1", "n1", barman.Live{SystemID: "7001", StreamingSystemID: "7001"})
		}),
		"the newest backup stands in for identity.json": func(in Input) { changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Home = barman.Home{} }) },
	} {
		in := healthyBackups()
		break_(in)
		require.Contains(t, answers(t, BackupSystemIDCompared, in)[0], "pass n1", name)
	}
}

func TestBackupBarmanCheck(t *testing.T) {
	in := healthyBackups()
	require.Contains(t, answers(t, BackupBarmanCheck, in)[0], "skipped n1: no saved output")
	ok := map[string]barman.CheckResult{"ssh": {Status: "OK"}, "wal_maximum_age": {Status: "OK", Hint: "no last_wal_maximum_age provided"}, "minimum_redundancy_requirements": {Status: "OK", Hint: "have 0 backups, expected at least 0"}}
	said(time.Hour, ok)(in)
	require.Equal(t, "pass n1: `barman check` of server n1: 3 lines OK; OK without having looked: minimum_redundancy_requirements (have 0 backups, expected at least 0); wal_maximum_age (no last_wal_maximum_age provided)", answers(t, BackupBarmanCheck, in)[0])
	said(48*time.Hour, ok)(in)
	require.Contains(t, answers(t, BackupBarmanCheck, in)[0], "unknown n1: ")
	said(time.Hour, map[string]barman.CheckResult{"ssh": {Status: "OK"}, "a_new_one": {Status: "FAILED", Hint: "why"}, "archiver_errors": {Status: "FAILED"}})(in)
	require.Contains(t, answers(t, BackupBarmanCheck, in)[0], "fail n1: `barman check` of server n1 failed: a_new_one (why); archiver_errors")
	said(time.Hour, nil)(in)
	require.Contains(t, answers(t, BackupBarmanCheck, in)[0], "unknown n1: ")
}

func TestBackupVersion(t *testing.T) {
	judged := func(edit func(*Input)) Finding {
		in := healthyBackups()
		in.Plan.Versions.Barman = "3.4"
		edit(&in)
		fs := BackupVersion.judge(in)
		require.Len(t, fs, 2)
		require.Equal(t, Subject{Node: "bm1"}, fs[0].Subject)
		return fs[0]
	}
	plan := func(in *Input, edit func(*schema.Barman)) {
		b := in.Plan.Barman["bm1"]
		edit(&b)
		in.Plan.Barman["bm1"] = b
	}
	for _, tc := range []struct {
		name   string
		break_ func(*Input)
		status Status
		says   string
	}{
		{"as declared", func(*Input) {}, Pass, "runs Barman 3.4.0"},
		{"two digits for three", func(in *Input) { in.Plan.Versions.Barman = "2.8.0"; in.Barman["bm1"].Version = "2.8" }, Pass, "runs Barman 2.8"},
		{"another", func(in *Input) { in.Plan.Versions.Barman = "2.8" }, Fail, "runs Barman 3.4.0"},
		{"not declared", func(in *Input) { in.Plan.Versions.Barman = "" }, Skipped, "declares no version"},
		{"not read", func(in *Input) { delete(in.Barman, "bm1") }, Skipped, "was not read"},
		{"files alone", func(in *Input) { in.Barman["bm1"].Version = "" }, Skipped, "barman diagnose"},
		{"asked, and no answer", func(in *Input) {
			in.Barman["bm1"].Version, in.Barman["bm1"].Gaps = "", []string{"ssh: no route"}
			plan(in, func(b *schema.Barman) { b.Command = []string{"ssh", "bm1", "barman"} })
		}, Unknown, "no route"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := judged(tc.break_)
			require.Equal(t, tc.status, f.Status, f.Message)
			require.Contains(t, f.Message, tc.says)
			if f.Status == Fail {
				require.Equal(t, []string{"3.4.0", "2.8", "barman_ver of barman diagnose"}, []string{f.Found, f.Expected, f.HowRead})
			}
		})
	}
}
