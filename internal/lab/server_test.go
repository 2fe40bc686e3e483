package lab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func servers(t *testing.T, n int, opt Options) []*Node {
	t.Helper()
	nodes, stop, err := Servers(testContext(t), n, opt)
	Need(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	return nodes
}

func TestServersTakeNothingFromTheCallersEnvironment(t *testing.T) {
	for k, v := range map[string]string{
		"PGOPTIONS": "-c search_path=nowhere", "PGHOST": "192.0.2.1", "PGPORT": "1", "PGUSER": "who", "PGDATABASE": "which",
		"PGSERVICE": "missing", "PGSSLMODE": "verify-full", "PGTARGETSESSIONATTRS": "standby", "PGAPPNAME": "leak", "PGTZ": "Asia/Tokyo", "PGDATA": "/nowhere",
		"TZ": "Asia/Tokyo", "LC_ALL": "tr_TR.UTF-8",
	} {
		t.Setenv(k, v)
	}
	nodes := servers(t, 2, Options{Config: []string{"work_mem = 3MB"}})
	ctx := testContext(t)
	for _, n := range nodes {
		v, err := n.Rows(ctx, "SELECT current_setting('search_path'), current_setting('timezone'), current_setting('application_name'), current_setting('work_mem'), current_database(), current_setting('lc_messages')")
		require.NoError(t, err)
		require.Equal(t, [][]string{{`"$user", public`, "UTC", "pgconcord-lab", "3MB", "app", "C"}}, v)
	}
	require.NotEqual(t, nodes[0].Port, nodes[1].Port)
	require.NoError(t, nodes[0].Exec(ctx, "CREATE TABLE public.t (a int); INSERT INTO t VALUES (1)"))
	v, err := nodes[0].Scalar(ctx, "SELECT has_table_privilege($1, 't', 'SELECT')", Reader)
	require.NoError(t, err)
	require.Equal(t, "t", v)
}

func TestATakenPortIsToldApart(t *testing.T) {
	nodes := servers(t, 1, Options{})
	n, ctx := nodes[0], testContext(t)
	require.GreaterOrEqual(t, n.Port, firstPort)
	require.LessOrEqual(t, n.Port, lastPort)
	require.NoError(t, n.Stop(ctx))
	ln, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", n.Port))
	require.NoError(t, err)
	require.ErrorIs(t, n.Start(ctx), errPortTaken)
	require.NoError(t, ln.Close())
	require.NoError(t, n.Start(ctx))
	require.NoError(t, n.Stop(ctx))
	taken := n.Port
	require.NoError(t, n.firstStart(ctx), "a port of its own choice again")
	require.NotEqual(t, taken, n.Port, "the first one is still held for this lab")
}

func TestServerThatDoesNotStartSaysWhy(t *testing.T) {
	_, err := FindServer(t.Context(), false)
	Need(t, err)
	_, _, err = Servers(testContext(t), 1, Options{Config: []string{"no_such_setting = 1"}})
	require.ErrorContains(t, err, "no_such_setting")
	require.ErrorContains(t, err, "node n1")
}

func TestOutputPluginsAreNamedOnlyWhereTheServerKnowsTheSetting(t *testing.T) {
	pg, err := accountFor("postgres")
	Need(t, err)
	for says, want := range map[string]bool{"output_plugin_libraries\tsuperuser": true, "wal_level\tpostmaster": false} {
		bin, err := os.MkdirTemp(tempBase(), "pgconcord-test-")
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(bin) })
		require.NoError(t, os.Chmod(bin, 0o755))
		script := "#!/bin/sh\n[ \"$1\" = --describe-config ] && echo '" + says + "'\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, "postgres"), []byte(script), 0o755))
		h := &home{dir: bin, pg: pg, server: Server{Bin: bin}}
		require.Equal(t, want, h.filtersPlugins(t.Context()), says)
	}
}

func TestFindServer(t *testing.T) {
	t.Setenv("PGCONCORD_PG_BIN", "/nowhere")
	_, err := FindServer(t.Context(), true)
	var missing *NotFoundError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "PGCONCORD_PG_BIN=/nowhere")
	require.ErrorContains(t, err, "apt-get install")

	bin := t.TempDir()
	for version, want := range map[string]Server{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": {Version: "15.18", Major: 15},
		"postgres (EnterpriseDB) 14.9.0":                       {Version: "14.9.0", Major: 14},
		"postgres (PostgreSQL) 19beta2":                        {Version: "19beta2", Major: 19},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, "postgres"), []byte("#!/bin/sh\necho '"+version+"'\n"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(bin, "initdb"), []byte("#!/bin/sh\n"), 0o755))
		t.Setenv("PGCONCORD_PG_BIN", bin)
		s, err := FindServer(t.Context(), false)
		require.NoError(t, err)
		want.Bin = bin
		require.Equal(t, want, s)
		_, err = FindServer(t.Context(), true)
		require.ErrorAs(t, err, &missing, "it has no pglogical")
	}
}

type fakeTB struct{ skipped, failed string }

func (f *fakeTB) Helper()                        {}
func (f *fakeTB) Skipf(format string, a ...any)  { f.skipped = fmt.Sprintf(format, a...); panic(f) }
func (f *fakeTB) Fatalf(format string, a ...any) { f.failed = fmt.Sprintf(format, a...); panic(f) }

func TestNeed(t *testing.T) {
	try := func(err error) *fakeTB {
		f := &fakeTB{}
		func() {
			defer func() { _ = recover() }()
			Need(f, err)
		}()
		return f
	}
	missing := fmt.Errorf("up: %w", &NotFoundError{What: "barman", Install: "install it"})
	t.Setenv("PGCONCORD_REQUIRE_SERVERS", "")
	require.Equal(t, &fakeTB{}, try(nil))
	require.True(t, strings.Contains(try(missing).skipped, "install it"))
	require.NotEmpty(t, try(os.ErrNotExist).failed)
	t.Setenv("PGCONCORD_REQUIRE_SERVERS", "1")
	require.NotEmpty(t, try(missing).failed)
}
