package compare

import (
	"context"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// A commit is in the WAL, and so on its way to other nodes, before anyone sees it
// on its own: it waits for a synchronous standby in between, which may be down for
// hours. What others have applied meanwhile differs from what is seen here, rests,
// and is no difference.

// unseen returns the transactions of a server that are committed and that nobody
// there sees yet. With commit timestamps those tell: a transaction gets its own
// before the wait, and keeps the lock on its id, which all may see, until after it.
// (Of a snapshot the ids in progress are none that are younger than all that are
// over.) Else the sessions tell that wait, as far as the role may see what they wait
// for.
func unseen(ctx context.Context, s *cluster.Session, commitTS bool) (map[string]bool, error) {
	sql := "SELECT concat(pid, ' ', xact_start) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	if commitTS {
		sql = "SELECT transactionid::text FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted AND pg_xact_commit_timestamp(transactionid) IS NOT NULL"
	}
	const attempted = "look for commits that wait for a synchronous standby"
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	rows, err := s.Conn.Query(ctx, sql)
	if err != nil {
		return nil, s.Wrap(attempted, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out, s.Wrap(attempted, err)
}

// appear drops those of a node's transactions that are seen by now.
func (f *fencer) appear(ctx context.Context, node string, waiting map[string]bool) error {
	if len(waiting) == 0 {
		return nil
	}
	now, err := unseen(ctx, f.session(node), f.surveys[node].commitTS)
	maps.DeleteFunc(waiting, func(x string, _ bool) bool { return !now[x] })
	return err
}

// invisible is why an edge did not pass because of them.
func invisible(waiting map[string]bool) string {
	return fmt.Sprintf("%s of the provider are committed and not yet seen there, as when a synchronous standby does not answer", counted(len(waiting), "transaction"))
}
