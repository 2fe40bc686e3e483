package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/internal/lab/standin"
)

// password is that of the role that the commands log in with; it stands in the
// nodes' own catalogs too.
const password = "c4n4ry/s3cret"

// everyCommand runs every command that connects, with the password given in
// every way there is, and judges what it leaves behind: no password anywhere,
// and nothing on the nodes.
func everyCommand(t *testing.T, l *lab.Lab) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	w := &watched{t: t, l: l, dir: dir, topology: string(l.Topology())}
	w.prepare()
	before := w.state()
	w.runAll()
	t.Run("change nothing", func(t *testing.T) { w.changedNothing(t, before) })
	t.Run("change nothing of groups", func(t *testing.T) { w.groups(t) })
	t.Run("show no password", func(t *testing.T) { w.showNoPassword(t) })
}

// watched is the lab while commands run on it.
type watched struct {
	t        *testing.T
	l        *lab.Lab
	dir      string
	topology string
	runs     int
}

func (w *watched) exec(n *lab.Node, sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, n.Exec(context.Background(), sql, args...), sql)
}

func (w *watched) scalar(n *lab.Node, sql string) string {
	w.t.Helper()
	v, err := n.Scalar(context.Background(), sql)
	require.NoError(w.t, err)
	return v
}

// prepare makes a role that needs its password, puts passwords into the
// catalogs, and quiets what writes on the nodes by itself.
func (w *watched) prepare() {
	grants, err := catalog.Grants(catalog.PGLogical, "canary")
	require.NoError(w.t, err)
	for _, n := range w.l.Nodes() {
		w.exec(n, grants)
		w.exec(n, fmt.Sprintf("ALTER ROLE canary PASSWORD '%s'", password))
		w.exec(n, fmt.Sprintf("UPDATE pglogical.node_interface SET if_dsn = if_dsn || ' password=%s'", password))
		hba := w.scalar(n, "SHOW hba_file")
		old, err := os.ReadFile(hba)
		require.NoError(w.t, err)
		require.NoError(w.t, os.WriteFile(hba, append([]byte("host all canary 127.0.0.1/32 scram-sha-256\n"), old...), 0o600))
		w.exec(n, "ALTER SYSTEM SET autovacuum = off")
		w.exec(n, "ALTER SYSTEM SET checkpoint_timeout = '1h'")
		w.exec(n, "SELECT pg_reload_conf()")
		w.t.Cleanup(func() {
			w.exec(n, "UPDATE pglogical.node_interface SET if_dsn = replace(if_dsn, ' password=' || $1, '')", password)
			w.exec(n, "ALTER SYSTEM RESET autovacuum")
			w.exec(n, "ALTER SYSTEM RESET checkpoint_timeout")
			require.NoError(w.t, os.WriteFile(hba, old, 0o600))
			w.exec(n, "SELECT pg_reload_conf()")
			w.exec(n, "DROP OWNED BY canary")
			w.exec(n, "DROP ROLE canary")
		})
	}
	// A row to be rechecked.
	change := func(by string) {
		require.NoError(w.t, w.l.Node("dc1n2").ExecLocal(context.Background(), "UPDATE shard1.customer SET balance = balance "+by+" WHERE id = 19"))
	}
	change("+ 1")
	w.t.Cleanup(func() { change("- 1") })
	require.NoError(w.t, w.l.Barrier(context.Background()))
	for _, n := range w.l.Nodes() {
		w.exec(n, "VACUUM") // else a SELECT prunes
		w.exec(n, "CHECKPOINT")
	}
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "passfile"), []byte("*:*:*:canary:"+password+"\n"), 0o600))
	spy := filepath.Join(w.dir, "spy")
	require.NoError(w.t, os.WriteFile(spy, []byte(`#!/bin/sh
{ tr '\0' '\n' </proc/$$/environ; tr '\0' ' ' </proc/$$/cmdline; tr '\0' ' ' </proc/$PPID/cmdline; echo; } >>`+w.dir+`/children
exec barman -c `+w.l.BarmanConfig("barman-a")+` "$@"
`), 0o755))
}

// means are the ways of giving the password; each returns the topology and the
// environment for it.
var means = map[string]func(w *watched) (topology string, env []string){
	"keyword": func(w *watched) (string, []string) {
		return w.as("user=canary password='" + password + "'"), nil
	},
	"URI": func(w *watched) (string, []string) {
		return regexp.MustCompile(`host=127.0.0.1 port=(\d+) dbname=app user=pgconcord sslmode=disable`).
			ReplaceAllString(w.topology, "postgresql://canary:"+url.QueryEscape(password)+"@127.0.0.1:$1/app?sslmode=disable"), nil
	},
	"service": func(w *watched) (string, []string) {
		file := filepath.Join(w.dir, "pg_service.conf")
		require.NoError(w.t, os.WriteFile(file, []byte("[canary]\nuser=canary\npassword="+password+"\n"), 0o600))
		return w.as("service=canary"), []string{"PGSERVICEFILE=" + file}
	},
	"passfile": func(w *watched) (string, []string) { return w.as("user=canary passfile=" + w.dir + "/passfile"), nil },
	"PGPASSFILE": func(w *watched) (string, []string) {
		return w.as("user=canary"), []string{"PGPASSFILE=" + w.dir + "/passfile"}
	},
	"PGPASSWORD": func(w *watched) (string, []string) {
		return w.as("user=canary"), []string{"PGPASSWORD=" + password, "PGCONCORD_DSN=host=h password=" + password}
	},
}

func (w *watched) as(user string) string {
	return strings.ReplaceAll(w.topology, "user=pgconcord", user)
}

// run runs the program and keeps its output beside what it writes itself; want
// are the exit codes that will do.
func (w *watched) run(by string, want []int, args ...string) {
	w.t.Helper()
	topology, env := means[by](w)
	topology = strings.Replace(topology, fmt.Sprintf("config: %q", w.l.BarmanConfig("barman-a")), fmt.Sprintf("command: [%q]", filepath.Join(w.dir, "spy")), 1)
	w.runs++
	out := filepath.Join(w.dir, fmt.Sprintf("run%d", w.runs))
	require.NoError(w.t, os.Mkdir(out, 0o755))
	// Not among what is searched: this is where the user put the password.
	plan := filepath.Join(w.dir, "topology.yaml")
	require.NoError(w.t, os.WriteFile(plan, []byte(topology), 0o600))
	var given []string
	for _, a := range args {
		given = append(given, strings.ReplaceAll(a, "TOPOLOGY", plan))
	}
	began := time.Now()
	code, said := runProgram(w.t, out, env, given...)
	w.t.Logf("%s: %s by %s", time.Since(began).Round(10*time.Millisecond), strings.Join(args, " "), by)
	report, _ := os.ReadFile(filepath.Join(out, "report.text"))
	require.Contains(w.t, want, code, "%v by %s: %s%s", args, by, said, report)
}

// runProgram runs the program in a folder, leaves its streams there in the files
// stdout and stderr, and returns the exit code and both texts.
func runProgram(t *testing.T, dir string, env []string, args ...string) (code int, said string) {
	t.Helper()
	cmd := exec.Command("pgconcord", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code, err = exit.ExitCode(), nil
	}
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stdout"), stdout.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stderr"), stderr.Bytes(), 0o600))
	return code, stdout.String() + stderr.String()
}

// everyFormat has a report written in every format there is.
func everyFormat() (args []string) {
	for _, f := range []string{"json", "html", "markdown", "sarif", "junit", "github", "gitlab", "prometheus", "nagios"} {
		args = append(args, "-f", f, "-o", "report."+f)
	}
	return append(args, "-f", "text", "-o", "report.text")
}

// runAll runs every command that connects.
func (w *watched) runAll() {
	done := []int{0, 1} // the dsn of the catalogs is not to the letter that of the plan
	w.run("keyword", done, append([]string{"check", "TOPOLOGY", "-v", "--log-format", "json"}, everyFormat()...)...)
	for _, by := range []string{"service", "passfile", "PGPASSFILE", "PGPASSWORD"} {
		w.run(by, done, "check", "TOPOLOGY", "-v", "-f", "json")
	}
	w.run("URI", done, "facts", "TOPOLOGY", "-v", "-o", "facts.json")
	w.run("keyword", done, append([]string{"report", "TOPOLOGY", "-v", "--history", "nights", "--profile", "bdr-worldwide", "--redact", "none"}, everyFormat()...)...)
	w.run("PGPASSWORD", []int{0}, "verify", "../run7/nights", "-v")
	w.run("service", []int{1}, "compare", "TOPOLOGY", "-v", "--shard", "first", "-o", "rows.json", "--ledger", "rows.ledger", "--differences", "rows.csv")
	w.run("keyword", []int{1}, "compare", "recheck", "../run9/rows.json", "TOPOLOGY", "-v", "-o", "again.json")
	w.run("passfile", []int{0, 1}, "compare", "TOPOLOGY", "--dry-run", "-v")
	w.run("URI", []int{1}, "audit", "TOPOLOGY", "-v", "--joiner", "dc1n2", "--wait", "1s", "-o", "audit.json")
	w.run("keyword", done, "check", "TOPOLOGY", "-v", "--gate", "post-join", "--joiner", "dc1n2")
	w.run("PGPASSWORD", []int{0, 3}, "import", "cluster", "-v", "--dsn", fmt.Sprintf("host=127.0.0.1 port=%d dbname=app user=canary sslmode=disable", w.l.Node("dc1n1").Port), "-o", "draft.yaml")
	// And when the server refuses.
	plan := w.topology
	w.topology = strings.ReplaceAll(plan, "user=pgconcord", "user=nobody password='"+password+"'")
	w.run("PGPASSFILE", []int{3}, "facts", "TOPOLOGY", "-v", "-o", "facts.json")
	w.topology = plan
}

// groups has the catalogs of BDR and PGD, which hold connection strings too,
// read and judged, and nothing changed in them.
func (w *watched) groups(t *testing.T) {
	plan := w.topology
	defer func() { w.topology = plan }()
	w.topology = strings.ReplaceAll(plan, "user=pgconcord", "user=postgres")
	done := []int{0, 1, 3}
	load := func(release string) map[string][]string {
		require.NoError(t, standin.Load(context.Background(), w.l, release))
		require.NoError(t, w.l.Barrier(context.Background()))
		return w.state()
	}
	before := load("3.6.4")
	w.run("PGPASSWORD", done, "facts", "TOPOLOGY", "-v", "-o", "facts.json")
	w.changedNothing(t, before)
	before = load("6")
	w.run("PGPASSWORD", done, "check", "TOPOLOGY", "-v", "-f", "json", "-o", "report.json")
	w.run("PGPASSWORD", done, "import", "cluster", "-v", "--dsn", w.l.Node("dc1n1").DSN(), "-o", "draft.yaml")
	w.changedNothing(t, before)
	require.NoError(w.t, standin.Unload(context.Background(), w.l))
}

// state is what must be the same after as before, for each node, and where its
// WAL ends.
func (w *watched) state() map[string][]string {
	out := map[string][]string{}
	for _, n := range w.l.Nodes() {
		out[n.Name] = []string{w.scalar(n, `SELECT concat_ws(' ', pg_snapshot_xmax(pg_current_snapshot()),
			(SELECT md5(string_agg(concat(oid, relname, relfilenode, relkind, coalesce(relacl::text, '')), ',' ORDER BY oid)) FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace),
			(SELECT md5(string_agg(concat(oid, proname), ',' ORDER BY oid)) FROM pg_proc),
			(SELECT md5(string_agg(concat(oid, typname), ',' ORDER BY oid)) FROM pg_type),
			(SELECT string_agg(concat(oid, nspname), ',' ORDER BY oid) FROM pg_namespace),
			(SELECT string_agg(concat(oid, rolname), ',' ORDER BY oid) FROM pg_roles),
			(SELECT string_agg(concat(setdatabase, '/', setrole, setconfig::text), ',' ORDER BY 1) FROM pg_db_role_setting),
			(SELECT string_agg(concat(slot_name, slot_type, active), ',' ORDER BY slot_name) FROM pg_replication_slots),
			(SELECT string_agg(concat(roname), ',' ORDER BY 1) FROM pg_replication_origin),
			(SELECT count(*) FROM pg_prepared_xacts), (SELECT count(*) FROM pg_largeobject_metadata), (SELECT string_agg(name, ',') FROM pg_ls_dir('pg_snapshots') name),
			(SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgconcord%' AND application_name <> 'pgconcord-lab'))`),
			w.scalar(n, "SELECT pg_current_wal_insert_lsn()")}
	}
	return out
}

// ownWAL are the records that a server writes by itself; it also removes dead
// versions of rows from pages that anybody's SELECT meets, without a
// transaction.
var ownWAL = regexp.MustCompile(`tx: +0, .*desc: (RUNNING_XACTS|CHECKPOINT_ONLINE|SWITCH|PRUNE) `)

func (w *watched) changedNothing(t *testing.T, before map[string][]string) {
	server, err := lab.FindServer(t.Context(), true)
	require.NoError(t, err)
	for name, is := range w.state() {
		was := before[name]
		require.Equal(t, was[0], is[0], name)
		if was[1] == is[1] {
			continue
		}
		n := w.l.Node(name)
		w.exec(n, "SELECT pg_switch_wal()") // the records are on disk then
		out, err := exec.Command(filepath.Join(server.Bin, "pg_waldump"), "-p", filepath.Join(w.scalar(n, "SHOW data_directory"), "pg_wal"), "-s", was[1], "-e", is[1]).CombinedOutput()
		require.NoError(t, err, "%s", out)
		for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			require.Regexp(t, ownWAL, line, name)
		}
	}
}

func (w *watched) showNoPassword(t *testing.T) {
	files, size := 0, 0
	where := []string{filepath.Join(w.dir, "children")}
	for i := range w.runs {
		require.NoError(t, filepath.WalkDir(filepath.Join(w.dir, fmt.Sprintf("run%d", i+1)), func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				where = append(where, path)
			}
			return err
		}))
	}
	for _, path := range where {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, form := range []string{password, url.QueryEscape(password), url.PathEscape(password), strings.ReplaceAll(password, "/", `\/`), "c4n4ry"} {
			require.NotContains(t, string(data), form, path)
		}
		files, size = files+1, size+len(data)
	}
	require.Greater(t, files, 60)
	require.Greater(t, size, 1<<20)
	spied, err := os.ReadFile(filepath.Join(w.dir, "children"))
	require.NoError(t, err)
	require.Contains(t, string(spied), "PATH=", "the environment of Barman's commands was seen")
	require.Contains(t, string(spied), "diagnose")
}
