package compare

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// maxAttempts is how often in a row the same thing is tried in vain.
const maxAttempts = 6

// retryPause is the first pause between two attempts; each further one is twice
// as long.
var retryPause = 500 * time.Millisecond

// transient reports whether another attempt may succeed where one failed, and
// after what, in words for the result. SQLSTATEs are those of appendix A of the
// PostgreSQL manual.
func (r *run) transient(err error) (again bool, why string) {
	if errors.Is(err, errAgain) {
		return true, ""
	}
	for _, own := range []error{errPartitions, errRewritten} {
		if errors.Is(err, own) {
			return true, own.Error()
		}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "40001", // serialization failure; on a standby a conflict with recovery
			"40P01", "55P03", // deadlock, lock timeout
			"57P01", "57P02", "57P03", "53300", // terminated, crash, starting up, no free connection
			"25P03", "25P04", "57P05", // idle in transaction, in one at all, or outside of one for too long
			"72000": // snapshot too old
			return true, fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
		}
		return strings.HasPrefix(pg.Code, "08"), fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	switch reason := cluster.ReasonOf(err); reason {
	case cluster.Lost, cluster.Unreachable, cluster.TimedOut:
		return true, map[cluster.Reason]string{cluster.Lost: "its connection was lost", cluster.Unreachable: "it could not be reached", cluster.TimedOut: "it did not answer"}[reason]
	}
	return false, ""
}

// overtime is the error of a statement that was cancelled when the time of one
// was over.
type overtime struct{ error }

func (e overtime) Unwrap() error { return e.error }

// timed marks an error of what began on a session at some moment. SQLSTATE 57014
// says that a statement was cancelled, and its message, in the server's
// language, by whom: so the time tells.
func timed(s *cluster.Session, begin time.Time, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if ok && pg.Code == "57014" && time.Since(begin) >= s.Settings.StatementTimeout*9/10 && !strings.Contains(pg.Message, "user request") {
		return overtime{err}
	}
	return err
}

// timedOut reports whether a statement was ended by the server's timeout, rather
// than by somebody who wants it to end.
func timedOut(err error) bool {
	if errors.As(err, new(overtime)) {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "57014" && strings.Contains(pg.Message, "statement timeout")
}

// mend waits, and connects to a node anew when its session is gone.
func (r *run) mend(ctx context.Context, node string, failures int) error {
	for ; ; failures++ {
		if err := sleep(ctx, retryPause<<min(failures-1, 10)); err != nil {
			return err
		}
		v := r.surveys[node]
		if !v.session.Conn.IsClosed() {
			return nil
		}
		s, err := r.connect(ctx, node)
		if err == nil {
			err = stillItself(ctx, v, s)
		}
		if err == nil {
			v.session.Close()
			v.session = s
			return nil
		}
		s.Close()
		if failures >= maxAttempts {
			return err
		}
	}
}

// stillItself fails when a standby answers where a primary was: behind an address
// that leads to several servers it may lag behind that, and nothing waits for it.
func stillItself(ctx context.Context, v *survey, s *cluster.Session) error {
	if v.inRecovery {
		return nil
	}
	const attempted = "see whether it is the server that it was"
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	var recovering bool
	err := s.Conn.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&recovering)
	if err == nil && recovering {
		err = errors.New("when it was connected to again a standby answered, and before it was none: how far that lags behind is not known")
	}
	return s.Wrap(attempted, err)
}

func (r *run) connect(ctx context.Context, node string) (*cluster.Session, error) {
	return cluster.Open(ctx, node, r.req.Topology.Nodes[node].DSN, r.req.Settings)
}

// persist repeats what reads some nodes, in short transactions and without any
// harm in a repetition, when it fails for a reason that may pass.
func (r *run) persist(ctx context.Context, nodes []string, fn func() error) error {
	for failures := 1; ; failures++ {
		err := fn()
		if err == nil || ctx.Err() != nil {
			return err
		}
		again, why := r.transient(err)
		if !again || failures >= maxAttempts {
			return err
		}
		node := "a node"
		if e, ok := errors.AsType[*cluster.Error](err); ok {
			node = e.Node
		}
		if why != "" {
			r.notes.add(fmt.Sprintf("%s: read again after %s", node, why))
		}
		if err := sleep(ctx, retryPause<<(failures-1)); err != nil {
			return err
		}
		for _, n := range nodes {
			if r.surveys[n].session.Conn.IsClosed() {
				if err := r.mend(ctx, n, 1); err != nil {
					return err
				}
			}
		}
	}
}
