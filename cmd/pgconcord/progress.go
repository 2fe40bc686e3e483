package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pgconcord/pgconcord/compare"
)

// heartbeat is how often a line of progress is written where nobody looks at a
// bar: often enough to see life in a log, seldom enough not to fill it.
const heartbeat = 15 * time.Second

// progress shows how a comparison gets on: bars on a terminal, a line now and
// then otherwise, nothing with --quiet.
type progress struct {
	mu    sync.Mutex
	run   overall
	steps []*step // of the tables under way, in the order of their beginnings
	now   func() time.Time
	show  func(*step) // called under mu; the step may be over
	close func()
}

// step is what happens to one table. Several may be compared at once.
type step struct {
	compare.Event
	pace pace
	over bool
}

// overall is how far all tables are.
type overall struct {
	done, total int // tables
	rows, of    int64
	first       int64 // rows at the first sign of life
	began, last time.Time
}

func (a *app) newProgress() *progress {
	p := &progress{now: time.Now, show: func(*step) {}, close: func() {}}
	switch {
	case a.flags.quiet:
	case isTerminal(a.stderr):
		p.bars(a.stderr)
	default:
		p.lines(a.stderr)
	}
	return p
}

// event takes what the comparer says; it comes from several goroutines, and so
// may be older than what came before it.
func (p *progress) event(e compare.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.run.note(e, now)
	i := slices.IndexFunc(p.steps, func(s *step) bool { return s.Table == e.Table })
	if i < 0 {
		if e.Phase == compare.PhaseDone {
			return // it was done before
		}
		i = len(p.steps)
		p.steps = append(p.steps, &step{})
	}
	s := p.steps[i]
	if s.over = e.Phase == compare.PhaseDone; s.over {
		p.steps = slices.Delete(p.steps, i, i+1)
	} else {
		s.Event = e
		s.pace.note(e, now)
	}
	p.show(s)
}

// stopped takes the progress off the screen and says how far it came, "" when
// that was nowhere.
func (p *progress) stopped() string {
	p.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run.total == 0 {
		return ""
	}
	s := fmt.Sprintf("%d of %d tables", p.run.done, p.run.total)
	for i, at := range p.steps {
		s += []string{", within ", " and "}[min(i, 1)] + at.Table + " (" + at.Phase
		if at.RowsTotal > 0 {
			s += fmt.Sprintf(": %d of about %d rows", at.Rows, at.RowsTotal)
		}
		s += ")"
	}
	return s
}

func (p *progress) bars(w io.Writer) {
	bars := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	// Bars of one priority would change places.
	add := func(priority int, label, what func() string, counters string) *mpb.Bar {
		text := func(f func() string) decor.Decorator { return decor.Any(func(decor.Statistics) string { return f() }) }
		return bars.New(0, mpb.BarStyle().Lbound("").Rbound(""), mpb.BarRemoveOnComplete(), mpb.BarPriority(priority),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return label() }, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CountersNoUnit(counters), text(what)))
	}
	type shown struct {
		bar         *mpb.Bar
		label, what atomic.Value // read by the bars' own goroutine
	}
	loaded := func(v *atomic.Value) func() string { return func() string { s, _ := v.Load().(string); return s } }
	var left atomic.Value
	begun := 0
	tables := add(math.MaxInt, func() string { return "tables" }, loaded(&left), "%d of %d")
	under := map[*step]*shown{}
	p.show = func(s *step) {
		left.Store(p.run.left(len(p.steps)))
		tables.SetTotal(int64(p.run.total), false)
		tables.SetCurrent(int64(p.run.done))
		on := under[s]
		switch {
		case s.over:
			if on != nil {
				on.bar.Abort(true)
				delete(under, s)
			}
			return
		case on == nil:
			on = &shown{}
			begun++
			on.bar = add(begun, loaded(&on.label), loaded(&on.what), "%d of %d rows")
			under[s] = on
		}
		on.label.Store(strings.TrimRight(s.Phase+" "+s.Table, " "))
		text := s.pace.text(s.Event)
		if text != "" {
			text = ", " + text
		}
		on.what.Store(text)
		on.bar.SetTotal(max(s.RowsTotal, s.Rows), false)
		on.bar.SetCurrent(s.Rows)
	}
	p.close = func() {
		p.mu.Lock()
		p.show = func(*step) {}
		for _, on := range under {
			on.bar.Abort(true)
		}
		p.mu.Unlock()
		tables.Abort(true)
		bars.Wait()
	}
}

func (p *progress) lines(w io.Writer) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	tick := time.NewTicker(heartbeat)
	go func() {
		defer close(stopped)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				fmt.Fprintf(w, "pgconcord: %s\n", p.line())
			}
		}
	}()
	p.close = func() {
		close(stop)
		<-stopped
	}
}

// line is one sign of life.
func (p *progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := fmt.Sprintf("%d of %d tables compared", p.run.done, p.run.total) + p.run.left(len(p.steps))
	for _, at := range p.steps {
		s += "; " + strings.TrimRight(at.Phase+" "+at.Table, " ")
		if at.RowsTotal > 0 {
			s += fmt.Sprintf(", %d of about %d rows", at.Rows, at.RowsTotal)
		}
		if text := at.pace.text(at.Event); text != "" {
			s += ", " + text
		}
	}
	return s
}

func (o *overall) note(e compare.Event, now time.Time) {
	if o.began.IsZero() {
		o.began, o.first = now, e.RunRows
	}
	o.last = now
	o.done, o.total = max(o.done, e.TablesDone), e.TablesTotal
	o.rows, o.of = e.RunRows, e.RunRowsTotal
}

// left tells the time that all tables may still take at the pace so far, its
// waits included; "" when no table is left that has not begun, whose own pace
// tells it then, or nothing can be said.
func (o *overall) left(underWay int) string {
	took, read := o.last.Sub(o.began), o.rows-o.first
	if o.done+underWay >= o.total || took < time.Second || read <= 0 || o.of <= o.rows {
		return ""
	}
	return fmt.Sprintf(", about %s left in all", time.Duration(float64(took)/float64(read)*float64(o.of-o.rows)).Round(time.Second))
}

// pace is how fast a step gets on. What an earlier run read is not part of it, and
// waiting is part of the time that is left.
type pace struct {
	table, phase string
	began, last  time.Time
	first        int64 // rows at the step's first sign of life
}

func (p *pace) note(e compare.Event, now time.Time) {
	p.last = now
	if e.Phase != "scan" && e.Phase != "drill" && e.Phase != "recheck" {
		return // a wait within a step
	}
	if p.table != e.Table || p.phase != e.Phase {
		*p = pace{table: e.Table, phase: e.Phase, began: now, last: now, first: e.Rows - e.Resumed}
	}
}

// text tells rate and time left, "" before there is something to tell.
func (p pace) text(e compare.Event) string {
	took := p.last.Sub(p.began)
	read := e.Rows - e.Resumed - p.first
	if p.table != e.Table || took < time.Second || read <= 0 {
		return ""
	}
	rate := float64(read) / took.Seconds()
	s := fmt.Sprintf("%.0f rows/s", rate)
	if left := e.RowsTotal - e.Rows; left > 0 {
		s += fmt.Sprintf(", about %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return s
}
