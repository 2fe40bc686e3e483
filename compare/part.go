package compare

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/bits"
	"slices"
)

// part is the digest of one bucket: its rows, and the sum of each lane in 128
// bits, two's complement, big endian: it holds the sum of 2^64 lanes.
type part struct {
	rows int64
	sums string
}

// appendSum adds a lane's sum, as the server writes it, to a part's sums.
func appendSum(b []byte, text string) ([]byte, error) {
	digits, minus := text, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, minus = digits[1:], true
	}
	var hi, lo uint64
	for _, d := range []byte(digits) {
		if d < '0' || d > '9' || hi>>58 != 0 {
			return b, fmt.Errorf("the sum of digests %q is no whole number of 128 bits", text)
		}
		over, low := bits.Mul64(lo, 10)
		var carry uint64
		lo, carry = bits.Add64(low, uint64(d-'0'), 0)
		hi = hi*10 + over + carry
	}
	if len(digits) == 0 {
		return b, errors.New("a sum of digests is empty")
	}
	if minus {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, hi), lo), nil
}

// plus adds the digests of disjoint sets of rows of one bucket.
func (p part) plus(o part) part {
	if p.sums == "" || o.sums == "" {
		return part{rows: p.rows + o.rows, sums: p.sums + o.sums}
	}
	b := make([]byte, 0, len(p.sums))
	for i := 0; i < len(p.sums); i += 16 {
		x, y := []byte(p.sums[i:i+16]), []byte(o.sums[i:i+16])
		lo, carry := bits.Add64(binary.BigEndian.Uint64(x[8:]), binary.BigEndian.Uint64(y[8:]), 0)
		hi, _ := bits.Add64(binary.BigEndian.Uint64(x), binary.BigEndian.Uint64(y), carry)
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, hi), lo)
	}
	return part{rows: p.rows + o.rows, sums: string(b)}
}

// addParts adds the parts of other rows to those of some.
func addParts(to, more map[int64]part) {
	for b, p := range more {
		if old, ok := to[b]; ok {
			p = old.plus(p)
		}
		to[b] = p
	}
}

// total is the digest of a whole table: SHA-256 over its row count and the sum
// of every lane, which no other partition of the rows would change.
func total(parts map[int64]part, lanes int) string {
	all := part{sums: string(make([]byte, 16*lanes))}
	for _, p := range parts {
		all = all.plus(p)
	}
	h := sha256.New()
	fmt.Fprint(h, all.rows)
	for i := range lanes {
		b := []byte(all.sums[16*i : 16*i+16])
		n := new(big.Int).SetBytes(b)
		if b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
		}
		fmt.Fprint(h, " ", n)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// encodeParts writes parts for the ledger, sorted by bucket.
func encodeParts(parts map[int64]part) []byte {
	b := binary.AppendUvarint(nil, uint64(len(parts)))
	last := int64(0)
	for _, n := range slices.Sorted(maps.Keys(parts)) {
		p := parts[n]
		b = binary.AppendVarint(b, n-last)
		b = binary.AppendVarint(b, p.rows)
		b = binary.AppendUvarint(b, uint64(len(p.sums)/16))
		for i := 0; i < len(p.sums); i += 16 {
			b = binary.AppendVarint(b, int64(binary.BigEndian.Uint64([]byte(p.sums[i:i+8])))) // near zero
			b = append(b, p.sums[i+8:i+16]...)
		}
		last = n
	}
	return b
}

var errParts = errors.New("digests cannot be read")

func decodeParts(b []byte) (map[int64]part, error) {
	pos := 0
	number := func() int64 {
		n, size := binary.Varint(b[min(max(pos, 0), len(b)):])
		if size <= 0 {
			pos = len(b) + 1
			return 0
		}
		pos += size
		return n
	}
	count, size := binary.Uvarint(b)
	if size <= 0 || count > uint64(len(b)) {
		return nil, errParts
	}
	pos = size
	out := make(map[int64]part, count)
	last := int64(0)
	for range count {
		last += number()
		p := part{rows: number()}
		lanes, size := binary.Uvarint(b[min(pos, len(b)):])
		pos += size
		if size <= 0 || lanes > 4 || pos > len(b) {
			return nil, errParts
		}
		var sums []byte
		for range lanes {
			sums = binary.BigEndian.AppendUint64(sums, uint64(number()))
			if pos+8 > len(b) {
				return nil, errParts
			}
			sums = append(sums, b[pos:pos+8]...)
			pos += 8
		}
		p.sums = string(sums)
		out[last] = p
	}
	if pos != len(b) {
		return nil, errParts
	}
	return out, nil
}
