package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// part is the digest of one bucket: its rows and the sum of each lane.
type part struct {
	rows int64
	sums string
}

// scanned is what detection read of a table on one node.
type scanned struct {
	coverage Coverage
	parts    map[int64]part
	err      error
}

// A big table is read in ranges of pages, one statement each, all in one
// transaction and so in one snapshot, so that no statement is long. chunkTarget
// is the time that the size of the next chunk aims at.
const chunkTarget = 15 * time.Second

// scanNode reads the whole table on one node once, in one snapshot, and keeps
// one digest a bucket. The WAL position is taken before the snapshot, so that
// everything up to it is in what was read.
func (r *run) scanNode(ctx context.Context, s *cluster.Session, v *survey, here *table, q statements, count func(int64)) scanned {
	out := scanned{coverage: Coverage{Node: v.node}, parts: map[int64]part{}}
	begin := time.Now()
	what := "compare " + qualified(here.schema, here.name)
	err := s.Conn.QueryRow(ctx, position(v)).Scan(&out.coverage.LSN, &out.coverage.At)
	if err != nil {
		err = s.Wrap("read the WAL position", err)
	} else {
		err = readLong(ctx, s, what, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, scanSettings(v.version)); err != nil {
				return err
			}
			from, step := int64(0), int64(r.req.ChunkPages)
			for {
				condition := ""
				last := here.kind != "r" || v.version < 140000 || from+step >= here.pages // the last one has no end: the table may have grown
				switch {
				case from == 0 && last:
				case last:
					condition = fmt.Sprintf("t.ctid >= '(%d,0)'::tid", from)
				default:
					condition = fmt.Sprintf("t.ctid >= '(%d,0)'::tid AND t.ctid < '(%d,0)'::tid", from, from+step)
				}
				started := time.Now()
				if err := out.chunk(ctx, s, tx, q, condition); err != nil {
					return err
				}
				out.coverage.Chunks++
				count(out.coverage.Rows)
				if last {
					return nil
				}
				from += step
				took := max(time.Since(started), time.Millisecond)
				step = max(min(1024, step), min(step*2, max(step/2, int64(float64(step)*float64(chunkTarget)/float64(took)))))
				if err := r.throttle(ctx, out.coverage.Rows, time.Since(begin)); err != nil {
					return err
				}
			}
		})
	}
	out.coverage.Took = time.Since(begin)
	out.coverage.Buckets = len(out.parts)
	out.coverage.Digest = total(out.parts, q.method.lanes)
	if err != nil {
		out.err, out.coverage.Error = err, err.Error()
		out.coverage.Digest = ""
	}
	return out
}

// errNoDigest says that the digest of some row was NULL, which it is only of
// data that the catalog denies.
var errNoDigest = errors.New("the digest of a row is NULL: a column that is NOT NULL by the catalog holds NULL")

// chunk adds one statement's digests.
func (out *scanned) chunk(ctx context.Context, s *cluster.Session, tx pgx.Tx, q statements, condition string) error {
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	rows, err := tx.Query(ctx, q.scan(condition))
	if err != nil {
		return err
	}
	defer rows.Close()
	dest := make([]any, 2+q.method.lanes)
	var bucket int64
	var p part
	sums := make([]string, q.method.lanes)
	dest[0], dest[1] = &bucket, &p.rows
	for i := range sums {
		dest[2+i] = &sums[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if p.rows < 0 {
			return errNoDigest
		}
		for _, value := range rows.RawValues() {
			out.coverage.Bytes += int64(len(value)) + 4
		}
		out.coverage.Bytes += 7 // of the message itself
		p.sums = strings.Join(sums, ".")
		if old, ok := out.parts[bucket]; ok {
			out.parts[bucket] = old.plus(p)
		} else {
			out.parts[bucket] = p
		}
		out.coverage.Rows += p.rows
	}
	return rows.Err()
}

// plus adds the digests of disjoint sets of rows of one bucket.
func (p part) plus(o part) part {
	a, b := strings.Split(p.sums, "."), strings.Split(o.sums, ".")
	for i := range a {
		x, _ := new(big.Int).SetString(a[i], 10)
		y, _ := new(big.Int).SetString(b[i], 10)
		a[i] = x.Add(x, y).String()
	}
	return part{rows: p.rows + o.rows, sums: strings.Join(a, ".")}
}

// readLong runs fn in one REPEATABLE READ READ ONLY transaction without a limit
// of its own: each statement of fn has one.
func readLong(ctx context.Context, s *cluster.Session, attempted string, fn func(pgx.Tx) error) error {
	tx, err := s.Conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return s.Wrap(attempted, err)
	}
	err = fn(tx)
	end, cancel := s.Deadline(context.WithoutCancel(ctx))
	defer cancel()
	if rollback := tx.Rollback(end); err == nil && rollback != nil && !errors.Is(rollback, pgx.ErrTxClosed) {
		err = rollback
	}
	return s.Wrap(attempted, err)
}

// scanSettings keep the planner, which cannot know how few buckets there are,
// from sorting whole rows to disk. They end with the transaction. Before 13 it
// hashes only what it believes to fit into work_mem; what is really used is a
// few hundred bytes a bucket. Compiling the digest pays for itself from half a
// million rows on; inlining does not.
func scanSettings(version int) string {
	memory := "64MB"
	if version < 130000 {
		memory = "1TB"
	}
	return drillSettings + ", set_config('enable_sort', 'off', true), set_config('work_mem', '" + memory + "', true)" +
		", set_config('jit', 'on', true), set_config('jit_above_cost', '200000', true), set_config('jit_optimize_above_cost', '200000', true), set_config('jit_inline_above_cost', '-1', true)"
}

// drillSettings keep a statement to one process and its sort in memory.
const drillSettings = "SELECT set_config('max_parallel_workers_per_gather', '0', true), set_config('work_mem', '64MB', true)"

func position(v *survey) string {
	if v.inRecovery {
		return "SELECT coalesce(pg_last_wal_replay_lsn(), '0/0')::text, clock_timestamp()"
	}
	return "SELECT pg_current_wal_insert_lsn()::text, clock_timestamp()"
}

// total is the digest of a whole table: SHA-256 over its row count and the sum
// of every lane, which no other partition of the rows would change.
func total(parts map[int64]part, lanes int) string {
	sums := make([]*big.Int, lanes)
	for i := range sums {
		sums[i] = new(big.Int)
	}
	rows := int64(0)
	for _, p := range parts {
		rows += p.rows
		for i, s := range strings.Split(p.sums, ".") {
			if n, ok := new(big.Int).SetString(s, 10); ok {
				sums[i].Add(sums[i], n)
			}
		}
	}
	h := sha256.New()
	fmt.Fprint(h, rows)
	for _, s := range sums {
		fmt.Fprint(h, " ", s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// differing returns the buckets that are not the same on all nodes, sorted.
func differing(all []scanned) []int64 {
	bad := map[int64]bool{}
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
