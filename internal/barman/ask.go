package barman

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// ask runs Barman on the host: diagnose, which has nearly everything, and
// replication-status; then what diagnose did not give.
func (h *Host) ask(ctx context.Context, run runner) {
	type answer struct {
		command string
		args    []string
		out     []byte
		err     error
	}
	clients := answer{command: "replication-status", args: []string{"-f", "json", "replication-status", "all"}}
	all := answer{command: "diagnose", args: []string{"diagnose"}}
	var wg sync.WaitGroup
	for _, a := range []*answer{&all, &clients} {
		wg.Go(func() { a.out, _, a.err = run.run(ctx, a.args...) })
	}
	wg.Wait()

	take := func(a *answer) bool {
		if a.err == nil {
			a.err = h.take(reading{command: a.command, origin: Origin{From: run.describe(a.args...), At: now()}, all: true}, a.out)
		}
		if a.err != nil {
			h.Gaps = append(h.Gaps, a.err.Error())
		}
		return a.err == nil
	}
	more := func(command string) {
		name := command
		if h.Version != "" && !atLeast(h.Version, 2, 15) {
			name = strings.TrimSuffix(command, "s")
		}
		a := answer{command: command, args: []string{"-f", "json", name, "all"}}
		a.out, _, a.err = run.run(ctx, a.args...)
		take(&a)
	}
	answered := take(&all)
	if !answered && ctx.Err() == nil && clients.err == nil {
		more("show-servers")
	}
	// Before 2.19 diagnose writes times without their zone.
	if (!answered && clients.err == nil || h.zonesMissing()) && ctx.Err() == nil {
		more("list-backups")
	}
	take(&clients)
}

func (h *Host) zonesMissing() bool {
	for _, s := range h.Servers {
		if slices.ContainsFunc(s.Backups.List, func(b Backup) bool { return b.ZoneUnknown }) {
			return true
		}
	}
	return false
}

// atLeast compares a version such as "3.4.0" or "3.17.0a1".
func atLeast(version string, major, minor int) bool {
	p := strings.SplitN(version, ".", 3)
	a, err := strconv.Atoi(p[0])
	if err != nil || len(p) < 2 {
		return false
	}
	b, _ := strconv.Atoi(p[1])
	return a > major || a == major && b >= minor
}

// savedAs maps the beginning of a saved file's name to the command whose output
// it holds; the longest match counts. Singular names are those before 2.15.
var savedAs = []struct{ prefix, command string }{
	{"replication-status", "replication-status"},
	{"show-servers", "show-servers"}, {"list-backups", "list-backups"}, {"list-servers", "list-servers"},
	{"show-server", "show-servers"}, {"show-backup", "show-backup"}, {"list-backup", "list-backups"}, {"list-server", "list-servers"},
	{"diagnose", "diagnose"}, {"status", "status"}, {"check", "check"},
}

// order in which saved outputs are taken: what a later one lacks stays, so the
// richest come last.
var order = []string{"list-servers", "status", "list-backups", "show-servers", "diagnose", "show-backup", "replication-status", "check"}

// readSaved takes the outputs that somebody saved in a folder: COMMAND.json or
// COMMAND-anything.json.
func (h *Host) readSaved(dir string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		h.Gaps = append(h.Gaps, err.Error())
		return
	}
	byCommand := map[string][]string{}
	found := false
	for _, f := range files {
		if f.IsDir() || filepath.Ext(f.Name()) != ".json" {
			continue
		}
		command := commandOf(f.Name())
		if command == "" {
			h.Notices = append(h.Notices, fmt.Sprintf("%s: not named after a Barman command whose output is read", filepath.Join(dir, f.Name())))
			continue
		}
		byCommand[command] = append(byCommand[command], filepath.Join(dir, f.Name()))
		found = true
	}
	if !found {
		h.Gaps = append(h.Gaps, fmt.Sprintf("%s holds no saved output of Barman (diagnose.json, list-backups.json, check.json …)", dir))
	}
	for _, command := range order {
		for _, path := range byCommand[command] {
			if err := h.takeFile(command, path); err != nil {
				h.Gaps = append(h.Gaps, scrub(err.Error()))
			}
		}
	}
}

func (h *Host) takeFile(command, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return h.take(reading{command: command, origin: Origin{From: path, At: info.ModTime().UTC(), Saved: true}}, data)
}

func commandOf(file string) string {
	for _, s := range savedAs {
		if rest, ok := strings.CutPrefix(file, s.prefix); ok && strings.IndexAny(rest, "-_.") == 0 {
			return s.command
		}
	}
	return ""
}
