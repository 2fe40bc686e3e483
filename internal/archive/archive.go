// Package archive keeps reports as evidence: a directory of files, and a
// manifest in which every line carries the digest of its file and of the line
// before. Who changes, removes or reorders a report breaks the chain. Only a
// cut of the newest lines leaves it whole; against that stands the signature,
// or the digest of the last line kept elsewhere.
package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The files beside the reports.
const (
	Manifest  = "manifest.jsonl"
	Signature = "manifest.sig"
)

// Entry is a line of the manifest.
type Entry struct {
	N        int       `json:"n"` // from 1, without gaps
	File     string    `json:"file"`
	SHA256   string    `json:"sha256"` // of the file
	RunID    string    `json:"run_id"`
	Finished time.Time `json:"finished"`
	Previous string    `json:"previous"` // SHA-256 of the line before without its line end; "" for the first
}

// File is a report of a directory, in the manifest's order.
type File struct {
	Name string
	Data []byte
	Err  error
}

// Append adds a report to a directory and chains it to the one before. Both
// files are written whole or not at all.
func Append(dir string, finished time.Time, runID string, data []byte) (Entry, error) {
	lines, err := manifest(dir)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{N: len(lines) + 1, File: fmt.Sprintf("%s-%s.json", finished.UTC().Format("20060102T150405Z"), plain(runID)),
		SHA256: sum(data), RunID: runID, Finished: finished.UTC()}
	if n := len(lines); n > 0 {
		e.Previous = sum(lines[n-1])
	}
	line, err := json.Marshal(e)
	if err != nil {
		return Entry{}, err
	}
	if err := write(filepath.Join(dir, e.File), data, true); err != nil {
		return Entry{}, err
	}
	all := append(bytes.Join(append(lines, line), []byte("\n")), '\n')
	return e, write(filepath.Join(dir, Manifest), all, false)
}

// plain keeps what is harmless in a file's name.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}

// Files returns the reports that the manifest names.
func Files(dir string) ([]File, error) {
	lines, err := manifest(dir)
	if err != nil {
		return nil, err
	}
	var out []File
	for i, l := range lines {
		e, err := parse(l)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", Manifest, i+1, err)
		}
		data, err := os.ReadFile(filepath.Join(dir, e.File))
		out = append(out, File{Name: e.File, Data: data, Err: err})
	}
	return out, nil
}

// manifest returns its lines; none when there is no manifest yet.
func manifest(dir string) ([][]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, Manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, nil
	}
	if !bytes.HasSuffix(data, []byte("\n")) {
		return nil, fmt.Errorf("%s ends in the middle of a line: it was cut off", Manifest)
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")), nil
}

// parse reads a line; a file's name must stay inside the directory.
func parse(line []byte) (Entry, error) {
	var e Entry
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return e, fmt.Errorf("is no entry: %w", err)
	}
	if e.File != filepath.Base(e.File) || !strings.HasSuffix(e.File, ".json") {
		return e, fmt.Errorf("names %q, which is no report of this directory", e.File)
	}
	return e, nil
}

// Fault is something that is wrong with a history directory.
type Fault struct {
	Kind string // "chain", "digest", "missing", "stray", "order", "signature"
	File string
	Text string
	Line int // of the manifest, 0 when it is about a file
}

// Verify recomputes every digest and the chain, and names every fault. Head is
// the digest of the manifest's last line.
func Verify(dir string) (entries []Entry, head string, faults []Fault, err error) {
	lines, err := manifest(dir)
	if err != nil {
		return nil, "", nil, err
	}
	if len(lines) == 0 {
		return nil, "", nil, fmt.Errorf("there is no %s: this is no history directory", Manifest)
	}
	named := map[string]bool{}
	previous := ""
	var last time.Time
	for i, l := range lines {
		e, err := parse(l)
		fault := func(kind, format string, args ...any) {
			faults = append(faults, Fault{Kind: kind, File: e.File, Line: i + 1, Text: fmt.Sprintf(format, args...)})
		}
		if err != nil {
			fault("chain", "line %d of the manifest %v", i+1, err)
			previous = sum(l)
			continue
		}
		entries = append(entries, e)
		named[e.File] = true
		if e.N != i+1 {
			fault("order", "line %d of the manifest is number %d: lines were removed, added or moved", i+1, e.N)
		}
		if e.Previous != previous {
			fault("chain", "does not follow the line before it: that line was changed, removed or moved")
		}
		if e.Finished.Before(last) {
			fault("order", "ended before the report in front of it")
		}
		last, previous = e.Finished, sum(l)
		data, err := os.ReadFile(filepath.Join(dir, e.File))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fault("missing", "the report is missing")
		case err != nil:
			fault("missing", "the report cannot be read: %v", err)
		case sum(data) != e.SHA256:
			fault("digest", "the report was changed: its SHA-256 is %s, the manifest has %s", sum(data), e.SHA256)
		}
	}
	stray, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, "", nil, err
	}
	slices.Sort(stray)
	for _, s := range stray {
		if name := filepath.Base(s); !named[name] {
			faults = append(faults, Fault{Kind: "stray", File: name, Text: "lies in the directory and is not in the manifest"})
		}
	}
	return entries, previous, faults, nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// write writes a file whole or not at all; fresh refuses to replace one.
func write(name string, data []byte, fresh bool) error {
	if _, err := os.Lstat(name); fresh && err == nil {
		return fmt.Errorf("%s is there already", filepath.Base(name))
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".pgconcord-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o640), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
