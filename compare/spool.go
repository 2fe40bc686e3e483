package compare

import (
	"bufio"
	"encoding/gob"
	"errors"
	"io"
	"os"
)

// suspectsInMemory is how many suspects are kept before they go to a file.
const suspectsInMemory = 100_000

// suspectStore keeps the keys of suspects; many of them in a temporary file,
// so that a table of which every row differs needs no more memory.
type suspectStore struct {
	count  int64
	memory [][]string
	file   *os.File
	buffer *bufio.Writer
	enc    *gob.Encoder
}

func (s *suspectStore) add(key []string) error {
	s.count++
	if len(s.memory) < suspectsInMemory {
		s.memory = append(s.memory, key)
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "pgconcord-suspects-")
		if err != nil {
			return err
		}
		_ = os.Remove(f.Name()) // it lives as long as it is open
		s.file, s.buffer = f, bufio.NewWriterSize(f, 1<<16)
		s.enc = gob.NewEncoder(s.buffer)
	}
	return s.enc.Encode(key)
}

// batches hands over all keys, a batch at a time.
func (s *suspectStore) batches(fn func([][]string) error) error {
	for i := 0; i < len(s.memory); i += recheckBatch {
		if err := fn(s.memory[i:min(i+recheckBatch, len(s.memory))]); err != nil {
			return err
		}
	}
	if s.file == nil {
		return nil
	}
	if err := s.buffer.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	dec := gob.NewDecoder(bufio.NewReaderSize(s.file, 1<<16))
	for {
		var batch [][]string
		for len(batch) < recheckBatch {
			var key []string
			if err := dec.Decode(&key); errors.Is(err, io.EOF) {
				if len(batch) == 0 {
					return nil
				}
				return fn(batch)
			} else if err != nil {
				return err
			}
			batch = append(batch, key)
		}
		if err := fn(batch); err != nil {
			return err
		}
	}
}

func (s *suspectStore) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}
