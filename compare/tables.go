package compare

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/schema"
)

// Tables that one statement a node reads are compared several at once, each over
// one connection to every node; a bigger one is compared by itself, over all of
// them. So there are never more connections than were allowed, and the round trips
// of small tables, which is where their time goes, overlap.

// smallRows is how many rows a table may have for its smallest and largest key
// not to be asked for.
const smallRows = 10_000

// small reports whether one statement reads the table on each node.
func (r *run) small(t *task, nodes []string) bool {
	for _, n := range nodes {
		if t.on[n].pages > min(r.req.first(), 1<<16) {
			return false
		}
	}
	return true
}

// all compares all tasks, in their order, and returns the tables in it, those
// that were begun before the context ended.
func (r *run) all(ctx context.Context, tasks []*task) ([]Table, error) {
	out := make([]*Table, len(tasks))
	crew := []*run{r}
	defer func() { r.dismiss(crew[1:]) }()
	for i := 0; i < len(tasks) && ctx.Err() == nil; {
		n := i // up to here they are small
		for n < len(tasks) && r.small(tasks[n], nodesOn(tasks[n])) {
			n++
		}
		if n-i < 2 || r.atOnce() < 2 {
			r.dismiss(crew[1:])
			crew = crew[:1]
			table, err := r.one(ctx, tasks[i])
			if err != nil {
				return nil, err
			}
			out[i] = table
			i++
			continue
		}
		r.pool.lean()
		crew = r.hire(ctx, crew, min(r.atOnce(), n-i))
		r.pool.width = 1 // the others' are the rest
		err := compareAtOnce(ctx, crew, tasks[i:n], out[i:n])
		r.pool.width = r.req.MaxConnections
		if err != nil {
			return nil, err
		}
		i = n
	}
	tables := make([]Table, 0, len(tasks))
	for _, t := range out {
		if t != nil {
			tables = append(tables, *t)
		}
	}
	return tables, nil
}

func nodesOn(t *task) []string {
	var out []string
	for n := range t.on {
		out = append(out, n)
	}
	return out
}

// atOnce is how many tables are compared at once: one, when limits on rate, load
// or lag say that the nodes come first.
func (r *run) atOnce() int {
	if r.req.MaxRate > 0 || r.req.MaxActive > 0 || r.req.MaxLag > 0 {
		return 1
	}
	return r.req.MaxConnections
}

// compareAtOnce has each of a crew take the next task until none is left.
func compareAtOnce(ctx context.Context, crew []*run, tasks []*task, out []*Table) error {
	todo := make(chan int, len(tasks))
	for i := range tasks {
		todo <- i
	}
	close(todo)
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range crew {
		g.Go(func() error {
			for i := range todo {
				if ctx.Err() != nil {
					return nil
				}
				var err error
				if out[i], err = r.one(ctx, tasks[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// one compares a task, or takes it from the ledger. Its only errors are the
// ledger's.
func (r *run) one(ctx context.Context, t *task) (*Table, error) {
	table, ok := r.req.Ledger.done(t)
	if ok && r.stands(t, table) {
		table.Notes = append(slices.Clone(table.Notes), "finished by an earlier run and taken from its ledger: nothing of it was read again")
	} else {
		table = r.table(ctx, t)
		if ctx.Err() == nil {
			if err := r.req.Ledger.record(t, table); err != nil {
				return nil, err
			}
		}
	}
	if ctx.Err() == nil {
		r.settleAccount(t)
		r.ended(t)
	}
	table.Unfinished = ctx.Err() != nil && table.Verdict == Incomplete
	return &table, nil
}

// hire gives a crew more members, each with a session of its own on every node.
// Where a node has no more to give there are fewer.
func (r *run) hire(ctx context.Context, crew []*run, size int) []*run {
	for len(crew) < size {
		mate := &run{req: r.req, failed: r.failed, surveys: map[string]*survey{}, origins: map[string]map[int64]string{}, notes: &notes{}, tally: r.tally}
		mate.req.MaxConnections = 1
		type answer struct {
			s   *cluster.Session
			err error
		}
		complete := true
		for name, a := range cluster.Each(ctx, r.req.Topology.Nodes, func(ctx context.Context, name string, _ schema.Node) answer {
			if r.surveys[name] == nil {
				return answer{}
			}
			s, err := r.connect(ctx, name)
			return answer{s, err}
		}) {
			if a.err != nil {
				complete = false
			}
			if a.s != nil {
				v := *r.surveys[name]
				v.session = a.s
				mate.surveys[name] = &v
			}
		}
		mate.work()
		if !complete {
			r.dismiss([]*run{mate})
			return crew
		}
		crew = append(crew, mate)
	}
	return crew
}

// dismiss ends the sessions of crew members, and keeps what they waited for.
func (r *run) dismiss(mates []*run) {
	for _, m := range mates {
		for _, e := range m.fencer.edges {
			r.fencer.note(e)
		}
		m.pool.close()
		for _, v := range m.surveys {
			v.session.Close()
		}
	}
}
