package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/internal/lab"
	"github.com/pgconcord/pgconcord/reports"
)

// These are what the gates are tried with: dc1n4 joins the lab from dc1n2.
const (
	joinerName = "dc1n4"
	joinSource = "dc1n2"
)

// beforeJoin tries the gate before a join: on a joiner as it should be, and with
// one fault each.
func beforeJoin(t *testing.T, l *lab.Lab) {
	ctx := context.Background()
	candidate, err := l.Candidate(ctx, joinerName)
	require.NoError(t, err)
	for _, n := range l.Nodes() {
		require.NoError(t, n.DropLocalOrigin(ctx)) // what other tests have left
	}
	require.NoError(t, l.Settle(ctx))
	planned := string(l.Topology()) + fmt.Sprintf("joins:\n  %s: {datacenter: A, source: %s, dsn: %q, empty: true}\n", joinerName, joinSource, candidate.ReaderDSN())
	source, first := l.Node(joinSource), l.Node("dc1n1")
	for _, c := range []gateCase{
		{name: "a clean joiner"},
		{name: "a table on the joiner", do: sql(candidate, "CREATE TABLE public.left_over (id int)"), undo: sql(candidate, "DROP TABLE public.left_over"),
			code: 1, want: []string{"fail join/joiner-empty dc1n4"}},
		{name: "a schema of the joiner's own", do: sql(candidate, "CREATE SCHEMA mine"), undo: sql(candidate, "DROP SCHEMA mine"),
			code: 1, want: []string{"fail join/joiner-empty dc1n4"}},
		{name: "a role that it lacks", do: sql(source, "CREATE ROLE application LOGIN"), undo: sql(source, "DROP ROLE application"),
			code: 1, want: []string{"fail join/roles-present dc1n4: role application"}},
		{name: "what an interrupted join left", do: sql(first, "SELECT pg_create_logical_replication_slot('pgl_app_dc1n1_dc1n1_to_dc1n4', 'pglogical_output')"),
			undo: sql(first, "SELECT pg_drop_replication_slot('pgl_app_dc1n1_dc1n1_to_dc1n4')"),
			code: 1, want: []string{"fail join/interrupted dc1n1", "fail slots/inactive dc1n1: slot pgl_app_dc1n1_dc1n1_to_dc1n4", "fail slots/known-owner dc1n1: slot pgl_app_dc1n1_dc1n1_to_dc1n4"}},
		{name: "a stream that is off and behind", do: func(ctx context.Context) error {
			// A change that came by the stream, so that more is known than the copy's time.
			return errors.Join(first.Exec(ctx, "UPDATE ref.product SET updated_at = now()"), l.Barrier(ctx), l.DisableEdge(ctx, "dc1n1", "dc2n1"), first.Exec(ctx, "UPDATE ref.product SET updated_at = now()"), first.Exec(ctx, "UPDATE ref.product SET name = repeat(name, 50)"),
				first.Exec(ctx, "UPDATE ref.product SET name = left(name, length(name) / 50)"), l.Barrier(ctx))
		}, undo: func(ctx context.Context) error {
			return errors.Join(l.EnableEdge(ctx, "dc1n1", "dc2n1"), l.Barrier(ctx))
		},
			plan: [2]string{"lag: {max_bytes: 10485760, max_seconds: 30}", "lag: {max_bytes: 400000, max_seconds: 3600}"},
			code: 1, want: []string{"fail join/no-significant-lag dc1n4", "fail lag/bytes dc1n1 → dc2n1", "fail mesh/full dc1n1 → dc2n1", "fail slots/inactive dc1n1: slot pgl_app_dc1n1_dc1n1_to_dc2n1"}},
		{name: "too few slots on the joiner", do: restarted(candidate, "ALTER SYSTEM SET max_replication_slots = 3"), undo: restarted(candidate, "ALTER SYSTEM RESET max_replication_slots"),
			code: 1, want: []string{"fail join/free-capacity dc1n4"}},
		{name: "another version than planned", plan: [2]string{"versions: {postgres: ", "versions: {postgres: \"11.4\"} #"},
			code: 1, want: []string{"fail versions/as-declared dc1n1", "fail versions/as-declared dc1n2", "fail versions/as-declared dc2n1", "fail versions/as-declared dc2n2",
				"fail versions/as-declared dr1n1", "fail versions/as-declared dr1n2"}},
		{name: "a member that cannot be reached", plan: unreachable(l.Node("dr1n2")), code: 3, away: "dr1n2", want: []string{"fail mesh/dsn-as-declared dr1n2"}},
		{name: "a joiner that cannot be reached", plan: unreachable(candidate), code: 3, away: joinerName},
		{name: "a source that cannot be reached", plan: unreachable(source), code: 3, away: joinSource, want: []string{"fail mesh/dsn-as-declared dc1n2"}},
		{name: "a member in the joiner's place", plan: [2]string{fmt.Sprintf("port=%d ", candidate.Port), fmt.Sprintf("port=%d ", first.Port)},
			code: 1, want: []string{"fail join/interrupted dc1n4", "fail join/joiner-empty dc1n4", "fail layout/dsn-unique joins.dc1n4.dsn", "fail layout/dsn-unique nodes.dc1n1.dsn"}},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, planned, "pre-join", "--joiner", joinerName, "--source", joinSource) })
	}
}

// afterJoin tries the gate after the joins of the scripts, a clean one and one
// under lag. Catalogs and streams of both are those of a sound join; that the
// rows of one are not is for the audit to find.
func afterJoin(t *testing.T, l *lab.Lab) {
	ctx := context.Background()
	member := func(name string) bool {
		return slices.ContainsFunc(l.Nodes(), func(n *lab.Node) bool { return n.Name == name })
	}
	if !member(joinerName) {
		require.NoError(t, l.JoinCleanly(ctx, joinerName))
	}
	if !member(lab.Joiner) {
		_, err := l.JoinUnderLag(ctx)
		require.NoError(t, err)
	}
	candidate := l.Node(joinerName)
	joined := string(l.Topology())
	// After a join a node that does not answer leaves the question open, and what
	// may be its shadow fails nothing.
	for _, c := range []gateCase{
		{name: "a clean join"},
		{name: "a stream to the joiner that is off", do: func(ctx context.Context) error { return l.DisableEdge(ctx, "dr1n1", joinerName) },
			undo: func(ctx context.Context) error { return l.EnableEdge(ctx, "dr1n1", joinerName) },
			code: 1, want: []string{"fail mesh/full dr1n1 → dc1n4", "fail slots/inactive dr1n1: slot pgl_app_dr1n1_dr1n1_to_dc1n4"}},
		{name: "a member that cannot be reached", plan: unreachable(l.Node("dr1n2")), code: 3, away: "dr1n2"},
		{name: "a joiner that cannot be reached", plan: unreachable(candidate), code: 3, away: joinerName},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, joined, "post-join", "--joiner", joinerName, "--source", joinSource) })
	}
	t.Run("a join under lag", func(t *testing.T) {
		gateCase{}.run(t, joined, "post-join", "--joiner", lab.Joiner, "--source", joinSource)
	})
}

// unreachable has a plan look for a node where nobody listens.
func unreachable(n *lab.Node) [2]string { return [2]string{fmt.Sprintf("port=%d ", n.Port), "port=1 "} }

// gateCase is a fault and what a gate makes of it.
type gateCase struct {
	name     string
	do, undo func(context.Context) error
	plan     [2]string // replaces the first by the second
	code     int
	want     []string // what failed, of whatever severity: "fail check subject"
	away     string   // the node that all unknown clauses name; "": none is unknown
}

func sql(n *lab.Node, text string) func(context.Context) error {
	return func(ctx context.Context) error { return n.Exec(ctx, text) }
}

func restarted(n *lab.Node, text string) func(context.Context) error {
	return func(ctx context.Context) error { return errors.Join(n.Exec(ctx, text), n.Stop(ctx), n.Start(ctx)) }
}

func (c gateCase) run(t *testing.T, topology string, gate string, args ...string) {
	ctx := context.Background()
	if c.do != nil {
		require.NoError(t, c.do(ctx))
		defer func() { require.NoError(t, c.undo(ctx)) }()
	}
	if c.plan[0] != "" {
		require.Contains(t, topology, c.plan[0])
		topology = strings.ReplaceAll(topology, c.plan[0], c.plan[1])
	}
	code, clauses := runGate(t, topology, gate, args...)
	var failed, said []string
	unknown := 0
	for _, f := range clauses {
		switch {
		case f.Check == checks.JoinSourceLatency.Name: // is what this machine happens to measure
		case f.Status == checks.Fail:
			failed, said = append(failed, fmt.Sprintf("fail %s %s", f.Check, f.Subject)), append(said, f.Message)
		case f.Status == checks.Unknown:
			unknown++
			require.NotEmpty(t, c.away, "unknown %s %s: %s", f.Check, f.Subject, f.Message)
			require.Contains(t, f.Subject.String()+f.Message, c.away, f.Check)
		}
	}
	require.Equal(t, c.want, failed, "%s", strings.Join(said, "\n"))
	require.Equal(t, c.away != "", unknown > 0)
	require.Equal(t, c.code, code)
}

// runGate runs the program and returns its exit code and the clauses by their
// names; each must have a status and a reason.
func runGate(t *testing.T, topology, gate string, args ...string) (code int, clauses []reports.Finding) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "topology.yaml")
	require.NoError(t, os.WriteFile(file, []byte(topology), 0o600))
	code, said := runProgram(t, dir, nil, append([]string{"check", file, "--gate", gate, "-v", "-f", "json", "-o", "report.json", "-f", "text"}, args...)...)
	data, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err, said)
	var r reports.Report
	require.NoError(t, json.Unmarshal(data, &r))
	for _, f := range r.Findings {
		require.NotEmpty(t, f.Message, f.Check)
		require.Contains(t, said, f.Check, "the text lists every clause")
	}
	return code, r.Findings
}
