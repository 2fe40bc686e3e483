package checks_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

var updateWaivers = flag.Bool("update-waivers", false, "write the golden messages about waivers")

const waiverDir = "../testdata/waivers"

func waiverFile(t *testing.T, path string) schema.Input {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return schema.Input{Name: filepath.Base(path), Data: b}
}

func TestLoadWaiversInEveryFormat(t *testing.T) {
	for file, pos := range map[string]string{"example.yaml": "example.yaml:4:3", "example.json": "example.json:3:5", "example.cue": "example.cue:3:10"} {
		ws, err := checks.LoadWaivers([]schema.Input{waiverFile(t, filepath.Join(waiverDir, file))}, now)
		require.NoError(t, err, file)
		require.Len(t, ws, 1)
		require.Equal(t, pos, ws[0].Pos.String())
		ws[0].Pos = schema.Position{}
		require.Equal(t, checks.Waiver{Name: "dr-shares-the-central-barman", Rule: "backup/source-colocated", Subject: checks.Subject{Object: "barman.central.sources*"},
			Owner: "dba-team@example.com", Reason: "The DR site gets its own Barman host in spring; restores over the WAN were rehearsed.", Ticket: "OPS-4711", Expires: "2027-03-31"}, ws[0])
	}
}

func TestLoadWaiversMergesAndSorts(t *testing.T) {
	other := strings.Replace(string(waiverFile(t, filepath.Join(waiverDir, "example.yaml")).Data), "dr-shares-the-central-barman", "another", 1)
	ws, err := checks.LoadWaivers([]schema.Input{waiverFile(t, filepath.Join(waiverDir, "example.yaml")), {Name: "more.yaml", Data: []byte(other)}}, now)
	require.NoError(t, err)
	require.Len(t, ws, 2)
	require.Equal(t, "another", ws[0].Name)
	require.Equal(t, "more.yaml", ws[0].Pos.File)
}

func TestLoadWaiversAYearAheadAtMost(t *testing.T) {
	in := waiverFile(t, filepath.Join(waiverDir, "example.yaml"))
	in.Data = []byte(strings.Replace(string(in.Data), "2027-03-31", "2027-11-21", 1))
	_, err := checks.LoadWaivers([]schema.Input{in}, now)
	require.NoError(t, err)
	_, err = checks.LoadWaivers([]schema.Input{in}, now.AddDate(0, 0, -1))
	require.ErrorContains(t, err, "example.yaml:10:5: waiver dr-shares-the-central-barman: expires 2027-11-21, more than a year ahead")
}

func TestRefusedWaivers(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(waiverDir, "refused", "*.*"))
	require.NoError(t, err)
	n := 0
	for _, file := range files {
		if filepath.Ext(file) == ".txt" {
			continue
		}
		n++
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := checks.LoadWaivers([]schema.Input{waiverFile(t, file)}, now)
			e := &schema.InputError{}
			require.ErrorAs(t, err, &e)
			golden := file + ".txt"
			if *updateWaivers {
				require.NoError(t, os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644))
			}
			want, readErr := os.ReadFile(golden)
			require.NoError(t, readErr)
			require.Equal(t, string(want), err.Error()+"\n")
		})
	}
	require.GreaterOrEqual(t, n, 10)
}
