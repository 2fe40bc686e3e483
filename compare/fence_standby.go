package compare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/cluster"
)

// A physical standby may stand for a node: it holds what its primary holds, as
// far as it has replayed it. Whatever feeds the primary is waited for there, and
// then the standby until it has replayed what the primary had written.

// primary returns the node that a standby streams from, "" when it is not among
// those that answered, or when that cannot be told: a node that was a standby of
// another once and was promoted has the other's system, and a timeline of its own.
func (f *fencer) primary(standby string) (found string) {
	for _, name := range slices.Sorted(maps.Keys(f.surveys)) {
		if v, s := f.surveys[name], f.surveys[standby]; !v.inRecovery && v.system != "" && v.system == s.system && v.timeline == s.timeline && v.database == s.database {
			if found != "" {
				return ""
			}
			found = name
		}
	}
	return found
}

// fed returns the nodes that subscriptions feed: those compared, with primaries
// in the place of standbys.
func (f *fencer) fed(compared []string) []string {
	var out []string
	for _, n := range compared {
		if f.surveys[n].inRecovery {
			n = f.primary(n)
		}
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// replays waits for the standbys among the compared nodes.
func (f *fencer) replays(ctx context.Context, compared []string) (out []FenceEdge, err error) {
	for _, s := range compared {
		if !f.surveys[s].inRecovery {
			continue
		}
		e := FenceEdge{Provider: f.primary(s), Subscriber: s}
		if e.Provider == "" {
			e.Reason = "it is a standby, and its primary, which could be asked for its WAL position, is not among the nodes of the plan that answered, or cannot be told from others of its system and timeline"
		} else if err := f.replay(ctx, &e); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func (f *fencer) replay(ctx context.Context, e *FenceEdge) error {
	target, err := flushed(ctx, f.session(e.Provider))
	if err != nil {
		return err
	}
	late, err := unseen(ctx, f.session(e.Provider), f.surveys[e.Provider].commitTS)
	if err != nil {
		return err
	}
	e.LSN = target.String()
	timeout := f.timeout
	if f.failed[[2]string{e.Provider, e.Subscriber}] {
		timeout = min(timeout, 5*time.Second) // it had its chance
	}
	begin := time.Now()
	for {
		reached, err := replayed(ctx, f.session(e.Subscriber))
		if err == nil {
			err = f.appear(ctx, e.Provider, late)
		}
		e.Waited = time.Since(begin)
		switch {
		case err != nil:
			return err
		case reached >= target && len(late) > 0 && e.Waited > timeout:
			e.Reason = invisible(late)
			return nil
		case reached >= target && len(late) == 0:
			e.Passed, e.Reason = true, ""
			return nil
		case e.Waited > timeout:
			e.Reason = fmt.Sprintf("not replayed within %s: %d bytes are outstanding", timeout, target.Since(reached))
			return nil
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func replayed(ctx context.Context, s *cluster.Session) (catalog.LSN, error) {
	var text string
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	// A standby that was promoted has replayed all there was; what it wrote since
	// is its own.
	if err := s.Conn.QueryRow(ctx, "SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')::text").Scan(&text); err != nil {
		return 0, s.Wrap("read the replay position", err)
	}
	return catalog.ParseLSN(text)
}
