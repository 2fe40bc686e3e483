package compare

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// pool runs jobs on sessions of this process: the one that a node has anyway,
// and more up to a number, all of a group in one snapshot.
type pool struct {
	width  int                                                           // sessions of a node
	main   func(node string) *cluster.Session                            // the one it has
	open   func(ctx context.Context, n string) (*cluster.Session, error) // another one
	gentle func(context.Context, *cluster.Session, Job) error            // before every job; waits

	mu     sync.Mutex
	groups map[string]*group
	spare  map[string][]*cluster.Session // open and idle, by node
}

func newPool(width int, main func(string) *cluster.Session, open func(context.Context, string) (*cluster.Session, error), gentle func(context.Context, *cluster.Session, Job) error) *pool {
	return &pool{width: width, main: main, open: open, gentle: gentle, groups: map[string]*group{}, spare: map[string][]*cluster.Session{}}
}

// group is an attempt under way.
type group struct {
	mu       sync.Mutex
	lanes    []*lane
	closed   bool // no more lanes
	free     chan *lane
	snapshot Snapshot
	exported string
	files    map[string]string
}

// Width returns how many jobs of a node are run at once.
func (p *pool) Width(string) int { return p.width }

// Run runs one job in its group's snapshot.
func (p *pool) Run(ctx context.Context, job Job) (Output, error) {
	p.mu.Lock()
	g := p.groups[job.Group.ID]
	if g == nil {
		g = &group{free: make(chan *lane, p.width)}
		p.groups[job.Group.ID] = g
	}
	p.mu.Unlock()
	l, err := p.take(ctx, g, job)
	if err != nil {
		return Output{}, err
	}
	defer func() { g.free <- l }()
	if err := p.gentle(ctx, l.session, job); err != nil {
		return Output{}, err
	}
	out := Output{Job: job.ID, Snapshot: g.snapshot, File: g.files[job.Relation], parts: map[int64]part{}}
	begin := time.Now()
	err = l.run(ctx, job, &out)
	out.Took = time.Since(begin)
	return out, timed(l.session, begin, l.wrap("compare "+job.Table, err))
}

// take returns a lane that nobody uses.
func (p *pool) take(ctx context.Context, g *group, job Job) (*lane, error) {
	select {
	case l := <-g.free:
		return l, nil
	default:
	}
	g.mu.Lock()
	if len(g.lanes) < p.width && !g.closed && (job.Group.Several || len(g.lanes) == 0) {
		defer g.mu.Unlock()
		l, err := p.newLane(ctx, g, job)
		if err == nil {
			g.lanes = append(g.lanes, l)
			return l, nil
		}
		if len(g.lanes) == 0 || ctx.Err() != nil {
			return nil, err
		}
		g.closed = true // one connection more is not to be had: the others do
		select {
		case l := <-g.free:
			return l, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	g.mu.Unlock()
	select {
	case l := <-g.free:
		return l, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) newLane(ctx context.Context, g *group, job Job) (*lane, error) {
	l := &lane{node: job.Node}
	if len(g.lanes) == 0 {
		l.main, l.session = true, p.main(job.Node)
		return l, l.lead(ctx, g, job)
	}
	p.mu.Lock()
	if spare := p.spare[job.Node]; len(spare) > 0 {
		l.session, p.spare[job.Node] = spare[len(spare)-1], spare[:len(spare)-1]
	}
	p.mu.Unlock()
	if l.session == nil {
		var err error
		if l.session, err = p.open(ctx, job.Node); err != nil {
			return nil, err
		}
	}
	if err := l.follow(ctx, g, job); err != nil {
		l.session.Close()
		return nil, l.session.Wrap("share the snapshot for "+job.Table, err)
	}
	return l, nil
}

// End ends the group's transactions and keeps what sessions are still good.
func (p *pool) End(id string) {
	p.mu.Lock()
	g := p.groups[id]
	delete(p.groups, id)
	p.mu.Unlock()
	if g == nil {
		return
	}
	for _, l := range g.lanes {
		l.end()
		switch {
		case l.main:
		case l.session.Conn.IsClosed():
			l.session.Close()
		default:
			p.mu.Lock()
			p.spare[l.node] = append(p.spare[l.node], l.session)
			p.mu.Unlock()
		}
	}
}

// close ends the sessions that are its own.
func (p *pool) close() {
	for _, id := range slices.Collect(maps.Keys(p.groups)) {
		p.End(id)
	}
	p.lean()
}

// lean ends the sessions that are its own and idle.
func (p *pool) lean() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sessions := range p.spare {
		for _, s := range sessions {
			s.Close()
		}
	}
	clear(p.spare)
}
