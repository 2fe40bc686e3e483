package compare

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// throttle waits until no more rows than MaxRate were read a second.
func (r *run) throttle(ctx context.Context, rows int64, took time.Duration) error {
	if r.req.MaxRate <= 0 {
		return nil
	}
	due := time.Duration(float64(rows) / float64(r.req.MaxRate) * float64(time.Second))
	return sleep(ctx, due-took)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// pauses is the waiting for load and lag of a run.
type pauses struct {
	spent time.Duration // of all tables
	here  time.Duration // of the table under way
	over  string        // what the run went on in spite of, at this table
}

// rest waits before a table until load and lag of its nodes are within the
// request's limits, or the time for waiting is used up.
func (r *run) rest(ctx context.Context, t *task, nodes []string) error {
	r.mu.Lock()
	r.pauses.here, r.pauses.over = 0, ""
	r.mu.Unlock()
	return r.pause(ctx, t.label(), "", func() (over []string, err error) {
		err = r.persist(ctx, nodes, func() error {
			over = nil
			for _, n := range nodes {
				why, err := r.strain(ctx, n, r.surveys[n].session)
				if err != nil {
					return err
				}
				over = append(over, why...)
			}
			return nil
		})
		return over, err
	})
}

// ease waits before a chunk in the same way. It asks over the session that is
// to read the chunk, within its transaction.
func (r *run) ease(ctx context.Context, s *cluster.Session, j Job) error {
	return r.pause(ctx, j.Group.Label, j.Node, func() ([]string, error) { return r.strain(ctx, j.Node, s) })
}

func (r *run) pause(ctx context.Context, label, node string, strained func() ([]string, error)) error {
	if r.req.MaxActive <= 0 && r.req.MaxLag <= 0 {
		return nil
	}
	for {
		r.mu.Lock()
		over := r.pauses.over != ""
		r.mu.Unlock()
		if over {
			return nil // nobody waits any more
		}
		begin := time.Now()
		why, err := strained()
		if err != nil || len(why) == 0 {
			return err
		}
		r.mu.Lock()
		if r.pauses.spent >= r.req.MaxPause {
			r.pauses.over = strings.Join(why, "; ")
			r.notes.add("went on although the time for waiting was used up: " + r.pauses.over)
		}
		over = r.pauses.over != ""
		r.mu.Unlock()
		if over {
			return nil
		}
		r.say("wait: "+strings.Join(why, "; "), label, node)
		if err := sleep(ctx, min(time.Second, r.req.MaxPause)); err != nil {
			return err
		}
		r.mu.Lock()
		r.pauses.spent += time.Since(begin)
		r.pauses.here += time.Since(begin)
		r.mu.Unlock()
	}
}

// strain lists which limits a node is beyond.
func (r *run) strain(ctx context.Context, node string, s *cluster.Session) (over []string, err error) {
	var active int
	var lag int64
	var blind bool
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	// Within a transaction the server shows what it showed before.
	_, err = s.Conn.Exec(ctx, "SELECT pg_stat_clear_snapshot()")
	if err == nil {
		// A slot that nobody uses falls behind without end; waiting is no help.
		here := "pg_current_wal_lsn()"
		if r.surveys[node].inRecovery {
			here = "pg_last_wal_replay_lsn()"
		}
		err = s.Conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND application_name <> current_setting('application_name')),
			coalesce((SELECT max(pg_wal_lsn_diff(`+here+`, confirmed_flush_lsn))::int8 FROM pg_replication_slots WHERE active AND slot_type = 'logical'), 0),
			NOT pg_has_role('pg_read_all_stats', 'USAGE')`).Scan(&active, &lag, &blind)
	}
	if r.req.MaxActive > 0 && blind && err == nil {
		r.notes.once(node + ": how many sessions are at work was not seen, and not waited for: the role may not see what others do (GRANT pg_monitor)")
	}
	if r.req.MaxActive > 0 && active > r.req.MaxActive {
		over = append(over, fmt.Sprintf("%s has %d sessions at work, more than %d", node, active, r.req.MaxActive))
	}
	if r.req.MaxLag > 0 && lag > r.req.MaxLag {
		over = append(over, fmt.Sprintf("%s is %d bytes ahead of a subscriber, more than %d", node, lag, r.req.MaxLag))
	}
	return over, s.Wrap("read load and lag", err)
}

// cannotCompute reports an error about a value (SQLSTATE class 22), or a row
// without a digest.
func cannotCompute(err error) bool {
	return errors.Is(err, errNoDigest) || refusesValue(err)
}
