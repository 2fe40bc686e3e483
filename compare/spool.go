package compare

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
)

// version is what one node holds of a key at one look; the zero value: no row.
type version struct {
	digest string
	count  int64
	xmin   string
}

// equalTo reports whether two nodes hold the same.
func (v version) equalTo(o version) bool { return v.digest == o.digest && v.count == o.count }

// agreeing reports whether all nodes hold the same.
func agreeing(versions []version) bool {
	return !slices.ContainsFunc(versions, func(v version) bool { return !v.equalTo(versions[0]) })
}

// suspect is a key on which nodes differed, with what each of them held when it
// was looked at last; none: it was not yet looked at on all nodes.
type suspect struct {
	key    []string
	seen   []version // in the order of the nodes
	rested uint64    // looks in a row, each behind a fence, that saw what the one before it had seen
}

// spoolMemory is how much of a spool is kept before it goes to a file.
const spoolMemory = 4 << 20

// spool keeps suspects in the order in which they came; many of them in a
// temporary file, so that a table of which every row differs needs no more
// memory.
type spool struct {
	count   int64
	tail    []byte // what is not in the file
	file    *os.File
	flushed int64
}

// mark is a place in a spool.
type mark struct{ count, size int64 }

func (s *spool) add(x suspect) error {
	s.count++
	b := binary.AppendUvarint(s.tail, uint64(len(x.key)))
	for _, k := range x.key {
		b = appendText(b, k)
	}
	b = binary.AppendUvarint(b, uint64(len(x.seen)))
	for _, v := range x.seen {
		b = appendText(b, v.digest)
		b = binary.AppendVarint(b, v.count)
		b = appendText(b, v.xmin)
	}
	s.tail = binary.AppendUvarint(b, x.rested)
	if len(s.tail) < spoolMemory {
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "pgconcord-suspects-")
		if err != nil {
			return err
		}
		_ = os.Remove(f.Name()) // it lives as long as it is open
		s.file = f
	}
	if _, err := s.file.WriteAt(s.tail, s.flushed); err != nil {
		return err
	}
	s.flushed += int64(len(s.tail))
	s.tail = s.tail[:0]
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// at returns the place behind the last suspect.
func (s *spool) at() mark { return mark{s.count, s.flushed + int64(len(s.tail))} }

// rewind drops what was added since a mark.
func (s *spool) rewind(m mark) {
	s.count = m.count
	if m.size >= s.flushed {
		s.tail = s.tail[:m.size-s.flushed]
		return
	}
	s.flushed, s.tail = m.size, s.tail[:0] // what lies behind is written over
}

// batchMemory is how much text of keys is looked up at once; a key longer than
// that goes by itself.
const batchMemory = 4 << 20

// batches hands over all suspects, at most size() of them at a time, and fewer when
// their keys are long.
func (s *spool) batches(size func() int, fn func([]suspect) error) error {
	var from io.Reader = bytes.NewReader(s.tail)
	if s.file != nil {
		from = io.MultiReader(io.NewSectionReader(s.file, 0, s.flushed), from)
	}
	r := bufio.NewReaderSize(from, 1<<16)
	for left := s.count; left > 0; {
		var batch []suspect
		for most, text := min(left, int64(size())), 0; int64(len(batch)) < most && text < batchMemory; {
			x, err := readSuspect(r)
			if err != nil {
				return errors.Join(errors.New("read the suspects from their temporary file"), err)
			}
			for _, k := range x.key {
				text += len(k)
			}
			batch = append(batch, x)
		}
		left -= int64(len(batch))
		if err := fn(batch); err != nil {
			return err
		}
	}
	return nil
}

func readSuspect(r *bufio.Reader) (x suspect, err error) {
	n, err := binary.ReadUvarint(r)
	for i := uint64(0); i < n && err == nil; i++ {
		var k string
		k, err = readText(r)
		x.key = append(x.key, k)
	}
	if err != nil {
		return x, err
	}
	n, err = binary.ReadUvarint(r)
	for i := uint64(0); i < n && err == nil; i++ {
		var v version
		if v.digest, err = readText(r); err == nil {
			v.count, err = binary.ReadVarint(r)
		}
		if err == nil {
			v.xmin, err = readText(r)
		}
		x.seen = append(x.seen, v)
	}
	if err != nil {
		return x, err
	}
	x.rested, err = binary.ReadUvarint(r)
	return x, err
}

func readText(r *bufio.Reader) (string, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}
