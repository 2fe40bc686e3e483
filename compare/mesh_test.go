package compare_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// plan of a lab as it is now.
func plan(t *testing.T, l *lab.Lab) *schema.Topology {
	t.Helper()
	p, err := schema.Load(t.Context(), []schema.Input{{Name: "lab.yaml", Data: l.Topology()}}, schema.Options{})
	require.NoError(t, err)
	return p.Topology
}

func run(t *testing.T, req compare.Request) *compare.Result {
	t.Helper()
	if req.Settings.ConnectTimeout == 0 {
		req.Settings = cluster.Settings{ConnectTimeout: 10 * time.Second, StatementTimeout: time.Minute}
	}
	r, err := compare.Run(t.Context(), req)
	require.NoError(t, err)
	return r
}

// found lists the differences of a status as "schema.table(key) kind minority".
func found(r *compare.Result, status compare.Status) []string {
	out := []string{}
	for _, table := range r.Tables {
		for _, d := range table.Diffs {
			if d.Status == status {
				out = append(out, fmt.Sprintf("%s.%s(%s) %s %s", table.Schema, table.Name, strings.Join(d.Key, ", "), d.Kind, strings.Join(d.Minority, ",")))
			}
		}
	}
	slices.Sort(out)
	return out
}

func summary(r *compare.Result) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Verdict, r.Reasons)
	for _, t := range r.Tables {
		fmt.Fprintln(&b, t.DataSet, t.Schema, t.Name, t.Verdict, t.Reasons, t.Notes, t.Counts)
		for _, d := range t.Diffs {
			fmt.Fprintf(&b, "  %+v\n", d)
		}
	}
	for _, e := range r.Fence.Edges {
		if !e.Passed {
			fmt.Fprintf(&b, "  %+v\n", e)
		}
	}
	return b.String()
}

// load writes on every node at once, until it is stopped: updates of shared
// rows, so that last_update_wins has work to do, inserts and deletes.
func load(t *testing.T, l *lab.Lab, nodes []string) (stop func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var writes atomic.Int64
	for i, name := range nodes {
		set := "shard1"
		if !slices.Contains([]string{"dc1n1", "dc1n2", "dr1n1"}, name) {
			set = "shard2"
		}
		wg.Go(func() {
			conn, err := l.Node(name).Connect(ctx)
			if err != nil {
				return
			}
			defer conn.Close(context.WithoutCancel(ctx))
			for n := 0; ctx.Err() == nil; n++ {
				for _, sql := range []string{
					fmt.Sprintf("UPDATE %s.customer SET balance = balance + 1 WHERE id BETWEEN %d AND %d", set, 100+n%100, 103+n%100),
					fmt.Sprintf("UPDATE ref.product SET price = price + 1 WHERE id = %d", 100+(n*7+i)%50),
					fmt.Sprintf("INSERT INTO %s.entry VALUES (%d, %d, 1, 'load', now())", set, 100_000+i, n),
					fmt.Sprintf("DELETE FROM %s.entry WHERE account = %d AND seq < %d", set, 100_000+i, n-20),
				} {
					if _, err := conn.Exec(ctx, sql); err == nil {
						writes.Add(1)
					}
				}
			}
		})
	}
	return func() int64 { cancel(); wg.Wait(); return writes.Load() }
}

// One mesh serves all of these; each mends what it broke.
func TestMesh(t *testing.T) {
	ctx := t.Context()
	l, err := lab.Up(ctx, lab.Options{})
	lab.Need(t, err)
	defer l.Down()

	t.Run("healthy: every table of every data set matches", func(t *testing.T) {
		r := run(t, compare.Request{Topology: plan(t, l)})
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		var tables []string
		for _, x := range r.Tables {
			tables = append(tables, x.DataSet+" "+x.Schema+"."+x.Name)
			require.Len(t, x.Nodes, map[string]int{"reference": 6, "first": 3, "second": 3}[x.DataSet])
			for _, c := range x.Nodes {
				require.Positive(t, c.Rows)
				require.Equal(t, x.Nodes[0].Rows, c.Rows)
				require.Equal(t, x.Nodes[0].Digest, c.Digest)
				require.NotEmpty(t, c.LSN)
			}
		}
		require.Equal(t, []string{"first shard1.customer", "first shard1.device", "first shard1.entry", "reference ref.currency", "reference ref.product",
			"second shard2.customer", "second shard2.device", "second shard2.entry"}, tables)
		require.False(t, r.Fence.Needed, "nothing was suspect")
	})

	t.Run("filters", func(t *testing.T) {
		r := run(t, compare.Request{Topology: plan(t, l), Shards: []string{"first"}, Tables: []string{"shard1.entry"}, Nodes: []string{"dc1n1", "dr1n1", "dc2n1"}})
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.Len(t, r.Tables, 1)
		require.Len(t, r.Tables[0].Nodes, 2)
		_, err := compare.Run(ctx, compare.Request{Topology: plan(t, l), Tables: []string{"nosuch"}})
		require.ErrorContains(t, err, `no table "nosuch"`)
		_, err = compare.Run(ctx, compare.Request{Topology: plan(t, l), Shards: []string{"third"}})
		require.ErrorContains(t, err, `no shard "third"`)
	})

	t.Run("under load nothing is persistent but what was planted", func(t *testing.T) {
		var want []string
		var mend []func() error
		for _, in := range []struct {
			node  string
			fault lab.Fault
			table string
			kind  compare.Kind
		}{
			{"dr1n1", lab.StaleRow, "shard1.customer", compare.Changed},
			{"dc1n2", lab.MissingRow, "shard1.device", compare.Missing},
			{"dc2n2", lab.ExtraRow, "shard2.entry", compare.Extra},
			{"dc2n1", lab.StaleRow, "ref.currency", compare.Changed},
			{"dr1n2", lab.MissingRow, "shard2.entry", compare.Missing},
		} {
			row, err := l.Inject(ctx, in.node, in.fault, in.table)
			require.NoError(t, err)
			want = append(want, fmt.Sprintf("%s %s %s", row, in.kind, in.node))
			donor := map[string]string{"shard1": "dc1n1", "shard2": "dc2n1", "ref": "dc1n1"}[strings.Split(in.table, ".")[0]]
			if in.node == donor {
				donor = "dc2n2"
			}
			mend = append(mend, func() error { return l.Mend(ctx, in.node, donor, row) })
		}
		slices.Sort(want)
		stop := load(t, l, lab.NodeNames)
		suspects := int64(0)
		for range 5 {
			r := run(t, compare.Request{Topology: plan(t, l)})
			require.Equal(t, compare.Different, r.Verdict, summary(r))
			require.Equal(t, want, found(r, compare.Persistent), summary(r))
			for _, x := range r.Tables {
				suspects += x.Counts.Suspect
				require.Zero(t, x.Counts.Unverified, summary(r))
			}
		}
		t.Logf("%d writes, %d suspects", stop(), suspects)
		require.Greater(t, suspects, int64(5*len(want)), "the load was to make suspects that get cleared")
		for _, m := range mend {
			require.NoError(t, m())
		}
		require.NoError(t, l.Settle(ctx))
		r := run(t, compare.Request{Topology: plan(t, l)})
		require.Equal(t, compare.Match, r.Verdict, summary(r))
	})

	t.Run("a disabled subscription makes suspects unverified", func(t *testing.T) {
		require.NoError(t, l.DisableEdge(ctx, "dc1n1", "dr1n1"))
		require.NoError(t, l.Node("dc1n1").Exec(ctx, "UPDATE shard1.customer SET balance = 0 WHERE id = 50"))
		r := run(t, compare.Request{Topology: plan(t, l)})
		require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
		require.Empty(t, found(r, compare.Persistent))
		require.Equal(t, []string{"shard1.customer(50) changed dr1n1"}, found(r, compare.Unverified))
		require.False(t, r.Fence.Passed)
		require.Contains(t, fmt.Sprint(r.Fence.Edges), "the subscription is disabled")
		require.NoError(t, l.EnableEdge(ctx, "dc1n1", "dr1n1"))
		require.NoError(t, l.Settle(ctx))
		r = run(t, compare.Request{Topology: plan(t, l)})
		require.Equal(t, compare.Match, r.Verdict, summary(r))
	})

	t.Run("a stalled edge makes suspects unverified when the fence's time is over", func(t *testing.T) {
		require.NoError(t, l.Stall(ctx, "dc2n1", "dc2n2"))
		require.NoError(t, l.Node("dc2n1").Exec(ctx, "UPDATE shard2.device SET label = 'late' WHERE tenant = 'tenant-3'"))
		r := run(t, compare.Request{Topology: plan(t, l), Shards: []string{"second"}, FenceTimeout: 2 * time.Second})
		require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
		require.Empty(t, found(r, compare.Persistent))
		require.Len(t, found(r, compare.Unverified), 30)
		require.NoError(t, l.Resume(ctx, "dc2n1", "dc2n2"))
		require.NoError(t, l.Settle(ctx))
		r = run(t, compare.Request{Topology: plan(t, l), Shards: []string{"second"}})
		require.Equal(t, compare.Match, r.Verdict, summary(r))
	})

	t.Run("an unreachable node makes its tables incomplete and no others", func(t *testing.T) {
		require.NoError(t, l.Node("dc2n2").Crash())
		begin := time.Now()
		r := run(t, compare.Request{Topology: plan(t, l)})
		require.Less(t, time.Since(begin), time.Minute)
		require.Equal(t, compare.Incomplete, r.Verdict, summary(r))
		for _, x := range r.Tables {
			if x.DataSet == "first" {
				require.Equal(t, compare.Match, x.Verdict, summary(r))
				continue
			}
			require.Equal(t, compare.Incomplete, x.Verdict, summary(r))
			for _, c := range x.Nodes {
				require.Equal(t, c.Node == "dc2n2", c.Error != "", summary(r))
				require.Equal(t, c.Node != "dc2n2", c.Rows > 0, summary(r))
			}
		}
		require.NoError(t, l.Node("dc2n2").Start(ctx))
		require.NoError(t, l.Settle(ctx))
	})

	t.Run("in a group of BDR or PGD", func(t *testing.T) { testGroup(t, l) })

	t.Run("a cancelled context ends the run", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		_, err := compare.Run(ctx, compare.Request{Topology: plan(t, l), Progress: func(compare.Event) { cancel() }})
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("a clean join matches", func(t *testing.T) {
		require.NoError(t, l.JoinCleanly(ctx, "dc1n4"))
		r := run(t, compare.Request{Topology: plan(t, l)})
		require.Equal(t, compare.Match, r.Verdict, summary(r))
		require.Len(t, r.Tables[0].Nodes, 4)
	})

	t.Run("a join under lag is explained", func(t *testing.T) {
		join, err := l.JoinUnderLag(ctx)
		require.NoError(t, err)
		r := run(t, compare.Request{Topology: plan(t, l)})
		var want []string
		for _, row := range join.Stale {
			want = append(want, fmt.Sprintf("%s changed %s", row, join.Joiner))
		}
		slices.Sort(want)
		require.Equal(t, want, found(r, compare.Persistent), summary(r))
		for _, x := range r.Tables {
			for _, d := range x.Diffs {
				require.Contains(t, d.Cause, compare.CauseJoin+": on "+join.Joiner+" the row came by a copy from "+join.Source)
				for _, v := range d.Versions {
					require.NotNil(t, v.CommitAt)
					require.Equal(t, map[bool]string{true: join.Source, false: join.Writer}[v.Node == join.Joiner], v.Origin)
				}
			}
		}
	})
}
