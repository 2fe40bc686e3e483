package checks

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
)

func TestBackupUses(t *testing.T) {
	in := healthyBackups()
	uses := BackupUses(in)
	require.Len(t, uses, 3)
	require.Equal(t, BackupUse{
		Host: "bm1", Server: "n1", Backup: "20261121T200705", Status: "DONE", Ended: backupNow.Add(-2 * 3600e9), SystemID: "7001", Postgres: "15",
		Compatible: []string{"n1"}, Certain: true, Uses: []Use{UseStandby, UseInitPhysical, UseApart},
		Why: "same system identifier and major version as n1; the timeline (1) and the WAL since then are not compared",
	}, uses[0])

	for _, tc := range []struct {
		name       string
		break_     func(in Input, b *barman.Backup)
		compatible []string
		certain    bool
		uses       []Use
		why        string
	}{
		{"of a server that is gone", func(in Input, b *barman.Backup) { b.SystemID = "5" }, nil, true, []Use{UseApart}, "no current node"},
		{"not all nodes read", func(in Input, b *barman.Backup) { downIn(in, "n1") }, nil, false, []Use{UseApart}, "not all nodes were read"},
		{"another node down, this one fits", func(in Input, b *barman.Backup) { downIn(in, "n2") }, []string{"n1"}, false, []Use{UseStandby, UseInitPhysical, UseApart}, "same system"},
		{"no identifier", func(in Input, b *barman.Backup) { b.SystemID = "" }, nil, false, []Use{UseApart}, "does not tell"},
		{"upgraded since", func(in Input, b *barman.Backup) { b.VersionNum = 110004 }, nil, true, []Use{UseApart}, "n1 runs PostgreSQL 15"},
		{"version unknown", func(in Input, b *barman.Backup) { b.VersionNum = 0 }, nil, false, []Use{UseApart}, "major version is not known"},
		{"not BDR", func(in Input, b *barman.Backup) { factsIn(in, "n1").Flavour = catalog.PGLogical }, []string{"n1"}, true, []Use{UseStandby, UseApart}, "same system"},
		{"failed", func(in Input, b *barman.Backup) { b.Status = "FAILED" }, nil, false, []Use{}, "FAILED"},
		{"node and its physical standby", func(in Input, b *barman.Backup) { factsIn(in, "n2").Server.SystemID = "7001" }, []string{"n1", "n2"}, true, []Use{UseStandby, UseInitPhysical, UseApart}, "n1, n2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := healthyBackups()
			tc.break_(in, &in.Barman["bm1"].Servers["n1"].Backups.List[0])
			u := BackupUses(in)[0]
			require.Equal(t, tc.compatible, u.Compatible)
			require.Equal(t, tc.certain, u.Certain)
			require.Equal(t, tc.uses, u.Uses)
			require.Contains(t, u.Why, tc.why)
		})
	}
}
