package compare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Recheck reads keys again, behind fences, and nothing else: those that an
// earlier result lists as differing, or those that are asked for, which need not
// be among them.
//
// Without any asked for, the earlier result's coverage still speaks for all other
// rows; what it had cut off cannot be rechecked and keeps its table incomplete.
// With some, and where the request leaves out nodes that the earlier result had
// compared, a verdict is one on those keys and nodes alone: [Table.Scope] says so.
func Recheck(ctx context.Context, req Request, earlier *Result, asked []AskedKey) (*Result, error) {
	if err := earlier.sound(); err != nil {
		return nil, err
	}
	byTable, left, err := assign(req, earlier, asked)
	if err != nil {
		return nil, err
	}
	if asked != nil && len(byTable) == 0 {
		return nil, refuse("the list holds no key of the tables asked for")
	}
	r, tasks, out, err := begin(ctx, req)
	if err != nil {
		return nil, err
	}
	defer r.close()
	req = r.req
	if asked == nil {
		for _, why := range earlier.Reasons {
			out.Reasons = append(out.Reasons, "the earlier result was incomplete: "+why)
		}
	}
	if earlier.Mode != "" && earlier.Mode != req.Mode {
		out.Reasons = append(out.Reasons, fmt.Sprintf("the earlier result was of mode %s, and this one is of mode %s", earlier.Mode, req.Mode))
	}
	for n, old := range earlier.Tables {
		if _, named := byTable[n]; selected(req, old) && (named || asked == nil && len(old.Diffs) > 0) {
			r.tally.total++
		}
	}
	var wrong []string
	for n, old := range earlier.Tables {
		keys, named := byTable[n]
		if !selected(req, old) || asked != nil && !named {
			continue
		}
		if asked == nil && len(old.Diffs) == 0 {
			if old.Verdict != Match {
				old.Reasons = append(slices.Clone(old.Reasons), "the earlier result lists no keys to recheck")
				out.Tables = append(out.Tables, old)
			}
			continue
		}
		i := slices.IndexFunc(tasks, func(t *task) bool { return t.dataSet == old.DataSet && t.schema == old.Schema && t.name == old.Name })
		if i < 0 {
			what := "is not among the tables to be compared any more"
			if len(r.failed) > 0 {
				what = "was not found on the nodes that answered"
			}
			out.Reasons = append(out.Reasons, fmt.Sprintf("%s: %s.%s %s", old.DataSet, old.Schema, old.Name, what))
			r.tally.done.Add(1)
			continue
		}
		table, err := r.again(ctx, tasks[i], old, keys, named)
		if ctx.Err() == nil {
			r.ended(tasks[i])
		}
		if e, ok := errors.AsType[*RequestError](err); ok {
			wrong = append(wrong, e.Problem)
			continue
		}
		if left > 0 {
			table.Notes = append(table.Notes, fmt.Sprintf("%d of the keys in the list of other tables, which were not asked for", left))
		}
		out.Tables = append(out.Tables, table)
	}
	if len(wrong) > 0 {
		return nil, &RequestError{strings.Join(wrong, "\n")}
	}
	out.Fence = r.fencer.report()
	out.Verdict = verdictOf(out)
	if len(out.Tables) == 0 && len(out.Reasons) == 0 {
		out.Verdict = Match // nothing had differed
	}
	out.Finished = time.Now().UTC()
	return out, ctx.Err()
}

func rowsWhere(where string) string {
	if where == "" {
		return "all rows"
	}
	return "rows where " + where
}

// again settles keys of one table: those asked for, else those that an earlier
// result lists. Its only errors are about keys that cannot be.
func (r *run) again(ctx context.Context, t *task, old Table, asked []AskedKey, named bool) (Table, error) {
	s := align(r.req, t, r.unlike())
	nodes := slices.Sorted(maps.Keys(t.on))
	out := old
	out.Key, out.Columns, out.Left = names(s.key), names(s.columns), s.left
	out.Counts, out.Diffs, out.Cut, out.Where = Counts{}, nil, 0, r.where(t)
	out.Reasons = slices.Concat(t.reasons, s.reasons)
	out.Notes = nil
	r.notes = &notes{}
	for _, n := range t.nodes {
		if why, ok := t.absent[n]; ok {
			out.Reasons = append(out.Reasons, why)
		}
	}
	out.doubts(old, t, named)
	switch {
	case !named && !slices.Equal(out.Key, old.Key):
		out.Reasons = append(out.Reasons, earlierDoubt+"told rows apart by another key")
	case len(nodes) < 2:
		out.Reasons = append(out.Reasons, "fewer than two nodes could be read")
	case len(t.reasons)+len(s.reasons) == 0:
		if err := r.reread(ctx, t, s, nodes, old, asked, named, &out); err != nil {
			if errors.As(err, new(*RequestError)) {
				return out, err
			}
			out.Reasons = append(out.Reasons, err.Error())
		}
	}
	out.Notes = append(out.Notes, r.notes.all()...)
	out.judge()
	return out, nil
}

// reread settles the keys, and says which they were.
func (r *run) reread(ctx context.Context, t *task, s *shape, nodes []string, old Table, asked []AskedKey, named bool, out *Table) error {
	m, _, err := r.choose(ctx, s, nodes)
	if err != nil {
		return err
	}
	if len(s.key) == 0 && m.name != old.Digest {
		return fmt.Errorf("rows without a key are told by their digest, which was %s and is %s now", old.Digest, m.name)
	}
	if form := m.form(s.columns, r.req.Mode); len(s.key) == 0 && form != old.RowForm {
		return errors.New("rows without a key are told by their digest, and the types of their columns, which of them may be NULL, or how a digest is made are not what they were: compare the table anew")
	}
	out.Digest = m.name
	var keys, others [][]string
	for _, d := range old.Diffs {
		keys = append(keys, d.Key)
	}
	what := fmt.Sprintf("the %s of an earlier result", counted(len(keys), "key"))
	if named {
		listed := map[string]bool{}
		for _, k := range keys {
			listed[strings.Join(k, sep)] = true
		}
		var rewritten int
		if keys, others, rewritten, err = r.readKeys(ctx, t, s, nodes, m, asked); err != nil {
			return err
		}
		among := 0
		for _, k := range keys {
			if listed[strings.Join(k, sep)] && slices.Equal(out.Key, old.Key) {
				among++
			}
		}
		what = fmt.Sprintf("the %s asked for", counted(len(keys), "key"))
		if fresh := len(keys) - among; fresh > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("%d of the keys asked for not among the differences (%d) that the earlier result lists: compared all the same", fresh, len(listed)))
		}
		if rewritten > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("%d of the keys written otherwise than the server writes them", rewritten))
		}
	}
	keys, added, err := r.asHeld(ctx, t, s, nodes, m, keys, others, !named)
	if err != nil {
		return err
	}
	if added > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%s that rows have in another form than it was written are read too", counted(added, "key")))
	}
	read := make([]int64, len(nodes))
	var nowhere int64
	suspects := &spool{}
	defer suspects.close()
	for _, k := range keys {
		if err := suspects.add(suspect{key: k}); err != nil {
			return err
		}
	}
	out.Notes = append([]string{"read again: only " + what}, out.Notes...)
	narrowed := named || len(dropped(old, t)) > 0
	if narrowed {
		out.Scope = strings.TrimPrefix(what, "the ")
		if len(dropped(old, t)) > 0 {
			out.Scope += " on " + strings.Join(nodes, ", ")
		}
	}
	err = r.inspect(t, s, nodes, m, buckets{count: 1}, spread{}).settle(ctx, suspects, out, func(keys [][]string, now looked) {
		for i := range now {
			read[i] += int64(len(now[i]))
		}
		for _, k := range keys {
			if now.nowhere(strings.Join(k, sep)) {
				nowhere++
			}
		}
	})
	if nowhere > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d of the keys on none of the nodes", nowhere))
	}
	if narrowed {
		out.Miss, out.Nodes = 0, nil // the earlier scan does not speak for it
		for i, n := range nodes {
			out.Nodes = append(out.Nodes, Coverage{Node: n, Rows: read[i], At: time.Now().UTC()})
		}
		for _, n := range t.nodes {
			if why, ok := t.absent[n]; ok {
				out.Nodes = append(out.Nodes, Coverage{Node: n, Error: why})
			}
		}
		slices.SortFunc(out.Nodes, func(a, b Coverage) int { return strings.Compare(a.Node, b.Node) })
	}
	return err
}

// dropped returns the nodes that an earlier result had compared and a recheck does not.
func dropped(old Table, t *task) []string {
	var out []string
	for _, c := range old.Nodes {
		if !slices.Contains(t.nodes, c.Node) {
			out = append(out, c.Node)
		}
	}
	return out
}

// earlierDoubt begins the reasons of a recheck that no recheck takes away: they
// are about rows that it does not read.
const earlierDoubt = "the earlier result "

// doubts keeps what an earlier result had left open, and says where this is
// another question. Keys that are asked for by themselves are one of their own.
func (out *Table) doubts(old Table, t *task, named bool) {
	doubt := func(format string, a ...any) {
		if why := earlierDoubt + fmt.Sprintf(format, a...); !slices.Contains(out.Reasons, why) {
			out.Reasons = append(out.Reasons, why)
		}
	}
	if !named {
		// Of a recheck itself: what it could not settle is in none of its counts.
		for _, why := range old.Reasons {
			if why, ok := strings.CutPrefix(why, earlierDoubt); ok {
				doubt("%s", why)
			}
		}
	}
	if more := max(old.Cut, old.Counts.Persistent+old.Counts.Volatile+old.Counts.Unverified-int64(len(old.Diffs))); more > 0 && !named {
		doubt("had %d more differences, which it does not list", more)
	}
	if gone := dropped(old, t); len(gone) > 0 {
		out.Notes = append(out.Notes, "not read again: "+strings.Join(gone, ", "))
	}
	if !named {
		for _, n := range t.nodes {
			i := slices.IndexFunc(old.Nodes, func(c Coverage) bool { return c.Node == n })
			if i < 0 || old.Nodes[i].Error != "" {
				doubt("had not read %s", n)
			}
		}
	}
	if out.Where != old.Where {
		doubt("compared other rows: it was of %s, and this is of %s", rowsWhere(old.Where), rowsWhere(out.Where))
	}
	lost := slices.DeleteFunc(slices.Clone(old.Columns), func(c string) bool { return slices.Contains(out.Columns, c) })
	for _, c := range lost {
		doubt("compared column %s, and this one does not", c)
	}
	if len(lost) == 0 && !slices.Equal(out.Columns, old.Columns) && !named {
		doubt("compared other columns")
	}
}
