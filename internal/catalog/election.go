package catalog

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// secondLook is how long after a doubtful look at consensus the next one is
// taken: Raft's heartbeats come every few hundred milliseconds, and an election
// takes as long as a few of them once it has begun.
const secondLook = 2 * time.Second

// electing reads the node's view of consensus again when the first look at all
// nodes met an election: what is over after a moment is no fault.
func (r *round) electing(ctx context.Context, s *cluster.Session, f *Facts) error {
	if len(f.Raft) == 0 {
		return nil
	}
	if err := r.others(ctx, s); err != nil {
		return err
	}
	r.mu.Lock()
	doubtful := electionUnderWay(r.facts)
	r.mu.Unlock()
	if !doubtful {
		return nil
	}
	select {
	case <-time.After(secondLook):
	case <-ctx.Done():
		return s.Wrap("wait for the end of an election", ctx.Err())
	}
	again := &Facts{}
	err := s.Read(ctx, "read consensus again", func(ctx context.Context, tx pgx.Tx) error {
		p, err := look(ctx, tx)
		if err != nil {
			return err
		}
		return run(ctx, s, p, []query{raftQuery(p)}, again)
	})
	if err != nil || again.Gap(PartRaft) != nil {
		return nil // the first look stands
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Raft = again.Raft
	return nil
}

// electionUnderWay reports whether, in a group, a node stands for election,
// knows no leader, or follows another one than its peers.
func electionUnderWay(facts map[string]*Facts) bool {
	leaders := map[string]string{}
	for _, f := range facts {
		for _, v := range f.Raft {
			if v.State == "RAFT_CANDIDATE" || v.Leader == "" {
				return true
			}
			if known, ok := leaders[v.Group]; ok && known != v.Leader {
				return true
			}
			leaders[v.Group] = v.Leader
		}
	}
	return false
}
