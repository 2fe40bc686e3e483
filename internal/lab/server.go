package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Node is one PostgreSQL server of the lab.
type Node struct {
	Name string
	Port int

	home   *home
	dir    string // home/name, with data and server.log
	initdb []string
	config []string // after baseConfig

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when the postmaster has ended
	idle   []*pgx.Conn

	localMu sync.Mutex
	local   *pgx.Conn // the session of ExecLocal
}

// baseConfig suits any major from 11 on. There is no Unix socket, so no path
// can be too long for one, and no shared memory outside the data directory that
// a killed server could leave behind.
var baseConfig = []string{
	"listen_addresses = '127.0.0.1'",
	"unix_socket_directories = ''",
	"dynamic_shared_memory_type = mmap",
	"fsync = off",
	"jit = off", // compiling takes seconds for views over empty catalogs
	"wal_level = logical",
	"track_commit_timestamp = on",
	"max_wal_senders = 24",
	"max_replication_slots = 24",
	"max_worker_processes = 32",
	"max_connections = 80",
	"shared_buffers = 16MB",
	"min_wal_size = 32MB",
	"max_wal_size = 256MB",
	"timezone = 'UTC'",
	"log_timezone = 'UTC'",
	"log_line_prefix = '%m [%p] %b %a '",
	"include_if_exists 'port.conf'",
}

func (h *home) node(name string, opt Options, config []string) *Node {
	return &Node{Name: name, home: h, dir: filepath.Join(h.dir, name), initdb: opt.InitDB, config: slices.Concat(config, opt.Config)}
}

func (n *Node) data() string    { return filepath.Join(n.dir, "data") }
func (n *Node) logFile() string { return filepath.Join(n.dir, "server.log") }

// create makes the server's files, with the roles and the database, and starts
// it.
func (n *Node) create(ctx context.Context) error {
	if err := n.home.pg.mkdir(n.dir, 0o755); err != nil {
		return fmt.Errorf("node %s: make its folder: %w", n.Name, err)
	}
	t := templateFor(n.home.server, n.initdb)
	if err := t.copyTo(ctx, n); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	if err := n.configure(n.config); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	return n.firstStart(ctx)
}

// filtersPlugins reports whether the server loads only the output plugins that
// output_plugin_libraries names (the minor releases of August 2026 and later,
// for CVE-2026-6471). An older one does not start with the setting in its file,
// so it is asked first.
func (h *home) filtersPlugins(ctx context.Context) bool {
	out, err := h.pg.command(ctx, h.dir, filepath.Join(h.server.Bin, "postgres"), "--describe-config").Output()
	return err == nil && strings.Contains(string(out), "output_plugin_libraries")
}

func (n *Node) createDatabase(ctx context.Context) error {
	if err := n.execIn(ctx, "postgres", "CREATE DATABASE "+Database+" TEMPLATE template0"); err != nil {
		return err
	}
	return n.Exec(ctx, `
		CREATE ROLE `+Reader+` LOGIN;
		GRANT pg_monitor TO `+Reader+`;
		GRANT SELECT ON pg_replication_origin_status TO `+Reader+`;
		GRANT EXECUTE ON FUNCTION pg_show_replication_origin_status() TO `+Reader+`;
		ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO `+Reader+`;
		ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO `+Reader)
}

// errPortTaken says that somebody else listens on the port.
var errPortTaken = errors.New("port taken")

// firstStart starts the server on a port of its choice.
func (n *Node) firstStart(ctx context.Context) error {
	for range 10 {
		port, err := reservePort(n.home)
		if err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		file := filepath.Join(n.data(), "port.conf")
		if err := os.WriteFile(file, fmt.Appendf(nil, "port = %d\n", port), 0o644); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		if err := n.home.pg.own(file); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		n.Port = port
		if err := n.Start(ctx); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return fmt.Errorf("node %s: start: %w ten times over", n.Name, errPortTaken)
}

// Start starts a stopped node and waits until it answers.
func (n *Node) Start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.runningLocked() {
		return nil
	}
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("node %s: start: %w", n.Name, err)
	}
	defer func() { _ = log.Close() }()
	from, err := log.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("node %s: start: %w", n.Name, err)
	}
	// The server outlives the caller's context, which only bounds the wait.
	cmd := n.home.pg.command(context.WithoutCancel(ctx), n.dir, filepath.Join(n.home.server.Bin, "postgres"), "-D", n.data())
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("node %s: start: %w", n.Name, err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	n.cmd, n.exited = cmd, exited
	for {
		// The pid file, not a connection: another server may have the port.
		if n.ready(cmd.Process.Pid) {
			return nil
		}
		select {
		case <-exited:
			b, _ := os.ReadFile(n.logFile())
			b = b[min(from, int64(len(b))):]
			if strings.Contains(string(b), "could not bind") {
				return fmt.Errorf("node %s: start on port %d: %w", n.Name, n.Port, errPortTaken)
			}
			return fmt.Errorf("node %s: the server ended on start: %s", n.Name, tail(b))
		case <-ctx.Done():
			return fmt.Errorf("node %s: start: %w", n.Name, ctx.Err())
		case <-time.After(15 * time.Millisecond):
		}
	}
}

// ready reads what pg_ctl reads: line 1 of postmaster.pid is the process, line
// 8 its state.
func (n *Node) ready(pid int) bool {
	b, err := os.ReadFile(filepath.Join(n.data(), "postmaster.pid"))
	lines := strings.Split(string(b), "\n")
	return err == nil && len(lines) >= 8 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

// Running reports whether the server runs.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.runningLocked()
}

func (n *Node) runningLocked() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// Crash ends the node at once (SIGQUIT to the postmaster).
func (n *Node) Crash() error {
	return n.end(context.Background(), syscall.SIGQUIT)
}

// Stop shuts the node down in good order, which waits for its subscribers to
// have received everything; a crash when ctx ends before.
func (n *Node) Stop(ctx context.Context) error {
	err := n.end(ctx, syscall.SIGINT)
	if ctx.Err() != nil {
		return errors.Join(err, n.Crash())
	}
	return err
}

// Retire begins a smart shutdown and does not wait for its end, which is that of
// the last client's session.
func (n *Node) Retire() error {
	n.dropConnections()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.runningLocked() {
		return nil
	}
	return n.cmd.Process.Signal(syscall.SIGTERM)
}

func (n *Node) end(ctx context.Context, sig syscall.Signal) error {
	n.dropConnections()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.runningLocked() {
		return nil
	}
	if err := n.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("node %s: end it: %w", n.Name, err)
	}
	select {
	case <-n.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("node %s: shut down: %w", n.Name, ctx.Err())
	}
}

// configure adds lines to postgresql.conf, where the last of a setting counts.
func (n *Node) configure(lines []string) error {
	f, err := os.OpenFile(filepath.Join(n.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// tail returns the last lines of a program's output for an error message.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}
