// Command schema prints how long a topology takes to load and judge with every
// rule, and how much memory at the most, for growing numbers of nodes; then the
// processor time of whole processes that validate the topology of the
// specification, with the binary that was built.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgconcord/pgconcord/internal/bench/plan"
	"github.com/pgconcord/pgconcord/schema"
)

func main() {
	if len(os.Args) == 2 { // one size, in a process of its own: peak memory is the process's
		n, err := strconv.Atoi(os.Args[1])
		if err == nil {
			err = once(n)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%7s  %9s  %9s  %9s\n", "nodes", "input", "time", "peak")
	for _, n := range []int{6, 60, 600, 3000} {
		c := exec.Command(self, strconv.Itoa(n))
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%d nodes: %v\n", n, err)
			os.Exit(1)
		}
		peak := int64(0)
		if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = u.Maxrss / 1024 // Linux counts kilobytes
		}
		fmt.Printf("%s  %6d MB\n", out, peak)
	}
	if err := processes(20); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// processes runs the built binary n times and prints what the median run took
// of the processors.
func processes(n int) error {
	args := []string{"bin/pgconcord", "validate", "--config", "none", "testdata/topologies/bdr-worldwide.yaml"}
	var took []time.Duration
	for range n {
		c := exec.Command(args[0], args[1:]...)
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
		took = append(took, c.ProcessState.UserTime()+c.ProcessState.SystemTime())
	}
	slices.Sort(took)
	fmt.Printf("\n%s\nprocess time (user and system), median of %d: %.1f ms, from %.1f to %.1f\n", strings.Join(args, " "), n,
		took[n/2].Seconds()*1000, took[0].Seconds()*1000, took[n-1].Seconds()*1000)
	return nil
}

func once(n int) error {
	data := plan.Topology(n)
	start := time.Now()
	p, err := schema.Load(context.Background(), []schema.Input{{Name: "generated.yaml", Data: data}}, schema.Options{})
	if err != nil {
		return err
	}
	took := time.Since(start)
	if len(p.Violations) > 0 {
		return fmt.Errorf("the generated topology breaks a rule: %v", p.Violations[0])
	}
	fmt.Printf("%7d  %6d KB  %6d ms", len(p.Topology.Nodes), len(data)/1024, took.Milliseconds())
	return nil
}
