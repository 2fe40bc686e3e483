// Command schema prints how long a topology takes to load and judge with every
// rule, and how much memory at the most, for growing numbers of nodes, without
// and with a rule of the house; by how much that grows; and the processor time
// of whole processes that validate the topology of the specification, with the
// binary that was built.
package main

import (
	"cmp"
	"context"
	"encoding/json"
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

// The limits: nodes that the growth is measured between, and how often.
const (
	small, large = 600, 3000
	rounds       = 5
	starts       = 40
)

// houseRule makes the whole package be evaluated: plain data without rules of
// the house take a shorter way.
const houseRule = `package topology

#rules: "house/example-domain": {
	why: "certificates are issued for .example alone"
	violations: [for n, v in nodes if v.dsn !~ "\\.example( |$)" {
		subject: v.dsn, message: "node \(n): the host is outside .example"
	}]
}
`

func main() {
	var err error
	if len(os.Args) == 3 { // one size, in a process of its own: peak memory is the process's
		err = once(os.Args[1], os.Args[2])
	} else {
		err = all()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is what one load took.
type run struct {
	Nodes     int
	Input     int // bytes
	Wall      time.Duration
	Processor time.Duration // user and system
	peak      int64         // kB
}

func all() error {
	if err := sizes("none", "plain data, every rule"); err != nil {
		return err
	}
	if err := sizes("house", "with a rule of the house, and so every definition"); err != nil {
		return err
	}
	return processes(starts)
}

// sizes loads topologies of growing size in turn, round after round, so that
// what else the machine does falls on all of them.
func sizes(policy, title string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	counts := []int{6, 60, small, large}
	runs := map[int][]run{}
	for range rounds {
		for _, n := range counts {
			c := exec.Command(self, strconv.Itoa(n), policy)
			c.Stderr = os.Stderr
			out, err := c.Output()
			if err != nil {
				return fmt.Errorf("%d nodes: %w", n, err)
			}
			var r run
			if err := json.Unmarshal(out, &r); err != nil {
				return fmt.Errorf("%d nodes: %w", n, err)
			}
			if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
				r.peak = u.Maxrss // Linux counts kilobytes
			}
			runs[n] = append(runs[n], r)
		}
	}
	fmt.Printf("%s; medians of %d\n%7s  %9s  %9s  %9s  %9s\n", title, rounds, "nodes", "input", "time", "processor", "peak")
	for _, n := range counts {
		fmt.Printf("%7d  %6d KB  %6d ms  %6d ms  %6d MB\n", runs[n][0].Nodes, runs[n][0].Input/1024,
			wall(runs[n]).Milliseconds(), processor(runs[n]).Milliseconds(), median(runs[n], func(r run) int64 { return r.peak })/1024)
	}
	fmt.Printf("growth from %d to %d nodes: %.1f-fold in time, %.1f-fold in processor time\n\n", small, large,
		wall(runs[large]).Seconds()/wall(runs[small]).Seconds(), processor(runs[large]).Seconds()/processor(runs[small]).Seconds())
	return nil
}

func wall(rs []run) time.Duration { return median(rs, func(r run) time.Duration { return r.Wall }) }

func processor(rs []run) time.Duration {
	return median(rs, func(r run) time.Duration { return r.Processor })
}

func median[T any, V cmp.Ordered](xs []T, of func(T) V) V {
	var vs []V
	for _, x := range xs {
		vs = append(vs, of(x))
	}
	slices.Sort(vs)
	return vs[len(vs)/2]
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
	fmt.Printf("%s\nprocess time (user and system), median of %d: %.1f ms, from %.1f to %.1f\n", strings.Join(args, " "), n,
		took[n/2].Seconds()*1000, took[0].Seconds()*1000, took[n-1].Seconds()*1000)
	return nil
}

// once loads one topology and prints what it took as JSON.
func once(nodes, policy string) error {
	n, err := strconv.Atoi(nodes)
	if err != nil {
		return err
	}
	var opt schema.Options
	if policy == "house" {
		opt.Policy = []schema.Input{{Name: "house.cue", Data: []byte(houseRule)}}
	}
	data := plan.Topology(n)
	start, used := time.Now(), usage()
	p, err := schema.Load(context.Background(), []schema.Input{{Name: "generated.yaml", Data: data}}, opt)
	if err != nil {
		return err
	}
	r := run{Nodes: len(p.Topology.Nodes), Input: len(data), Wall: time.Since(start), Processor: usage() - used}
	if len(p.Violations) > 0 {
		return fmt.Errorf("the generated topology breaks a rule: %v", p.Violations[0])
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// usage is the processor time of this process so far.
func usage() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are constant
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
