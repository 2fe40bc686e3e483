package catalog

import (
	"context"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// How often walsenders are looked at again, and how long to wait before.
const (
	sendingLooks = 10
	sendingPause = 50 * time.Millisecond
)

// sending looks at the walsenders again while one of a logical slot has not yet
// sent what was flushed when the node was looked at: mostly it was caught in the
// moment of sending it, and only one that stays there has something to send.
func sending(ctx context.Context, s *cluster.Session, p *probe, f *Facts) error {
	for look := 0; look < sendingLooks && slices.ContainsFunc(f.Senders, f.underWay); look++ {
		select {
		case <-ctx.Done():
			return s.Wrap("look at the walsenders again", ctx.Err())
		case <-time.After(sendingPause):
		}
		again := &Facts{}
		if err := run(ctx, s, p, []query{sendersQuery(p)}, again); err != nil {
			return err
		}
		if again.Gap(PartSenders) != nil {
			return nil
		}
		f.Senders = again.Senders
	}
	return nil
}

// underWay reports whether a walsender of a logical slot has WAL to send that
// was flushed when the node was looked at.
func (f *Facts) underWay(s Sender) bool {
	return s.State == "streaming" && s.Sent < f.Server.WALFlush && !s.WaitsForWAL &&
		slices.ContainsFunc(f.Slots, func(x Slot) bool { return x.Type == "logical" && x.ActivePID == s.PID })
}
