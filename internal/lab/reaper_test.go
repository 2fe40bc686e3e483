package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// child is a process of its own with a lab, which prints the folder and waits.
func child(kind string) int {
	var dir string
	switch kind {
	case "mesh":
		l, err := Up(context.Background(), Options{Barman: true, barmanHosts: []string{"barman-a"}})
		if err != nil {
			fmt.Println("error", err)
			return 1
		}
		dir = l.Dir
	default:
		nodes, _, err := Servers(context.Background(), 1, Options{})
		if err != nil {
			fmt.Println("error", err)
			return 1
		}
		dir = nodes[0].home.dir
	}
	fmt.Println(dir)
	if kind == "leave" {
		return 0
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test kills us
	return 0
}

// startChild runs this test binary as such a process; binary may be a copy that
// another account can reach.
func startChild(t *testing.T, kind, binary string, attr *syscall.SysProcAttr) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), childEnv+"="+kind)
	cmd.SysProcAttr = attr
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	dir, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	dir = strings.TrimSpace(dir)
	require.DirExists(t, dir)
	return cmd, dir
}

// lives reports whether a process runs; one that waits to be collected does
// not.
func lives(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// mentioning lists the processes whose command line names the folder or that
// work in it: another way than the reaper's own.
func mentioning(dir string) map[int]string {
	found := map[int]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		pid, _ := strconv.Atoi(strings.Split(f, "/")[2])
		line, _ := os.ReadFile(f)
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		if strings.Contains(string(line), dir) || strings.HasPrefix(cwd, dir) {
			found[pid] = strings.ReplaceAll(string(line), "\x00", " ")
		}
	}
	return found
}

func requireGone(t *testing.T, dir string, pids map[int]string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for pid := range pids {
			if lives(pid) {
				return false
			}
		}
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist) && len(mentioning(dir)) == 0
	}, time.Minute, 50*time.Millisecond, "left in %s: %v", dir, mentioning(dir))
}

func needProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/cwd"); err != nil {
		t.Skip("needs /proc to see other processes")
	}
	_, err := FindServer(t.Context(), false)
	Need(t, err)
}

func TestKilledProcessLeavesNothing(t *testing.T) {
	needProc(t)
	other := theLab(t) // two labs at once, in two processes
	_, err := findBarman()
	Need(t, err)
	cmd, dir := startChild(t, "mesh", "/proc/self/exe", nil)
	pids := mentioning(dir)
	var all strings.Builder
	for _, line := range pids {
		all.WriteString(line + "\n")
	}
	for _, what := range []string{"bin/postgres -D", "walsender", "pglogical apply", "receive-wal", "pg_receivewal"} {
		require.Contains(t, all.String(), what)
	}
	require.NoError(t, cmd.Process.Kill())
	requireGone(t, dir, pids)
	require.NoError(t, other.Barrier(testContext(t)), "and the other lab is as it was")
}

// A killed process group, as from a CI runner, must not take the reaper along,
// and neither must a process that ends without a word.
func TestLeftProcessLeavesNothing(t *testing.T) {
	needProc(t)
	cmd, dir := startChild(t, "leave", "/proc/self/exe", nil)
	_ = cmd.Wait()
	requireGone(t, dir, nil)

	cmd, dir = startChild(t, "servers", "/proc/self/exe", &syscall.SysProcAttr{Setpgid: true})
	pids := mentioning(dir)
	require.NotEmpty(t, pids)
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
	requireGone(t, dir, pids)
}

func TestOrdinaryUser(t *testing.T) {
	needProc(t)
	if os.Geteuid() != 0 {
		t.Skip("every test of this run is one of an ordinary user")
	}
	dir, err := os.MkdirTemp("", "pgconcord-test-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	binary := filepath.Join(dir, "lab.test")
	require.NoError(t, os.WriteFile(binary, self, 0o755))
	const nobody = 65534
	cmd, home := startChild(t, "servers", binary, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}})
	st, err := os.Stat(filepath.Join(home, "n1", "data"))
	require.NoError(t, err)
	require.EqualValues(t, nobody, st.Sys().(*syscall.Stat_t).Uid)
	pids := mentioning(home)
	require.NotEmpty(t, pids)
	require.NoError(t, cmd.Process.Kill())
	requireGone(t, home, pids)
}

func TestGivenFolderStaysAndDetachLeavesServersRunning(t *testing.T) {
	needProc(t)
	dir := filepath.Join(tempBase(), fmt.Sprintf("pgconcord-test-%d", os.Getpid()))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	nodes, stop, err := Servers(testContext(t), 1, Options{Dir: dir})
	require.NoError(t, err)
	require.NoError(t, nodes[0].home.detach())
	require.NoError(t, stop(), "the reaper is gone and has done nothing")
	_, err = nodes[0].Scalar(testContext(t), "SELECT 1")
	require.NoError(t, err)
	require.NoError(t, Remove(dir))
	require.NoDirExists(t, dir)
	require.Error(t, Remove(os.TempDir()), "no lab is there")

	_, stop, err = Servers(testContext(t), 1, Options{Dir: dir})
	require.NoError(t, err)
	require.NoError(t, stop())
	require.DirExists(t, dir)
	require.Empty(t, processesIn(dir))
}

// An initdb that is killed leaves its shared memory behind for good.
func TestKilledDuringInitdbLeavesNoSharedMemory(t *testing.T) {
	needProc(t)
	tmp, err := os.MkdirTemp(tempBase(), "pgconcord-test-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	require.NoError(t, os.Chmod(tmp, 0o755))
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"=servers", "TMPDIR="+tmp)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	creator := ""
	require.Eventually(t, func() bool {
		for pid := range mentioning(tmp) {
			creator = strconv.Itoa(pid)
			if slices.Contains(sharedMemoryCreators(t), creator) {
				return true
			}
		}
		return false
	}, time.Minute, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.Eventually(t, func() bool {
		left, _ := os.ReadDir(tmp)
		return len(left) == 0 && len(mentioning(tmp)) == 0
	}, time.Minute, 20*time.Millisecond)
	require.NotContains(t, sharedMemoryCreators(t), creator)
}

// sharedMemoryCreators lists the process that made each System V segment.
func sharedMemoryCreators(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("/proc/sysvipc/shm")
	require.NoError(t, err)
	var pids []string
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 4 {
			pids = append(pids, f[4])
		}
	}
	return pids
}
