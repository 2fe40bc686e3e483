package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// home is the folder of a lab, its reaper, and how processes are started in it.
type home struct {
	dir    string
	server Server
	pg     *account
	reaper *reaper
	log    func(format string, a ...any)
}

func newHome(opt Options, server Server) (*home, error) {
	pg, err := accountFor("postgres")
	if err != nil {
		return nil, err
	}
	h := &home{server: server, pg: pg, log: opt.Log}
	if h.log == nil {
		h.log = func(string, ...any) {}
	}
	if h.reaper, err = startReaper(opt.Dir, pg); err != nil {
		return nil, err
	}
	h.dir = h.reaper.dir
	if err := os.WriteFile(h.serviceFile(), []byte("[lab]\n"), 0o644); err != nil {
		_ = h.down()
		return nil, fmt.Errorf("lab folder: %w", err)
	}
	return h, nil
}

func (h *home) down() error {
	releasePorts(h)
	return h.reaper.stop()
}

func (h *home) detach() error { return h.reaper.release() }

func (h *home) serviceFile() string { return filepath.Join(h.dir, "pg_service.conf") }

// Remove ends what was left running by [Lab.Detach] in a folder and removes
// the folder.
func Remove(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("remove lab: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pg_service.conf")); err != nil {
		return fmt.Errorf("remove lab: %s holds no lab: %w", dir, err)
	}
	return teardown(dir, true)
}

// account is who runs a process: nil credentials mean ourselves.
type account struct {
	name string
	uid  int
	gid  int
	cred *syscall.Credential
}

// accountFor returns the named account when we are root, which PostgreSQL and
// Barman refuse to run as, and ourselves otherwise.
func accountFor(name string) (*account, error) {
	if os.Geteuid() != 0 {
		a := &account{name: strconv.Itoa(os.Geteuid()), uid: os.Geteuid(), gid: os.Getegid()}
		if u, err := user.Current(); err == nil { // containers run as ids without a name
			a.name = u.Username
		}
		return a, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, &NotFoundError{What: "account " + name, Tried: []string{err.Error()},
			Install: "install the distribution's package, which creates it, or run as an ordinary user"}
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("account %s: user id %q or group id %q is no number", name, u.Uid, u.Gid)
	}
	return &account{name: name, uid: uid, gid: gid, cred: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// mkdir makes a folder that the account owns.
func (a *account) mkdir(dir string, perm os.FileMode) error {
	if err := os.MkdirAll(dir, perm); err != nil {
		return err
	}
	return a.own(dir)
}

func (a *account) own(path string) error {
	if a.cred == nil {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// command prepares a process of the account that works in dir. The folder is
// how the reaper recognises it. It gets its own session, so that Ctrl-C in our
// terminal does not reach it, and an environment of its own: PGOPTIONS, PGPORT
// and the like of the caller must not leak in.
func (a *account) command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: a.cred}
	cmd.Env = []string{"HOME=" + dir, "USER=" + a.name, "LANG=C", "LC_ALL=C", "TZ=UTC", "PWD=" + dir}
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); k == "PATH" || k == "LD_LIBRARY_PATH" {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	return cmd
}

// Servers starts n plain PostgreSQL servers named n1, n2 …, each with the
// database app, the role pgconcord that may read every table created later,
// and nothing else. The function returned stops them and removes their folder.
func Servers(ctx context.Context, n int, opt Options) ([]*Node, func() error, error) {
	server, err := mustFind(ctx, opt.PGBin, false)
	if err != nil {
		return nil, nil, err
	}
	h, err := newHome(opt, server)
	if err != nil {
		return nil, nil, err
	}
	nodes := make([]*Node, n)
	g, gctx := errgroup.WithContext(ctx)
	for i := range nodes {
		nodes[i] = h.node(fmt.Sprintf("n%d", i+1), opt, nil)
		g.Go(func() error { return nodes[i].create(gctx) })
	}
	stop := func() error {
		for _, n := range nodes {
			n.dropConnections()
		}
		return h.down()
	}
	if err := g.Wait(); err != nil {
		_ = stop()
		return nil, nil, err
	}
	return nodes, stop, nil
}
