package main

import (
	"context"
	"fmt"
	"time"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/cluster"
)

// compare runs one comparison of customers and returns it with its wall time.
func (b *benchmark) compare(ctx context.Context) (*compare.Result, time.Duration, error) {
	begin := time.Now()
	r, err := compare.Run(ctx, compare.Request{Topology: b.top, Static: true, Tables: []string{"customers"}, MaxConnections: flagConnections, ChunkPages: flagPages, Settings: cluster.Settings{StatementTimeout: time.Hour}})
	return r, time.Since(begin), err
}

// growth prints the cost a row as rows and nodes grow.
func growth(ctx context.Context, millions []int64, buffers string) error {
	for _, nodes := range []int{2, 6} {
		b, down, err := start(ctx, nodes, buffers)
		if err != nil {
			return err
		}
		defer down()
		sizes, counts := millions, []int{2}
		if nodes > 2 {
			sizes, counts = []int64{1}, []int{2, 3, 6}
		}
		for _, size := range sizes {
			rows := size * 1_000_000
			if err := b.fill(ctx, rows); err != nil {
				return err
			}
			if err := b.steady(ctx, "customers"); err != nil {
				return err
			}
			for _, count := range counts {
				b.use(count)
				if _, _, err := b.compare(ctx); err != nil { // warms the caches
					return err
				}
				c, err := b.time(ctx, func() error { _, _, err := b.compare(ctx); return err })
				if err != nil {
					return err
				}
				each := float64(rows) * float64(count)
				fmt.Printf("%d nodes, %8d rows   wall %7.2f s   %5.0f ns of wall and %5.0f ns of server CPU a row and node   peak %d MB\n",
					count, rows, c.wall, c.wall*1e9/each, c.cpu*1e9/each, peak())
			}
		}
		down()
	}
	return nil
}

// apart compares a table of which every row differs.
func apart(ctx context.Context, rows int64, nodes int, keyless bool, buffers string) error {
	b, down, err := start(ctx, nodes, buffers)
	if err != nil {
		return err
	}
	defer down()
	if err := b.fill(ctx, rows); err != nil {
		return err
	}
	if err := b.nodes[nodes-1].Exec(ctx, "UPDATE customers SET balance = -balance - 1"); err != nil {
		return err
	}
	kind := "with its key"
	if keyless {
		kind = "without a key"
		if err := b.all(ctx, "ALTER TABLE customers DROP CONSTRAINT customers_pkey"); err != nil {
			return err
		}
	}
	if err := b.steady(ctx, "customers"); err != nil {
		return err
	}
	r, took, err := b.compare(ctx)
	if err != nil {
		return err
	}
	t := r.Tables[0]
	fmt.Printf("%d nodes, %d rows %s, all different: %s, %d persistent, %d listed   wall %.1f s   peak %d MB\n",
		nodes, rows, kind, t.Verdict, t.Counts.Persistent, len(t.Diffs), took.Seconds(), peak())
	return nil
}
