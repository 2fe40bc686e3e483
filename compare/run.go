package compare

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/schema"
)

// run is one comparison under way, or the part of it that works on one table
// beside others.
type run struct {
	req     Request
	surveys map[string]*survey
	failed  map[string]error
	fencer  *fencer
	origins map[string]map[int64]string
	runner  Runner
	pool    *pool
	close   func()

	notes *notes // of the table under way
	tally *tally

	mu       sync.Mutex
	progress progressed
	pauses   pauses
}

// Run compares the tables of the plan and returns what it found. An error means
// that a request names what is not there ([*RequestError]), or that the context
// ended: the result then holds the tables done so far. Whatever else goes wrong is in
// the result, and makes it incomplete.
func Run(ctx context.Context, req Request) (*Result, error) {
	r, tasks, out, err := begin(ctx, req)
	if err != nil {
		return nil, err
	}
	defer r.close()
	r.expect(tasks)
	if out.Tables, err = r.all(ctx, tasks); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		out.Reasons = append(out.Reasons, fmt.Sprintf("interrupted after %d of %d tables", r.tally.done.Load(), r.tally.total))
	}
	out.Fence = r.fencer.report()
	out.Verdict = verdictOf(out)
	out.Finished = time.Now().UTC()
	return out, ctx.Err()
}

// begin connects to the nodes and lists the tables that a request is about. The
// run must be closed unless there is an error.
func begin(ctx context.Context, req Request) (*run, []*task, *Result, error) {
	req = req.defaults()
	if err := req.check(ctx); err != nil {
		return nil, nil, nil, err
	}
	out := &Result{Started: time.Now().UTC(), Mode: req.Mode, Policy: req.Policy.String(), Tables: []Table{}}
	r := &run{req: req, origins: map[string]map[int64]string{}, notes: &notes{}, tally: &tally{}}
	r.open(ctx)
	tasks, reasons, err := planTables(req, r.surveys, r.failed)
	if err == nil {
		err = r.knownColumns()
	}
	if err != nil {
		r.close()
		return nil, nil, nil, err
	}
	out.Reasons = reasons
	return r, tasks, out, nil
}

func verdictOf(r *Result) Verdict {
	v := Match
	if len(r.Reasons) > 0 || len(r.Tables) == 0 {
		v = Incomplete
	}
	for _, t := range r.Tables {
		if t.Verdict == Different {
			return Different
		}
		if t.Verdict == Incomplete {
			v = Incomplete
		}
	}
	return v
}

// open connects to every node of the plan at once: nodes that are not compared
// may still feed those that are, and are asked by the fence.
func (r *run) open(ctx context.Context) {
	type answer struct {
		v   *survey
		err error
	}
	answers := cluster.Each(ctx, r.req.Topology.Nodes, func(ctx context.Context, name string, n schema.Node) answer {
		s, err := cluster.Open(ctx, name, n.DSN, r.req.Settings)
		if err != nil {
			return answer{err: err}
		}
		v, err := look(ctx, s)
		if err != nil {
			s.Close()
			return answer{err: err}
		}
		return answer{v: v}
	})
	r.surveys, r.failed = map[string]*survey{}, map[string]error{}
	for name, a := range answers {
		if a.err != nil {
			r.failed[name] = a.err
		} else {
			r.surveys[name] = a.v
		}
	}
	r.work()
	r.close = func() {
		r.pool.close()
		for _, v := range r.surveys {
			v.session.Close()
		}
	}
}

// work makes what works over the sessions of the surveys.
func (r *run) work() {
	session := func(n string) *cluster.Session { return r.surveys[n].session }
	r.fencer = &fencer{surveys: r.surveys, timeout: r.req.FenceTimeout, static: r.req.Static, session: session,
		edges: map[[2]string]FenceEdge{}, failed: map[[2]string]bool{}, silent: map[string]bool{}}
	for name, n := range r.req.Topology.Nodes {
		r.fencer.silent[name] = n.Kind == schema.KindSubscriberOnly || n.Kind == schema.KindStandby
	}
	r.pool = newPool(r.req.MaxConnections, session, r.connect, r.ease)
	r.runner = r.pool
}
