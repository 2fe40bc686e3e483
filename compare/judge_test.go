package compare

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// A row that a node has not shows no version: it may have come and been deleted
// there between two looks, while the look at another node was just before the
// delete. That is no difference, and the next look, behind another fence, shows it.
func TestAbsenceMustRestLonger(t *testing.T) {
	a, b, c, none := version{"a", 1, "10"}, version{"b", 1, "11"}, version{"a", 1, "12"}, version{}
	one, two := version{"a", 1, "10"}, version{"a", 2, "10 11"}
	for name, x := range map[string]struct {
		seen    []version
		looks   [][]version // what each look behind a fence sees
		keyless bool
		rounds  int
		want    Counts
	}{
		"deleted between the looks at two nodes": {[]version{a, none}, [][]version{{a, none}, {none, none}}, false, 6, Counts{Cleared: 1}},
		"deleted, with no rounds to spare":       {[]version{a, none}, [][]version{{a, none}, {none, none}}, false, 1, Counts{Cleared: 1}},
		"missing":                                {[]version{a, none}, [][]version{{a, none}, {a, none}}, false, 1, Counts{Persistent: 1}},
		"missing, written again meanwhile":       {[]version{a, none}, [][]version{{a, none}, {c, none}, {c, none}, {c, none}}, false, 6, Counts{Persistent: 1}},
		"missing, never at rest":                 {[]version{a, none}, [][]version{{c, none}, {a, none}}, false, 1, Counts{Volatile: 1}},
		"not seen on all nodes before":           {nil, [][]version{{a, none}, {a, none}, {a, none}}, false, 6, Counts{Persistent: 1}},
		"changed rests once":                     {[]version{a, b}, [][]version{{a, b}}, false, 6, Counts{Persistent: 1}},
		"changed, and arrives":                   {[]version{a, b}, [][]version{{a, c}}, false, 6, Counts{Cleared: 1}},
		"one of two equal rows, deleted":         {[]version{two, one}, [][]version{{two, one}, {one, one}}, true, 6, Counts{Cleared: 1}},
		"equal rows in different numbers":        {[]version{two, one}, [][]version{{two, one}, {two, one}}, true, 6, Counts{Persistent: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var counts Counts
			fences, looks := 0, 0
			r := &rechecker{rounds: x.rounds, counts: &counts, keyless: x.keyless, evidence: func() bool { return true }, settled: func() {}, found: func([]string, Status, looked) {},
				fence: func(context.Context) (Fence, error) { fences++; return Fence{Passed: true}, nil },
				look: func(context.Context, [][]string, bool) (looked, error) {
					require.Less(t, looks, len(x.looks))
					out := make(looked, 2)
					for i, v := range x.looks[looks] {
						out[i] = map[string]state{}
						if v != none {
							out[i]["k"] = state{version: v}
						}
					}
					looks++
					return out, nil
				}}
			suspects := &spool{}
			require.NoError(t, suspects.add(suspect{key: []string{"k"}, seen: x.seen}))
			require.NoError(t, r.settle(t.Context(), suspects))
			require.Equal(t, x.want, counts)
			require.Len(t, x.looks, looks)
			require.Equal(t, looks, fences, "each look is behind a fence of its own")
		})
	}
}
