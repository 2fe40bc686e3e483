package compare

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/schema"
)

// run is one comparison under way.
type run struct {
	req     Request
	surveys map[string]*survey
	failed  map[string]error
	fencer  *fencer
	origins map[string]map[int64]string
	done    int
	total   int
	paused  time.Duration // waiting for load and lag so far
}

// Run compares the tables of the plan and returns what it found. An error means
// that a request names what is not there ([*RequestError]), or that the context
// ended: the result then holds the tables done so far. Whatever else goes wrong is in
// the result, and makes it incomplete.
func Run(ctx context.Context, req Request) (*Result, error) {
	req = req.defaults()
	if err := req.check(ctx); err != nil {
		return nil, err
	}
	out := &Result{Started: time.Now().UTC(), Mode: req.Mode, Policy: req.Policy.String(), Tables: []Table{}}
	r := &run{req: req, origins: map[string]map[int64]string{}}
	r.open(ctx)
	defer r.close()
	tasks, reasons, err := planTables(req, r.surveys, r.failed)
	if err != nil {
		return nil, err
	}
	out.Reasons = reasons
	r.total = len(tasks)
	for _, t := range tasks {
		if ctx.Err() != nil {
			break
		}
		table, ok := req.Ledger.done(t)
		if ok && r.stands(t, table) {
			table.Notes = append(slices.Clone(table.Notes), "finished by an earlier run and taken from its ledger: nothing of it was read again")
		} else {
			table = r.table(ctx, t)
			if ctx.Err() == nil {
				if err := req.Ledger.record(table); err != nil {
					return nil, err
				}
			}
		}
		out.Tables = append(out.Tables, table)
		r.done++
	}
	if ctx.Err() != nil {
		out.Reasons = append(out.Reasons, fmt.Sprintf("interrupted after %d of %d tables", r.done, r.total))
	}
	out.Fence = r.fencer.report()
	out.Verdict = verdictOf(out)
	out.Finished = time.Now().UTC()
	return out, ctx.Err()
}

func verdictOf(r *Result) Verdict {
	v := Match
	if len(r.Reasons) > 0 || len(r.Tables) == 0 {
		v = Incomplete
	}
	for _, t := range r.Tables {
		if t.Verdict == Different {
			return Different
		}
		if t.Verdict == Incomplete {
			v = Incomplete
		}
	}
	return v
}

// open connects to every node of the plan at once: nodes that are not compared
// may still feed those that are, and are asked by the fence.
func (r *run) open(ctx context.Context) {
	type answer struct {
		v   *survey
		err error
	}
	answers := cluster.Each(ctx, r.req.Topology.Nodes, func(ctx context.Context, name string, n schema.Node) answer {
		s, err := cluster.Open(ctx, name, n.DSN, r.req.Settings)
		if err != nil {
			return answer{err: err}
		}
		v, err := look(ctx, s)
		if err != nil {
			s.Close()
			return answer{err: err}
		}
		return answer{v: v}
	})
	r.surveys, r.failed = map[string]*survey{}, map[string]error{}
	for name, a := range answers {
		if a.err != nil {
			r.failed[name] = a.err
		} else {
			r.surveys[name] = a.v
		}
	}
	r.fencer = &fencer{surveys: r.surveys, timeout: r.req.FenceTimeout, static: r.req.Static,
		session: func(n string) *cluster.Session { return r.surveys[n].session },
		edges:   map[[2]string]FenceEdge{}, failed: map[[2]string]bool{}, silent: map[string]bool{}}
	for name, n := range r.req.Topology.Nodes {
		r.fencer.silent[name] = n.Kind == schema.KindSubscriberOnly || n.Kind == schema.KindStandby
	}
}

func (r *run) close() {
	for _, v := range r.surveys {
		v.session.Close()
	}
}

func (r *run) event(phase string, t *task, node string, rows, total int64) {
	r.req.Progress(Event{Phase: phase, Table: t.label(), Node: node, TablesDone: r.done, TablesTotal: r.total, Rows: rows, RowsTotal: total})
}

// table compares one task.
func (r *run) table(ctx context.Context, t *task) Table {
	oldest, mixed := r.versions()
	s := align(r.req, t, oldest, mixed)
	out := Table{Schema: t.schema, Name: t.name, DataSet: t.dataSet, Key: names(s.key), Columns: names(s.columns), Left: s.left, Where: r.where(t),
		Notes: append(t.notes, s.notes...), Reasons: append(t.reasons, s.reasons...)}
	for _, n := range t.nodes {
		if why, ok := t.absent[n]; ok {
			out.Reasons = append(out.Reasons, why)
			out.Nodes = append(out.Nodes, Coverage{Node: n, Error: why})
		}
	}
	nodes := slices.Sorted(maps.Keys(t.on))
	switch {
	case len(t.nodes) < 2:
		out.Reasons = append(out.Reasons, "only one node is to be compared")
	case len(nodes) < 2:
		out.Reasons = append(out.Reasons, "fewer than two nodes could be read")
	case len(s.reasons) == 0 && len(t.reasons) == 0:
		if err := r.rows(ctx, t, s, nodes, &out); err != nil {
			out.Reasons = append(out.Reasons, err.Error())
		}
	}
	slices.SortFunc(out.Nodes, func(a, b Coverage) int { return cmp.Compare(a.Node, b.Node) })
	out.judge()
	return out
}

// stands reports whether a table that a ledger holds is what would be compared
// now: the same nodes, key, columns and rows. A node that only does not answer
// now takes nothing from what it said then.
func (r *run) stands(t *task, old Table) bool {
	var nodes []string
	for _, c := range old.Nodes {
		nodes = append(nodes, c.Node)
	}
	for n := range t.absent {
		if r.surveys[n] != nil {
			return false
		}
	}
	if !slices.Equal(nodes, t.nodes) || len(t.reasons) > 0 {
		return false
	}
	if len(t.on) < 2 {
		return true
	}
	oldest, mixed := r.versions()
	s := align(r.req, t, oldest, mixed)
	return len(s.reasons) == 0 && slices.Equal(names(s.key), old.Key) && slices.Equal(names(s.columns), old.Columns) &&
		slices.Equal(s.left, old.Left) && r.where(t) == old.Where
}

// where returns the condition that rows of a task must meet; empty: none.
func (r *run) where(t *task) string {
	return strings.Join(slices.DeleteFunc([]string{t.where, r.req.Where}, func(w string) bool { return w == "" }), " AND ")
}

// judge derives the table's verdict from its counts and reasons.
func (out *Table) judge() {
	if n := out.Counts.Unverified; n > 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("%d suspect keys could not be verified behind a fence", n))
	}
	if n := out.Counts.Volatile; n > 0 {
		out.Reasons = append(out.Reasons, fmt.Sprintf("%d suspect keys went on changing while they were read", n))
	}
	out.Verdict = Match
	if len(out.Reasons) > 0 {
		out.Verdict = Incomplete
	}
	if out.Counts.Persistent > 0 {
		out.Verdict = Different
	}
}

// versions returns the oldest server's version, and whether there are some on
// both sides of PostgreSQL 12.
func (r *run) versions() (oldest int, mixed bool) {
	newest := 0
	for _, v := range r.surveys {
		if oldest == 0 || v.version < oldest {
			oldest = v.version
		}
		newest = max(newest, v.version)
	}
	return oldest, oldest < 120000 && newest >= 120000
}

// rows scans, drills and settles one table on the nodes that have it.
func (r *run) rows(ctx context.Context, t *task, s *shape, nodes []string, out *Table) error {
	m, note, err := r.choose(ctx, s, nodes)
	if err != nil {
		return err
	}
	if note != "" {
		out.Notes = append(out.Notes, note)
	}
	out.Digest = m.name
	if why, err := r.rest(ctx, t, nodes); err != nil {
		return err
	} else if why != "" {
		out.Notes = append(out.Notes, why)
	}
	b, err := r.buckets(ctx, t, s, nodes)
	if err != nil {
		return err
	}
	all, err := r.scan(ctx, t, s, nodes, m, b)
	if err != nil {
		return err
	}
	if m.name == native.name && slices.ContainsFunc(all, func(s scanned) bool { return cannotCompute(s.err) }) {
		// A value that one of the native functions does not take.
		m = with256
		out.Digest = m.name
		out.Notes = append(out.Notes, "the native digest cannot be computed of every value: compared by SHA-256")
		if all, err = r.scan(ctx, t, s, nodes, m, b); err != nil {
			return err
		}
	}
	var ok []string
	var good []scanned
	for i, n := range nodes {
		out.Nodes = append(out.Nodes, all[i].coverage)
		if all[i].err != nil {
			out.Reasons = append(out.Reasons, all[i].err.Error())
			continue
		}
		ok, good = append(ok, n), append(good, all[i])
	}
	if len(good) < 2 {
		return nil
	}
	largest := 0
	for _, g := range good {
		largest = max(largest, len(g.parts))
	}
	out.Miss = min(1, float64(largest)*float64(len(good)-1)*m.missBound())
	bad := differing(good)
	if len(bad) == 0 {
		return nil
	}
	return r.suspects(ctx, t, s, ok, m, b, bad, out)
}

// suspects drills into differing buckets and settles the keys found.
func (r *run) suspects(ctx context.Context, t *task, s *shape, nodes []string, m method, b buckets, bad []int64, out *Table) error {
	sessions, qs := r.readers(t, s, nodes, m, b)
	r.event("drill", t, "", 0, 0)
	found := &spool{}
	defer found.close()
	if err := drill(ctx, sessions, qs, bad, found.add); err != nil {
		return err
	}
	return r.settle(ctx, t, s, nodes, m, b, found, out)
}

// settle finds out what became of suspects.
func (r *run) settle(ctx context.Context, t *task, s *shape, nodes []string, m method, b buckets, suspects *spool, out *Table) error {
	sessions, qs := r.readers(t, s, nodes, m, b)
	out.Counts.Suspect = suspects.count
	if err := r.readOrigins(ctx, nodes); err != nil {
		out.Counts.Unverified = suspects.count
		return err
	}
	check := &rechecker{rounds: r.req.Rounds, counts: &out.Counts, keyless: len(s.key) == 0,
		look: func(ctx context.Context, keys [][]string, values bool) (looked, error) {
			return lookAt(ctx, sessions, qs, keys, values)
		},
		fence: func(ctx context.Context) (Fence, error) {
			r.event("fence", t, "", 0, 0)
			return r.fencer.wait(ctx, t, nodes)
		},
		evidence: func() bool { return len(out.Diffs) < r.req.SampleLimit },
		found: func(key []string, status Status, l looked) {
			if len(out.Diffs) >= r.req.SampleLimit {
				out.Cut++
				return
			}
			out.Diffs = append(out.Diffs, r.difference(key, status, l, nodes, s))
		},
		settled: func() { r.event("recheck", t, "", out.Counts.settled(), suspects.count) }}
	err := check.settle(ctx, suspects)
	r.lacking(ctx, sessions, qs, out)
	out.Counts.Unverified += suspects.count - out.Counts.settled() // when the recheck broke off
	slices.SortFunc(out.Diffs, func(a, b Difference) int { return slices.Compare(a.Key, b.Key) })
	return err
}

// settled returns how many suspects it is known of what became of them.
func (c Counts) settled() int64 { return c.Cleared + c.Volatile + c.Unverified + c.Persistent }

// readers returns the nodes' sessions, and the statements for each.
func (r *run) readers(t *task, s *shape, nodes []string, m method, b buckets) (sessions []*cluster.Session, qs []statements) {
	for _, n := range nodes {
		sessions = append(sessions, r.surveys[n].session)
		qs = append(qs, newStatements(t, r.surveys[n], s, m, r.req.Mode, r.req.Where, b))
	}
	return sessions, qs
}
