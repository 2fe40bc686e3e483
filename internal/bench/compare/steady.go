package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	// dirtyLimit is how much the system may still have to write, in kB, when
	// something is measured.
	dirtyLimit = 16 << 10
	// steadyLimit bounds the wait for it.
	steadyLimit = 5 * time.Minute
)

// steady brings the servers to rest before a table is measured, so that what
// comes first does not pay for what was written before it: every row is frozen
// and has its hint bits, everything is on disk, and was read once.
func (b *benchmark) steady(ctx context.Context, table string) error {
	for _, sql := range []string{"VACUUM (FREEZE, ANALYZE) " + table, "CHECKPOINT", "SELECT count(*) FROM " + table, "CHECKPOINT"} {
		if err := b.all(ctx, sql); err != nil {
			return err
		}
	}
	if err := exec.CommandContext(ctx, "sync").Run(); err != nil {
		return fmt.Errorf("write what the system holds: %w", err)
	}
	end := time.Now().Add(steadyLimit)
	for {
		kb, err := dirty()
		if err != nil || kb <= dirtyLimit {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("the machine does not come to rest: %d MB are still to be written", kb>>10)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// dirty is how much the system has to write, in kB.
func dirty() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	total, found := int64(0), 0
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) > 1 && (f[0] == "Dirty:" || f[0] == "Writeback:") {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0, err
			}
			total += kb
			found++
		}
	}
	if found != 2 {
		return 0, errors.New("/proc/meminfo does not tell what is to be written")
	}
	return total, nil
}
