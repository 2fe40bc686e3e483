package compare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/schema"
)

// wide makes a table of n nullable columns.
func wide(name string, n int) string {
	cols := make([]string, n)
	for i := range cols {
		cols[i] = fmt.Sprintf("c%d %s", i, []string{"int", "bool", "smallint", "bigint", "date"}[i%5])
	}
	return fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, %s); INSERT INTO %s (id) VALUES (1), (2)", name, strings.Join(cols, ", "), name)
}

// adversarial are tables made to fool a comparer: on both servers, then on the
// first and on the second. diffs is what must be found, and nothing else:
// "key kind"; a table without any must match, or be incomplete for a reason.
var adversarial = []struct {
	table      string
	both       string
	n1, n2     string
	diffs      []string
	incomplete string // part of the reason
}{
	{table: "null_or_empty", both: "CREATE TABLE %s (id int PRIMARY KEY, a text, b text)",
		n1: "INSERT INTO %s VALUES (1, NULL, ''), (2, '', NULL), (3, NULL, NULL), (4, '', ''), (5, 'NULL', '')", n2: "INSERT INTO %s VALUES (1, '', NULL), (2, '', ''), (3, '', ''), (4, '', ''), (5, NULL, '')",
		diffs: []string{"1 changed", "2 changed", "3 changed", "5 changed"}},
	{table: "shifted", both: "CREATE TABLE %s (id int PRIMARY KEY, a text, b text, c text)",
		n1: "INSERT INTO %s VALUES (1, 'p', 'q|r', ''), (2, 'ab', 'c', 'd'), (3, '1:x', '', '')", n2: "INSERT INTO %s VALUES (1, 'p|q', 'r', ''), (2, 'a', 'bc', 'd'), (3, '', '1:x', '')",
		diffs: []string{"1 changed", "2 changed", "3 changed"}},
	{table: "swapped_columns", both: "CREATE TABLE %s (id int PRIMARY KEY, a text, b text, i int, j int, x bigint, y bigint, p bool, q bool, u smallint, v smallint)",
		n1:    "INSERT INTO %s VALUES (1, 'a', 'b', 1, 1, 1, 1, true, true, 1, 1), (2, '', '', 1, 2, 1, 1, true, true, 1, 1), (3, '', '', 1, 1, 1, 2, true, true, 1, 1), (4, '', '', 1, 1, 1, 1, true, false, 1, 1), (5, '', '', 1, 1, 1, 1, true, true, 1, 2), (6, '', '', 1, 2, 2, 1, true, true, 1, 1)",
		n2:    "INSERT INTO %s VALUES (1, 'b', 'a', 1, 1, 1, 1, true, true, 1, 1), (2, '', '', 2, 1, 1, 1, true, true, 1, 1), (3, '', '', 1, 1, 2, 1, true, true, 1, 1), (4, '', '', 1, 1, 1, 1, false, true, 1, 1), (5, '', '', 1, 1, 1, 1, true, true, 2, 1), (6, '', '', 2, 1, 1, 2, true, true, 1, 1)",
		diffs: []string{"1 changed", "2 changed", "3 changed", "4 changed", "5 changed", "6 changed"}},
	{table: "swapped_times", both: "CREATE TABLE %s (id int PRIMARY KEY, a timestamptz, b timestamptz, c timestamp, d timestamp)",
		n1:    "INSERT INTO %s VALUES (1, '1900-01-01Z', '2020-01-01Z', 'epoch', 'epoch'), (2, 'infinity', '2020-01-01Z', 'epoch', 'epoch'), (3, '2020-01-01Z', '2020-01-01Z', '1900-01-01', 'epoch'), (4, 'infinity', '-infinity', 'epoch', 'epoch'), (5, NULL, '1900-01-01Z', 'epoch', 'epoch'), (6, '9999-01-01Z', '9999-01-01 00:00:00.000001Z', 'epoch', 'epoch')",
		n2:    "INSERT INTO %s VALUES (1, '2020-01-01Z', '1900-01-01Z', 'epoch', 'epoch'), (2, '2020-01-01Z', 'infinity', 'epoch', 'epoch'), (3, '2020-01-01Z', '2020-01-01Z', 'epoch', '1900-01-01'), (4, '-infinity', 'infinity', 'epoch', 'epoch'), (5, '1900-01-01Z', NULL, 'epoch', 'epoch'), (6, '9999-01-01 00:00:00.000001Z', '9999-01-01Z', 'epoch', 'epoch')",
		diffs: []string{"1 changed", "2 changed", "3 changed", "4 changed", "5 changed", "6 changed"}},
	{table: "permuted_times", both: "CREATE TABLE %s (id int PRIMARY KEY, a timestamptz, b timestamptz, c timestamptz)",
		n1:    "INSERT INTO %s VALUES (1, '1900-01-01Z', '1900-01-01Z', '2020-01-01Z'), (2, '1900-01-01Z', '1900-01-01Z', '1900-01-01Z'), (3, '1900-01-01Z', '1900-01-01Z', NULL), (4, '0900-01-01Z', '0900-01-01Z', '2020-01-01Z')",
		n2:    "INSERT INTO %s VALUES (1, '2020-01-01Z', '1900-01-01Z', '1900-01-01Z'), (2, '1900-01-01Z', '2020-01-01Z', '2020-01-01Z'), (3, NULL, '1900-01-01Z', '1900-01-01Z'), (4, '2020-01-01Z', '0900-01-01Z', '0900-01-01Z')",
		diffs: []string{"1 changed", "2 changed", "3 changed", "4 changed"}},
	{table: "permuted_numbers", both: "CREATE TABLE %s (id int PRIMARY KEY, a numeric, b numeric, c numeric)",
		n1:    "INSERT INTO %s VALUES (1, 0, 'NaN', 5), (2, 0.0, 0, 1), (3, 0, 0.0, 0.00), (4, 1, 10000, 1), (5, -1, 1, 0), (6, 5, 0, 0), (7, 0, 0, NULL), (8, 50000, 0, 0), (9, 1, 1, -1), (10, 2, 1.50, 1.5)",
		n2:    "INSERT INTO %s VALUES (1, 'NaN', 0, 5), (2, 0, 0.0, 1), (3, 0.00, 0.0, 0), (4, 10000, 1, 1), (5, 1, -1, 0), (6, 0, 5, 0), (7, NULL, 0, 0), (8, 5, 0, 0), (9, -1, 1, 1), (10, 2, 1.5, 1.50)",
		diffs: []string{"1 changed", "10 changed", "2 changed", "3 changed", "4 changed", "5 changed", "6 changed", "7 changed", "8 changed", "9 changed"}},
	{table: "permuted_amounts", both: "CREATE TABLE %s (id int PRIMARY KEY, a numeric(12,2), b numeric(12,2), c numeric(12,2))",
		n1:    "INSERT INTO %s VALUES (1, 0, 'NaN', 5), (2, 'NaN', 0, 0), (3, 'NaN', 'NaN', 0), (4, 1, 10000, 1), (5, -1, 1, 0), (6, 5, 0, 0), (7, 0, 0, NULL), (8, 50000, 0, 0), (9, 1, 1, -1), (10, 0, -0.01, 0.01), (11, NULL, 'NaN', 0), (12, NULL, 0, 0)",
		n2:    "INSERT INTO %s VALUES (1, 'NaN', 0, 5), (2, 0, 'NaN', 0), (3, 0, 'NaN', 'NaN'), (4, 10000, 1, 1), (5, 1, -1, 0), (6, 0, 5, 0), (7, NULL, 0, 0), (8, 5, 0, 0), (9, -1, 1, 1), (10, 0, 0.01, -0.01), (11, 'NaN', NULL, 0), (12, 0, NULL, 0)",
		diffs: []string{"1 changed", "10 changed", "11 changed", "12 changed", "2 changed", "3 changed", "4 changed", "5 changed", "6 changed", "7 changed", "8 changed", "9 changed"}},
	// What two rows exchange must not cancel in the sum of a bucket: with the server's
	// own hash of numbers as the last of a chain it would, in every second pair.
	{table: "numbers_of_two_rows", both: "CREATE TABLE %s (id int PRIMARY KEY, a numeric, at timestamptz DEFAULT '1900-01-01Z')",
		n1:    "INSERT INTO %s SELECT g, CASE WHEN g %% 2 = 0 THEN 1 ELSE 10000 END FROM generate_series(1, 1000) g WHERE g %% 16 < 4",
		n2:    "INSERT INTO %s SELECT g, CASE WHEN (g %% 2 = 0) = (g %% 16 > 1 OR g >= 160) THEN 1 ELSE 10000 END FROM generate_series(1, 1000) g WHERE g %% 16 < 4",
		diffs: []string{"1 changed", "112 changed", "113 changed", "128 changed", "129 changed", "144 changed", "145 changed", "16 changed", "17 changed", "32 changed", "33 changed", "48 changed", "49 changed", "64 changed", "65 changed", "80 changed", "81 changed", "96 changed", "97 changed"}},
	{table: "amounts_of_two_rows", both: "CREATE TABLE %s (id int PRIMARY KEY, a numeric(12,2), at timestamptz DEFAULT '1900-01-01Z')",
		n1:    "INSERT INTO %s SELECT g, CASE WHEN g %% 2 = 0 THEN 1 ELSE 10000 END FROM generate_series(1, 1000) g WHERE g %% 16 < 4",
		n2:    "INSERT INTO %s SELECT g, CASE WHEN (g %% 2 = 0) = (g %% 16 > 1 OR g >= 160) THEN 1 ELSE 10000 END FROM generate_series(1, 1000) g WHERE g %% 16 < 4",
		diffs: []string{"1 changed", "112 changed", "113 changed", "128 changed", "129 changed", "144 changed", "145 changed", "16 changed", "17 changed", "32 changed", "33 changed", "48 changed", "49 changed", "64 changed", "65 changed", "80 changed", "81 changed", "96 changed", "97 changed"}},
	{table: "swapped_rows", both: "CREATE TABLE %s (id int PRIMARY KEY, a text)",
		n1: "INSERT INTO %s SELECT g, 'v' || g %% 2 FROM generate_series(1, 3000) g", n2: "INSERT INTO %s SELECT g, 'v' || CASE WHEN g IN (10, 11) THEN g + 1 ELSE g END %% 2 FROM generate_series(1, 3000) g",
		diffs: []string{"10 changed", "11 changed"}},
	{table: "null_places", both: "CREATE TABLE %s (id int PRIMARY KEY, a int, b int, c bool, d smallint, e bigint)",
		n1: "INSERT INTO %s VALUES (1, NULL, 0, true, 0, 0), (2, 0, NULL, true, 0, 0), (3, NULL, NULL, true, 0, 0), (4, 0, 0, NULL, 0, 0), (5, 0, 0, false, NULL, 0), (6, 0, 0, false, 0, NULL)", n2: "INSERT INTO %s VALUES (1, 0, NULL, true, 0, 0), (2, 0, 0, true, 0, 0), (3, 0, 0, true, 0, 0), (4, 0, 0, false, 0, 0), (5, 0, 0, false, 0, 0), (6, 0, 0, false, 0, 0)",
		diffs: []string{"1 changed", "2 changed", "3 changed", "4 changed", "5 changed", "6 changed"}},
	{table: "folded_bigint", both: "CREATE TABLE %s (id bigint PRIMARY KEY, a bigint)",
		n1: "INSERT INTO %s VALUES (1, 1), (2, 8589934593), (3, -1), (4294967296, 5)", n2: "INSERT INTO %s VALUES (1, 4294967296), (2, 4294967298), (3, -4294967297), (4, 5)",
		diffs: []string{"1 changed", "2 changed", "3 changed", "4 extra", "4294967296 missing"}},
	{table: "boundary_keys", both: "CREATE TABLE %s (id bigint PRIMARY KEY); INSERT INTO %[1]s SELECT generate_series(-4000, 4000)",
		n1: "DELETE FROM %s WHERE id IN (-1000, -999, 0, 999, 1000, 4000)", n2: "DELETE FROM %s WHERE id IN (-4000, -1, 1, 2000)",
		diffs: []string{"-1 missing", "-1000 extra", "-4000 missing", "-999 extra", "0 extra", "1 missing", "1000 extra", "2000 missing", "4000 extra", "999 extra"}},
	{table: "extreme_keys", both: "CREATE TABLE %s (id bigint PRIMARY KEY, a int); INSERT INTO %[1]s VALUES (-9223372036854775808, 1), (9223372036854775807, 1), (0, 1)",
		n1: "UPDATE %s SET a = 2 WHERE id <> 0", n2: "INSERT INTO %s VALUES (9223372036854775806, 1)",
		diffs: []string{"-9223372036854775808 changed", "9223372036854775806 extra", "9223372036854775807 changed"}},
	{table: "beyond_the_end", both: "CREATE TABLE %s (id int PRIMARY KEY); INSERT INTO %[1]s SELECT generate_series(100, 5000)",
		n1: "INSERT INTO %s VALUES (5001), (1000000)", n2: "INSERT INTO %s VALUES (1), (6000)",
		diffs: []string{"1 extra", "1000000 missing", "5001 missing", "6000 extra"}},
	{table: "empty_on_one", both: "CREATE TABLE %s (id int PRIMARY KEY)", n1: "INSERT INTO %s VALUES (1), (2)", diffs: []string{"1 missing", "2 missing"}},
	{table: "empty_on_both", both: "CREATE TABLE %s (id int PRIMARY KEY, a text)"},
	{table: "composite_key", both: "CREATE TABLE %s (a text, b text, c int, PRIMARY KEY (b, a))",
		n1: "INSERT INTO %s VALUES ('a|b', 'c', 1), ('', 'x', 1), ('same', 'same', 1)", n2: "INSERT INTO %s VALUES ('a', 'b|c', 1), ('x', '', 1), ('same', 'same', 2)",
		diffs: []string{",x extra", "b|c,a extra", "c,a|b missing", "same,same changed", "x, missing"}},
	{table: "uuid_key", both: "CREATE TABLE %s (id uuid PRIMARY KEY, a int); INSERT INTO %[1]s SELECT md5(g::text)::uuid, g FROM generate_series(1, 5000) g",
		n1: "UPDATE %s SET a = 0 WHERE id = md5('7')::uuid", n2: "DELETE FROM %s WHERE id = md5('8')::uuid",
		diffs: []string{"8f14e45f-ceea-167a-5a36-dedd4bea2543 changed", "c9f0f895-fb98-ab91-59f5-1fd0297e236d missing"}},
	{table: "duplicates", both: "CREATE TABLE %s (a text, b int)",
		n1: "INSERT INTO %s VALUES ('x', 1), ('x', 1), ('y', 1), ('even', 1), ('even', 1), (NULL, 1), ('', 1), ('', 1), ('same', 1), ('same', 1)", n2: "INSERT INTO %s VALUES ('x', 1), ('y', 1), ('y', 1), ('odd', 1), ('odd', 1), (NULL, 1), (NULL, 1), ('', 1), ('same', 1), ('same', 1)",
		diffs: []string{"* extra", "* extra", "* extra", "* missing", "* missing", "* missing"}},
	{table: "unique_index", both: "CREATE TABLE %s (a text NOT NULL, b int, UNIQUE (a)); INSERT INTO %[1]s VALUES ('k', 1), ('l', 1)", n2: "UPDATE %s SET b = 2 WHERE a = 'k'", diffs: []string{"k changed"}},
	{table: "other_key", n1: "CREATE TABLE %s (a int NOT NULL UNIQUE, b int PRIMARY KEY); INSERT INTO %[1]s VALUES (1, 1), (2, 2)", n2: "CREATE TABLE %s (a int PRIMARY KEY, b int); INSERT INTO %[1]s VALUES (1, 1), (2, 3)", diffs: []string{"2 changed"}},
	{table: "Quoted \"name\" % of ünïcödé \\ ", both: "CREATE TABLE %s (\"key's %% \\\" int PRIMARY KEY, \"select\" text, \"a\"\"b\" text, \"" + strings.Repeat("é", 31) + "\" text); INSERT INTO %[1]s VALUES (1, 'a', 'b', 'c'), (2, 'a', 'b', 'c')",
		n2: "UPDATE %s SET \"select\" = 'z' WHERE \"key's %% \\\" = 2", diffs: []string{"2 changed"}},
	{table: "our_own_names", both: "CREATE TABLE %s (k1 int, b bigint, h1 bigint, x text, at timestamptz, origin int, d text, t int, s int, r int, \"timestamp\" int, roident int, xmin_ int, p int, bad int, PRIMARY KEY (k1, b)); INSERT INTO %[1]s VALUES (1, 1, 1), (2, 2, 2)",
		n2: "UPDATE %s SET t = 5 WHERE k1 = 2", diffs: []string{"2,2 changed"}},
	{table: "order_of_columns", n1: "CREATE TABLE %s (id int PRIMARY KEY, a text, gone int, b int); INSERT INTO %[1]s VALUES (1, 'x', 0, 7), (2, NULL, 0, 8); ALTER TABLE %[1]s DROP COLUMN gone",
		n2: "CREATE TABLE %s (b int, id int PRIMARY KEY, a text); INSERT INTO %[1]s VALUES (7, 1, 'x'), (8, 2, NULL)"},
	{table: "extra_column", n1: "CREATE TABLE %s (id int PRIMARY KEY, a text); INSERT INTO %[1]s VALUES (1, 'x')", n2: "CREATE TABLE %s (id int PRIMARY KEY, a text, more int); INSERT INTO %[1]s VALUES (1, 'x')", incomplete: "column more is not on n1"},
	{table: "other_type", n1: "CREATE TABLE %s (id int PRIMARY KEY, a int, b text); INSERT INTO %[1]s VALUES (1, 5, '5'), (2, 6, 'x')", n2: "CREATE TABLE %s (id bigint PRIMARY KEY, a bigint, b varchar(9)); INSERT INTO %[1]s VALUES (1, 5, '5'), (2, 7, 'x')", diffs: []string{"2 changed"}},
	{table: "only_here", n1: "CREATE TABLE %s (id int PRIMARY KEY); INSERT INTO %[1]s VALUES (1)", incomplete: "the table does not exist on n2"},
	{table: "wide_100", both: wide("wide_100", 130), n2: "UPDATE %s SET c117 = 0 WHERE id = 2", diffs: []string{"2 changed"}},
	{table: "wide_1600", both: wide("wide_1600", 1599), n2: "UPDATE %s SET c1598 = 0 WHERE id = 1; UPDATE %[1]s SET c3 = 0 WHERE id = 2", diffs: []string{"1 changed", "2 changed"}},
	{table: "generated", both: "CREATE TABLE %s (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED); INSERT INTO %[1]s (a) VALUES (1), (2)", n2: "UPDATE %s SET a = 9 WHERE id = 2", diffs: []string{"2 changed"}},
	{table: "parts", n1: "CREATE TABLE %s (id int, a int, PRIMARY KEY (id)) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50); CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (1000); INSERT INTO %[1]s SELECT g, g FROM generate_series(1, 100) g",
		n2:    "CREATE TABLE %s (a int, id int, PRIMARY KEY (id)) PARTITION BY HASH (id); CREATE TABLE parts_a PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE parts_b PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO %[1]s SELECT CASE g WHEN 60 THEN 0 ELSE g END, g FROM generate_series(1, 99) g",
		diffs: []string{"100 missing", "60 changed"}},
	{table: "part_or_plain", n1: "CREATE TABLE %s (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part_or_plain_1 PARTITION OF part_or_plain DEFAULT; INSERT INTO %[1]s VALUES (1), (2)", n2: "CREATE TABLE %s (id int PRIMARY KEY); INSERT INTO %[1]s VALUES (1)", diffs: []string{"2 missing"}},
	{table: "parent", both: "CREATE TABLE %s (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent); INSERT INTO parent VALUES (1)", n1: "INSERT INTO child VALUES (5)", n2: "INSERT INTO parent VALUES (5)", diffs: []string{"5 extra"}},
	{table: "child", diffs: []string{"5 missing"}},
	{table: "collations", n1: `CREATE TABLE %s (k text COLLATE "C" PRIMARY KEY, a int); INSERT INTO %[1]s SELECT chr(64 + g %% 60) || g, g FROM generate_series(1, 4000) g`,
		n2: `CREATE TABLE %s (k text COLLATE "und-x-icu" PRIMARY KEY, a int); INSERT INTO %[1]s SELECT chr(64 + g %% 60) || g, CASE g WHEN 33 THEN 0 ELSE g END FROM generate_series(1, 3999) g`, diffs: []string{"a33 changed", "h4000 missing"}},
	{table: "case_blind_key", both: `CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE TABLE %s (k text COLLATE blind PRIMARY KEY, a text COLLATE blind); INSERT INTO %[1]s VALUES ('same', 'x')`,
		n1: "INSERT INTO %s VALUES ('Key', 'x'), ('v', 'Q')", n2: "INSERT INTO %s VALUES ('kEY', 'x'), ('v', 'q')", diffs: []string{"Key missing", "kEY extra", "v changed"}},
	{table: "numeric_key", both: "CREATE TABLE %s (k numeric PRIMARY KEY, a int)", n1: "INSERT INTO %s VALUES (1.0, 1), (2, 1)", n2: "INSERT INTO %s VALUES (1.00, 1), (2, 2)", diffs: []string{"1.0 missing", "1.00 extra", "2 changed"}},
	{table: "infinite_key", both: "CREATE TABLE %s (k timestamptz PRIMARY KEY, a int); INSERT INTO %[1]s VALUES ('infinity', 1), ('-infinity', 1), ('2026-01-01 00:00:00.123456Z', 1)", n2: "UPDATE %s SET a = 2 WHERE k <> '-infinity'", diffs: []string{"2026-01-01 00:00:00.123456+00 changed", "infinity changed"}},
	{table: "char_key", both: "CREATE TABLE %s (k char(6) PRIMARY KEY, a int); INSERT INTO %[1]s VALUES ('a', 1), ('b', 1)", n2: "UPDATE %s SET a = 2 WHERE k = 'b'", diffs: []string{"b      changed"}},
	{table: "enum_key", both: "CREATE TYPE state AS ENUM ('on', 'off'); CREATE TABLE %s (k state PRIMARY KEY, a int); INSERT INTO %[1]s VALUES ('on', 1), ('off', 1)", n2: "UPDATE %s SET a = 2 WHERE k = 'off'", diffs: []string{"off changed"}},
	{table: "many_pairs", both: "CREATE TABLE %s (id int PRIMARY KEY, a int); INSERT INTO %[1]s SELECT g, g FROM generate_series(1, 20000) g", n2: "UPDATE %s SET a = -a WHERE id %% 4001 = 0", diffs: []string{"12003 changed", "16004 changed", "4001 changed", "8002 changed"}},
}

func sqlOf(table, sql string) string {
	if !strings.Contains(sql, "%") {
		return sql
	}
	return fmt.Sprintf(sql, `"`+strings.ReplaceAll(table, `"`, `""`)+`"`)
}

func TestAdversarial(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	for _, c := range adversarial {
		if c.both != "" {
			execAll(t, nodes, sqlOf(c.table, c.both))
		}
		for i, sql := range []string{c.n1, c.n2} {
			if sql != "" {
				execAll(t, nodes[i:i+1], sqlOf(c.table, sql))
			}
		}
	}
	execAll(t, nodes, "ANALYZE")
	for _, mode := range []compare.Mode{compare.Exact, compare.Strong} {
		for _, rows := range []int{0, 1} { // few buckets in few statements, and as many as can be
			t.Run(fmt.Sprint(mode, rows), func(t *testing.T) {
				// The first node is right, so kinds are seen from there.
				r := run(t, compare.Request{Topology: static(nodes), Static: true, Mode: mode, BucketRows: rows, ChunkPages: rows, Policy: compare.Policy{Rule: compare.BySource, Sources: []string{"n1"}}})
				for _, c := range adversarial {
					x := tableOf(t, r, c.table)
					if c.incomplete != "" {
						require.Equal(t, compare.Incomplete, x.Verdict, "%s: %v", c.table, x)
						require.Contains(t, fmt.Sprint(x.Reasons), c.incomplete)
						continue
					}
					var got []string
					for _, d := range x.Diffs {
						key := strings.Join(d.Key, ",")
						if len(x.Key) == 0 {
							key = "*"
						}
						got = append(got, key+" "+string(d.Kind))
					}
					slices.Sort(got)
					require.Equal(t, c.diffs, got, "%s: %v %v", c.table, x.Reasons, x.Counts)
					require.Equal(t, int64(len(c.diffs)), x.Counts.Persistent)
					require.Equal(t, len(c.diffs) == 0, x.Verdict == compare.Match, "%s: %v", c.table, x.Reasons)
				}
			})
		}
	}

	t.Run("a table of many statements", func(t *testing.T) {
		x := tableOf(t, run(t, compare.Request{Topology: static(nodes), Static: true, Tables: []string{"many_pairs"}, ChunkPages: 1}), "many_pairs")
		require.Greater(t, x.Nodes[0].Chunks, 3, x)
		require.Equal(t, int64(20000), x.Nodes[0].Rows)
		require.Equal(t, int64(4), x.Counts.Persistent)
	})
	t.Run("common columns on request", func(t *testing.T) {
		x := tableOf(t, run(t, compare.Request{Topology: static(nodes), Static: true, Tables: []string{"extra_column"}, CommonColumns: true}), "extra_column")
		require.Equal(t, compare.Match, x.Verdict, x)
		require.Equal(t, []string{"a", "id"}, x.Columns)
		require.Equal(t, []string{"more: not on n1"}, x.Left)
	})
	t.Run("excluded column", func(t *testing.T) {
		x := tableOf(t, run(t, compare.Request{Topology: static(nodes), Static: true, Tables: []string{"unique_index"}, ExcludeColumns: []string{"unique_index.b"}}), "unique_index")
		require.Equal(t, compare.Match, x.Verdict, x)
		require.Equal(t, []string{"b: excluded on request"}, x.Left)
	})
	t.Run("where", func(t *testing.T) {
		x := tableOf(t, run(t, compare.Request{Topology: static(nodes), Static: true, Tables: []string{"many_pairs"}, Where: "id < 9000 -- a comment"}), "many_pairs")
		require.Equal(t, int64(2), x.Counts.Persistent, x)
		require.Equal(t, int64(8999), x.Nodes[0].Rows)
		x = tableOf(t, run(t, compare.Request{Topology: static(nodes), Static: true, Tables: []string{"many_pairs"}, Where: "nosuch > 1"}), "many_pairs")
		require.Equal(t, compare.Incomplete, x.Verdict, x)
	})
	t.Run("row security is never filtered by in silence", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE secret (id int PRIMARY KEY, owner text); INSERT INTO secret VALUES (1, 'a'), (2, 'b'); GRANT SELECT ON secret TO "+lab.Reader+
			"; ALTER TABLE secret ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON secret USING (owner = 'a')")
		execAll(t, nodes[:1], "DELETE FROM secret WHERE id = 2")
		top := static(nodes)
		for i, n := range nodes {
			top.Nodes[n.Name] = schema.Node{DSN: nodes[i].ReaderDSN()}
		}
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"secret"}}), "secret")
		require.Equal(t, compare.Incomplete, x.Verdict, x)
		require.Contains(t, fmt.Sprint(x.Reasons), "row-level security")
	})
	t.Run("a table the role may not read is incomplete", func(t *testing.T) {
		execAll(t, nodes, "CREATE TABLE closed (id int PRIMARY KEY); REVOKE ALL ON closed FROM "+lab.Reader)
		top := static(nodes)
		for i, n := range nodes {
			top.Nodes[n.Name] = schema.Node{DSN: nodes[i].ReaderDSN()}
		}
		x := tableOf(t, run(t, compare.Request{Topology: top, Static: true, Tables: []string{"closed"}}), "closed")
		require.Equal(t, compare.Incomplete, x.Verdict, x)
		require.Contains(t, fmt.Sprint(x.Reasons), "permission denied")
	})
}
