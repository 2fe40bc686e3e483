package compare

import (
	"fmt"
	"time"
)

// chunkTarget is the time that the size of the next chunk aims at, so that no
// statement is long.
const chunkTarget = 15 * time.Second

// The smallest chunks that a statement timeout is answered with.
const (
	minPages = 8
	minKeys  = 500
)

// next takes the next chunk off what is to be read, such that there is something
// for the other workers too.
func (d *detection) next(workers int) (*piece, Range, bool) {
	for _, p := range d.pieces {
		if len(p.pending) > 0 {
			size := d.steps[p.by]
			if p.byTID {
				size = min(size, tidPages)
			}
			if workers > 1 && p.by == byPages && size < unbounded {
				share := p.length(p.pending[0])/int64(workers) + 1
				size = min(size, max(share, d.first()))
			}
			chunk, rest := p.cut(p.pending[0], size)
			p.pending = append(rest, p.pending[1:]...)
			return p, chunk, true
		}
	}
	return nil, Range{}, false
}

// adapt chooses the size of the next chunk by the time that one took.
func (d *detection) adapt(p *piece, part Range, out Output) {
	step := d.steps[p.by]
	if p.by == "" || p.length(part) < step { // a rest tells little
		return
	}
	target := min(chunkTarget, d.r.req.Settings.StatementTimeout/4)
	took := max(out.Took, time.Millisecond)
	wanted := min(4, max(0.5, float64(target)/float64(took))) * float64(step)
	next := max(min(1024, step), int64(min(wanted, 1<<62))) // keys may lie that far apart
	if rate := d.r.req.MaxRate; rate > 0 && out.Rows > 0 {
		// Waits between chunks are short ones, so that the session is not ended for idleness.
		next = min(next, max(1, int64(float64(step)*float64(rate)*5/float64(out.Rows))))
	}
	d.steps[p.by] = next
}

// missed gives back a chunk that was not read. Was it too big for the statement
// timeout, smaller ones follow.
func (d *detection) missed(p *piece, part Range, epoch int, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if epoch != d.epoch {
		return err
	}
	p.pending = append([]Range{part}, p.pending...)
	if !timedOut(err) {
		return err
	}
	kept := d.keeps(p) // as it was when the job was made
	if p.finer {
		d.again = true
		d.note(fmt.Sprintf("%s: a statement for all of the table ran into its timeout; it is read in parts", d.node))
		return errAgain
	}
	least := map[string]int64{byPages: minPages, byKeys: minKeys}[p.by]
	length := min(p.length(part), d.steps[p.by])
	if length <= least && part.Last && p.by == byPages {
		// It may have grown by any number of pages since it was listed.
		length = 16 * least
		p.size = part.From + length
	}
	if p.by == "" || length <= least {
		return fmt.Errorf("%w (%s cannot be read in smaller parts%s: give it more time, --statement-timeout)", err, part.describe(), p.why)
	}
	d.steps[p.by] = min(d.steps[p.by], max(least, length/4))
	d.note(fmt.Sprintf("%s: a statement ran into its timeout; it is read in smaller parts", d.node))
	if kept {
		return nil
	}
	return errAgain
}

// keeps reports whether the snapshot outlives a statement that is cancelled,
// which costs two round trips each: see Job.Savepoint.
func (d *detection) keeps(p *piece) bool { return p.by != "" && (p.size > 1024 || d.again) }

func (r Range) describe() string {
	switch r.By {
	case byPages:
		return "its pages " + r.String()[len(byPages):]
	case byKeys:
		return "its keys " + r.String()[len(byKeys):]
	}
	return "it"
}
