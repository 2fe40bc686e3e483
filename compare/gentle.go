package compare

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

// rest waits before a table until load and lag of its nodes are within the
// request's limits, or the time for waiting is used up, and says so.
func (r *run) rest(ctx context.Context, t *task, nodes []string) (note string, err error) {
	if r.req.MaxActive <= 0 && r.req.MaxLag <= 0 {
		return "", nil
	}
	begin := time.Now()
	for {
		var over []string
		for _, n := range nodes {
			why, err := r.strain(ctx, r.surveys[n])
			if err != nil {
				return "", err
			}
			over = append(over, why...)
		}
		waited := time.Since(begin)
		switch {
		case len(over) == 0 && waited < time.Second:
			return "", nil
		case len(over) == 0:
			r.paused += waited
			return fmt.Sprintf("waited %s for load or lag to pass", waited.Round(time.Second)), nil
		case r.paused+waited >= r.req.MaxPause:
			r.paused += waited
			return fmt.Sprintf("went on although the time for waiting was used up: %s", strings.Join(over, "; ")), nil
		}
		r.event("wait: "+strings.Join(over, "; "), t, "", 0, 0)
		if err := sleep(ctx, time.Second); err != nil {
			return "", err
		}
	}
}

// strain lists which limits a node is beyond.
func (r *run) strain(ctx context.Context, v *survey) (over []string, err error) {
	var active int
	var lag int64
	err = v.session.Read(ctx, "read load and lag", func(ctx context.Context, tx pgx.Tx) error {
		// A slot that nobody uses falls behind without end; waiting is no help.
		here := "pg_current_wal_lsn()"
		if v.inRecovery {
			here = "pg_last_wal_replay_lsn()"
		}
		return tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND application_name <> current_setting('application_name')),
			coalesce((SELECT max(pg_wal_lsn_diff(`+here+`, confirmed_flush_lsn))::int8 FROM pg_replication_slots WHERE active AND slot_type = 'logical'), 0)`).Scan(&active, &lag)
	})
	if r.req.MaxActive > 0 && active > r.req.MaxActive {
		over = append(over, fmt.Sprintf("%s has %d sessions at work, more than %d", v.node, active, r.req.MaxActive))
	}
	if r.req.MaxLag > 0 && lag > r.req.MaxLag {
		over = append(over, fmt.Sprintf("%s is %d bytes ahead of a subscriber, more than %d", v.node, lag, r.req.MaxLag))
	}
	return over, err
}

// cannotCompute reports an error about a value (SQLSTATE class 22), or a row
// without a digest.
func cannotCompute(err error) bool {
	if errors.Is(err, errNoDigest) {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(pg.Code, "22")
}
