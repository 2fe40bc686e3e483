package catalog

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// ReadEdges reads over an open session what ties a node to the others: flavour,
// local name, members, replication sets, subscriptions, and what is under way in a
// group, and nothing else. The provider of a native subscription may be empty.
// What could not be read is in Gaps.
func ReadEdges(ctx context.Context, s *cluster.Session) (*Facts, error) {
	f := &Facts{Settings: map[string]string{}}
	err := s.Read(ctx, "read what replicates the node", func(ctx context.Context, tx pgx.Tx) error {
		p, err := look(ctx, tx)
		if err != nil {
			return err
		}
		f.Extensions = p.Extensions
		fl, name := detect(p, "")
		f.Flavour = name
		if fl.queries == nil {
			f.Gaps = append(f.Gaps, strangerGaps(p)...)
			return nil
		}
		queries := slices.DeleteFunc(fl.queries(p, name), func(q query) bool {
			return !slices.Contains([]Part{PartNodes, PartSubscriptions, PartSets, PartProgress}, q.part)
		})
		return run(ctx, s, p, queries, f)
	})
	return f, err
}
