package lab

import (
	"fmt"
	"strings"
)

// datacenterOf maps the prefix of a node's name to its datacenter.
func datacenterOf(node string) string {
	switch node[:3] {
	case "dc1":
		return "A"
	case "dc2":
		return "B"
	}
	return "DR"
}

// Topology writes the plan of the lab as YAML, with its real connection strings,
// slots and Barman configuration files. It logs in as [Reader].
func (l *Lab) Topology() []byte {
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	p("name: pgconcord-lab")
	p("versions: {%s}", l.versions())
	p("")
	p("datacenters:")
	p("  A:  {region: a}")
	p("  B:  {region: b}")
	p("  DR: {region: dr, role: dr}")
	p("")
	p("nodes:")
	for _, n := range l.Nodes() {
		p("  %s: {datacenter: %s, dsn: %q}", n.Name, datacenterOf(n.Name), n.ReaderDSN())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	list := func(set string) string { return "[" + strings.Join(l.members[set], ", ") + "]" }
	p("")
	p("reference:")
	p("  replicas: %s", list("ref"))
	p("  replication_sets: [ref]")
	p("")
	p("shards:")
	p("  first:  {replicas: %s, replication_sets: [shard1], writers: [%s]}", list("shard1"), l.members["shard1"][0])
	p("  second: {replicas: %s, replication_sets: [shard2], writers: [%s]}", list("shard2"), l.members["shard2"][0])
	if len(l.barman) > 0 {
		p("")
		p("barman:")
		for _, h := range barmanPlan {
			if l.barman[h.name] == nil {
				continue
			}
			p("  %s:", h.name)
			p("    datacenter: %s", h.datacenter)
			p("    config: %q", l.barman[h.name].config())
			p("    sources:")
			for _, s := range h.sections {
				p("      - {server: %s, node: %s, slot: %s, streaming_archiver: true}", s.server, s.node, s.slot)
			}
		}
	}
	p("")
	p("policy:")
	p("  min_replicas: 3")
	p("  lag: {max_bytes: 10485760, max_seconds: 30}")
	p("  backup: {max_age: 26h, min_redundancy: 1}")
	p("  wal: {max_bytes: 4294967296}")
	return []byte(b.String())
}

// versions lists what is known to be installed.
func (l *Lab) versions() string {
	v := fmt.Sprintf("postgres: %q", l.server.Version)
	if l.pglogical != "" {
		v += fmt.Sprintf(", pglogical: %q", l.pglogical)
	}
	if l.barmanVersion != "" {
		v += fmt.Sprintf(", barman: %q", l.barmanVersion)
	}
	return v
}
