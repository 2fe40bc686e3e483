package compare

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// progressed is how far the scan of the table under way is.
type progressed struct {
	label    string
	expected int64 // estimated, over all nodes
	rows     int64
	resumed  int64 // of the rows, those that an earlier run had read
}

// tally is how far a run is, over all that work on it.
type tally struct {
	done     atomic.Int64 // tables
	total    int
	rows     atomic.Int64 // read in scans by this run, of all tables and nodes
	expected atomic.Int64 // estimated; of tables that are done what was read of them
}

// expect begins the count of a run.
func (r *run) expect(tasks []*task) {
	r.tally.total = len(tasks)
	for _, t := range tasks {
		r.tally.expected.Add(t.estimate(nodesOn(t)))
	}
}

// estimate returns about how many rows the table has on some nodes.
func (t *task) estimate(nodes []string) (rows int64) {
	for _, n := range nodes {
		rows += int64(t.on[n].estimate())
	}
	return rows
}

func (r *run) event(phase string, t *task, node string, rows, total int64) {
	r.tell(Event{Phase: phase, Table: t.label(), Node: node, Rows: rows, RowsTotal: total})
}

func (r *run) tell(e Event) {
	e.TablesDone, e.TablesTotal = int(r.tally.done.Load()), r.tally.total
	e.RunRows, e.RunRowsTotal = r.tally.rows.Load(), r.tally.expected.Load()
	r.req.Progress(e)
}

// say reports what happens between two steps of the scan.
func (r *run) say(phase, label, node string) {
	r.mu.Lock()
	p := r.progress
	r.mu.Unlock()
	if p.label != label {
		p = progressed{}
	}
	r.tell(Event{Phase: phase, Table: label, Node: node, Rows: p.rows, Resumed: p.resumed, RowsTotal: p.expected})
}

// scanning begins the count of a table's rows, also anew.
func (r *run) scanning(t *task, nodes []string) {
	r.mu.Lock()
	if old := r.progress; old.label == t.label() {
		r.tally.rows.Add(old.resumed - old.rows)
		r.tally.expected.Add(old.resumed)
	}
	r.progress = progressed{label: t.label(), expected: t.estimate(nodes)}
	r.mu.Unlock()
	r.say("scan", t.label(), "")
}

// advance counts rows that were read of a node.
func (r *run) advance(t *task, node string, rows int64) {
	r.mu.Lock()
	r.progress.rows += rows
	r.tally.rows.Add(rows)
	r.mu.Unlock()
	r.say("scan", t.label(), node)
}

// resumed counts rows of a node that an earlier run had read.
func (r *run) resumed(t *task, node string, rows int64) {
	r.mu.Lock()
	r.progress.rows += rows
	r.progress.resumed += rows
	r.tally.expected.Add(-rows)
	r.mu.Unlock()
	r.say("scan", t.label(), node)
}

// settleAccount takes out of what is ahead of the run what a table that is done
// had less than was estimated, or puts in what it had more.
func (r *run) settleAccount(t *task) {
	r.mu.Lock()
	var read int64
	if r.progress.label == t.label() {
		read = r.progress.rows
	}
	r.mu.Unlock()
	r.tally.expected.Add(read - t.estimate(nodesOn(t)))
}

// ended counts a table as done.
func (r *run) ended(t *task) {
	r.tally.done.Add(1)
	r.event(PhaseDone, t, "", 0, 0)
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

// once adds what is true of all times at once.
func (n *notes) once(text string) {
	n.mu.Lock()
	known := n.times[text] > 0
	n.mu.Unlock()
	if !known {
		n.add(text)
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
