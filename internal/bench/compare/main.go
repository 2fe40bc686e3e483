// Command compare measures the row comparer against what the server does
// anyway: it prints wall time and server CPU as ratios to a plain COPY of the
// table on one node and to count(*) on one node, in one interleaved run.
//
//	go run ./internal/bench/compare -rows 10000000
//	go run ./internal/bench/compare -scale
//	go run ./internal/bench/compare -diverged
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// customers is about 262 bytes a row; the order of its heap is that of its key.
const customers = `CREATE TABLE customers (id bigint NOT NULL, name text, email text, balance numeric(12,2), created_at timestamptz, active boolean, meta jsonb);
INSERT INTO customers SELECT g, 'Customer ' || substr(h, 1, 8) || ' ' || substr(h, 9, 12), substr(h, 1, 14) || '.' || g || '@example' || g %% 97 || '.com',
	(g::bigint * 7919 %% 1000000000) / 100.0, '2020-01-01 00:00:00+00'::timestamptz + g * interval '7.123457 seconds', g %% 7 <> 0,
	jsonb_build_object('tier', (ARRAY['free', 'basic', 'gold', 'platinum'])[1 + g %% 4], 'score', g * 31 %% 1000, 'tags', jsonb_build_array(substr(h, 20, 5), substr(h, 25, 5)),
		'city', 'City' || g %% 5000, 'note', substr(h, 1, 16))
	FROM (SELECT g, md5(g::text) h FROM generate_series(1::bigint, %d) g) s;
ALTER TABLE customers ADD PRIMARY KEY (id)`

// orders has a composite key that no integer leads.
const orders = `CREATE TABLE orders (sku text NOT NULL, ref uuid NOT NULL, qty int, price numeric(10,2), note text, updated_at timestamptz);
INSERT INTO orders SELECT 'SKU-' || lpad((g %% 20000)::text, 6, '0'), md5('o' || g)::uuid, g %% 100, (g * 131 %% 1000000) / 100.0, 'note ' || md5('n' || g),
	'2021-01-01 00:00:00+00'::timestamptz + g * interval '11 seconds' FROM generate_series(1::bigint, %d) g;
ALTER TABLE orders ADD PRIMARY KEY (sku, ref)`

var (
	flagDiffs                  int64
	flagConnections, flagPages int
)

func main() {
	rows := flag.Int64("rows", 10_000_000, "rows of the big table; the other has a fifth")
	rounds := flag.Int("rounds", 5, "comparisons, each between two COPYs; medians are printed, and the least to the least")
	nodes := flag.Int("nodes", 2, "servers")
	random := flag.Bool("random", true, "also with the heap in random key order")
	buffers := flag.String("shared-buffers", "2GB", "of each server")
	flag.IntVar(&flagConnections, "connections", 0, "to one node; 0 for the comparer's default")
	flag.IntVar(&flagPages, "chunk-pages", 0, "pages of the first chunk; 0 for the comparer's default")
	only := flag.String("only", "", "measure only the lines whose name contains this")
	scale := flag.Bool("scale", false, "instead: how the cost grows with rows (1, 3, 10, 30 million on two nodes) and nodes (2, 3, 6 with a million rows)")
	millions := flag.String("millions", "1,3,10,30", "of rows, with -scale")
	diverged := flag.Bool("diverged", false, "instead: a table of which every row differs")
	keyless := flag.Bool("keyless", false, "with -diverged: the table has no key")
	flag.Int64Var(&flagDiffs, "differences", 200, "scattered over the big table")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case *scale:
		var sizes []int64
		for m := range strings.SplitSeq(*millions, ",") {
			size, bad := strconv.ParseInt(m, 10, 64)
			if err == nil {
				err = bad
			}
			sizes = append(sizes, size)
		}
		if err == nil {
			err = growth(ctx, sizes, *buffers)
		}
	case *diverged:
		err = apart(ctx, *rows, *nodes, *keyless, *buffers)
	default:
		err = bench(ctx, *rows, *rounds, *nodes, *random, *only, *buffers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, rows int64, rounds, count int, random bool, only, buffers string) error {
	b, down, err := start(ctx, count, buffers)
	if err != nil {
		return err
	}
	defer down()
	b.rounds = rounds
	nodes, all := b.nodes, func(sql string) error { return b.all(ctx, sql) }
	fmt.Printf("%d nodes, %d rows, %d rounds. Before each line: VACUUM (FREEZE, ANALYZE), CHECKPOINT, one read on every node, and less than %d MB for the system to write.\n"+
		"Interleaved: COPY, comparison, COPY of the next node, count(*), comparison, COPY, ...; each comparison as a ratio to the mean of the COPY before and the one after it, and the median of these. Least to least: of all comparisons and all COPYs of a line.\n", count, rows, rounds, dirtyLimit>>10)
	diffs := flagDiffs
	scatter := fmt.Sprintf("UPDATE customers SET balance = -balance WHERE id %% %d = 5", max(rows/diffs, 1))
	heal := strings.Replace(scatter, "= -balance", "= abs(balance)", 1)
	without := []string{"meta"}
	type step struct {
		setup string // on all nodes
		one   string // on the last node, before its measurement
		undo  string
		name  string
		table string
		plain string // columns of the COPY
		left  []string
	}
	const noJSON = "id, name, email, balance, created_at, active"
	steps := []step{
		{setup: fmt.Sprintf(customers, rows), name: "key order, 0 differences", table: "customers", plain: "*"},
		{name: fmt.Sprintf("key order, %d differences", diffs), table: "customers", plain: "*", one: scatter, undo: heal},
		{name: "key order, without jsonb", table: "customers", plain: noJSON, left: without},
	}
	if random {
		steps = append(steps, step{setup: "CREATE TABLE shuffled AS SELECT * FROM customers ORDER BY hashint8(id); ALTER TABLE shuffled ADD PRIMARY KEY (id)", name: "random order, 0 differences", table: "shuffled", plain: "*"})
	}
	steps = append(steps, step{setup: fmt.Sprintf(orders, rows/5), name: "(text, uuid) key", table: "orders", plain: "*"})
	for _, s := range steps {
		if s.setup != "" {
			if err := all(s.setup); err != nil {
				return err
			}
		}
		if !strings.Contains(s.name, only) {
			continue
		}
		last := nodes[len(nodes)-1]
		if s.one != "" {
			if err := last.Exec(ctx, s.one); err != nil {
				return err
			}
		}
		if err := b.measure(ctx, s.name, s.table, s.plain, s.left); err != nil {
			return err
		}
		if s.undo != "" {
			if err := last.Exec(ctx, s.undo); err != nil {
				return err
			}
		}
	}
	return nil
}

// start brings up servers whose settings let a scan be measured, not the disk.
func start(ctx context.Context, count int, buffers string) (*benchmark, func(), error) {
	nodes, down, err := lab.Servers(ctx, count, lab.Options{Config: []string{"shared_buffers = '" + buffers + "'", "max_wal_size = '8GB'", "autovacuum = off", "wal_level = minimal", "max_wal_senders = 0"}})
	if err != nil {
		return nil, nil, err
	}
	b := &benchmark{nodes: nodes, rounds: 1}
	b.use(count)
	return b, func() { _ = down() }, nil
}

// use makes the plan one of the first so many nodes.
func (b *benchmark) use(count int) {
	b.top = &schema.Topology{Nodes: map[string]schema.Node{}}
	for _, n := range b.nodes[:count] {
		b.top.Nodes[n.Name] = schema.Node{DSN: n.DSN()}
		b.top.Reference.Replicas = append(b.top.Reference.Replicas, n.Name)
	}
}

// all runs a statement on every node at once.
func (b *benchmark) all(ctx context.Context, sql string) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range b.nodes {
		g.Go(func() error { return n.Exec(ctx, sql) })
	}
	return g.Wait()
}

// fill makes the table customers anew on every node.
func (b *benchmark) fill(ctx context.Context, rows int64) error {
	for _, sql := range []string{"DROP TABLE IF EXISTS customers", fmt.Sprintf(customers, rows)} {
		if err := b.all(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

type benchmark struct {
	nodes  []*lab.Node
	top    *schema.Topology
	rounds int
}

// cost of one run: wall time and CPU of the servers that took part.
type cost struct{ wall, cpu float64 }

// measure prints what the comparison of a table costs. Each one stands between
// a COPY of one node and a COPY of the next, and is set against their mean: the
// speed of a shared machine moves, and both feel it.
func (b *benchmark) measure(ctx context.Context, name, table, columns string, left []string) error {
	if err := b.steady(ctx, table); err != nil {
		return err
	}
	done := 0
	plain := func() (cost, error) {
		n := b.nodes[done%len(b.nodes)]
		done++
		return b.time(ctx, func() error {
			return n.Exec(ctx, "SET max_parallel_workers_per_gather = 0; COPY (SELECT "+columns+" FROM "+table+") TO '/dev/null'")
		})
	}
	before, err := plain()
	if err != nil {
		return err
	}
	copies := []cost{before}
	var ours, copied, counted, ratios []cost
	var last *compare.Result
	for range b.rounds {
		c, err := b.time(ctx, func() error {
			var err error
			last, err = compare.Run(ctx, compare.Request{Topology: b.top, Static: true, Tables: []string{table}, ExcludeColumns: left, MaxConnections: flagConnections, ChunkPages: flagPages, Settings: cluster.Settings{StatementTimeout: time.Hour}})
			return err
		})
		if err != nil {
			return err
		}
		after, err := plain()
		if err != nil {
			return err
		}
		count, err := b.time(ctx, func() error { return b.nodes[0].Exec(ctx, "SELECT count(*) FROM "+table) })
		if err != nil {
			return err
		}
		between := cost{(before.wall + after.wall) / 2, (before.cpu + after.cpu) / 2}
		ours, copies, copied, counted = append(ours, c), append(copies, after), append(copied, between), append(counted, count)
		ratios = append(ratios, cost{c.wall / between.wall, c.cpu / between.cpu / float64(len(b.nodes))})
		before = after
	}
	t := last.Tables[0]
	if t.Verdict == compare.Incomplete {
		return errors.New(strings.Join(t.Reasons, "; "))
	}
	bytes := int64(0)
	for _, n := range t.Nodes {
		bytes = max(bytes, n.Bytes)
	}
	var each []string
	for _, r := range ratios {
		each = append(each, fmt.Sprintf("%.2f", r.wall))
	}
	o, p, s, r := median(ours), median(copied), median(counted), median(ratios)
	best := least(ours).wall / least(copies).wall
	fmt.Printf("%-28s wall %6.2f s = %.2f COPY (%s), least to least %.2f, = %5.1f count(*)   CPU %6.2f s = %.2f COPY a node   COPY %.2f s, count(*) %.2f s   %d different   %d kB a node   peak %d MB\n",
		name, o.wall, r.wall, strings.Join(each, " "), best, o.wall/s.wall, o.cpu, r.cpu, p.wall, s.wall, t.Counts.Persistent, bytes/1000, peak())
	return nil
}

// time runs something and returns what it cost.
func (b *benchmark) time(ctx context.Context, run func() error) (cost, error) {
	before, err := b.cpu(ctx)
	if err != nil {
		return cost{}, err
	}
	begin := time.Now()
	if err := run(); err != nil {
		return cost{}, err
	}
	wall := time.Since(begin).Seconds()
	for _, n := range b.nodes { // a session's CPU is its postmaster's when it is gone
		for ctx.Err() == nil {
			if left, err := n.Scalar(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgconcord'"); err != nil || left == "0" {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	time.Sleep(50 * time.Millisecond)
	after, err := b.cpu(ctx)
	return cost{wall, after - before}, err
}

// cpu returns the CPU seconds of all servers: postmasters, what they run and
// what they ran.
func (b *benchmark) cpu(ctx context.Context) (float64, error) {
	total := 0.0
	for _, n := range b.nodes {
		pid, err := n.Scalar(ctx, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")
		if err != nil {
			return 0, err
		}
		for { // until no child ended meanwhile: it would be counted twice or not at all
			own, alive := ticks(pid, true), 0.0
			children, _ := filepath.Glob("/proc/[0-9]*/stat")
			for _, c := range children {
				if parent(c) == pid {
					alive += ticks(filepath.Base(filepath.Dir(c)), false)
				}
			}
			if ticks(pid, true) == own || ctx.Err() != nil {
				total += own + alive
				break
			}
		}
	}
	return total / 100, nil
}

func stat(pid string) []string {
	data, _ := os.ReadFile("/proc/" + pid + "/stat")
	_, rest, _ := strings.Cut(string(data), ") ")
	return strings.Fields(rest)
}

func parent(path string) string {
	if f := stat(filepath.Base(filepath.Dir(path))); len(f) > 1 {
		return f[1]
	}
	return ""
}

func ticks(pid string, ended bool) float64 {
	f := stat(pid)
	if len(f) < 15 {
		return 0
	}
	total := 0.0
	last := 12
	if ended {
		last = 14 // of children that were waited for, too
	}
	for _, s := range f[11 : last+1] {
		n, _ := strconv.ParseFloat(s, 64)
		total += n
	}
	return total
}

func median(c []cost) cost { return ranked(c, len(c)/2) }

// least is what a run costs that nothing disturbs: a neighbour on the same host
// only ever adds to it.
func least(c []cost) cost { return ranked(c, 0) }

func ranked(c []cost, rank int) cost {
	pick := func(f func(cost) float64) float64 {
		v := make([]float64, len(c))
		for i := range c {
			v[i] = f(c[i])
		}
		slices.Sort(v)
		return v[rank]
	}
	return cost{pick(func(c cost) float64 { return c.wall }), pick(func(c cost) float64 { return c.cpu })}
}

// peak is the largest resident size of this process so far, in MB.
func peak() int {
	data, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(data), "\n") {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.Fields(kb)[0])
			return n / 1000
		}
	}
	return 0
}
