package compare

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// However a piece is cut, and wherever that is broken off, the parts are the
// whole, each once.
func TestPiecesTile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p := &piece{by: byPages, size: r.Int64N(50)}
		if r.IntN(2) == 0 {
			p = &piece{by: byKeys, min: r.Int64N(100) - 50, max: r.Int64N(1000)}
			switch r.IntN(3) {
			case 0:
				p.min, p.max = math.MinInt64, math.MaxInt64
			case 1:
				p.min, p.max = math.MaxInt64-100, math.MaxInt64
			}
		}
		p.pending = []Range{p.whole()}
		var done []Range
		for steps := 0; len(p.pending) > 0; steps++ {
			require.False(t, tiles(p.whole(), done))
			size := 1 + r.Int64N(20)
			if p.by == byKeys {
				size = max(1, (p.max/20 - p.min/20))
			}
			chunk, rest := p.cut(p.pending[0], size)
			p.pending = append(rest, p.pending[1:]...)
			if r.IntN(3) > 0 || steps > 100 {
				done = append(done, chunk)
			} else { // not read
				p.pending = append([]Range{chunk}, p.pending...)
			}
			if r.IntN(4) == 0 { // resumed
				p.pending = without(p.whole(), done)
				if len(done) == 0 {
					p.pending = []Range{p.whole()}
				}
			}
		}
		require.True(t, tiles(p.whole(), done), "%+v %v", p, done)
		r.Shuffle(len(done), func(i, j int) { done[i], done[j] = done[j], done[i] })
		require.True(t, tiles(p.whole(), done))
		if len(done) > 1 {
			require.False(t, tiles(p.whole(), done[1:]))
			require.False(t, tiles(p.whole(), append(done, done[0])))
		}
	}
}

func TestSumsOfDigests(t *testing.T) {
	sum := func(texts ...string) part {
		p := part{}
		for _, text := range texts {
			b, err := appendSum(nil, text)
			require.NoError(t, err)
			p = p.plus(part{rows: 1, sums: string(b)})
		}
		return p
	}
	for _, c := range []struct{ a, b, both string }{
		{"1", "2", "3"}, {"1", "-2", "-1"}, {"-1", "1", "0"}, {"18446744073709551615", "1", "18446744073709551616"},
		{"-18446744073709551616", "1", "-18446744073709551615"}, {"9223372036854775807000", "-9223372036854775808000", "-1000"},
	} {
		require.Equal(t, sum(c.both).sums, sum(c.a, c.b).sums, c)
	}
	for _, bad := range []string{"", "-", "1.5", "x", "1000000000000000000000000000000000000000000"} {
		_, err := appendSum(nil, bad)
		require.Error(t, err, bad)
	}
	parts := map[int64]part{0: sum("5"), -7: sum("-5", "3"), math.MaxInt64: sum("170000000000000000000"), math.MinInt64: sum("-1")}
	b := encodeParts(parts)
	got, err := decodeParts(b)
	require.NoError(t, err)
	require.Equal(t, parts, got)
	require.Equal(t, total(parts, 1), total(map[int64]part{9: sum("5", "-5", "3", "170000000000000000000", "-1")}, 1))
	for i := range b {
		if p, err := decodeParts(b[:i]); err == nil {
			require.NotEqual(t, parts, p)
		}
	}
	_, err = decodeParts(append(b, 0))
	require.Error(t, err)
}

// Keys may be anywhere in their type, and chunks of them as large as half of it.
func TestChunksOfFarKeys(t *testing.T) {
	p := &piece{by: byKeys, min: math.MinInt64, max: math.MaxInt64}
	require.Equal(t, int64(math.MaxInt64), p.length(p.whole()))
	require.Equal(t, int64(0), (&piece{by: byKeys, min: 5, max: 3}).length(p.whole()))
	d := &detection{r: &run{}, steps: map[string]int64{byKeys: 1 << 40}}
	d.r.req.Settings.StatementTimeout = time.Minute
	chunks := 0
	for rest := []Range{p.whole()}; len(rest) > 0; chunks++ {
		var part Range
		part, rest = p.cut(rest[0], d.steps[byKeys])
		d.adapt(p, part, Output{Took: time.Millisecond})
	}
	require.Less(t, chunks, 25, "they grow as long as they take no time")
}
