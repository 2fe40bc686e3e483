package compare

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// Ledger is an append-only file of the tables that a comparison has finished,
// one JSON document a line, synced line by line. Its first line holds what was
// asked for: a run with other settings must not go on with it.
type Ledger struct {
	mu    sync.Mutex
	file  *os.File
	known map[string]Table // by data set and qualified name
}

// ledgerFormat rises when an old ledger cannot be gone on with.
const ledgerFormat = 2 // 1: could hold a match of rows whose keys a cast had cut

// header is a ledger's first line. Nothing of it is secret.
type header struct {
	Format   int               `json:"format"`
	Settings map[string]string `json:"settings"`
}

// OpenLedger creates the ledger of a request, or with resume goes on with one.
// It fails with a [*RequestError] when a new one is asked for and the file
// exists, and when the settings are not those of the file.
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
	l := &Ledger{file: f, known: map[string]Table{}}
	if resume {
		err = l.load(want)
	} else {
		err = l.append(want)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return l, nil
}

// fingerprint names every setting that shapes a result.
func fingerprint(req Request) map[string]string {
	m := map[string]string{
		"mode": string(req.Mode), "where": req.Where, "policy": req.Policy.String(),
		"shards": strings.Join(req.Shards, " "), "tables": strings.Join(req.Tables, " "), "nodes": strings.Join(req.Nodes, " "),
		"excluded columns": strings.Join(req.ExcludeColumns, " "), "common columns": fmt.Sprint(req.CommonColumns), "static": fmt.Sprint(req.Static),
		"sample": fmt.Sprint(req.SampleLimit), "rows per bucket": fmt.Sprint(req.BucketRows),
	}
	if req.Topology == nil {
		return m
	}
	for _, name := range req.Topology.NodeNames() {
		m["node "+name] = req.Topology.Nodes[name].Address()
	}
	for name, d := range req.Topology.DataSets() {
		b, _ := json.Marshal(d)
		sum := sha256.Sum256(b)
		m["data set "+name] = hex.EncodeToString(sum[:8])
	}
	return m
}

// load reads what is done. A last line that was cut off by the end of the
// process is dropped from the file.
func (l *Ledger) load(want header) error {
	r := bufio.NewReader(l.file)
	whole := int64(0)
	for n := 0; ; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil { // also a line without its end
			break
		}
		if n == 0 {
			var got header
			if err := json.Unmarshal(line, &got); err != nil || got.Format != want.Format {
				return refuse("%s is no ledger that this version can go on with", l.file.Name())
			}
			if diff := changed(got.Settings, want.Settings); diff != "" {
				return refuse("the settings are not those of %s: %s", l.file.Name(), diff)
			}
		} else {
			var t Table
			d := json.NewDecoder(bytes.NewReader(line))
			if d.Decode(&t) != nil {
				return refuse("%s is damaged in line %d", l.file.Name(), n+1)
			}
			l.known[ledgerKey(t.DataSet, t.Schema, t.Name)] = t
		}
		whole += int64(len(line))
	}
	if whole == 0 {
		return l.append(want) // it was ended before its first line was whole
	}
	return l.file.Truncate(whole)
}

// changed says how two sets of settings differ, "" when they do not.
func changed(old, now map[string]string) string {
	var out []string
	keys := maps.Clone(old)
	maps.Copy(keys, now)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if old[k] != now[k] {
			out = append(out, fmt.Sprintf("%s was %q and is %q", k, old[k], now[k]))
		}
	}
	return strings.Join(out, "; ")
}

func ledgerKey(dataSet, schema, name string) string {
	return dataSet + "\x00" + qualified(schema, name)
}

func (l *Ledger) append(v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = l.file.Write(append(b, '\n'))
	}
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// done returns what the ledger has of a task. What was incomplete is done anew.
func (l *Ledger) done(t *task) (Table, bool) {
	if l == nil {
		return Table{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	table, ok := l.known[ledgerKey(t.dataSet, t.schema, t.name)]
	return table, ok
}

// record adds a finished table, unless it is incomplete.
func (l *Ledger) record(t Table) error {
	if l == nil || t.Verdict == Incomplete {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(t)
}

// Close closes the file.
func (l *Ledger) Close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
