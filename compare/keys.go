package compare

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// AskedKey is a key that a recheck is asked for. Where it is written, in a file
// or on a command line, is in the errors about it.
type AskedKey struct {
	DataSet  string   // "": that of the table
	Table    string   // "schema.table" or "table"; "": the only one that the recheck is about
	Columns  []string // of the values; nil: the table's key, in its order
	Values   []string // the columns' texts
	At       string   // where the key is written: "keys.jsonl:3:1"
	ValuesAt []string // where each value is written; nil: where the key is
}

func (k AskedKey) at(i int) string {
	if i < len(k.ValuesAt) {
		return k.ValuesAt[i]
	}
	return k.At
}

// digestColumn is what stands for the key of a table without one.
const digestColumn = "row_digest"

// problems are those of a key list, all of them at once.
type problems struct{ texts []string }

// maxProblems is how many are listed.
const maxProblems = 20

func (p *problems) add(at, format string, a ...any) {
	p.texts = append(p.texts, at+": "+fmt.Sprintf(format, a...))
}

func (p *problems) err() error {
	if len(p.texts) == 0 {
		return nil
	}
	listed := p.texts
	if more := len(listed) - maxProblems; more > 0 {
		listed = append(slices.Clone(listed[:maxProblems]), fmt.Sprintf("and %d more", more))
	}
	return &RequestError{strings.Join(listed, "\n")}
}

// assign finds the table of every asked key, by its place in the earlier result,
// and counts those that a selection of tables leaves out.
func assign(req Request, earlier *Result, asked []AskedKey) (byTable map[int][]AskedKey, left int, err error) {
	byTable = map[int][]AskedKey{}
	var wrong problems
	for _, k := range asked {
		var all, fit, named []int
		for i, t := range earlier.Tables {
			task := &task{schema: t.Schema, name: t.Name}
			if k.Table != "" && !wanted([]string{k.Table}, task, map[string]bool{}) || k.DataSet != "" && k.DataSet != t.DataSet {
				continue
			}
			all = append(all, i)
			if !selected(req, t) {
				continue
			}
			fit = append(fit, i)
			if _, ok := k.order(t.Key); ok && k.Columns != nil {
				named = append(named, i)
			}
		}
		if len(fit) > 1 && len(named) == 1 {
			fit = named // its columns tell
		}
		switch {
		case len(fit) == 1:
			byTable[fit[0]] = append(byTable[fit[0]], k)
		case len(fit) > 1:
			wrong.add(k.At, "which table it is a key of is not said, and there are %d: name the table, and the shard when several have it", len(fit))
		case len(all) > 0 && k.Table != "":
			left++
		case k.Table != "":
			wrong.add(k.At, "the earlier result has no table %s", strings.TrimPrefix(k.DataSet+": "+k.Table, ": "))
		default:
			wrong.add(k.At, "the earlier result has no table of those asked for")
		}
	}
	return byTable, left, wrong.err()
}

// selected applies the request's shards and tables to a table of a result.
func selected(req Request, t Table) bool {
	return (len(req.Shards) == 0 || slices.Contains(req.Shards, t.DataSet)) &&
		wanted(req.Tables, &task{schema: t.Schema, name: t.Name}, map[string]bool{})
}

// order returns the places of the table's key columns among the values, and
// whether the key is one of that table by its columns' names.
func (k AskedKey) order(key []string) (places []int, ok bool) {
	if len(key) == 0 {
		key = []string{digestColumn}
	}
	if len(k.Values) != len(key) {
		return nil, false
	}
	for i, name := range key {
		if k.Columns != nil {
			i = slices.Index(k.Columns, name)
		}
		places = append(places, i)
	}
	return places, !slices.Contains(places, -1)
}

var digestText = regexp.MustCompile(`^[0-9a-f]{1,16}(\.[0-9a-f]{1,16})*$`)

// readKeys turns asked keys into those that the server writes, without doubles,
// and counts those that were written otherwise. Where a key column has another type
// on another node a key may be written in several ways: others are such ways, each to
// be read only if some node has it. What no node takes for a key of the table is a
// [*RequestError], as the first node sees it.
func (r *run) readKeys(ctx context.Context, t *task, s *shape, nodes []string, m method, asked []AskedKey) (keys, others [][]string, rewritten int, err error) {
	var wrong problems
	given := make([][]string, 0, len(asked))
	places := make([][]int, 0, len(asked))
	from := make([]AskedKey, 0, len(asked))
	for _, k := range asked {
		p, ok := k.order(names(s.key))
		switch {
		case !ok && k.Columns == nil:
			wrong.add(k.At, "%s.%s has a key of %s, and this one has %d", t.schema, t.name, keyColumns(s), len(k.Values))
		case !ok:
			wrong.add(k.At, "%s.%s has a key of %s, and this one names %s", t.schema, t.name, keyColumns(s), strings.Join(k.Columns, ", "))
		case len(s.key) == 0 && (!digestText.MatchString(k.Values[0]) || strings.Count(k.Values[0], ".") != m.lanes-1):
			wrong.add(k.at(0), "%q is no digest of a row of %s.%s, which has no key", k.Values[0], t.schema, t.name)
		default:
			values := make([]string, len(p))
			for i, at := range p {
				values[i] = k.Values[at]
			}
			given, places, from = append(given, values), append(places, p), append(from, k)
		}
	}
	var first []refusal                     // of the first node
	forms := make([][][]string, len(given)) // of each, as the nodes write it
	read := map[string]bool{}               // by the types of the key's columns
	for n, node := range nodes {
		q := newStatements(t, r.surveys[node], s, m, r.req.Mode, "", buckets{count: 1})
		types := strings.Join(q.types, sep)
		var todo []int // types of one name may still differ in what they take
		for i := range given {
			if !read[types] || len(forms[i]) == 0 {
				todo = append(todo, i)
			}
		}
		read[types] = true
		texts, refused, err := r.keyForms(ctx, node, q, given, todo)
		if err != nil {
			return nil, nil, 0, err
		}
		for at, i := range todo {
			switch {
			case len(refused[at]) == 0:
				if !slices.ContainsFunc(forms[i], func(f []string) bool { return slices.Equal(f, texts[at]) }) {
					forms[i] = append(forms[i], texts[at])
				}
			case n == 0:
				for _, x := range refused[at] {
					first = append(first, refusal{i, x.column, x.why})
				}
			}
		}
	}
	for _, x := range first {
		if len(forms[x.key]) == 0 {
			wrong.add(from[x.key].at(places[x.key][x.column]), "%s (column %s of the key of %s.%s)", x.why, s.key[x.column].name, t.schema, t.name)
		}
	}
	if err := wrong.err(); err != nil {
		return nil, nil, 0, err
	}
	seen := map[string]bool{}
	for i, f := range forms {
		if seen[strings.Join(f[0], sep)] {
			continue
		}
		seen[strings.Join(f[0], sep)] = true
		keys = append(keys, f[0])
		if !slices.Equal(f[0], given[i]) {
			rewritten++
		}
	}
	for _, f := range forms {
		for _, k := range f[1:] {
			if !seen[strings.Join(k, sep)] {
				seen[strings.Join(k, sep)] = true
				others = append(others, k)
			}
		}
	}
	return keys, others, rewritten, nil
}

// refusal is why a node does not take a text for a key's column.
type refusal struct {
	key, column int
	why         string
}

// keyForms returns how a node writes some of the given keys, and why it does not
// take them.
func (r *run) keyForms(ctx context.Context, node string, q statements, given [][]string, some []int) (texts [][]string, refused [][]refusal, err error) {
	chosen := make([][]string, len(some))
	for at, i := range some {
		chosen[at] = given[i]
		texts = append(texts, slices.Clone(given[i]))
	}
	refused = make([][]refusal, len(some))
	for c := range q.shape.key {
		err := r.readTexts(ctx, node, q, c, chosen, texts, 0, len(some), func(at int, why string) {
			refused[at] = append(refused[at], refusal{at, c, why})
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return texts, refused, nil
}

func keyColumns(s *shape) string {
	if len(s.key) == 0 {
		return "no columns (its rows are told apart by " + digestColumn + ")"
	}
	return fmt.Sprintf("%d (%s)", len(s.key), strings.Join(names(s.key), ", "))
}

// readTexts has a node read one key column's texts and write them again. A list
// that it refuses is read in two halves, down to the values that are wrong.
func (r *run) readTexts(ctx context.Context, node string, q statements, c int, given, out [][]string, lo, hi int, wrong func(i int, why string)) error {
	if lo == hi {
		return nil
	}
	texts := make([]string, 0, hi-lo)
	for _, k := range given[lo:hi] {
		texts = append(texts, k[c])
	}
	k := q.shape.key[c]
	err := r.persist(ctx, []string{node}, func() error {
		return r.surveys[node].session.Read(ctx, "read the keys that were asked for", func(ctx context.Context, tx pgx.Tx) error {
			rows, err := tx.Query(ctx, fmt.Sprintf("SELECT pgconcord_n, %s FROM unnest($1::text[]) WITH ORDINALITY pgconcord_p (pgconcord_k, pgconcord_n) CROSS JOIN LATERAL (SELECT pgconcord_k::%s AS %s OFFSET 0) t",
				textOf(k, q.mode), q.types[c], ident(k.name)), texts)
			if err != nil {
				return err
			}
			var n int
			var text *string
			_, err = pgx.ForEachRow(rows, []any{&n, &text}, func() error {
				if text == nil {
					return fmt.Errorf("the text %q of a key is NULL as %s", texts[n-1], q.types[c])
				}
				out[lo+n-1][c] = *text
				return nil
			})
			return err
		})
	})
	pg, refused := errors.AsType[*pgconn.PgError](err)
	if !refused || pg.Code[:2] != "22" && pg.Code[:2] != "23" {
		return err
	}
	if hi-lo == 1 {
		wrong(lo, pg.Message)
		return nil
	}
	half := (lo + hi) / 2
	if err := r.readTexts(ctx, node, q, c, given, out, lo, half, wrong); err != nil {
		return err
	}
	return r.readTexts(ctx, node, q, c, given, out, half, hi, wrong)
}
