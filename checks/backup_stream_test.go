package checks

import (
	"testing"
	"time"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
)

func TestBackupWALStreaming(t *testing.T) {
	runBackupCases(t, BackupWALStreaming, []backupCase{
		{"slot inactive", func(in Input) { factsIn(in, "n1").Slots[0].Active = false; factsIn(in, "n1").Senders = nil }, "n1", "fail: slot bm1 is not active"},
		{"slot missing", func(in Input) { factsIn(in, "n1").Slots = nil }, "n1", "fail: there is no physical slot bm1"},
		{"logical slot of the name", func(in Input) { factsIn(in, "n1").Slots[0].Type = "logical" }, "n1", "fail: there is no physical slot bm1"},
		{"catching up", func(in Input) { factsIn(in, "n1").Senders[0].State = "catchup" }, "n1", "fail: in state catchup"},
		{"behind", func(in Input) { factsIn(in, "n1").Server.WALFlush += 11 << 20 }, "n1", "fail: 11.0 MiB behind, more than the plan's 10.0 MiB"},
		{"somebody else's receiver", func(in Input) { factsIn(in, "n1").Senders[0].Application = "pg_receivewal" }, "n1", "fail: is read by \"pg_receivewal\""},
		{"receiver of another name, Barman unread", func(in Input) {
			factsIn(in, "n1").Senders[0].Application = "mine"
			delete(in.Barman, "bm1")
		}, "n1", "unknown: Barman host bm1 was not read"},
		{"slot held by a backend that is no walsender", func(in Input) { factsIn(in, "n1").Slots[0].ActivePID = 1 }, "n1", "fail: which is no walsender"},
		{"state hidden", func(in Input) { factsIn(in, "n1").Senders[0].State = "" }, "n1", "unknown: GRANT pg_monitor"},
		{"positions hidden", func(in Input) { factsIn(in, "n1").Senders[0].Sent = 0 }, "n1", "unknown: how far it is was not seen"},
		{"node down", func(in Input) { downIn(in, "n1") }, "n1", "unknown: connect to n1: unreachable"},
		{"node down, Barman sees its receiver", func(in Input) {
			downIn(in, "n1")
			changeIn(in, "bm1", "n1", func(s *barman.Server) {
				s.Clients = barman.Clients{Origin: barman.Origin{From: "barman replication-status", At: backupNow}, List: []barman.Client{{Application: "barman_receive_wal", Slot: "bm1", State: "streaming"}}}
			})
		}, "n1", "unknown: Barman saw its receiver in state streaming on slot bm1"},
		{"node down, Barman sees no receiver", func(in Input) {
			downIn(in, "n1")
			changeIn(in, "bm1", "n1", func(s *barman.Server) {
				s.Clients = barman.Clients{Origin: barman.Origin{From: "barman replication-status", At: backupNow}}
			})
		}, "n1", "unknown: Barman saw no receiver of its own"},
		{"senders unreadable", func(in Input) {
			factsIn(in, "n1").Gaps = []catalog.Failure{{Part: catalog.PartSenders, Reason: "permission denied", Remedy: "GRANT pg_monitor TO pgconcord"}}
		}, "n1", "unknown: GRANT pg_monitor TO pgconcord"},
		{"archiver off", func(in Input) {
			changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings.StreamingArchiver = false })
		}, "n1", "fail: streaming_archiver is off"},
		{"section off", func(in Input) { changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings.Active = false }) }, "n1", "fail: switched off"},
		{"no slot named anywhere", func(in Input) {
			delete(in.Barman, "bm1")
			in.Plan.Barman["bm1"].Sources[0].Slot = ""
		}, "n1", "unknown: neither the plan nor Barman names its slot"},
		{"not to stream", func(in Input) {
			in.Plan.Barman["bm1"].Sources[0].StreamingArchiver = false
			changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings.StreamingArchiver = false })
		}, "n1", "skipped: "},
	})
}

func TestBackupSlotActive(t *testing.T) {
	runBackupCases(t, BackupSlotActive, []backupCase{
		{"inactive", func(in Input) { factsIn(in, "n1").Slots[0].Active = false }, "n1", "fail: is not active"},
		{"inactive while Barman says running", func(in Input) {
			factsIn(in, "n1").Slots[0].Active = false
			changeIn(in, "bm1", "n1", func(s *barman.Server) {
				s.Check = barman.SelfCheck{Origin: barman.Origin{From: "check.json", At: backupNow.Add(-time.Minute), Saved: true}, Results: map[string]barman.CheckResult{"receive_wal_running": {Status: "OK"}}}
			})
		}, "n1", "fail: although `barman check` calls receive-wal running"},
		{"missing", func(in Input) { factsIn(in, "n1").Slots[0].Name = "old" }, "n1", "fail: does not exist on n1"},
		{"lost", func(in Input) { factsIn(in, "n1").Slots[0].WALStatus = "lost" }, "n1", "fail: has lost WAL"},
		{"about to be lost", func(in Input) { factsIn(in, "n1").Slots[0].WALStatus = "unreserved" }, "n1", "fail: about to lose WAL"},
		{"never read", func(in Input) { factsIn(in, "n1").Slots[0].RestartLSN = 0 }, "n1", "fail: reserves no WAL"},
		{"not the plan's", func(in Input) { changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings.Slot = "bm9" }) }, "n1", "fail: uses slot bm9, the plan says bm1"},
		{"none set", func(in Input) { changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings.Slot = "" }) }, "n1", "fail: has no slot_name"},
		{"node down", func(in Input) { downIn(in, "n3") }, "s3", "unknown: unreachable"},
		{"slots unreadable", func(in Input) {
			factsIn(in, "n1").Gaps = []catalog.Failure{{Part: catalog.PartSlots, Reason: "timed out"}}
		}, "n1", "unknown: timed out"},
	})
}
