package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// reasonOf sorts a driver's error; connecting says that no session was there
// yet. SQLSTATEs are those of appendix A of the PostgreSQL manual.
func reasonOf(err error, connecting bool) Reason {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return reasonOfState(pg.Code, connecting)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Interrupted
	case connecting:
		return Unreachable
	case errors.Is(err, context.DeadlineExceeded), pgconn.Timeout(err):
		return TimedOut
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Lost
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return Lost
	}
	return Failed
}

func reasonOfState(code string, connecting bool) Reason {
	switch {
	case strings.HasPrefix(code, "28"), code == "3D000", connecting && (code == "42501" || code == "42704" || code == "55000"):
		return Refused // password, role, pg_hba.conf, database, CONNECT right, a database that is closed
	case code == "53300", connecting && code == "57P03", connecting && code == "57P01":
		return Unreachable // no free connection, starting up, shutting down
	case code == "42501":
		return Denied
	case code == "57014", code == "55P03", code == "25P04":
		return TimedOut // statement, lock, transaction
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"), code == "25P03":
		return Lost
	case connecting && strings.HasPrefix(code, "0"):
		return Unreachable
	}
	return Failed
}
