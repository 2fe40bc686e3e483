package compare

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Rows without a key are found by reading all of the table, however few they are.
// So many of them are not looked up batch by batch: the buckets that hold them are
// read once more, in order, beside the suspects, which came in that order.

// onePass is how many suspects without a key are looked at in passes.
const onePass = 2 * evidenceBatch

// inPasses looks at all suspects in one pass over the table for so many buckets.
// Those that are to be listed are then looked at with their values.
func (r *rechecker) inPasses(ctx context.Context, suspects *spool, buckets []int64, fenced bool, round int, moving *spool) error {
	from := suspects.reader(0)
	var listed []suspect
	doubted := &spool{} // of some buckets: persistent ones, if it is not the condition
	defer doubted.close()
	for chunk := range slices.Chunk(buckets, hashedAtOnce) {
		begin, counts, still, kept := from.at(), *r.counts, moving.at(), len(listed)
		var cut int64
		err := r.whole(ctx, func() error {
			from, *r.counts, listed, cut = suspects.reader(begin), counts, listed[:kept], 0
			moving.rewind(still)
			doubted.rewind(mark{})
			return r.walk(ctx, from, chunk, r.pass, func(x suspect, now []version) error {
				status, next := r.judge(x, now, fenced, round)
				if status != "" && status != Cleared && len(listed) < r.room() {
					listed = append(listed, x)
					return nil
				}
				if status == Persistent && r.bare != nil {
					return doubted.add(next)
				}
				switch r.count(status); status {
				case Cleared:
				case "":
					return moving.add(next)
				default:
					cut++
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		if doubted.count > 0 {
			counts, cuts := *r.counts, cut
			err := r.whole(ctx, func() error {
				*r.counts, cut = counts, cuts
				return r.walk(ctx, doubted.reader(0), chunk, r.bare, func(x suspect, now []version) error {
					status := Persistent
					if !slices.Equal(now, x.seen) {
						status = Unverified
					}
					r.count(status)
					cut++
					return nil
				})
			})
			if err != nil {
				return err
			}
			if r.counts.Unverified > counts.Unverified {
				r.distrust()
			}
		}
		for range cut {
			r.cut()
		}
		r.settled()
	}
	x, more, err := from.peek()
	if err == nil && more {
		err = fmt.Errorf("the row with the digest %s was not looked at again", x.key[0])
	}
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(listed, evidenceBatch) {
		if err := r.again(ctx, batch, fenced, round, moving); err != nil {
			return err
		}
		r.settled()
	}
	return nil
}

// walk shows the suspects of some buckets, which a pass reads, with what the nodes
// hold of each.
func (r *rechecker) walk(ctx context.Context, from *spoolReader, buckets []int64, pass func(context.Context, []int64, visitor) error, show func(x suspect, now []version) error) error {
	// Up to a bucket: what none of the nodes holds any more has none.
	upTo := func(last int64, held func(int64) []map[string]version) error {
		for {
			x, ok, err := from.peek()
			if err != nil || !ok {
				return err
			}
			b, err := bucketOf(x, r.mask)
			if err != nil || b > last {
				return err
			}
			from.take()
			now := make([]version, r.nodes)
			for i, held := range held(b) {
				now[i] = held[x.key[0]]
			}
			if err := show(x, now); err != nil {
				return err
			}
		}
	}
	err := pass(ctx, buckets, func(bucket int64, held []map[string]version) error {
		return upTo(bucket, func(b int64) []map[string]version {
			if b < bucket {
				return nil
			}
			return held
		})
	})
	if err != nil {
		return err
	}
	return upTo(buckets[len(buckets)-1], func(int64) []map[string]version { return nil })
}

// bucketOf returns the hash bucket of a row without a key: its digest's first lane
// says.
func bucketOf(x suspect, mask int64) (int64, error) {
	lane, _, _ := strings.Cut(x.key[0], ".")
	n, err := strconv.ParseUint(lane, 16, 64)
	return int64(n) & mask, err
}

// buckets lists the hash buckets of suspects without a key, and reports whether
// the suspects are in their order.
func (s *spool) buckets(mask int64) (out []int64, ordered bool, err error) {
	r := s.reader(0)
	for {
		x, ok, err := r.peek()
		if err != nil || !ok {
			return out, true, err
		}
		b, err := bucketOf(x, mask)
		if err != nil {
			return nil, false, err
		}
		if n := len(out); n == 0 || out[n-1] < b {
			out = append(out, b)
		} else if out[n-1] > b {
			return nil, false, nil
		}
		r.take()
	}
}

// spoolReader reads a spool from a place on, with a look at what comes next.
type spoolReader struct {
	in   *bufio.Reader
	from *io.LimitedReader
	end  int64 // of what is to be read
	head *suspect
	next int64 // where the head begins
}

func (s *spool) reader(at int64) *spoolReader { return s.section(at, s.at().size, 1<<16) }

// section reads from one place to another.
func (s *spool) section(at, end int64, buffer int) *spoolReader {
	var in io.Reader = bytes.NewReader(s.tail[max(0, at-s.flushed):])
	if s.file != nil && at < s.flushed {
		in = io.MultiReader(io.NewSectionReader(s.file, at, s.flushed-at), in)
	}
	limited := &io.LimitedReader{R: in, N: end - at}
	return &spoolReader{in: bufio.NewReaderSize(limited, buffer), from: limited, end: end, next: at}
}

// at is the place of what comes next.
func (r *spoolReader) at() int64 { return r.next }

func (r *spoolReader) peek() (suspect, bool, error) {
	if r.head == nil {
		if r.next >= r.end {
			return suspect{}, false, nil
		}
		x, err := readSuspect(r.in)
		if err != nil {
			return suspect{}, false, fmt.Errorf("read the suspects from their temporary file: %w", err)
		}
		r.head = &x
	}
	return *r.head, true, nil
}

func (r *spoolReader) take() {
	r.head = nil
	r.next = r.end - r.from.N - int64(r.in.Buffered())
}
