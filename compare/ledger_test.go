package compare_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// resumed is the request of the process that gets killed.
func resumed(dsns []string) compare.Request {
	top := &schema.Topology{Nodes: map[string]schema.Node{}}
	for i, d := range dsns {
		name := fmt.Sprintf("n%d", i+1)
		top.Nodes[name] = schema.Node{DSN: d}
		top.Reference.Replicas = append(top.Reference.Replicas, name)
	}
	return compare.Request{Topology: top, Static: true}
}

// TestResumeProcess is no test: it is the process that TestResume kills.
func TestResumeProcess(t *testing.T) {
	file := os.Getenv("PGCONCORD_TEST_LEDGER")
	if file == "" {
		return
	}
	req := resumed(strings.Split(os.Getenv("PGCONCORD_TEST_DSNS"), "|"))
	_, err := os.Stat(file)
	l, err := compare.OpenLedger(file, req, err == nil)
	require.NoError(t, err)
	req.Ledger = l
	req.Progress = func(e compare.Event) {
		if e.Phase == "scan" && e.Node == "" {
			fmt.Println("SCAN", e.Table)
		}
	}
	r, err := compare.Run(t.Context(), req)
	require.NoError(t, err)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file+".result", b, 0o600))
}

// A run that is killed at any moment and resumed ends like an unbroken one, and
// scans no table twice that it had finished.
func TestResume(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	const tables = 40
	for i := range tables {
		execAll(t, nodes, fmt.Sprintf("CREATE TABLE t%02d (id int PRIMARY KEY, a text); INSERT INTO t%02[1]d SELECT g, g FROM generate_series(1, 1000) g", i))
		execAll(t, nodes[:1], fmt.Sprintf("UPDATE t%02d SET a = 'x' WHERE id %% 500 = %d", i, i))
	}
	dsns := []string{nodes[0].DSN(), nodes[1].DSN()}
	whole := run(t, resumed(dsns))
	file := filepath.Join(t.TempDir(), "ledger")
	env := append(os.Environ(), "PGCONCORD_TEST_LEDGER="+file, "PGCONCORD_TEST_DSNS="+strings.Join(dsns, "|"))
	finished := func() int {
		b, _ := os.ReadFile(file)
		return max(0, bytes.Count(b, []byte("\n"))-1)
	}
	kills, scans := 0, map[string]int{}
	for {
		cmd := exec.Command(os.Args[0], "-test.run=TestResumeProcess$", "-test.v")
		cmd.Env = env
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		before := finished()
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		var err error
		killed := false
		if kills < 20 {
			// Before anything is done, in the middle of a table, right after one.
			deadline := time.Now().Add(time.Minute)
			for finished() < before+kills%2 && finished() < tables && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Duration(kills*3) * time.Millisecond)
			killed = cmd.Process.Kill() == nil
			kills++
		}
		err = <-ended
		for _, line := range strings.Split(out.String(), "\n") {
			if _, table, ok := strings.Cut(line, "SCAN "); ok {
				scans[table]++
			}
		}
		if !killed || err == nil {
			require.NoError(t, err, out.String())
			break
		}
	}
	require.Equal(t, 20, kills)
	b, err := os.ReadFile(file + ".result")
	require.NoError(t, err)
	var got compare.Result
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, whole.Verdict, got.Verdict)
	require.Len(t, got.Tables, tables)
	for i := range whole.Tables {
		require.Equal(t, whole.Tables[i].Counts, got.Tables[i].Counts)
		require.Equal(t, found(whole, compare.Persistent), found(&got, compare.Persistent))
		require.Equal(t, whole.Tables[i].Nodes[0].Digest, got.Tables[i].Nodes[0].Digest)
	}
	lines, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, tables+1, bytes.Count(lines, []byte("\n")), "one line a table: none was done twice")

	req := resumed(dsns)
	req.Where = "id > 0"
	_, err = compare.OpenLedger(file, req, true)
	require.ErrorContains(t, err, `where was "" and is "id > 0"`)
	_, err = compare.OpenLedger(file, resumed(dsns), false)
	require.ErrorContains(t, err, "exists")
	// A line that the kill cut off is dropped.
	require.NoError(t, os.WriteFile(file, append(lines, []byte(`{"schema":"pub`)...), 0o600))
	l, err := compare.OpenLedger(file, resumed(dsns), true)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, lines, again)
	t.Log(kills, "kills", scans)
}
