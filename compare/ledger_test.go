package compare_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// What a ledger refuses, and what it repairs. That a killed process goes on with
// one is tested with the program itself.
func TestLedger(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	for i := range 3 {
		execAll(t, nodes, fmt.Sprintf("CREATE TABLE t%d (id int PRIMARY KEY, a text); INSERT INTO t%[1]d SELECT g, g FROM generate_series(1, 1000) g", i))
	}
	req := compare.Request{Topology: static(nodes), Static: true, MaxConnections: 1}
	file := filepath.Join(t.TempDir(), "ledger")
	open := func(req compare.Request, resume bool) (*compare.Ledger, error) {
		return compare.OpenLedger(file, req, resume)
	}
	var err error
	req.Ledger, err = open(req, false)
	require.NoError(t, err)
	require.Equal(t, compare.Match, run(t, req).Verdict)
	require.NoError(t, req.Ledger.Close())
	lines, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, 1+3*(1+2+1), bytes.Count(lines, []byte("\n")), "settings; a plan, two chunks and a result for each table")

	t.Run("a full disk", func(t *testing.T) { fullDisk(t, req) })

	other := req
	other.Where = "id > 0"
	_, err = open(other, true)
	require.ErrorContains(t, err, `where was "" and is "id > 0"`)
	_, err = open(req, false)
	require.ErrorContains(t, err, "exists")

	// Other tables are, however their names read in a row.
	two, one := req, req
	two.Tables, one.Tables = []string{"t0", "t1"}, []string{"t0 t1"}
	spaced := filepath.Join(t.TempDir(), "spaced")
	l, err := compare.OpenLedger(spaced, one, false)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = compare.OpenLedger(spaced, two, true)
	require.ErrorContains(t, err, "tables was")

	// A line that a kill cut off is dropped.
	for _, cut := range []string{`{"sum":1,"chunk":{"ta`, "\x00\x00\x00\x00"} {
		require.NoError(t, os.WriteFile(file, append(bytes.Clone(lines), cut...), 0o600))
		l, err := open(req, true)
		require.NoError(t, err)
		require.NoError(t, l.Close())
		again, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, lines, again)
	}
	// One that was changed is not believed.
	require.NoError(t, os.WriteFile(file, bytes.Replace(lines, []byte(`"rows":1000`), []byte(`"rows":1001`), 1), 0o600))
	_, err = open(req, true)
	require.ErrorContains(t, err, "is damaged in line 3")
	// What another version wrote, or nobody, is refused and stays as it is.
	header := lines[:bytes.IndexByte(lines, '\n')+1]
	for text, problem := range map[string]string{
		`{"format":2,"settings":{}}` + "\n":                                                "has format 2, and this version of the program writes and resumes format 4: compare anew with another file and without resuming",
		`{"sum":1,"header":{"format":3,"settings":{}}}` + "\n" + `{"sum":1,"plan":`:        "has format 3, ",
		string(bytes.Replace(header, []byte(`"format":4`), []byte(`"format":5`), 1)) + "?": "has format 5, ",
		"something\n":        "is no ledger of a comparison",
		"something":          "is no ledger of a comparison",
		`{"format":2,"setti`: "is no ledger of a comparison",
		"{}\n":               "is no ledger of a comparison",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err = open(req, true)
		require.ErrorContains(t, err, problem)
		require.ErrorAs(t, err, new(*compare.RequestError))
		_, err = open(req, false)
		require.ErrorContains(t, err, "exists")
		now, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, text, string(now))
	}
	// One that was ended before it said anything is begun anew.
	for _, text := range []string{"", `{"s`, string(header[:40]), "\x00\x00\x00"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		l, err := open(req, true)
		require.NoError(t, err, text)
		require.NoError(t, l.Close())
		now, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, header, now)
	}

	// Finished tables are not read again, and a table without its result is.
	whole := bytes.LastIndexByte(lines[:len(lines)-1], '\n') + 1
	require.NoError(t, os.WriteFile(file, lines[:whole], 0o600))
	execAll(t, nodes[1:], "DELETE FROM t0 WHERE id = 5; DELETE FROM t2 WHERE id = 5")
	req.Ledger, err = open(req, true)
	require.NoError(t, err)
	r := run(t, req)
	require.NoError(t, req.Ledger.Close())
	require.Equal(t, compare.Match, r.Verdict, "all chunks of both tables had been read: %s", summary(r))
	require.Contains(t, fmt.Sprint(tableOf(t, r, "t0").Notes), "finished by an earlier run")
	require.Contains(t, fmt.Sprint(tableOf(t, r, "t2").Notes), "n2: 1 of its 1 chunks were read by an earlier run")
}
