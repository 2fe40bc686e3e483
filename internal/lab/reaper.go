package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The reaper is this very program, started once more with reaperEnv set, in a
// session of its own. It makes the lab's folder, prints its name, and reads
// standard input, a pipe whose other end only we hold: when we end, however we
// end, the kernel closes the pipe, and the reaper ends every process that works
// in the folder and removes it. Down takes the same way, so there is one.
//
// Why not otherwise: a parent-death signal is bound to the thread that forked,
// which Go ends at will, is cleared by the change of credentials that a root
// caller needs, and would not reach the children of the servers. A shell as
// the watcher would have to find processes with the means of whatever shell
// and ps there are.
//
// The hook is this package's init, so it works in the command and in the test
// binary of every package that imports the lab, with no TestMain to forget.
const reaperEnv = "PGCONCORD_LAB_REAPER"

func init() {
	given, ok := os.LookupEnv(reaperEnv)
	if !ok {
		return
	}
	if err := reap(given, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// reap is the whole life of the reaper. given is the folder to work in, or ""
// for a new temporary one, which is removed at the end.
func reap(given string, in io.Reader, out io.Writer) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	dir := given
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp(tempBase(), "pgconcord-lab-"); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // servers of another account pass through it
			return err
		}
	}
	if _, err := fmt.Fprintln(out, dir); err != nil {
		return teardown(dir, given == "")
	}
	said, _ := io.ReadAll(in)
	if string(said) == "release\n" {
		return nil
	}
	return teardown(dir, given == "")
}

// tempBase is the folder for temporary files; /tmp when a root caller's own is
// closed to the account that runs the servers.
func tempBase() string {
	base, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil || os.Geteuid() == 0 && closedPart(base) != "" {
		return "/tmp"
	}
	return base
}

// closedPart returns the folder on the way to dir that other accounts may not
// pass, or "".
func closedPart(dir string) string {
	for {
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm()&0o001 == 0 {
			return dir
		}
		if dir == "/" {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// reaper is our end of a running reaper.
type reaper struct {
	dir    string
	cmd    *exec.Cmd
	pipe   io.WriteCloser
	stderr bytes.Buffer
	done   bool
}

func startReaper(given string, servers *account) (*reaper, error) {
	if given != "" {
		abs, err := filepath.Abs(given)
		if err != nil {
			return nil, fmt.Errorf("lab folder %s: %w", given, err)
		}
		if err := os.MkdirAll(abs, 0o755); err != nil {
			return nil, fmt.Errorf("lab folder: %w", err)
		}
		if given, err = filepath.EvalSymlinks(abs); err != nil {
			return nil, fmt.Errorf("lab folder: %w", err)
		}
		if servers.cred != nil {
			if c := closedPart(given); c != "" {
				return nil, fmt.Errorf("lab folder %s: the account %s, which runs the servers, may not pass %s", given, servers.name, c)
			}
		}
	}
	self := "/proc/self/exe" // works even when the file was replaced since we started
	if runtime.GOOS != "linux" {
		var err error
		if self, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("start the lab's reaper: %w", err)
		}
	}
	r := &reaper{cmd: exec.Command(self)}
	r.cmd.Args = []string{"pgconcord-lab-reaper"}
	r.cmd.Dir = "/"
	r.cmd.Env = append(os.Environ(), reaperEnv+"="+given)
	if _, ok := os.LookupEnv("GORACE"); !ok { // with the race detector it would wait for a second at its end
		r.cmd.Env = append(r.cmd.Env, "GORACE=atexit_sleep_ms=0")
	}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	r.cmd.Stderr = &r.stderr
	var err error
	if r.pipe, err = r.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the lab's reaper: %w", err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the lab's reaper: %w", err)
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the lab's reaper: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = r.cmd.Wait()
		return nil, fmt.Errorf("start the lab's reaper: %s: %w", strings.TrimSpace(r.stderr.String()), err)
	}
	r.dir = strings.TrimSuffix(line, "\n")
	return r, nil
}

// stop has the reaper do its work and waits for its end.
func (r *reaper) stop() error {
	if r.done {
		return nil
	}
	r.done = true
	_ = r.pipe.Close()
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("end the lab in %s: %s: %w", r.dir, strings.TrimSpace(r.stderr.String()), err)
	}
	return nil
}

// release sends the reaper home with its work undone.
func (r *reaper) release() error {
	if r.done {
		return nil
	}
	if _, err := io.WriteString(r.pipe, "release\n"); err != nil {
		return fmt.Errorf("leave the lab in %s running: %w", r.dir, err)
	}
	return r.stop()
}

// teardown ends every process that works in the folder. Barman's are killed.
// PostgreSQL's would leave shared memory behind: postmasters get SIGQUIT and end
// their children, and whatever else there is, such as an initdb under way, ends
// by itself; only what is left after twenty seconds is killed.
func teardown(dir string, remove bool) error {
	patience := time.Now().Add(20 * time.Second)
	giveUp := patience.Add(20 * time.Second)
	asked := map[int]bool{}
	for {
		procs := processesIn(dir)
		if len(procs) == 0 {
			break
		}
		for _, p := range procs {
			switch {
			case p.barman || time.Now().After(patience):
				_ = syscall.Kill(p.pid, syscall.SIGKILL)
			case p.pid == p.postmaster && !asked[p.pid]:
				asked[p.pid] = true
				_ = syscall.Kill(p.pid, syscall.SIGQUIT)
			}
		}
		if time.Now().After(giveUp) {
			return fmt.Errorf("%d processes in %s do not end", len(procs), dir)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !remove {
		return nil
	}
	var err error
	for range 20 { // a process that was just killed may still have made a file
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

type process struct {
	pid        int
	postmaster int // of the data directory it works in; 0 when it works in none
	barman     bool
}

// processesIn returns, by id, the processes whose working directory lies in
// dir: every process of the lab is started there, and PostgreSQL's stay in their
// data directory. Without /proc only postmasters are found, by their pid files;
// their children end by themselves when they do.
func processesIn(dir string) map[int]process {
	procs := map[int]process{}
	cwds, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range cwds {
		cwd, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(cwd, dir+"/") {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil {
			top, _, _ := strings.Cut(strings.TrimPrefix(cwd, dir+"/"), "/")
			_, err := os.Stat(filepath.Join(dir, top, barmanConfig))
			procs[pid] = process{pid, postmasterOf(cwd), err == nil}
		}
	}
	if len(cwds) > 0 {
		return procs
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "data", "postmaster.pid"))
	for _, f := range files {
		if pid := postmasterOf(filepath.Dir(f)); pid != 0 && syscall.Kill(pid, 0) == nil {
			procs[pid] = process{pid: pid, postmaster: pid}
		}
	}
	return procs
}

// postmasterOf reads the process id in a data directory's pid file; 0 when
// there is none.
func postmasterOf(data string) int {
	b, _ := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	line, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(line)
	return pid
}
