package compare

import (
	"fmt"
	"sync"
)

// progressed is how far the scan of the table under way is.
type progressed struct {
	label    string
	expected int64 // estimated, over all nodes
	rows     int64
}

func (r *run) event(phase string, t *task, node string, rows, total int64) {
	r.req.Progress(Event{Phase: phase, Table: t.label(), Node: node, TablesDone: int(r.tally.done.Load()), TablesTotal: r.tally.total, Rows: rows, RowsTotal: total})
}

// say reports what happens between two steps of the scan.
func (r *run) say(phase, label, node string) {
	r.mu.Lock()
	p := r.progress
	r.mu.Unlock()
	if p.label != label {
		p = progressed{}
	}
	r.req.Progress(Event{Phase: phase, Table: label, Node: node, TablesDone: int(r.tally.done.Load()), TablesTotal: r.tally.total, Rows: p.rows, RowsTotal: p.expected})
}

// scanning begins the count of a table's rows.
func (r *run) scanning(t *task, nodes []string) {
	r.mu.Lock()
	r.progress = progressed{label: t.label()}
	for _, n := range nodes {
		r.progress.expected += int64(t.on[n].estimate())
	}
	r.mu.Unlock()
	r.say("scan", t.label(), "")
}

// advance counts rows that were read of a node.
func (r *run) advance(t *task, node string, rows int64) {
	r.mu.Lock()
	r.progress.rows += rows
	r.mu.Unlock()
	r.say("scan", t.label(), node)
}

// notes collects what a reader of a table's result should know.
type notes struct {
	mu    sync.Mutex
	texts []string
	times map[string]int
}

// add notes something; what is said again is counted.
func (n *notes) add(text string) {
	if text == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.times == nil {
		n.times = map[string]int{}
	}
	if n.times[text]++; n.times[text] == 1 {
		n.texts = append(n.texts, text)
	}
}

func (n *notes) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]string, len(n.texts))
	for i, text := range n.texts {
		out[i] = text
		if times := n.times[text]; times > 1 {
			out[i] = fmt.Sprintf("%s (%d times)", text, times)
		}
	}
	return out
}
