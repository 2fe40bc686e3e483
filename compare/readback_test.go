package compare

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// A cast that cuts a key makes its suspects look deleted: that is no match.
func TestKeyThatIsNotReadBack(t *testing.T) {
	nodes, stop, err := lab.Servers(t.Context(), 1, lab.Options{})
	lab.Need(t, err)
	t.Cleanup(func() { _ = stop() })
	s, err := cluster.Open(t.Context(), "n1", nodes[0].DSN(), cluster.Settings{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	keys := [][]string{{"abc   ", "1"}, {"b     ", "2"}}
	gone := looked{map[string]state{}}
	q := statements{mode: Exact, types: []string{"pg_catalog.bpchar", "integer"},
		shape: &shape{key: []compared{{name: `k"1`, base: "character", class: "b", notNull: true}, {name: "id", base: "integer", class: "b", notNull: true}}}}
	require.NoError(t, gone.proveGone(t.Context(), []*cluster.Session{s}, []statements{q}, keys))
	q.types = []string{"character", "integer"}
	err = gone.proveGone(t.Context(), []*cluster.Session{s}, []statements{q}, keys)
	require.ErrorContains(t, err, "the key (abc   , 1)")
	found := looked{map[string]state{"abc   " + sep + "1": {}, "b     " + sep + "2": {}}}
	require.NoError(t, found.proveGone(t.Context(), []*cluster.Session{s}, []statements{q}, keys), "what was found was read back")
}
