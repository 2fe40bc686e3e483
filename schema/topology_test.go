package schema

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every field that the definition knows is a field of the Go form.
func TestGoLosesNoFieldOfTheDefinition(t *testing.T) {
	sameFields(t, shapeForm(), reflect.TypeFor[Topology](), "topology")
}

func sameFields(t *testing.T, f *form, g reflect.Type, at string) {
	t.Helper()
	switch f.kind {
	case mapForm:
		require.Equal(t, reflect.Map, g.Kind(), at)
		sameFields(t, f.every, g.Elem(), at+".*")
	case listForm:
		require.Equal(t, reflect.Slice, g.Kind(), at)
		sameFields(t, f.elem, g.Elem(), at+"[]")
	case structForm:
		require.Equal(t, reflect.Struct, g.Kind(), at)
		known := map[string]reflect.Type{}
		for i := range g.NumField() {
			if name, _, _ := strings.Cut(g.Field(i).Tag.Get("json"), ","); len(name) > 0 {
				known[name] = g.Field(i).Type
			}
		}
		require.Len(t, known, len(f.fields), at)
		for _, field := range f.fields {
			require.Contains(t, known, field.name, at)
			sameFields(t, field.form, known[field.name], at+"."+field.name)
		}
	case scalarForm:
		require.Contains(t, []reflect.Kind{reflect.String, reflect.Bool, reflect.Int, reflect.Int64}, g.Kind(), at)
	default:
		t.Errorf("%s: the definition uses what a form does not know", at)
	}
}

// Where no plan was loaded, Go has the defaults of the definition.
func TestLimitsWithoutAPlan(t *testing.T) {
	p := load(t, worldwide).Topology.Policy
	require.Equal(t, p.Clock.MaxSkew(), ClockPolicy{}.MaxSkew())
	require.Equal(t, p.Prepared.Max(), PreparedPolicy{}.Max())
	require.Equal(t, p.Sequences.MaxUsed(), SequencePolicy{}.MaxUsed())
	require.Equal(t, 2*time.Second, p.Clock.MaxSkew())
	require.Equal(t, 5*time.Minute, p.Prepared.Max())
	require.Equal(t, 90, p.Sequences.MaxUsed())
}

func TestWhatAPlanSaysIsDecoded(t *testing.T) {
	in, err := parse([]Input{{Name: "t.yaml", Data: patch(t, `
joins: {j: {datacenter: A, source: dc1n1, dsn: "host=j dbname=app", order: 3, schema_present: true, synchronize_structure: none, postgres: "12.1", bdr: "3.7.1", empty: true}}
settings: {max_replication_slots: 100, max_wal_senders: 101, max_worker_processes: 102}
policy: {clock: {max_skew_seconds: 7}, prepared: {max_seconds: 8}, sequences: {max_used_percent: 9}, min_dr_replicas: 2, max_nodes: 33}
`)}})
	require.NoError(t, err)
	_, top, ok := in.complete()
	require.True(t, ok)
	require.Equal(t, Settings{100, 101, 102}, top.Settings)
	require.Equal(t, Join{Datacenter: "A", Source: "dc1n1", DSN: "host=j dbname=app", Kind: KindData, Method: "logical", SynchronizeStructure: "none",
		Empty: true, SchemaPresent: true, Order: 3, Postgres: "12.1", BDR: "3.7.1"}, top.Joins["j"])
	require.Equal(t, 7*time.Second, top.Policy.Clock.MaxSkew())
	require.Equal(t, 8*time.Second, top.Policy.Prepared.Max())
	require.Equal(t, 9, top.Policy.Sequences.MaxUsed())
	require.Equal(t, 33, top.Policy.MaxNodes)
}
