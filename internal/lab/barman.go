package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

type section struct{ server, node, slot string }

// barmanPlan is one host for each datacenter; that of DR backs up both nodes.
var barmanPlan = []struct {
	name, datacenter string
	sections         []section
}{
	{"barman-a", "A", []section{{"dc1n1", "dc1n1", "barman_a"}}},
	{"barman-b", "B", []section{{"dc2n1", "dc2n1", "barman_b"}}},
	{"barman-dr", "DR", []section{{"dr1n1", "dr1n1", "barman_dr1"}, {"dr1n2", "dr1n2", "barman_dr2"}}},
}

// barmanHost is a Barman with a configuration, home and log of its own. No cron
// daemon runs: the lab calls "barman cron" once, and tests when they want it.
type barmanHost struct {
	name    string
	dir     string
	program string
	account *account

	mu       sync.Mutex
	sections map[string]section // by server; node is where it points now
}

// barmanConfig is the main file in a host's folder.
const barmanConfig = "barman.conf"

func (h *barmanHost) config() string { return filepath.Join(h.dir, barmanConfig) }

// barmanUp brings all hosts up, with a WAL receiver and a first backup each.
func (l *Lab) barmanUp(ctx context.Context) error {
	program, err := findBarman()
	if err != nil {
		return err
	}
	who, err := accountFor("barman")
	if err != nil {
		return err
	}
	// "3.4.0 Barman by EnterpriseDB …"
	if out, err := exec.CommandContext(ctx, program, "--version").Output(); err == nil {
		l.barmanVersion, _, _ = strings.Cut(string(out), " ")
	}
	// On all nodes: a role that only some have is drift, and any may have to
	// become a source.
	if err := l.each(ctx, barmanRolesOn); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, plan := range barmanPlan {
		if only := l.opt.barmanHosts; only != nil && !slices.Contains(only, plan.name) {
			continue
		}
		h := &barmanHost{name: plan.name, dir: filepath.Join(l.Dir, plan.name), program: program, account: who, sections: map[string]section{}}
		for _, s := range plan.sections {
			h.sections[s.server] = s
		}
		l.mu.Lock()
		l.barman[plan.name] = h
		l.mu.Unlock()
		g.Go(func() error { return l.barmanHostUp(ctx, h) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	l.mark("%d Barman hosts stream from their nodes and have a backup of each", len(l.barman))
	return nil
}

func (l *Lab) barmanHostUp(ctx context.Context, h *barmanHost) error {
	if err := h.configure(l); err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	// cron makes the slots and starts the receivers.
	if _, err := h.run(ctx, "-q", "cron"); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range h.sections {
		g.Go(func() error {
			if err := l.streams(ctx, s, true); err != nil {
				return err
			}
			return l.Backup(ctx, h.name, s.server)
		})
	}
	return g.Wait()
}

// Backup has a Barman host archive WAL of one of its servers and take a backup
// of it. Its WAL receiver must run.
func (l *Lab) Backup(ctx context.Context, host, server string) error {
	h := l.host(host)
	n := l.Node(h.section(server).node)
	// switch-wal --force wants a superuser; without it some WAL has to be there to
	// switch. And a segment is archived once the receiver has begun the next one,
	// for which there has to be WAL again: an idle server takes 15 s to write some.
	write := func(ctx context.Context) error {
		return n.Exec(ctx, "SELECT pg_logical_emit_message(true, 'lab', 'barman')")
	}
	if err := write(ctx); err != nil {
		return err
	}
	const segment = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())" // the position that is written lies before the header of a new segment
	before, err := n.Scalar(ctx, segment)
	if err != nil {
		return err
	}
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error {
		_, err := h.run(both, "switch-wal", "--archive", "--archive-timeout", "60", server)
		return err
	})
	g.Go(func() error {
		if err := n.until(both, "it writes the next WAL segment", "SELECT ("+segment+") <> $1", before); err != nil {
			return err
		}
		return write(both)
	})
	if err := g.Wait(); err != nil {
		return err
	}
	_, err = h.run(ctx, "backup", "--wait", server)
	return err
}

// barmanRoles makes the roles with the least that "barman check" and "barman
// backup" ask for, in the database that Barman connects to.
const barmanRoles = `
DO $$ BEGIN
	IF to_regrole('barman') IS NOT NULL THEN RETURN; END IF;
	CREATE ROLE barman LOGIN;
	CREATE ROLE streaming_barman LOGIN REPLICATION;
	GRANT pg_read_all_settings, pg_read_all_stats TO barman;
	IF current_setting('server_version_num')::int >= 150000 THEN
		GRANT pg_checkpoint TO barman;
		GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean) TO barman;
	ELSE
		GRANT EXECUTE ON FUNCTION pg_start_backup(text, boolean, boolean), pg_stop_backup(boolean, boolean), pg_stop_backup() TO barman;
	END IF;
	GRANT EXECUTE ON FUNCTION pg_switch_wal(), pg_create_restore_point(text) TO barman;
END $$`

func barmanRolesOn(ctx context.Context, n *Node) error {
	return n.execIn(ctx, "postgres", barmanRoles)
}

// configure writes the files as Debian's package lays them out: the main file
// with what all servers inherit, and one file a server.
func (h *barmanHost) configure(l *Lab) error {
	for _, dir := range []string{h.dir, filepath.Join(h.dir, "conf.d"), filepath.Join(h.dir, "data")} {
		if err := h.account.mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	main := strings.NewReplacer("DIR", h.dir, "USER", h.account.name).Replace(`[barman]
barman_user = USER
configuration_files_directory = DIR/conf.d
barman_home = DIR/data
log_file = DIR/barman.log
log_level = INFO
compression = gzip
minimum_redundancy = 1
retention_policy = RECOVERY WINDOW OF 7 DAYS
last_backup_maximum_age = 1 DAYS
`)
	if err := os.WriteFile(h.config(), []byte(main), 0o644); err != nil {
		return err
	}
	for _, s := range h.sections {
		if err := h.writeSection(l, s); err != nil {
			return err
		}
	}
	return nil
}

func (h *barmanHost) writeSection(l *Lab, s section) error {
	n := l.Node(s.node)
	text := fmt.Sprintf(`[%[1]s]
description = node %[1]s
conninfo = host=127.0.0.1 port=%[2]d user=barman dbname=postgres
streaming_conninfo = host=127.0.0.1 port=%[2]d user=streaming_barman
backup_method = postgres
streaming_archiver = on
slot_name = %[3]s
create_slot = auto
immediate_checkpoint = true
path_prefix = %[4]s
`, s.server, n.Port, s.slot, l.server.Bin)
	return os.WriteFile(filepath.Join(h.dir, "conf.d", s.server+".conf"), []byte(text), 0o644)
}

func (h *barmanHost) command(ctx context.Context, args ...string) *exec.Cmd {
	return h.account.command(ctx, h.dir, h.program, append([]string{"-c", h.config()}, args...)...)
}

// run runs a Barman command and returns its standard output, also when it
// fails: a failed check still prints its JSON.
func (h *barmanHost) run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := h.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second // should a process it leaves behind keep our pipe
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return stdout.Bytes(), fmt.Errorf("%s: barman %s: %w: %s", h.name, strings.Join(args, " "), err,
			tail(append(stdout.Bytes(), stderr.Bytes()...)))
	}
	return stdout.Bytes(), nil
}

func (l *Lab) barmanUsed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.barman) > 0
}

// host returns a Barman host by name and panics when there is none.
func (l *Lab) host(name string) *barmanHost {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.barman[name]
	if !ok {
		panic(fmt.Sprintf("the lab has no Barman host %q; was it brought up with Barman?", name))
	}
	return h
}

func (h *barmanHost) section(server string) section {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.sections[server]
	if !ok {
		panic(fmt.Sprintf("Barman host %s has no server %q", h.name, server))
	}
	return s
}

// BarmanCommand runs barman on a host and returns its standard output, also
// beside an error. The error wraps an [*exec.ExitError] when barman said no.
func (l *Lab) BarmanCommand(ctx context.Context, host string, args ...string) ([]byte, error) {
	return l.host(host).run(ctx, args...)
}

// BarmanConfig returns the path of a host's configuration file.
func (l *Lab) BarmanConfig(host string) string { return l.host(host).config() }

// streams waits until the section's slot is, or is not, in use.
func (l *Lab) streams(ctx context.Context, s section, want bool) error {
	return l.Node(s.node).until(ctx, fmt.Sprintf("the slot %s is active: %t", s.slot, want),
		"SELECT count(*) FILTER (WHERE active) = $2::int FROM pg_replication_slots WHERE slot_name = $1", s.slot, map[bool]int{true: 1}[want])
}

// StopWALReceiver ends the WAL receiver of one Barman server section.
func (l *Lab) StopWALReceiver(ctx context.Context, host, server string) error {
	h := l.host(host)
	if _, err := h.run(ctx, "receive-wal", "--stop", server); err != nil {
		return err
	}
	return l.streams(ctx, h.section(server), false)
}

// StartWALReceiver starts it again and waits until its slot is active. A
// receiver also needs this after its node was down.
func (l *Lab) StartWALReceiver(ctx context.Context, host, server string) error {
	h := l.host(host)
	// What cron would start, but for this server only. The process outlives the
	// caller's context.
	start := func() (chan struct{}, error) {
		cmd := h.command(context.WithoutCancel(ctx), "-q", "receive-wal", server)
		ended := make(chan struct{})
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("%s: start the WAL receiver of %s: %w", h.name, server, err)
		}
		go func() { _ = cmd.Wait(); close(ended) }()
		return ended, nil
	}
	ended, err := start()
	if err != nil {
		return err
	}
	s := h.section(server)
	ctx, cancel := context.WithTimeoutCause(ctx, waitLimit, errWaitLimit)
	defer cancel()
	for {
		v, err := l.Node(s.node).Scalar(ctx, "SELECT count(*) FILTER (WHERE active) FROM pg_replication_slots WHERE slot_name = $1", s.slot)
		if err == nil && v == "1" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: the WAL receiver of %s does not come up: %w", h.name, server, context.Cause(ctx))
		case <-ended: // its forerunner may not have let go of the lock yet
			time.Sleep(200 * time.Millisecond)
			if ended, err = start(); err != nil {
				return err
			}
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// StartWALReceivers starts those of all sections that a node feeds. One that is
// there already goes on.
func (l *Lab) StartWALReceivers(ctx context.Context, node string) error {
	for _, h := range l.barman {
		for _, s := range h.sections {
			if s.node != node {
				continue
			}
			if err := l.StartWALReceiver(ctx, h.name, s.server); err != nil {
				return err
			}
		}
	}
	return nil
}

// RepointBarman has a server section take its WAL from another node, as an
// operator would in a failure, without telling the plan. The slot it leaves
// stays on the node of the plan and is dropped on any other, so that pointing it
// back heals.
func (l *Lab) RepointBarman(ctx context.Context, host, server, node string) error {
	h := l.host(host)
	from := h.section(server)
	if l.Node(from.node).Running() {
		if err := l.StopWALReceiver(ctx, host, server); err != nil {
			return err
		}
	}
	to := section{server, node, from.slot}
	if err := h.writeSection(l, to); err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	h.mu.Lock()
	h.sections[server] = to
	h.mu.Unlock()
	if err := l.Node(node).Exec(ctx, `SELECT pg_create_physical_replication_slot($1::name, true)
		WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`, to.slot); err != nil {
		return err
	}
	// WAL of the one node does not continue that of the other, and "receive-wal
	// --reset" refuses to go back to a lower position.
	old, err := filepath.Glob(filepath.Join(h.dir, "data", server, "streaming", "*"))
	for _, f := range old {
		err = errors.Join(err, os.Remove(f))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	if err := l.StartWALReceiver(ctx, host, server); err != nil {
		return err
	}
	if from.node != server && from.node != node && l.Node(from.node).Running() { // a section is named after its node in the plan
		return l.Node(from.node).Exec(ctx, "SELECT pg_drop_replication_slot($1::name)", from.slot)
	}
	return nil
}
