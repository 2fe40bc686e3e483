// Package standin puts a stand-in for the bdr schema of Postgres-BDR and PGD
// on the nodes of a real pglogical mesh, for tests of the readers and checks of
// those flavours: the products themselves cannot be had. What is real in it and
// what is not is told in testdata/standin/README.md.
package standin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// Line is a version line of the stand-in.
type Line struct {
	Name    string // "3.6.4", also in the name of its SQL file
	Num     int    // as bdr_version_num() has it: 30604
	Version string // as the extension has it
	Edition string // SE or EE, 3.x only
}

// Lines are the version lines there are, oldest first.
var Lines = []Line{
	{"3.6.4", 30604, "3.6.4", "EE"},
	{"3.7", 30723, "3.7.23", "EE"},
	{"4", 40400, "4.4.0", ""},
	{"5", 50800, "5.8.0", ""},
	{"6", 60100, "6.1.0", ""},
}

// Dir returns the folder of the SQL files. They are read from the source tree,
// so the package is of use to tests only.
func Dir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "testdata", "standin")
}

// Load puts the stand-in of a version line ("3.6.4") on every node of the lab,
// in place of one that is there. Its settable tables are empty: a healthy group.
func Load(ctx context.Context, l *lab.Lab, line string) error {
	var dsns []string
	for _, n := range l.Nodes() {
		dsns = append(dsns, n.DSN())
	}
	return LoadDSN(ctx, line, dsns...)
}

// Unload removes it from every node of the lab.
func Unload(ctx context.Context, l *lab.Lab) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range l.Nodes() {
		g.Go(func() error { return run(ctx, n.DSN(), unload) })
	}
	return g.Wait()
}

// LoadDSN is [Load] for the databases of connection strings; a role that logs
// in with one must be superuser.
func LoadDSN(ctx context.Context, line string, dsns ...string) error {
	i := slices.IndexFunc(Lines, func(l Line) bool { return l.Name == line })
	if i < 0 {
		return fmt.Errorf("no stand-in for version line %q", line)
	}
	script, err := script(Lines[i])
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, dsn := range dsns {
		g.Go(func() error {
			// A slot is not made in a transaction that has written.
			return run(ctx, dsn, unload, script, groupSlot)
		})
	}
	return g.Wait()
}

const (
	unload = `SET client_min_messages = warning;
DROP EXTENSION IF EXISTS bdr CASCADE;
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'bdr\_%' AND database = current_database() AND NOT active;
DO $$
DECLARE o record;
BEGIN
    FOR o IN SELECT split_part(c, '=', 1) AS name FROM pg_db_role_setting s, unnest(setconfig) c
              WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND setrole = 0 AND c LIKE 'bdr.%' LOOP
        EXECUTE format('ALTER DATABASE %I RESET %s', current_database(), o.name);
    END LOOP;
    FOR o IN SELECT rolname AS name FROM pg_roles WHERE rolname IN ('bdr_superuser', 'bdr_read_all_stats', 'bdr_monitor', 'bdr_application', 'bdr_read_all_conflicts') LOOP
        EXECUTE format('DROP OWNED BY %I', o.name);
        EXECUTE format('DROP ROLE %I', o.name);
    END LOOP;
END
$$;`
	groupSlot = `SELECT pg_create_logical_replication_slot(bdr_standin.group_slot(), 'pglogical_output')`
)

// script is one version line's SQL in the order of loading.
func script(l Line) (string, error) {
	var b strings.Builder
	for _, name := range []string{"0-tables.sql", "", "1-nodes.sql", "2-replication.sql", "line-" + l.Name + ".sql", "9-finish.sql"} {
		if name == "" {
			fmt.Fprintf(&b, "INSERT INTO bdr_standin.setup VALUES (%d, '%s', nullif('%s', ''));\n", l.Num, l.Version, l.Edition)
			continue
		}
		sql, err := os.ReadFile(filepath.Join(Dir(), name))
		if err != nil {
			return "", fmt.Errorf("stand-in: %w", err)
		}
		b.Write(sql)
	}
	return "SET client_min_messages = warning;\n" + b.String(), nil
}

// run executes scripts one after the other, each in a transaction of its own.
func run(ctx context.Context, dsn string, scripts ...string) error {
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("stand-in on %s: cannot connect", schema.Address(dsn))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, s := range scripts {
		if _, err := conn.Exec(ctx, s).ReadAll(); err != nil {
			return fmt.Errorf("stand-in on %s: %w", schema.Address(dsn), err)
		}
	}
	return nil
}
