package compare

import (
	"context"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// inspection reads rows of a table again once it is scanned.
type inspection struct {
	*run
	t       *task
	s       *shape
	nodes   []string
	m       method
	b       buckets
	sp      spread
	scans   []scanned                   // of the nodes; nil for keys that were not found by a scan
	odd     []map[int64]bool            // of the nodes: ranges of which an index did not give what the scan saw
	inParts bool                        // one statement has not the time for all of it
	bare    bool                        // without the conditions that rows must meet
	steps   map[string]map[string]int64 // by node: see detection.steps
}

func (r *run) inspect(t *task, s *shape, nodes []string, m method, b buckets, sp spread) *inspection {
	steps := map[string]map[string]int64{}
	for _, n := range nodes {
		steps[n] = map[string]int64{}
	}
	return &inspection{run: r, t: t, s: s, nodes: nodes, m: m, b: b, sp: sp, steps: steps}
}

// readers returns the nodes' sessions, and the statements for each.
func (r *inspection) readers() (sessions []*cluster.Session, qs []statements) {
	for _, n := range r.nodes {
		sessions = append(sessions, r.surveys[n].session)
		qs = append(qs, r.statements(r.t, r.s, n, r.m, r.b))
		if r.bare {
			qs[len(qs)-1].where = ""
		}
	}
	return sessions, qs
}

// parts returns what reads the table in parts on each node.
func (r *inspection) parts() []*detection {
	out := make([]*detection, len(r.nodes))
	for i, n := range r.nodes {
		out[i] = r.detection(r.t, r.s, n, r.m, r.b, r.sp)
		out[i].steps = r.steps[n]
		if r.bare {
			out[i].q.where = ""
		}
	}
	return out
}

// whole does what reads all of the table: in one statement a node, and once more
// in parts when that runs into its timeout.
func (r *inspection) whole(ctx context.Context, fn func() error) error {
	err := r.persist(ctx, r.nodes, fn)
	if timedOut(err) && !r.inParts {
		r.inParts = true
		r.notes.add("a statement for all of the table ran into its timeout; it is read in parts")
		err = r.persist(ctx, r.nodes, fn)
	}
	return err
}
