package cluster

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// server is a bare PostgreSQL server on loopback, one for all tests here.
type server struct {
	dir  string
	port int
	cmd  *exec.Cmd
}

var (
	shared *server
	start  sync.Once
	failed error
)

func startServer(t *testing.T) *server {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if p, err := exec.LookPath("postgres"); err == nil {
		found = append(found, p)
	}
	if len(found) == 0 {
		if os.Getenv("PGCONCORD_REQUIRE_SERVERS") == "1" {
			t.Fatal("no PostgreSQL server binaries were found")
		}
		t.Skip("no PostgreSQL server binaries were found")
	}
	start.Do(func() { shared, failed = launch(filepath.Dir(found[len(found)-1])) })
	require.NoError(t, failed)
	return shared
}

// launch makes and starts a server under the postgres account when we are root.
func launch(bin string) (*server, error) {
	dir, err := os.MkdirTemp("", "pgc")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() == 0 {
		account, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "d")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr = attr
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	hba := "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return nil, err
	}
	for range 5 { // somebody may take the port between our look and the start
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		log, err := os.Create(filepath.Join(dir, "log"))
		if err != nil {
			return nil, err
		}
		s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(s.port), "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
		s.cmd.SysProcAttr, s.cmd.Stdout, s.cmd.Stderr = attr, log, log
		if err := s.cmd.Start(); err != nil {
			return nil, err
		}
		ended := make(chan struct{})
		go func() { _ = s.cmd.Wait(); close(ended) }()
		for up := false; !up; {
			select {
			case <-ended:
				up = true
			case <-time.After(20 * time.Millisecond):
				if c, err := pgx.Connect(context.Background(), s.dsn("postgres", "")); err == nil {
					_ = c.Close(context.Background())
					return s, nil
				}
			}
		}
	}
	text, _ := os.ReadFile(filepath.Join(dir, "log"))
	return nil, fmt.Errorf("the server does not start: %s", text)
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	_ = os.RemoveAll(s.dir)
}

func (s *server) dsn(user, password string) string {
	d := fmt.Sprintf("host=127.0.0.1 port=%d dbname=postgres user=%s", s.port, user)
	if password != "" {
		d += " password=" + password
	}
	return d
}

func (s *server) uri(user, password string) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(user, password), Host: fmt.Sprintf("127.0.0.1:%d", s.port), Path: "/postgres"}
	return u.String()
}

func (s *server) exec(t *testing.T, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.dsn("postgres", "")+" application_name=test options='-c default_transaction_read_only=off'")
	require.NoError(t, err)
	defer func() { _ = c.Close(context.Background()) }()
	_, err = c.Exec(t.Context(), sql)
	require.NoError(t, err)
}

// waitFor waits until the query gives true.
func (s *server) waitFor(t *testing.T, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.dsn("postgres", "")+" application_name=test")
	require.NoError(t, err)
	defer func() { _ = c.Close(context.Background()) }()
	require.Eventually(t, func() bool {
		var ok bool
		return c.QueryRow(t.Context(), sql).Scan(&ok) == nil && ok
	}, time.Minute, 10*time.Millisecond, sql)
}

// freePort finds a free port below the range that outgoing connections use.
func freePort() (int, error) {
	first := 20000 + os.Getpid()%8000
	for p := first; p < first+2000; p++ {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p))
		if err == nil {
			return p, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port from %d on", first)
}

func closedPort(t *testing.T) int {
	p, err := freePort()
	require.NoError(t, err)
	return p
}
