package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Server is an installation of PostgreSQL that the lab can run.
type Server struct {
	Bin       string // folder with initdb and postgres
	Version   string // "15.18"
	Major     int
	PGLogical bool // pglogical is installed for it
}

// NotFoundError says what the lab needs, is not there, and how to get it.
type NotFoundError struct {
	What    string
	Tried   []string
	Install string
}

// Error renders what is missing, where it was looked for, and the remedy.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s not found (looked at %s): %s", e.What, strings.Join(e.Tried, ", "), e.Install)
}

// serverPatterns are where distributions put initdb: Debian, PGDG on Red Hat,
// EDB, source builds, Homebrew, MacPorts, Alpine.
var serverPatterns = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/edb/as*/bin", "/usr/lib/edb-as/*/bin", "/opt/PostgreSQL/*/bin",
	"/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	"/opt/local/lib/postgresql*/bin", "/usr/libexec/postgresql*",
}

// FindServer returns the installation named by PGCONCORD_PG_BIN; without it the
// one of pg_config; without that the newest in a place where distributions put
// them. With pglogical it skips, after the environment's, any that lacks it. It
// fails with a [*NotFoundError].
func FindServer(ctx context.Context, pglogical bool) (Server, error) {
	missing := &NotFoundError{What: "PostgreSQL server",
		Install: "install it (Debian, Ubuntu: apt-get install postgresql-common postgresql) or set PGCONCORD_PG_BIN to the folder that holds initdb"}
	if pglogical {
		missing.What = "PostgreSQL server with pglogical 2"
		missing.Install = "install both (Debian 12: apt-get install postgresql-15-pglogical; elsewhere postgresql-<major>-pglogical) or set PGCONCORD_PG_BIN to the folder that holds initdb"
	}
	if bin := os.Getenv("PGCONCORD_PG_BIN"); bin != "" {
		s, err := inspect(ctx, bin)
		if err == nil && (s.PGLogical || !pglogical) {
			return s, nil
		}
		missing.Tried = []string{"PGCONCORD_PG_BIN=" + bin}
		return Server{}, missing
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		bin := strings.TrimSpace(string(out))
		if s, err := inspect(ctx, bin); err == nil && (s.PGLogical || !pglogical) {
			return s, nil
		}
		missing.Tried = append(missing.Tried, bin)
	}
	var best Server
	for _, pattern := range serverPatterns {
		missing.Tried = append(missing.Tried, pattern)
		bins, _ := filepath.Glob(pattern)
		for _, bin := range bins {
			if s, err := inspect(ctx, bin); err == nil && (s.PGLogical || !pglogical) && s.Major > best.Major {
				best = s
			}
		}
	}
	if best.Bin == "" {
		return Server{}, missing
	}
	return best, nil
}

// mustFind is FindServer unless a folder is given.
func mustFind(ctx context.Context, bin string, pglogical bool) (Server, error) {
	if bin == "" {
		return FindServer(ctx, pglogical)
	}
	s, err := inspect(ctx, bin)
	if err != nil {
		return Server{}, &NotFoundError{What: "PostgreSQL server", Tried: []string{bin}, Install: err.Error()}
	}
	if pglogical && !s.PGLogical {
		return Server{}, &NotFoundError{What: "pglogical 2", Tried: []string{bin},
			Install: fmt.Sprintf("install it for this server (Debian, Ubuntu: apt-get install postgresql-%d-pglogical)", s.Major)}
	}
	return s, nil
}

var versionPattern = regexp.MustCompile(`\) ((\d+)[.\w]*)`) // "postgres (PostgreSQL) 15.18 (Debian …)", "postgres (EnterpriseDB) 15.4.0"

// inspect asks an installation for its version.
func inspect(ctx context.Context, bin string) (Server, error) {
	for _, f := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(bin, f)); err != nil {
			return Server{}, err
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return Server{}, fmt.Errorf("%s/postgres --version: %w", bin, err)
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return Server{}, fmt.Errorf("%s/postgres --version says %q", bin, out)
	}
	major, err := strconv.Atoi(m[2])
	if err != nil {
		return Server{}, err
	}
	s := Server{Bin: bin, Version: m[1], Major: major}
	for _, pattern := range []string{"../lib/pglogical.*", "../lib/postgresql*/pglogical.*", "../lib64/pgsql/pglogical.*"} {
		if libs, _ := filepath.Glob(filepath.Join(bin, pattern)); len(libs) > 0 {
			s.PGLogical = true
		}
	}
	return s, nil
}

// findBarman returns the barman executable.
func findBarman() (string, error) {
	path, err := exec.LookPath("barman")
	if err != nil {
		return "", &NotFoundError{What: "barman", Tried: []string{"PATH"}, Install: "install it (Debian, Ubuntu: apt-get install barman barman-cli)"}
	}
	return path, nil
}

// TB is the part of testing.TB that [Need] uses.
type TB interface {
	Helper()
	Skipf(format string, a ...any)
	Fatalf(format string, a ...any)
}

// Need is for tests that run servers: it skips the test, with the reason, when
// err is a [*NotFoundError], and fails it on any other error. With
// PGCONCORD_REQUIRE_SERVERS=1 it fails in both cases, so that a CI machine
// which lost its servers does not look healthy.
func Need(t TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if _, ok := errors.AsType[*NotFoundError](err); ok && os.Getenv("PGCONCORD_REQUIRE_SERVERS") == "" {
		t.Skipf("needs real servers: %v", err)
	}
	t.Fatalf("%v", err)
}
