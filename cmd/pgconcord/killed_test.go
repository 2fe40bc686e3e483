package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/reports"
)

// ledgerLine is a line of a ledger.
type ledgerLine struct {
	Chunk *struct {
		Node, Relation string
		Range          compare.Range
		Rows           int64
		Snapshot       compare.Snapshot
	}
	Void, Table json.RawMessage
}

func readLedger(t *testing.T, file string) (lines []ledgerLine) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for text := range bytes.Lines(data) {
		var l ledgerLine
		require.NoError(t, json.Unmarshal(text, &l), string(text))
		lines = append(lines, l)
	}
	return lines
}

// The program is killed at random moments and gone on with, again and again:
// no chunk is read twice, none is left out, and the totals are those of an
// unbroken run.
func TestKilled(t *testing.T) {
	nodes, stop, err := lab.Servers(t.Context(), 2, lab.Options{Config: []string{"autovacuum = off"}})
	lab.Need(t, err)
	t.Cleanup(func() { _ = stop() })
	dir := t.TempDir()
	plan := "name: killed\nversions: {postgres: \"15\"}\ndatacenters: {main: {region: north}}\nnodes:\n"
	for i, n := range nodes {
		require.NoError(t, n.Exec(t.Context(), `CREATE TABLE big (id int PRIMARY KEY, v text);
			INSERT INTO big SELECT g, 'row ' || g || repeat('.', 60) FROM generate_series(1, 200000) g; ANALYZE big`))
		if i == 1 {
			require.NoError(t, n.Exec(t.Context(), "UPDATE big SET v = 'other' WHERE id % 50000 = 7"))
		}
		plan += fmt.Sprintf("  %s: {datacenter: main, dsn: %q}\n", n.Name, n.ReaderDSN())
	}
	plan += "shards:\n  app: {replicas: [n1, n2], replication_sets: [default], writers: [n1]}\n"
	topology := filepath.Join(dir, "plan.yaml")
	require.NoError(t, os.WriteFile(topology, []byte(plan), 0o600))
	program := filepath.Join(dir, "pgconcord")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, program)) // the test binary is the program under that name
	ledger := filepath.Join(dir, "rows.ledger")
	command := func(more ...string) (*exec.Cmd, *bytes.Buffer) {
		// The sleep makes a chunk take long enough to be killed in.
		cmd := exec.Command(program, append([]string{"compare", topology, "--static", "--chunk-pages", "8", "--where", "id % 100 > 0 OR pg_sleep(0.001)::text = ''"}, more...)...)
		out := &bytes.Buffer{}
		cmd.Stdout, cmd.Stderr = out, out
		return cmd, out
	}
	report := func(cmd *exec.Cmd, out *bytes.Buffer, file string) compare.Table {
		err := cmd.Run()
		require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%v %s", err, out)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		r, err := reports.Load(data)
		require.NoError(t, err)
		require.Len(t, r.Comparison.Tables, 1)
		return r.Comparison.Tables[0]
	}
	cmd, out := command("--output", filepath.Join(dir, "whole.json"))
	whole := report(cmd, out, filepath.Join(dir, "whole.json"))
	require.Equal(t, int64(4), whole.Counts.Persistent)

	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Log("seed", seed)
	size := func() int64 {
		info, err := os.Stat(ledger)
		if err != nil {
			return -1
		}
		return info.Size()
	}
	kills := 0
	for kills < 25 {
		more := []string{"--ledger", ledger}
		if size() >= 0 {
			more = append(more, "--resume")
		}
		cmd, out := command(more...)
		before, grow := size(), random.IntN(4)
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for deadline := time.Now().Add(time.Minute); grow > 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if now := size(); now != before {
				before, grow = now, grow-1
			}
			if len(ended) > 0 {
				break
			}
		}
		if kills == 0 { // a ledger has one user; the lock of one that was killed is gone, as the next round shows
			require.Eventually(t, func() bool { return size() > 0 }, time.Minute, time.Millisecond)
			second, said := command("--ledger", ledger, "--resume")
			require.Error(t, second.Run())
			require.Equal(t, 2, second.ProcessState.ExitCode(), said)
			require.Contains(t, said.String(), fmt.Sprintf("%s is in use by process %d", ledger, cmd.Process.Pid))
		}
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond / 10)
		require.NoError(t, cmd.Process.Kill())
		<-ended
		require.Equal(t, -1, cmd.ProcessState.ExitCode(), "it ended before it was killed %d times: %s", kills, out)
		kills++
	}
	require.False(t, slices.ContainsFunc(readLedgerOf(t, ledger), func(l ledgerLine) bool { return l.Table != nil }))

	cmd, out = command("--ledger", ledger, "--resume", "--mode", "strong")
	require.Error(t, cmd.Run())
	require.Equal(t, 2, cmd.ProcessState.ExitCode())
	require.Contains(t, out.String(), `mode was "exact" and is "strong"`)

	cmd, out = command("--ledger", ledger, "--resume", "--output", filepath.Join(dir, "resumed.json"))
	got := report(cmd, out, filepath.Join(dir, "resumed.json"))
	require.Equal(t, whole.Counts, got.Counts)
	require.Equal(t, whole.Verdict, got.Verdict)
	for i, d := range whole.Diffs {
		require.Equal(t, d.Key, got.Diffs[i].Key)
	}
	for i := range whole.Nodes {
		require.Equal(t, whole.Nodes[i].Rows, got.Nodes[i].Rows)
		require.Equal(t, whole.Nodes[i].Digest, got.Nodes[i].Digest)
		require.Greater(t, got.Nodes[i].Snapshots, 1)
	}
	read := map[string][]compare.Range{}
	rows := map[string]int64{}
	snapshots := map[time.Time]bool{}
	finished := 0
	for _, l := range readLedger(t, ledger) {
		require.Empty(t, l.Void, "nothing was read anew")
		if l.Table != nil {
			finished++
		}
		if l.Chunk != nil {
			read[l.Chunk.Node] = append(read[l.Chunk.Node], l.Chunk.Range)
			rows[l.Chunk.Node] += l.Chunk.Rows
			snapshots[l.Chunk.Snapshot.At] = true
		}
	}
	require.Equal(t, 1, finished)
	for i, n := range []string{"n1", "n2"} {
		ranges := read[n]
		slices.SortFunc(ranges, func(a, b compare.Range) int { return cmp.Compare(a.From, b.From) })
		at := int64(0)
		for j, r := range ranges {
			require.Equal(t, at, r.From, "%s: no chunk twice, and none left out: %v", n, ranges)
			require.Equal(t, j == len(ranges)-1, r.Last)
			at = r.To
		}
		require.Equal(t, whole.Nodes[i].Rows, rows[n])
		require.Equal(t, len(ranges), got.Nodes[i].Chunks)
	}
	require.Greater(t, len(snapshots), 5)
	t.Log(kills, "kills,", len(read["n1"])+len(read["n2"]), "chunks,", len(snapshots), "snapshots")
}

// readLedgerOf reads a ledger whose last line a kill may have cut off.
func readLedgerOf(t *testing.T, file string) []ledgerLine {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	whole := filepath.Join(t.TempDir(), "whole")
	require.NoError(t, os.WriteFile(whole, data[:bytes.LastIndexByte(data, '\n')+1], 0o600))
	return readLedger(t, whole)
}
