package main

import (
	"fmt"
	"io"
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
	mu     sync.Mutex
	latest compare.Event
	pace   pace
	now    func() time.Time
	show   func(compare.Event) // called under mu
	close  func()
}

func (a *app) newProgress() *progress {
	p := &progress{now: time.Now, show: func(compare.Event) {}, close: func() {}}
	switch {
	case a.flags.quiet:
	case isTerminal(a.stderr):
		p.bars(a.stderr)
	default:
		p.lines(a.stderr)
	}
	return p
}

// event takes what the comparer says; it comes from several goroutines.
func (p *progress) event(e compare.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = e
	p.pace.note(e, p.now())
	p.show(e)
}

// done takes the progress off the screen and returns the last thing it showed.
func (p *progress) done() compare.Event {
	p.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest
}

func (p *progress) bars(w io.Writer) {
	bars := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	var what atomic.Value // read by the bars' own goroutine
	what.Store("")
	var pace atomic.Value
	pace.Store("")
	rows := bars.New(0, mpb.BarStyle().Lbound("").Rbound(""), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return what.Load().(string) }, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d rows"), decor.Any(func(decor.Statistics) string { return pace.Load().(string) })))
	tables := bars.New(0, mpb.BarStyle().Lbound("").Rbound(""), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("tables", decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d")))
	p.show = func(e compare.Event) {
		phase := e.Phase
		if e.Table != "" {
			phase += " " + e.Table
		}
		what.Store(phase)
		pace.Store("")
		if text := p.pace.text(e); text != "" {
			pace.Store(", " + text)
		}
		rows.SetTotal(max(e.RowsTotal, e.Rows), false)
		rows.SetCurrent(e.Rows)
		tables.SetTotal(int64(e.TablesTotal), false)
		tables.SetCurrent(int64(e.TablesDone))
	}
	p.close = func() {
		rows.Abort(true)
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
				p.mu.Lock()
				line := progressLine(p.latest, p.pace)
				p.mu.Unlock()
				fmt.Fprintf(w, "pgconcord: %s\n", line)
			}
		}
	}()
	p.close = func() {
		close(stop)
		<-stopped
	}
}

func progressLine(e compare.Event, at pace) string {
	s := fmt.Sprintf("%d of %d tables compared", e.TablesDone, e.TablesTotal)
	if e.Table == "" {
		return s + "; " + e.Phase
	}
	s += fmt.Sprintf("; %s %s", e.Phase, e.Table)
	if e.RowsTotal > 0 {
		s += fmt.Sprintf(", %d of about %d rows", e.Rows, e.RowsTotal)
	}
	if text := at.text(e); text != "" {
		s += ", " + text
	}
	return s
}

// pace is how fast the step under way gets on. What an earlier run read is there
// at once, and waiting is part of the time that is left.
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
		*p = pace{table: e.Table, phase: e.Phase, began: now, last: now, first: e.Rows}
	}
}

// text tells rate and time left, "" before there is something to tell.
func (p pace) text(e compare.Event) string {
	took := p.last.Sub(p.began)
	read := e.Rows - p.first
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
