package barman

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Command is a subcommand of Barman and what it does beside answering.
type Command struct {
	Name     string
	ReadOnly bool   // changes nothing on the Barman host nor on the source
	Effect   string // what it reads, or what it changes
}

// Commands says which of Barman's commands only read. pgconcord runs diagnose
// and replication-status, and list-backups and show-servers where diagnose did
// not answer; nothing else, and never one that is not ReadOnly. The output of
// `check` is judged when somebody saved it. (Every command, also one that only
// reads, appends to Barman's own log file.)
//
// Source: Barman's documentation and the source of its versions 2.8 to 3.17.
var Commands = []Command{
	{"check", false, "makes missing directories; from 3.15 it may force a checkpoint and a WAL switch on the source when the archive is empty"},
	{"diagnose", true, "configuration, state and backups of all servers as JSON; asks the source over both connections, and the system for versions"},
	{"list-backups", true, "the catalog"},
	{"list-files", true, "files of one backup"},
	{"list-servers", true, "names and descriptions of the sections"},
	{"replication-status", true, "streaming clients of the source, from pg_stat_replication"},
	{"show-backup", true, "one backup of the catalog"},
	{"show-servers", true, "configuration and state of the sections; asks the source over both connections"},
	{"status", true, "a summary of the section; asks the source"},
	{"sync-info", true, "state of the synchronisation with a passive node"},
	{"archive-wal", false, "moves received WAL into the archive"},
	{"backup", false, "takes a base backup"},
	{"check-backup", false, "may set the status of a backup that waited for WAL"},
	{"check-wal-archive", true, "whether the archive is empty"},
	{"config-switch", false, "switches a configuration model on or off"},
	{"config-update", false, "writes .barman.auto.conf"},
	{"cron", false, "makes slots, starts receivers, archives WAL, deletes by retention policy"},
	{"delete", false, "deletes a backup and WAL"},
	{"generate-manifest", false, "writes backup_manifest"},
	{"get-wal", true, "one WAL file"},
	{"keep", false, "tags a backup"},
	{"lock-directory-cleanup", false, "removes lock files"},
	{"put-wal", false, "stores a WAL file"},
	{"rebuild-xlogdb", false, "rewrites the WAL catalog"},
	{"receive-wal", false, "receives WAL; makes, resets or drops the slot"},
	{"recover", false, "restores a backup"},
	{"restore", false, "restores a backup"},
	{"switch-wal", false, "closes a WAL segment on the source"},
	{"sync-backup", false, "copies a backup from another Barman"},
	{"sync-wals", false, "copies WAL from another Barman"},
	{"verify-backup", true, "reads a whole backup against its manifest"},
}

// CommandTimeout is how long one Barman command may take. Barman itself waits
// up to check_timeout (30 s) for a source that does not answer.
const CommandTimeout = 45 * time.Second

const maxOutput = 64 << 20

// runner runs commands of one host.
type runner struct {
	prefix  []string
	timeout time.Duration
}

// describe renders the command for people; a prefix holds no secret unless the
// user put one there.
func (r runner) describe(args ...string) string {
	return scrub(strings.Join(append(append([]string{}, r.prefix...), args...), " "))
}

// run runs one command that only reads and returns its standard output, also
// when the command ended with an error but printed JSON. Standard error comes
// back as text without secrets.
func (r runner) run(ctx context.Context, args ...string) (out []byte, stderr string, err error) {
	if !readsOnly(args) {
		return nil, "", fmt.Errorf("%s: not run, since it does not only read", r.describe(args...))
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.prefix[0], append(append([]string{}, r.prefix[1:]...), args...)...)
	stdout, errout := &limited{max: maxOutput}, &limited{max: 64 << 10}
	cmd.Stdout, cmd.Stderr = stdout, errout
	cmd.Env = withoutSecrets(os.Environ())
	// A session of its own: ssh cannot ask for a password on the terminal, and
	// what the command started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err = cmd.Run()
	stderr = strings.TrimSpace(scrub(errout.String()))
	switch {
	case stdout.cut:
		return nil, stderr, fmt.Errorf("%s: more than %d MiB of output", r.describe(args...), maxOutput>>20)
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return nil, stderr, fmt.Errorf("%s: no answer within %s", r.describe(args...), r.timeout)
	case ctx.Err() != nil:
		return nil, stderr, fmt.Errorf("%s: %w", r.describe(args...), ctx.Err())
	case err != nil && bytes.IndexByte(stdout.Bytes(), '{') < 0:
		if stderr != "" {
			return nil, stderr, fmt.Errorf("%s: %w: %s", r.describe(args...), err, firstLines(stderr, 3))
		}
		return nil, stderr, fmt.Errorf("%s: %w", r.describe(args...), err)
	}
	return stdout.Bytes(), stderr, nil
}

// withoutSecrets leaves out what is meant for us alone: the password of the
// nodes, which whoever may see the child's environment could read there, and our
// own defaults, which may hold a connection string.
func withoutSecrets(env []string) []string {
	return slices.DeleteFunc(env, func(kv string) bool {
		return strings.HasPrefix(kv, "PGPASSWORD=") || strings.HasPrefix(kv, "PGCONCORD_")
	})
}

// readsOnly reports whether the arguments are those of a command that is listed
// as read-only. Names in the singular are those of Barman before 2.15.
func readsOnly(args []string) bool {
	for i := 0; i < len(args); i++ {
		if args[i] == "-f" {
			i++
			continue
		}
		for _, c := range Commands {
			if args[i] == c.Name || args[i]+"s" == c.Name {
				return c.ReadOnly
			}
		}
		return false
	}
	return false
}

func firstLines(s string, n int) string {
	l := strings.Split(s, "\n")
	return strings.Join(l[:min(n, len(l))], " / ")
}

// limited is a buffer that keeps no more than max bytes.
type limited struct {
	bytes.Buffer
	max int
	cut bool
}

func (l *limited) Write(p []byte) (int, error) {
	if room := l.max - l.Len(); len(p) > room {
		l.cut = true
		l.Buffer.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return l.Buffer.Write(p)
}
