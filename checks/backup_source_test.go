package checks

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/barman"
)

// live puts what Barman saw at the other end of its connections.
func liveIn(in Input, host, server string, l barman.Live) {
	if l.From == "" {
		l.Origin = barman.Origin{From: "barman diagnose", At: backupNow}
	}
	changeIn(in, host, server, func(s *barman.Server) { s.Live = l })
}

// idle takes the section's receiver away.
func idleIn(in Input, node string) { factsIn(in, node).Slots, factsIn(in, node).Senders = nil, nil }

func TestBackupSourceAsDeclared(t *testing.T) {
	point := func(in Input, node string) {
		changeIn(in, "bm1", "n1", func(s *barman.Server) {
			s.Settings.Address, s.Settings.StreamingAddress, s.Settings.WALAddress = node+".example:5432/postgres", node+".example:5432", node+".example:5432"
		})
	}
	runBackupCases(t, BackupSourceAsDeclared, []backupCase{
		{"receiver reads another node", func(in Input) { idleIn(in, "n1"); streamIn(in, "n2", "bm1") }, "n1", "fail: slot bm1 of n2 is read by barman_receive_wal"},
		{"configuration names another node", func(in Input) { idleIn(in, "n1"); point(in, "n2") }, "n1", "fail: the address of n2"},
		{"configuration changed, receiver not restarted", func(in Input) { point(in, "n2") }, "n1", "fail: not all of it is"},
		{"other identifier at the other end", func(in Input) { liveIn(in, "bm1", "n1", barman.Live{SystemID: "7002"}) }, "n1", "fail: has system identifier 7002, that of n2"},
		{"identifier of no node", func(in Input) { liveIn(in, "bm1", "n1", barman.Live{StreamingSystemID: "999"}) }, "n1", "fail: which no node of the plan has"},
		{"identifier of no node that was read", func(in Input) {
			downIn(in, "n2")
			liveIn(in, "bm1", "n1", barman.Live{StreamingSystemID: "999"})
		}, "n1", "fail: has system identifier 999; n1 has 7001"},
		{"two connections, two servers", func(in Input) {
			liveIn(in, "bm1", "n1", barman.Live{SystemID: "7001", StreamingSystemID: "7002"})
		}, "n1", "fail: behind streaming_conninfo has system identifier 7002"},
		{"nothing streams", func(in Input) { idleIn(in, "n1") }, "n1", "unknown: nothing shows that anything comes from there now: there is no physical slot bm1 on n1"},
		{"node down", func(in Input) { downIn(in, "n1") }, "n1", "unknown: connect to n1: unreachable"},
		{"passive", func(in Input) { changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings.Passive = true }) }, "n1", "fail: fed by another Barman"},
		{"no slot, no name", func(in Input) {
			idleIn(in, "n1")
			changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings = barman.Settings{Origin: s.Settings.Origin, Active: true} })
		}, "n1", "unknown: nothing that was read tells"},
		{"nothing known", func(in Input) { idleIn(in, "n1"); delete(in.Barman, "bm1") }, "n1", "unknown: Barman host bm1 was not read"},
		{"saved too long ago", func(in Input) {
			idleIn(in, "n1")
			liveIn(in, "bm1", "n1", barman.Live{Origin: barman.Origin{From: "diagnose.json", Saved: true, At: backupNow.Add(-48 * time.Hour)}, SystemID: "7001"})
		}, "n1", "unknown: nothing shows"},
	})
}

func TestBackupSourceRepointed(t *testing.T) {
	to := func(node string) func(Input) { return func(in Input) { idleIn(in, "n1"); streamIn(in, node, "bm1") } }
	runBackupCases(t, BackupSourceRepointed, []backupCase{
		{"to the other master of the datacenter", func(in Input) {
			to("n2")(in)
			changeIn(in, "bm1", "n1", func(s *barman.Server) {
				s.Settings.Address, s.Settings.StreamingAddress, s.Settings.WALAddress = "n2.example:5432", "n2.example:5432", "n2.example:5432"
			})
		}, "n1", "fail: was pointed from n1 to n2, both of datacenter A"},
		{"to another datacenter", func(in Input) {
			to("n3")(in)
			changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings = barman.Settings{} })
		}, "n1", "skipped: of another datacenter, B"},
		{"passive", func(in Input) {
			changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings.Passive = true })
			idleIn(in, "n1")
		}, "n1", "skipped: not fed by one other node"},
		{"half", func(in Input) { streamIn(in, "n2", "bm1") }, "n1", "skipped: not fed by one other node"},
		{"nothing streams", func(in Input) { idleIn(in, "n1") }, "n1", "unknown: nothing shows"},
	})
}

func TestBackupSourceByOneMeansAlone(t *testing.T) {
	t.Run("the source's own view is enough", func(t *testing.T) {
		in := healthyBackups()
		in.Barman = nil
		require.Len(t, answers(t, BackupSourceAsDeclared, in), 3)
		for _, a := range answers(t, BackupSourceAsDeclared, in) {
			require.Contains(t, a, "pass ")
		}
	})
	t.Run("the identifier that Barman saw is enough", func(t *testing.T) {
		in := healthyBackups()
		idleIn(in, "n1")
		liveIn(in, "bm1", "n1", barman.Live{SystemID: "7001", StreamingSystemID: "7001"})
		require.Contains(t, answers(t, BackupSourceAsDeclared, in)[0], "pass n1")
	})
	t.Run("an address that is no node's is another name", func(t *testing.T) {
		in := healthyBackups()
		changeIn(in, "bm1", "n1", func(s *barman.Server) { s.Settings.Address = "10.0.0.7:5432" })
		require.Contains(t, answers(t, BackupSourceAsDeclared, in)[0], "pass n1")
	})
	t.Run("a physical copy of the source bears its identifier", func(t *testing.T) {
		in := healthyBackups()
		factsIn(in, "n2").Server.SystemID = "7001"
		liveIn(in, "bm1", "n1", barman.Live{SystemID: "7001"})
		require.Contains(t, answers(t, BackupSourceAsDeclared, in)[0], "pass n1")
	})
}

func TestSameServer(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		one  bool
		want bool
	}{
		{"h:5432/postgres", "h:5432/app", false, true},
		{"H.example:5432", "h.example:5432/app", false, true},
		{"h:5433", "h:5432/app", false, false},
		{"x:1,h:5432", "h:5432/app", false, true},
		{"127.0.0.1:5432", "127.0.0.1:5432/app", false, false},
		{"127.0.0.1:5432", "127.0.0.1:5432/app", true, true},
		{"127.0.0.1:5433", "127.0.0.1:5432/app", true, false},
		{"/run/postgresql:5432/x", "/run/postgresql:5432/app", true, true},
		{"(no valid connection string)", "(no valid connection string)", true, false},
		{"", "h:5432", true, false},
	} {
		require.Equal(t, tc.want, sameServer(tc.a, tc.b, tc.one), "%+v", tc)
	}
}
