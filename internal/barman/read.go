package barman

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pgconcord/pgconcord/schema"
)

// Read asks every Barman host of the plan, all at the same time, by the means
// that the plan gives: its configuration files and home as this machine can
// read them, outputs that somebody saved, its command line. Where two tell the
// same, the command line counts most and the files least. A host that the plan
// gives no means for has only a gap.
// Read returns no error: what could not be read is in [Host.Gaps], by cause.
func Read(ctx context.Context, t *schema.Topology) map[string]*Host {
	names := t.BarmanNames()
	hosts := make([]*Host, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { hosts[i] = readHost(ctx, name, t.Barman[name]) })
	}
	wg.Wait()
	out := make(map[string]*Host, len(names))
	for i, name := range names {
		out[name] = hosts[i]
	}
	return out
}

func readHost(ctx context.Context, name string, plan schema.Barman) *Host {
	h := &Host{Name: name, Servers: map[string]Server{}}
	now := time.Now().UTC()
	if plan.Config != "" {
		h.readConfig(plan.Config, now)
	}
	if plan.JSONDir != "" {
		h.readSaved(plan.JSONDir)
	}
	if len(plan.Command) > 0 {
		h.ask(ctx, runner{prefix: plan.Command, timeout: CommandTimeout})
	}
	if plan.Config == "" && plan.JSONDir == "" && len(plan.Command) == 0 {
		h.Gaps = append(h.Gaps, "the plan gives no way to read this Barman host: its configuration file (config), how to run its commands (command) or a folder of saved outputs (json_dir)")
	}
	h.ignored()
	return h
}

// readConfig reads the host's configuration files and the homes they name.
func (h *Host) readConfig(path string, now time.Time) {
	files, err := readINI(path)
	if err != nil {
		h.Gaps = append(h.Gaps, scrub(err.Error()))
		return
	}
	names := files.servers()
	for _, name := range names {
		s := h.Servers[name]
		s.Name = name
		s.Settings = files.settings(name)
		s.Settings.Origin = Origin{From: path, At: now}
		s.Settings.Local = !files.copied
		if dir := s.Settings.BackupDirectory; dir != "" && !files.copied {
			var gaps []string
			s.Home, s.Backups, gaps = readHome(dir, now)
			for _, g := range gaps {
				h.Gaps = append(h.Gaps, fmt.Sprintf("server %s: %s", name, g))
			}
		}
		h.Servers[name] = s
	}
	for _, f := range files.read {
		h.Reads = append(h.Reads, Reading{What: f, TakenAt: now})
	}
	if files.copied {
		h.Gaps = append(h.Gaps, fmt.Sprintf("%s was copied here from the Barman host: the homes it names are not on this machine", path))
	}
	if len(names) == 0 {
		h.Gaps = append(h.Gaps, fmt.Sprintf("%s leads to no server section: is it the file that Barman uses?", path))
	}
	h.Complete = len(files.gaps) == 0 && len(names) > 0
	h.Gaps = append(h.Gaps, files.gaps...)
}
