package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Ledger is an append-only file of what a comparison has done: every chunk that
// was read, and every table that is finished. It has one JSON document a line,
// each with its checksum. The first line holds what was asked for: a run with
// other settings must not go on with it.
type Ledger struct {
	mu     sync.Mutex
	file   *os.File
	synced time.Time
	dirty  bool
	size   int64                    // of its whole lines
	broken error                    // why nothing can be added any more
	tables map[string]Table         // finished, by label
	plans  map[string]planRecord    // by label, of tables that are not
	read   map[string][]chunkRecord // by label and node
}

// ledgerFormat rises when an old ledger cannot be gone on with.
const ledgerFormat = 4 // 1: could hold a match of rows whose keys a cast had cut; 2: knew no chunks; 3: took columns that were added anew for the old ones

// syncEvery bounds how often the file is synced: tiny tables are done faster
// than that. What a kill leaves unsynced is kept by the system; what a crash of
// the machine takes is read again.
const syncEvery = 100 * time.Millisecond

// line is one line of a ledger; one of its members is set.
type line struct {
	Sum    uint32          `json:"sum"` // CRC-32C of what follows
	Header json.RawMessage `json:"header,omitempty"`
	Plan   json.RawMessage `json:"plan,omitempty"`
	Chunk  json.RawMessage `json:"chunk,omitempty"`
	Void   json.RawMessage `json:"void,omitempty"`
	Table  json.RawMessage `json:"table,omitempty"`
}

func (l line) checksum() uint32 {
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	for _, part := range []json.RawMessage{l.Header, l.Plan, l.Chunk, l.Void, l.Table} {
		_, _ = h.Write(part)
		_, _ = h.Write([]byte{0})
	}
	return h.Sum32()
}

// header is what was asked for. Nothing of it is secret.
type header struct {
	Format   int               `json:"format"`
	Settings map[string]string `json:"settings"`
}

// planRecord says how a table is read; all chunks of it before do not count.
type planRecord struct {
	Table  string `json:"table"`
	Method string `json:"method"`
	Width  int64  `json:"width,omitempty"` // of buckets
	Count  int64  `json:"count,omitempty"`
}

// chunkRecord is a chunk that was read.
type chunkRecord struct {
	Table     string        `json:"table"`
	Node      string        `json:"node"`
	Relation  string        `json:"relation"`
	File      string        `json:"file"`
	Range     Range         `json:"range"`
	Statement string        `json:"statement"` // digest of its SQL
	Snapshot  Snapshot      `json:"snapshot"`
	Rows      int64         `json:"rows"`
	Bytes     int64         `json:"bytes"`
	Took      time.Duration `json:"took"`
	Parts     []byte        `json:"parts"` // digests by bucket
}

// voidRecord says that what was read of a table on a node does not count.
type voidRecord struct {
	Table string `json:"table"`
	Node  string `json:"node"`
}

// OpenLedger creates the ledger of a request, or with resume goes on with one.
// It fails with a [*RequestError] when a new one is asked for and the file
// exists, when the settings are not those of the file, and when another process
// has it open.
func OpenLedger(path string, req Request, resume bool) (*Ledger, error) {
	if err := req.defaults().check(context.Background()); err != nil {
		return nil, err // no file is made for what cannot be run
	}
	want := header{ledgerFormat, fingerprint(req.defaults())}
	flags := os.O_RDWR | os.O_APPEND
	if !resume {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, refuse("%s exists: resume it, or name another file", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, refuse("%s does not exist: there is nothing to resume", path)
	case err != nil:
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	if err := own(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	l := &Ledger{file: f, tables: map[string]Table{}, plans: map[string]planRecord{}, read: map[string][]chunkRecord{}}
	if resume {
		err = l.load(want)
	} else {
		err = l.append("header", want)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return l, nil
}

// own takes the file for this process alone: two that went on with it would read
// chunks twice, and one would cut off what the other writes.
func own(f *os.File) error {
	held, holder, err := lock(f)
	switch {
	case err != nil:
		return fmt.Errorf("lock the ledger %s: %w", f.Name(), err)
	case held:
		return nil
	case holder > 0:
		return refuse("%s is in use by process %d: wait for its end, or name another file", f.Name(), holder)
	}
	return refuse("%s is in use by another process: wait for its end, or name another file", f.Name())
}

// append writes a line, and syncs the file unless that was just done.
func (l *Ledger) append(kind string, v any) error {
	b, err := json.Marshal(v)
	var x line
	switch kind {
	case "header":
		x.Header = b
	case "plan":
		x.Plan = b
	case "chunk":
		x.Chunk = b
	case "void":
		x.Void = b
	case "table":
		x.Table = b
	}
	x.Sum = x.checksum()
	if err == nil {
		b, err = json.Marshal(x)
	}
	if err == nil {
		err = l.write(append(b, '\n'))
	}
	if err == nil && time.Since(l.synced) > syncEvery {
		err = l.sync()
	}
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// write adds a line. What a full disk has of one is taken off, or the next line
// would be part of it when there is room again.
func (l *Ledger) write(text []byte) error {
	if l.broken != nil {
		return l.broken
	}
	l.dirty = true
	n, err := l.file.Write(text)
	switch {
	case err == nil:
		l.size += int64(n)
	case n > 0 && l.file.Truncate(l.size) != nil:
		l.broken = err
	}
	return err
}

func (l *Ledger) sync() error {
	l.synced, l.dirty = time.Now(), false
	return l.file.Sync()
}

// done returns what the ledger has of a finished task.
func (l *Ledger) done(t *task) (Table, bool) {
	if l == nil {
		return Table{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	table, ok := l.tables[t.label()]
	return table, ok
}

// record adds a finished table. One that is incomplete is not finished: its
// chunks are gone on with.
func (l *Ledger) record(t *task, table Table) error {
	if l == nil || table.Verdict == Incomplete {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append("table", table)
}

// planned returns how a table that is not finished was begun.
func (l *Ledger) planned(t *task) (planRecord, bool) {
	if l == nil {
		return planRecord{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.plans[t.label()]
	return p, ok
}

// plan begins a table anew.
func (l *Ledger) plan(t *task, m method, b buckets) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range t.on {
		delete(l.read, chunksOf(t.label(), n))
	}
	return l.append("plan", planRecord{Table: t.label(), Method: m.name, Width: b.width, Count: b.count})
}

// chunks hands over what was read of a task on a node.
func (l *Ledger) chunks(t *task, node string) []chunkRecord {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := chunksOf(t.label(), node)
	out := l.read[k]
	delete(l.read, k)
	return out
}

// chunk adds one.
func (l *Ledger) chunk(c chunkRecord) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append("chunk", c)
}

// void says that the chunks of a task on a node do not count any more.
func (l *Ledger) void(t *task, node string) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.read, chunksOf(t.label(), node))
	return l.append("void", voidRecord{t.label(), node})
}

// Close syncs and closes the file.
func (l *Ledger) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.dirty {
		err = l.sync()
	}
	return errors.Join(err, l.file.Close())
}

func chunksOf(label, node string) string { return label + "\x00" + node }
