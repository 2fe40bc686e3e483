package compare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// scanned is what detection read of a table on one node.
type scanned struct {
	coverage Coverage
	parts    map[int64]part
	moved    moved
	cut      bool  // read in parts
	since    int64 // transactions before were over when the first part was read
	err      error
}

// errNoDigest says that the digest of some row was NULL, which it is only of
// data that the catalog denies.
var errNoDigest = errors.New("the digest of a row is NULL: a column that is NOT NULL by the catalog holds NULL")

// read runs a job's statement.
func read(ctx context.Context, tx querier, job Job, out *Output) error {
	rows, err := tx.Query(ctx, job.SQL, pgx.QueryExecModeExec) // prepared by nobody: one round trip
	if err != nil {
		return err
	}
	defer rows.Close()
	var bucket int64
	var p part
	texts := make([]string, max(job.Lanes, job.Keys))
	dest := []any{&bucket}
	if !job.Moved {
		dest = append(dest, &p.rows)
		texts = texts[:job.Lanes]
	} else {
		texts = texts[:job.Keys]
	}
	for i := range texts {
		dest = append(dest, &texts[i])
	}
	var sums []byte
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for _, value := range rows.RawValues() {
			out.Bytes += int64(len(value)) + 4
		}
		out.Bytes += 7 // of the message itself
		if job.Moved {
			out.moved.add(bucket, strings.Join(texts, sep))
			continue
		}
		if p.rows < 0 {
			return errNoDigest
		}
		sums = sums[:0]
		for _, text := range texts {
			if sums, err = appendSum(sums, text); err != nil {
				return err
			}
		}
		p.sums = string(sums)
		out.parts[bucket] = p
		out.Rows += p.rows
	}
	if pg, ok := errors.AsType[*pgconn.PgError](rows.Err()); ok && strings.Contains(pg.Message, noDigest) {
		return errNoDigest
	}
	return rows.Err()
}

// scanSettings keep the planner, which cannot know how few buckets there are,
// from sorting whole rows to disk. They end with the transaction. Before 13 it
// hashes only what it believes to fit into work_mem; what is really used is a
// few hundred bytes a bucket. Since then it makes its hash table as large as
// work_mem, which costs more than it saves when buckets are few. Compiling the digest pays for itself from half a
// million rows on; inlining does not.
func scanSettings(version int, buckets int64) string {
	memory := fmt.Sprintf("%dMB", min(max(buckets>>10, 8), 64))
	if version < 130000 {
		memory = "1TB"
	}
	return drillSettings + ", set_config('enable_sort', 'off', true), set_config('work_mem', '" + memory + "', true)" +
		", set_config('jit', 'on', true), set_config('jit_above_cost', '70000', true), set_config('jit_optimize_above_cost', '70000', true), set_config('jit_inline_above_cost', '-1', true)"
}

// drillSettings keep a statement to one process and its sort in memory.
const drillSettings = "SELECT set_config('max_parallel_workers_per_gather', '0', true), set_config('work_mem', '64MB', true)"

// differing returns the buckets that are not the same on all nodes, sorted,
// and those that must be read again anyway.
func differing(all []scanned, more map[int64]bool) []int64 {
	bad := map[int64]bool{}
	maps.Copy(bad, more)
	for i := 1; i < len(all); i++ {
		for b, p := range all[0].parts {
			if all[i].parts[b] != p {
				bad[b] = true
			}
		}
		for b := range all[i].parts {
			if _, ok := all[0].parts[b]; !ok {
				bad[b] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(bad))
}
