package compare

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// A statement timeout is told from a DBA's cancel, whatever the server's language.
func TestTimedOut(t *testing.T) {
	s := &cluster.Session{Settings: cluster.Settings{StatementTimeout: time.Minute}}
	for _, c := range []struct {
		message string
		took    time.Duration
		want    bool
	}{
		{"canceling statement due to statement timeout", time.Second, true},
		{"canceling statement due to user request", 2 * time.Minute, false},
		{"storniere Anfrage wegen Zeitüberschreitung der Anfrage", time.Minute + time.Second, true},
		{"storniere Anfrage wegen Benutzeraufforderung", time.Second, false},
	} {
		err := timed(s, time.Now().Add(-c.took), fmt.Errorf("read: %w", &pgconn.PgError{Code: "57014", Message: c.message}))
		require.Equal(t, c.want, timedOut(err), c.message)
		require.ErrorContains(t, err, "read: ")
	}
	require.False(t, timedOut(timed(s, time.Now().Add(-time.Hour), &pgconn.PgError{Code: "40001"})))
	require.NoError(t, timed(s, time.Now(), nil))
}
