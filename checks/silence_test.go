package checks

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/catalog"
)

// After a join a node that is down leaves the question open: what fails because
// of it alone is unknown, at that gate only, and nothing else is softened.
func TestSilenceAfterAJoin(t *testing.T) {
	in := healthy(t)
	lose(in, "dr1n1")
	for _, n := range in.Plan.NodeNames() {
		if n == "dr1n1" {
			continue
		}
		sub(in, "dr1n1", n).State = catalog.StateDown
	}
	for i := range node1(in).Slots {
		if node1(in).Slots[i].Type == "logical" {
			node1(in).Slots[i].Active = false // those of nodes that answer, too
		}
	}
	in.Joiner = "dc1n2"
	fails := func(gate Gate) map[string]int {
		out := map[string]int{}
		for _, f := range Run(*in, Options{Gate: gate, Only: []string{"mesh/full", "slots/inactive"}}) {
			if f.Status == Fail {
				out[f.Subject.String()]++
			}
		}
		return out
	}
	before, after := fails(Nightly), fails(PostJoin)
	require.Contains(t, before, "dr1n1 → dc1n1")
	require.Contains(t, before, "dc1n1: slot pgl_app_dc1n1_dc1n1_to_dr1n1")
	require.NotContains(t, after, "dr1n1 → dc1n1")
	require.NotContains(t, after, "dc1n1: slot pgl_app_dc1n1_dc1n1_to_dr1n1")
	require.Contains(t, after, "dc1n1: slot pgl_app_dc1n1_dc1n1_to_dc1n2", "its reader answered, and does not read")
	for _, f := range Run(*in, Options{Gate: PostJoin, Only: []string{"mesh/full"}}) {
		if f.Subject == (Subject{Node: "dr1n1", Peer: "dc1n1"}) {
			require.Equal(t, Unknown, f.Status)
			require.Contains(t, f.Message, "is down; that may be no more than that node dr1n1 could not be read: connect")
			require.Equal(t, []string{"dr1n1"}, BecauseOf(f.Message, []string{"dc1n1", "dr1n1"}))
		}
	}
}

// A reason besides a node that is down is never passed over.
func TestBecauseOf(t *testing.T) {
	in := healthy(t)
	lose(in, "dr1n1")
	hide(in, "dc1n1", catalog.PartSlots)
	_, down := factsOf(*in, "dr1n1")
	_, right := factsOf(*in, "dc1n1", catalog.PartSlots)
	silent := []string{"dr1n1", "dr1n2"}
	require.Equal(t, []string{"dr1n1"}, BecauseOf("not every node could be asked: "+down, silent))
	require.Empty(t, BecauseOf("not every node could be asked: "+down+"; "+right, silent))
	require.Empty(t, BecauseOf(right, silent))
	require.Empty(t, BecauseOf("the wind blows", silent))
	require.Empty(t, BecauseOf(down, []string{"dr1"}), "a name that begins another")
}
