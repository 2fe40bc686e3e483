package compare_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// What can be done with a result without a new scan, and a request without any.
func TestAfterAndBefore(t *testing.T) {
	nodes := pairOf(t, lab.Options{Config: []string{"autovacuum = off"}})
	top := static(nodes)
	execAll(t, nodes, "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT g, 'v' || g FROM generate_series(1, 2000) g; CREATE TABLE bag (v text); INSERT INTO bag VALUES ('x'), ('y'); CREATE TABLE alone (id int PRIMARY KEY)")
	execAll(t, nodes[1:], "UPDATE a SET v = 'other' WHERE id = 7; DELETE FROM a WHERE id = 9; INSERT INTO bag VALUES ('x'); DROP TABLE alone")
	first := run(t, compare.Request{Topology: top, Static: true})
	require.Equal(t, []string{"public.a(7) changed ", "public.a(9) missing "}, found(first, compare.Persistent)[:2])

	t.Run("another policy decides over the same evidence", func(t *testing.T) {
		require.NoError(t, first.Decide(compare.Policy{Rule: compare.BySource, Sources: []string{"n2"}}, top))
		require.Equal(t, []string{"public.a(7) changed n1", "public.a(9) extra n1"}, found(first, compare.Persistent)[:2])
		require.Equal(t, compare.Different, first.Verdict)
		require.ErrorContains(t, first.Decide(compare.Policy{Rule: compare.BySource, Sources: []string{"n9"}}, top), `no node "n9"`)
		require.NoError(t, first.Decide(compare.Policy{}, top))
	})
	t.Run("recheck reads the listed keys alone", func(t *testing.T) {
		again, err := compare.Recheck(t.Context(), compare.Request{Topology: top, Static: true}, first, nil)
		require.NoError(t, err)
		require.Equal(t, found(first, compare.Persistent), found(again, compare.Persistent), summary(again))
		execAll(t, nodes[1:], "UPDATE a SET v = 'v7' WHERE id = 7; INSERT INTO a VALUES (9, 'v9'); UPDATE a SET v = 'late' WHERE id = 100")
		execAll(t, nodes[:1], "INSERT INTO bag VALUES ('x')")
		again, err = compare.Recheck(t.Context(), compare.Request{Topology: top, Static: true}, first, nil)
		require.NoError(t, err)
		require.Empty(t, found(again, compare.Persistent), summary(again))
		a := tableOf(t, again, "a")
		require.Equal(t, compare.Match, a.Verdict)
		require.Equal(t, int64(2), a.Counts.Cleared)
		require.Contains(t, fmt.Sprint(a.Notes), "only the 2 keys of an earlier result")
		require.Equal(t, compare.Incomplete, tableOf(t, again, "alone").Verdict, "what had no keys stays what it was")
	})
	t.Run("what a result cut off cannot be rechecked", func(t *testing.T) {
		execAll(t, nodes[1:], "UPDATE a SET v = 'other' WHERE id <= 50")
		cut := run(t, compare.Request{Topology: top, Static: true, Tables: []string{"a"}, SampleLimit: 10})
		require.Len(t, cut.Tables[0].Diffs, 10)
		require.Equal(t, int64(51), cut.Tables[0].Counts.Persistent)
		require.Equal(t, int64(41), cut.Tables[0].Cut)
		execAll(t, nodes[1:], "UPDATE a SET v = 'v' || id")
		again, err := compare.Recheck(t.Context(), compare.Request{Topology: top, Static: true, Tables: []string{"a"}}, cut, nil)
		require.NoError(t, err)
		require.Equal(t, compare.Incomplete, again.Verdict, summary(again))
		require.Contains(t, fmt.Sprint(again.Tables[0].Reasons), "41 more differences")
	})
	t.Run("rows without a key whose digests are made otherwise now", func(t *testing.T) {
		for _, change := range []string{"ALTER v SET NOT NULL", "ALTER v TYPE bigint"} {
			execAll(t, nodes, "CREATE TABLE sack (v int, w int); INSERT INTO sack VALUES (1, 1)")
			execAll(t, nodes[1:], "UPDATE sack SET v = 2")
			req := compare.Request{Topology: top, Static: true, Tables: []string{"sack"}}
			earlier := run(t, req)
			again, err := compare.Recheck(t.Context(), req, earlier, nil)
			require.NoError(t, err)
			require.Equal(t, found(earlier, compare.Persistent), found(again, compare.Persistent), summary(again))
			execAll(t, nodes, "ALTER TABLE sack ALTER w SET NOT NULL, "+change)
			for _, asked := range [][]compare.AskedKey{nil, {{Values: earlier.Tables[0].Diffs[0].Key, At: "list:1:1"}}} {
				again, err = compare.Recheck(t.Context(), req, earlier, asked)
				require.NoError(t, err)
				require.Equal(t, compare.Incomplete, again.Verdict, summary(again))
				require.Contains(t, fmt.Sprint(again.Tables[0].Reasons), "compare the table anew")
			}
			execAll(t, nodes, "DROP TABLE sack")
		}
	})
	t.Run("another question than the earlier one is not answered", func(t *testing.T) {
		execAll(t, nodes[1:], "UPDATE a SET v = 'other' WHERE id = 7")
		earlier := run(t, compare.Request{Topology: top, Static: true, Tables: []string{"a"}})
		execAll(t, nodes[1:], "UPDATE a SET v = 'v7' WHERE id = 7")
		for name, c := range map[string]struct {
			request compare.Request
			earlier func(*compare.Result)
			reason  string
		}{
			"same":               {},
			"a column less":      {compare.Request{ExcludeColumns: []string{"v"}}, nil, "the earlier result compared column v, and this one does not"},
			"other rows":         {compare.Request{Where: "id < 5"}, nil, "it was of all rows, and this is of rows where id < 5"},
			"keys that are lost": {compare.Request{}, func(r *compare.Result) { r.Tables[0].Counts.Unverified = 3 }, "3 more differences, which it does not list"},
			"interrupted":        {compare.Request{}, func(r *compare.Result) { r.Reasons = []string{"interrupted after 1 of 3 tables"} }, "the earlier result was incomplete: interrupted"},
			"a table that went":  {compare.Request{Shards: []string{"reference"}}, func(r *compare.Result) { r.Tables[0].Name = "gone" }, "public.gone is not among the tables"},
		} {
			old := *earlier
			old.Tables = slices.Clone(earlier.Tables)
			if c.earlier != nil {
				c.earlier(&old)
			}
			req := c.request
			req.Topology, req.Static = top, true
			again, err := compare.Recheck(t.Context(), req, &old, nil)
			require.NoError(t, err, name)
			if c.reason == "" {
				require.Equal(t, compare.Match, again.Verdict, summary(again))
				continue
			}
			require.Equal(t, compare.Incomplete, again.Verdict, name)
			said := fmt.Sprint(again.Reasons)
			for _, table := range again.Tables {
				said += fmt.Sprint(table.Reasons)
			}
			require.Contains(t, said, c.reason, name)
		}
	})
	t.Run("damaged evidence is refused", func(t *testing.T) {
		for _, d := range []compare.Difference{{Key: []string{"1", "2"}, Versions: make([]compare.RowVersion, 2)}, {Key: []string{"1"}, Versions: make([]compare.RowVersion, 1)}} {
			bad := &compare.Result{Tables: []compare.Table{{Schema: "public", Name: "a", Key: []string{"id"}, Diffs: []compare.Difference{d}}}}
			var wrong *compare.RequestError
			require.ErrorAs(t, bad.Decide(compare.Policy{}, top), &wrong)
			_, err := compare.Recheck(t.Context(), compare.Request{Topology: top}, bad, nil)
			require.ErrorAs(t, err, &wrong)
		}
	})
	t.Run("a preview reads no rows and names every problem", func(t *testing.T) {
		p, err := compare.Look(t.Context(), compare.Request{Topology: top, Static: true})
		require.NoError(t, err)
		require.Len(t, p.Tables, 3)
		require.Equal(t, []string{"id"}, p.Tables[0].Key)
		require.Empty(t, p.Tables[0].Reasons)
		require.Equal(t, "native-chain-64-v3", p.Tables[0].Digest)
		require.Contains(t, fmt.Sprint(p.Tables[1].Reasons), "the table does not exist on n2")
		require.Contains(t, fmt.Sprint(p.Tables[2].Notes), "multiset")
	})
	t.Run("keys that are asked for", func(t *testing.T) { askedKeys(t, nodes) })
	t.Run("a run writes nothing and leaves nothing open", func(t *testing.T) {
		const trace = `SELECT concat_ws(' ', pg_current_xact_id_if_assigned(), (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_replication_slots),
			txid_snapshot_xmax(txid_current_snapshot()))`
		before, err := nodes[0].Scalar(t.Context(), trace)
		require.NoError(t, err)
		run(t, compare.Request{Topology: top, Static: true})
		after, err := nodes[0].Scalar(t.Context(), trace)
		require.NoError(t, err)
		require.Equal(t, before, after)
		require.Eventually(t, func() bool {
			n, err := nodes[0].Scalar(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgconcord'")
			return err == nil && n == "0"
		}, 30e9, 10e6)
	})
}

// A recheck of a recheck knows what the first of them could not settle.
func TestRecheckOfARecheckKeepsDoubts(t *testing.T) {
	nodes := pairOf(t, lab.Options{})
	execAll(t, nodes, "CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a VALUES (1, 1), (2, 2)")
	execAll(t, nodes[1:], "UPDATE a SET v = -v")
	req := compare.Request{Topology: static(nodes), Static: true, SampleLimit: 1}
	again := func(old *compare.Result, req compare.Request) *compare.Result {
		t.Helper()
		r, err := compare.Recheck(t.Context(), req, old, nil)
		require.NoError(t, err)
		return r
	}
	mended := func(change func(*compare.Result), req compare.Request) *compare.Result {
		t.Helper()
		first := run(t, compare.Request{Topology: static(nodes), Static: true, SampleLimit: req.SampleLimit})
		require.Equal(t, compare.Different, first.Verdict)
		change(first)
		second := again(first, req)
		require.Equal(t, compare.Different, second.Verdict, summary(second))
		execAll(t, nodes[1:], "UPDATE a SET v = 1 WHERE id = 1")
		r := again(again(second, req), req)
		execAll(t, nodes[1:], "UPDATE a SET v = -1 WHERE id = 1")
		return r
	}
	r := mended(func(*compare.Result) {}, req)
	require.Equal(t, compare.Incomplete, r.Verdict, "the key 2 differs: %s", summary(r))
	require.Contains(t, summary(r), "1 more differences")

	one := func(r *compare.Result) {
		x := &r.Tables[0]
		x.Diffs, x.Cut, x.Counts = x.Diffs[:1], 0, compare.Counts{Suspect: 1, Persistent: 1}
	}
	r = mended(one, req)
	require.Equal(t, compare.Match, r.Verdict, "nothing else was open: %s", summary(r))
	for why, change := range map[string]func(*compare.Result){
		"had not read n2": func(r *compare.Result) { r.Tables[0].Nodes = r.Tables[0].Nodes[:1] },
		"other columns":   func(r *compare.Result) { r.Tables[0].Columns = []string{"id"} },
		"other rows":      func(r *compare.Result) { r.Tables[0].Where = "id > 5" },
	} {
		r = mended(func(r *compare.Result) { one(r); change(r) }, req)
		require.Equal(t, compare.Incomplete, r.Verdict, "%s: %s", why, summary(r))
		require.Contains(t, summary(r), why)
	}
}
