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
	// replyMoment is how much of what was sent may be on its way to be applied, in
	// bytes, for an answer to be expected within these looks.
	replyMoment = 1 << 20
)

// sending looks at the walsenders again while one of a logical slot has not yet
// sent what was flushed when the node was looked at: mostly it was caught in the
// moment of sending it, and only one that stays there has something to send. The
// same holds of one whose subscriber has not yet answered: reading itself may log
// a few bytes (pruned pages), which are flushed when it ends.
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
// was flushed when the node was looked at, or waits for the answer to the last of
// it.
func (f *Facts) underWay(s Sender) bool {
	sending := s.Sent < f.Server.WALFlush && !s.WaitsForWAL
	sent := min(s.Sent, f.Server.WALFlush)
	answering := s.Replay != 0 && s.Replay < sent && sent.Since(s.Replay) <= replyMoment
	return s.State == "streaming" && (sending || answering) &&
		slices.ContainsFunc(f.Slots, func(x Slot) bool { return x.Type == "logical" && x.ActivePID == s.PID })
}
