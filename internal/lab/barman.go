package lab

import (
	"context"
	"errors"
	"path/filepath"
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

type barmanHost struct{ dir string }

func (h *barmanHost) config() string { return filepath.Join(h.dir, "barman.conf") }

func (l *Lab) barmanUp(context.Context) error { return errors.New("not built yet") }

// StopWALReceiver ends the WAL receiver of one Barman server section.
func (l *Lab) StopWALReceiver(ctx context.Context, host, server string) error {
	return errors.New("not built yet")
}

// StartWALReceiver starts it again and waits until its slot is active.
func (l *Lab) StartWALReceiver(ctx context.Context, host, server string) error {
	return errors.New("not built yet")
}
