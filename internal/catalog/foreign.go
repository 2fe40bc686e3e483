package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// ForeignTables returns, for each node of the facts, the tables that are there
// although the plan keeps their data on other nodes, as "schema.table" to the
// name of the data set. Which tables a shard has is what the sets of its
// replicas hold; a table that the node should hold through another data set is
// not foreign to it.
func foreignTables(r *round) map[string]map[[2]string]string {
	of := map[string]map[[2]string]bool{} // data set to tables
	sets := r.plan.DataSets()
	for name, d := range sets {
		of[name] = map[[2]string]bool{}
		for _, replica := range d.Replicas {
			f := r.facts[replica]
			if f == nil {
				continue
			}
			for _, s := range f.Sets {
				if slices.Contains(d.ReplicationSets, s.Name) {
					for _, t := range s.Tables {
						of[name][[2]string{t.Schema, t.Name}] = true
					}
				}
			}
		}
	}
	out := map[string]map[[2]string]string{}
	for node, f := range r.facts {
		out[node] = map[[2]string]string{}
		here := map[[2]string]bool{}
		for _, t := range f.Tables {
			here[[2]string{t.Schema, t.Name}] = true
		}
		own := map[[2]string]bool{}
		for name, d := range sets {
			if slices.Contains(d.Replicas, node) {
				maps.Copy(own, of[name])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(sets)) {
			if slices.Contains(sets[name].Replicas, node) {
				continue
			}
			for t := range of[name] {
				if here[t] && !own[t] {
					out[node][t] = name
				}
			}
		}
	}
	return out
}

// others waits until every node was looked at.
func (r *round) others(ctx context.Context, s *cluster.Session) error {
	select {
	case <-r.all:
		return nil
	case <-ctx.Done():
		return s.Wrap("wait for the other nodes", ctx.Err())
	}
}

// foreign looks whether the tables of other nodes' data are empty here: their
// size first, which needs no right, then for one row.
func (r *round) foreign(ctx context.Context, s *cluster.Session, node string, f *Facts) error {
	if len(r.plan.Shards) == 0 {
		return nil
	}
	if err := r.others(ctx, s); err != nil {
		return err
	}
	r.mu.Lock()
	tables := foreignTables(r)[node]
	r.mu.Unlock()
	if len(tables) == 0 {
		return nil
	}
	known := map[[2]string]Table{}
	for _, t := range f.Tables {
		known[[2]string{t.Schema, t.Name}] = t
	}
	for _, key := range slices.SortedFunc(maps.Keys(tables), func(a, b [2]string) int { return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1]) }) {
		f.ForeignData = append(f.ForeignData, ForeignTable{Schema: key[0], Name: key[1], DataSet: tables[key]})
	}
	return s.Read(ctx, "look for rows of other nodes' data", func(ctx context.Context, tx pgx.Tx) error {
		empty, err := emptyTables(ctx, tx)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for i := range f.ForeignData {
			t := &f.ForeignData[i]
			table := known[[2]string{t.Schema, t.Name}]
			name := pgx.Identifier{t.Schema, t.Name}.Sanitize()
			switch {
			case empty[[2]string{t.Schema, t.Name}]:
				t.HasRows = new(bool)
			case table.RowsHidden:
				t.Reason = "row-level security hides rows from role " + f.Server.User
				t.Remedy = grant([]string{"ALTER ROLE %s BYPASSRLS"}, f.Server.User)
			case !table.Readable:
				t.Reason = "the table is not empty on disk and role " + f.Server.User + " may not read it"
				t.Remedy = grant([]string{"GRANT USAGE ON SCHEMA " + pgx.Identifier{t.Schema}.Sanitize() + " TO %s", "GRANT SELECT ON " + name + " TO %s"}, f.Server.User)
			default:
				batch.Queue(fmt.Sprintf("SELECT EXISTS (SELECT FROM %s)", name)).QueryRow(func(row pgx.Row) error { return row.Scan(&t.HasRows) })
			}
		}
		if batch.Len() == 0 {
			return nil
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}

// emptyTables returns the tables that have no page at all, which needs no right
// on them to see.
func emptyTables(ctx context.Context, tx pgx.Tx) (map[[2]string]bool, error) {
	rows, err := tx.Query(ctx, `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND pg_relation_size(c.oid) = 0`)
	if err != nil {
		return nil, err
	}
	out := map[[2]string]bool{}
	var key [2]string
	_, err = pgx.ForEachRow(rows, []any{&key[0], &key[1]}, func() error { out[key] = true; return nil })
	return out, err
}
