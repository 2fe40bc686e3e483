// Package plan writes topologies of any size, for benchmarks and tests.
package plan

import (
	"bytes"
	"fmt"
)

// Topology returns the YAML of a topology of at least n nodes that keeps every
// rule of error severity: for each six nodes three datacenters, two shards,
// three Barman hosts and a planned join, and one set of reference data on all.
func Topology(n int) []byte {
	var nodes, places, shards, barman, joins, reference bytes.Buffer
	groups := max(1, (n+5)/6)
	for g := range groups {
		name := func(i int) string { return fmt.Sprintf("n%dx%d", g, i) }
		dsn := func(n string) string {
			return fmt.Sprintf(`"host=%s.example port=5432 dbname=app user=pgconcord sslmode=verify-full"`, n)
		}
		fmt.Fprintf(&places, "  A%d: {region: a%d}\n  B%d: {region: b%d}\n  DR%d: {region: dr%d, role: dr}\n", g, g, g, g, g, g)
		for i := 1; i <= 6; i++ {
			dc := [...]string{"A", "A", "B", "B", "DR", "DR"}[i-1]
			fmt.Fprintf(&nodes, "  %s: {datacenter: %s%d, dsn: %s}\n", name(i), dc, g, dsn(name(i)))
			fmt.Fprintf(&reference, "    - %s\n", name(i))
		}
		for s, rs := range [][3]int{{1, 2, 5}, {3, 4, 6}} {
			fmt.Fprintf(&shards, "  s%dx%d: {replicas: [%s, %s, %s], replication_sets: [s%dx%d], writers: [%s]}\n",
				g, s, name(rs[0]), name(rs[1]), name(rs[2]), g, s, name(rs[0]))
		}
		for i, b := range []string{"A", "B"} {
			fmt.Fprintf(&barman, "  b%d%s: {datacenter: %s%d, sources: [{node: %s, slot: barman}]}\n", g, b, b, g, name(2*i+1))
		}
		fmt.Fprintf(&barman, "  b%dDR:\n    datacenter: DR%d\n    sources:\n      - {node: %s, slot: barman}\n      - {node: %s, slot: barman}\n", g, g, name(5), name(6))
		join := fmt.Sprintf("j%d", g)
		fmt.Fprintf(&joins, "  %s: {datacenter: A%d, source: %s, dsn: %s, empty: true, order: %d}\n", join, g, name(2), dsn(join), g+1)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "name: generated\nversions: {postgres: \"16.4\", bdr: \"5.6.0\", barman: \"3.11\"}\n")
	fmt.Fprintf(&out, "datacenters:\n%snodes:\n%sreference:\n  replication_sets: [ref]\n  replicas:\n%s", &places, &nodes, &reference)
	fmt.Fprintf(&out, "shards:\n%sbarman:\n%sjoins:\n%spolicy: {min_replicas: 3, max_nodes: %d}\n", &shards, &barman, &joins, 6*groups)
	return out.Bytes()
}
