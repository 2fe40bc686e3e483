package schema_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/bench/plan"
	"github.com/pgconcord/pgconcord/schema"
)

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{6, 60, 600, 3000} {
		in := []schema.Input{{Name: "generated.yaml", Data: plan.Topology(n)}}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := schema.Load(context.Background(), in, schema.Options{})
				require.NoError(b, err)
				require.Empty(b, p.Violations)
			}
		})
	}
}
