package checks

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// BenchmarkCheck reads and judges the six-node lab, as "pgconcord check" does:
// go test -run '^$' -bench Check ./checks
func BenchmarkCheck(b *testing.B) {
	l, err := lab.Up(context.Background(), lab.Options{})
	lab.Need(b, err)
	b.Cleanup(func() { _ = l.Down() })
	require.NoError(b, l.Settle(b.Context()))
	p, err := schema.Load(b.Context(), []schema.Input{{Name: "lab.yaml", Data: l.Topology()}}, schema.Options{})
	require.NoError(b, err)
	var read, judged time.Duration
	for b.Loop() {
		start := time.Now()
		c := catalog.Read(b.Context(), p.Topology, catalog.Settings{})
		read += time.Since(start)
		start = time.Now()
		Run(Input{Plan: p.Topology, Cluster: c, Now: time.Now()}, Options{})
		judged += time.Since(start)
	}
	b.ReportMetric(float64(read.Milliseconds())/float64(b.N), "ms-read/op")
	b.ReportMetric(float64(judged.Milliseconds())/float64(b.N), "ms-judge/op")
}
