package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// scanNode reads the whole table on one node once, in one snapshot, and keeps
// one digest a bucket. The WAL position is taken before the snapshot, so that
// everything up to it is in what was read.
func scanNode(ctx context.Context, s *cluster.Session, v *survey, q statements, count func(int64)) scanned {
	out := scanned{coverage: Coverage{Node: v.node}, parts: map[int64]part{}}
	begin := time.Now()
	what := "compare " + strings.TrimPrefix(strings.TrimSuffix(q.from, " AS t"), "ONLY ")
	err := s.Conn.QueryRow(ctx, position(v)).Scan(&out.coverage.LSN, &out.coverage.At)
	if err != nil {
		err = s.Wrap("read the WAL position", err)
	} else {
		err = s.Read(ctx, what, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, scanSettings(v.version)); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, q.scan(""))
			if err != nil {
				return err
			}
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
				p.sums = strings.Join(sums, ".")
				out.parts[bucket] = p
				out.coverage.Rows += p.rows
			}
			return rows.Err()
		})
	}
	out.coverage.Took = time.Since(begin)
	out.coverage.Buckets = len(out.parts)
	out.coverage.Digest = total(out.parts, q.method.lanes)
	if err != nil {
		out.err, out.coverage.Error = err, err.Error()
		out.coverage.Digest = ""
	}
	count(out.coverage.Rows)
	return out
}

// scanSettings keep the planner, which cannot know how few buckets there are,
// from sorting whole rows to disk. They end with the transaction. Before 13 it
// hashes only what it believes to fit into work_mem; what is really used is a
// few hundred bytes a bucket.
func scanSettings(version int) string {
	memory := "64MB"
	if version < 130000 {
		memory = "1TB"
	}
	return "SELECT set_config('enable_sort', 'off', true), set_config('work_mem', '" + memory + "', true)"
}

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
