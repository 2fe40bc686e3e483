package cluster

import (
	"context"
	"sync"

	"github.com/pgconcord/pgconcord/schema"
)

// Each runs fn for every node at once and returns what it gave, keyed by the
// node's name.
func Each[T any](ctx context.Context, nodes map[string]schema.Node, fn func(ctx context.Context, name string, node schema.Node) T) map[string]T {
	var (
		mu  sync.Mutex
		wg  sync.WaitGroup
		out = make(map[string]T, len(nodes))
	)
	for name, node := range nodes {
		wg.Go(func() {
			result := fn(ctx, name, node)
			mu.Lock()
			defer mu.Unlock()
			out[name] = result
		})
	}
	wg.Wait()
	return out
}
