package checks

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/barman"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// means is a way in which the plan may let a Barman host be read.
type means string

const (
	byFiles   means = "configuration"
	byCommand means = "command"
	bySaved   means = "saved outputs"
)

// readBackups reads the lab, and one Barman host of it by the means; the others,
// to be quick, by their files.
func readBackups(t *testing.T, l *lab.Lab, host string, by means) Input {
	t.Helper()
	plan := labPlan(t, l)
	b := plan.Barman[host]
	switch by {
	case byCommand:
		b.Command, b.Config = []string{"barman", "-c", l.BarmanConfig(host)}, ""
	case bySaved:
		b.JSONDir, b.Config = saveOutputs(t, l, host), ""
	}
	plan.Barman[host] = b
	return readLab(t, plan, catalog.Settings{})
}

// saveOutputs does what a user's cron job on the Barman host would.
func saveOutputs(t *testing.T, l *lab.Lab, host string) string {
	t.Helper()
	dir := t.TempDir()
	for _, c := range []string{"check", "list-backups", "replication-status"} {
		out, _ := l.BarmanCommand(t.Context(), host, "-f", "json", c, "all") // a failed check prints its JSON too
		require.NotEmpty(t, out, c)
		require.NoError(t, os.WriteFile(filepath.Join(dir, c+".json"), out, 0o600))
	}
	out, err := l.BarmanCommand(t.Context(), host, "diagnose")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "diagnose.json"), out, 0o600))
	return dir
}

// verdicts maps "check server" to the status, with the message of all that did
// not pass.
func verdicts(in Input) map[string]string {
	out := map[string]string{}
	for _, c := range backupChecks {
		for _, f := range c.Run(in) {
			v := string(f.Status)
			if f.Status != Pass {
				v += ": " + f.Message
			}
			out[strings.TrimPrefix(c.Name, "backup/")+" "+strings.TrimPrefix(f.Subject.Object, "server ")] = v
		}
	}
	return out
}

// requireVerdicts compares the answers for one server with those wanted, where
// "fail: text" is a part of the message; whatever is not named must pass, and so
// must the other servers.
func requireVerdicts(t *testing.T, in Input, server string, want map[string]string) {
	t.Helper()
	for key, got := range verdicts(in) {
		check, of, _ := strings.Cut(key, " ")
		w := want[check]
		switch {
		case of == server && w != "":
			status, part, _ := strings.Cut(w, ": ")
			require.True(t, strings.HasPrefix(got, status) && strings.Contains(got, part), "%s: want %q, got %q", key, w, got)
		case check == "barman-check" && strings.HasPrefix(got, "skipped"):
		default:
			require.Equal(t, "pass", got, key)
		}
	}
}

func TestBackupsOfTheLab(t *testing.T) {
	l := theLab(t)
	const host, server = "barman-a", "dc1n1"
	for _, by := range []means{byFiles, byCommand, bySaved} {
		t.Run("healthy by "+string(by), func(t *testing.T) {
			host := "barman-dr" // the one with two sections
			in := readBackups(t, l, host, by)
			for name, h := range in.Barman {
				require.Empty(t, h.Gaps, name)
				require.True(t, h.Complete, name)
			}
			requireVerdicts(t, in, "", nil)
			for _, f := range BackupVersion.judge(in) {
				want := Pass
				if by == byFiles || f.Subject.Node != host { // files do not tell
					want = Skipped
				}
				require.Equal(t, want, f.Status, f.Message)
			}
			uses := BackupUses(in)
			require.NotEmpty(t, uses)
			for _, u := range uses {
				require.Equal(t, []string{u.Server}, u.Compatible, "sections of the lab are named after their nodes: %+v", u)
				require.Equal(t, []Use{UseStandby, UseApart}, u.Uses)
			}
		})
	}

	t.Run("receiver stopped", func(t *testing.T) {
		require.NoError(t, l.StopWALReceiver(t.Context(), host, server))
		heal(t, func(ctx context.Context) error { return l.StartWALReceiver(ctx, host, server) })
		want := map[string]string{"wal-streaming": "fail: is not active", "slot-active": "fail: is not active"}
		requireVerdicts(t, readBackups(t, l, host, byCommand), server, want)
		want["barman-check"] = "fail: replication_slot"
		requireVerdicts(t, readBackups(t, l, host, bySaved), server, want)
		delete(want, "barman-check")
		// The files alone do not tell where data come from, only where they should.
		want["source-as-declared"], want["source-repointed"], want["systemid-compared"] = "unknown: nothing shows", "unknown: nothing shows", "unknown: nobody has compared"
		requireVerdicts(t, readBackups(t, l, host, byFiles), server, want)
	})

	t.Run("pointed to the other master", func(t *testing.T) {
		require.NoError(t, l.RepointBarman(t.Context(), host, server, "dc1n2"))
		heal(t, func(ctx context.Context) error { return l.RepointBarman(ctx, host, server, "dc1n1") })
		want := map[string]string{
			"wal-streaming": "fail: is not active", "slot-active": "fail: is not active", "source-as-declared": "fail: of dc1n2",
			"source-repointed": "fail: was pointed from dc1n1 to dc1n2, both of datacenter A", "fresh-since-repoint": "fail: WAL now comes from dc1n2",
			"systemid-compared": "fail: holds system identifier",
		}
		requireVerdicts(t, readBackups(t, l, host, byFiles), server, want)
		requireVerdicts(t, readBackups(t, l, host, byCommand), server, want)
		want["barman-check"], want["systemid-compared"] = "fail: systemid_coherence", "fail: comparison of server dc1n1 failed"
		requireVerdicts(t, readBackups(t, l, host, bySaved), server, want)
	})

	t.Run("source down", func(t *testing.T) {
		host := "barman-b"
		require.NoError(t, l.Node("dc2n1").Crash())
		heal(t, func(ctx context.Context) error {
			if err := l.Node("dc2n1").Start(ctx); err != nil {
				return err
			}
			if err := l.StartWALReceiver(ctx, "barman-b", "dc2n1"); err != nil {
				return err
			}
			return l.Settle(ctx) // its edges are down for a while
		})
		want := map[string]string{
			"wal-streaming": "unknown: node dc2n1", "slot-active": "unknown: node dc2n1", "source-as-declared": "unknown: node dc2n1",
			"source-repointed": "unknown: node dc2n1", "fresh-since-repoint": "unknown: node dc2n1", "systemid-compared": "unknown: ",
		}
		requireVerdicts(t, readBackups(t, l, host, byFiles), "dc2n1", want)
		want["systemid-compared"] = "unknown: Barman could not connect"
		requireVerdicts(t, readBackups(t, l, host, byCommand), "dc2n1", want)
		want["barman-check"], want["systemid-compared"] = "fail: postgresql", "unknown: no system Id available"
		requireVerdicts(t, readBackups(t, l, host, bySaved), "dc2n1", want)
	})

	for _, tc := range []struct {
		name, option string
		want         map[string]string
	}{
		{"nothing guarded", "minimum_redundancy = 0", map[string]string{"redundancy": "fail: guards no backup"}},
		{"an age rule that Barman cannot read", "last_backup_maximum_age = 1 MINUTES", map[string]string{"age-rule": "pass"}},
		{"switched off", "active = false", map[string]string{"server-present": "fail: switched off", "wal-streaming": "fail: switched off"}},
		{"another slot", "slot_name = other", map[string]string{
			"slot-active": "fail: uses slot other, the plan says barman_a", "wal-streaming": "fail: no physical slot other",
		}},
		{"passive", "primary_ssh_command = ssh barman@elsewhere.example", map[string]string{
			"not-passive": "fail: is passive", "source-as-declared": "", "wal-streaming": "", "slot-active": "",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setOption(t, l, host, server, tc.option)
			got := verdicts(readBackups(t, l, host, byFiles))
			for check, w := range tc.want {
				if w == "" {
					continue
				}
				status, part, _ := strings.Cut(w, ": ")
				g := got[check+" "+server]
				require.True(t, strings.HasPrefix(g, status) && strings.Contains(g, part), "%s: want %q, got %q", check, w, g)
			}
			// What Barman makes of the option is what the files were read to say.
			if !strings.HasPrefix(tc.option, "primary_ssh") {
				byBarman := readBackups(t, l, host, byCommand).Barman[host].Servers[server].Settings
				files := readBackups(t, l, host, byFiles).Barman[host].Servers[server].Settings
				byBarman.Origin, files.Origin, byBarman.Local, files.Local = barman.Origin{}, barman.Origin{}, false, false
				byBarman.RetentionPolicy, files.RetentionPolicy = "", "" // Barman renders it in words of its own
				require.Equal(t, byBarman, files)
			}
		})
	}

	t.Run("no age rule", func(t *testing.T) {
		editFile(t, l.BarmanConfig(host), func(old string) string { return strings.Replace(old, "last_backup_maximum_age", ";", 1) })
		for _, by := range []means{byFiles, byCommand} {
			requireVerdicts(t, readBackups(t, l, host, by), server, map[string]string{"age-rule": "fail: no last_backup_maximum_age"})
		}
	})

	t.Run("section gone", func(t *testing.T) {
		file := sectionFile(l, host, server)
		require.NoError(t, os.Rename(file, file+".off"))
		heal(t, func(context.Context) error { return os.Rename(file+".off", file) })
		in := readBackups(t, l, host, byFiles)
		require.NotEmpty(t, in.Barman[host].Gaps)
		require.Contains(t, verdicts(in)["server-present "+server], "unknown: ", "a host without any section is more likely one that was misread")
	})
}

// After the change of source an operator moves the old identity away and takes a
// new backup: one section then holds two nodes' backups.
func TestBackupAfterRepointing(t *testing.T) {
	l := theLab(t)
	const host, server = "barman-b", "dc2n1"
	home := filepath.Join(filepath.Dir(l.BarmanConfig(host)), "data", server)
	require.NoError(t, l.RepointBarman(t.Context(), host, server, "dc2n2"))
	require.NoError(t, os.Rename(filepath.Join(home, "identity.json"), filepath.Join(home, "identity.old")))
	heal(t, func(ctx context.Context) error {
		if err := os.Rename(filepath.Join(home, "identity.old"), filepath.Join(home, "identity.json")); err != nil {
			return err
		}
		return l.RepointBarman(ctx, host, server, "dc2n1")
	})
	require.NoError(t, l.Backup(t.Context(), host, server))
	heal(t, func(ctx context.Context) error {
		_, err := l.BarmanCommand(ctx, host, "delete", server, "last")
		return err
	})
	in := readBackups(t, l, host, byFiles)
	got := verdicts(in)
	require.Contains(t, got["no-mixed-systemids "+server], "fail: server dc2n1 was fed by 2 different nodes")
	require.Equal(t, "pass", got["fresh-since-repoint "+server])
	require.Equal(t, "pass", got["systemid-compared "+server])
	require.Contains(t, got["source-repointed "+server], "fail: ")
	var compatible []string
	for _, u := range BackupUses(in) {
		if u.Server == server {
			compatible = append(compatible, strings.Join(u.Compatible, ","))
		}
	}
	require.Equal(t, []string{"dc2n2", "dc2n1"}, compatible, "newest first, each for its own node")
}

func sectionFile(l *lab.Lab, host, server string) string {
	return filepath.Join(filepath.Dir(l.BarmanConfig(host)), "conf.d", server+".conf")
}

// setOption sets an option of a section until the test ends.
func setOption(t *testing.T, l *lab.Lab, host, server, option string) {
	t.Helper()
	editFile(t, sectionFile(l, host, server), func(old string) string {
		key, _, _ := strings.Cut(option, " ")
		var lines []string
		for _, line := range strings.Split(strings.TrimSpace(old), "\n") {
			if !strings.HasPrefix(line, key+" ") {
				lines = append(lines, line)
			}
		}
		return strings.Join(append(lines, option), "\n") + "\n"
	})
}

// editFile changes a file until the test ends.
func editFile(t *testing.T, file string, edit func(string) string) {
	t.Helper()
	old, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(edit(string(old))), 0o644))
	heal(t, func(context.Context) error { return os.WriteFile(file, old, 0o644) })
}

// heal undoes what a test broke, also when it fails or is interrupted.
func heal(t *testing.T, undo func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := undo(ctx); err != nil {
			t.Errorf("heal: %v", err)
		}
	})
}
