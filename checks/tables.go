package checks

import (
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// eachSetTable makes the Run of a check that judges each table in a replication
// set of each node; a node where nothing was wrong gets one pass.
func eachSetTable(fine string, judge func(n node, t catalog.Table, s catalog.Set) (Finding, bool)) func(Input) []Finding {
	return eachNode(func(n node) []Finding {
		tables := map[string]catalog.Table{}
		for _, t := range n.f.Tables {
			tables[t.String()] = t
		}
		var out []Finding
		seen := map[string]bool{}
		for _, s := range n.f.Sets {
			for _, m := range s.Tables {
				name := m.Schema + "." + m.Name
				t, ok := tables[name]
				if !ok || seen[name] {
					continue
				}
				if f, wrong := judge(n, t, s); wrong {
					seen[name] = true
					f.Subject.Object = "table " + name
					out = append(out, f)
				}
			}
		}
		if len(out) == 0 {
			out = append(out, pass("%s", fine))
		}
		return out
	}, catalog.PartSets, catalog.PartTables)
}

// TablesReplicaIdentity: updates and deletes need a way to name the row.
var TablesReplicaIdentity = Check{
	Name:     "tables/replica-identity",
	Title:    "Each replicated table has a primary key or another replica identity",
	Why:      "Without one the server refuses every UPDATE and DELETE on the table, or, where they are let pass, they reach no other node.",
	Remedy:   "Add a primary key, or ALTER TABLE … REPLICA IDENTITY USING INDEX a unique index on NOT NULL columns.",
	Source:   "PostgreSQL, logical replication: replica identity",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: eachSetTable("all replicated tables have a replica identity", func(n node, t catalog.Table, s catalog.Set) (Finding, bool) {
		if !s.Update && !s.Delete || t.Identity != catalog.IdentityNone {
			return Finding{}, false
		}
		return fail("%s is in set %s, which replicates updates or deletes, and has no replica identity", t, s.Name).evidence(string(t.Identity), "a primary key, an index or full", "pg_class.relreplident, pg_index"), true
	}),
}

// TablesUnlogged: what is not in WAL is not replicated.
var TablesUnlogged = Check{
	Name:     "tables/unlogged",
	Title:    "No replicated table is unlogged",
	Why:      "Changes of an unlogged table are not in WAL: they reach no other node and no backup, and the table is emptied after a crash.",
	Remedy:   "ALTER TABLE … SET LOGGED, or take the table out of its replication sets.",
	Source:   "PostgreSQL, logical replication: restrictions",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: eachSetTable("no replicated table is unlogged", func(_ node, t catalog.Table, s catalog.Set) (Finding, bool) {
		return fail("%s is in set %s and unlogged", t, s.Name).evidence("unlogged", "permanent", "pg_class.relpersistence"), t.Unlogged
	}),
}

// TablesRowSecurity: the tool itself must see all rows.
var TablesRowSecurity = Check{
	Name:     "tables/row-security",
	Title:    "Row-level security hides no rows from the tool's own role",
	Why:      "A comparison by a role that sees a part of the rows proves nothing about the rest. (The tool turns such a read into an error rather than compare a part.)",
	Remedy:   "ALTER ROLE … BYPASSRLS for the tool's role, or let it be compared by the tables' owner.",
	Source:   "PostgreSQL, row security policies",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: eachSetTable("row-level security applies to the tool's role on no replicated table", func(n node, t catalog.Table, _ catalog.Set) (Finding, bool) {
		return fail("row-level security of %s applies to role %s", t, n.f.Server.User).evidence("row security active", "not active", "row_security_active()"), t.RowsHidden
	}),
}

// TablesTriggers: triggers that fire on apply change what arrives.
var TablesTriggers = Check{
	Name:     "tables/apply-triggers",
	Title:    "No trigger of a replicated table fires when changes of other nodes are applied",
	Why:      "A trigger that also fires on apply does its work once for each node: counters go up twice, and rows it writes are replicated on top of the provider's own.",
	Remedy:   "ALTER TABLE … ENABLE TRIGGER (without ALWAYS or REPLICA), unless firing on apply is what it is for; then waive it.",
	Source:   "PostgreSQL, ALTER TABLE … ENABLE ALWAYS TRIGGER; PGD, triggers",
	Severity: schema.Info,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: eachSetTable("no trigger of a replicated table fires on apply", func(_ node, t catalog.Table, _ catalog.Set) (Finding, bool) {
		list := slices.Concat(t.AlwaysTriggers, t.ReplicaTriggers)
		return fail("%s fire on %s when changes are applied", strings.Join(list, ", "), t).evidence(strings.Join(list, ", "), "none", "pg_trigger.tgenabled"), len(list) > 0
	}),
}

// TablesInASet: a table in no set is replicated nowhere.
var TablesInASet = Check{
	Name:     "tables/in-a-set",
	Title:    "Each table is in a replication set",
	Why:      "A table that somebody forgot to add is written on one node and missing on the others, without any error.",
	Remedy:   "Add the table to the set it belongs to and copy its rows, or waive it when it is meant to be local.",
	Source:   "Practice: new tables are in no set unless the set adds them by itself",
	Severity: schema.Info,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: eachNode(func(n node) []Finding {
		parent := map[string]string{}
		for _, t := range n.f.Tables {
			parent[t.String()] = t.Parent
		}
		in := map[string]bool{} // a table, what it is a part of, and with that all of its parts
		for _, s := range n.f.Sets {
			for _, t := range s.Tables {
				for name := t.Schema + "." + t.Name; name != "" && !in[name]; name = parent[name] {
					in[name] = true
				}
			}
		}
		var out []Finding
		for _, t := range n.f.Tables {
			if in[t.String()] || in[t.Parent] {
				continue
			}
			f := fail("%s is in no replication set", t).evidence("no set", "one set or more", "pg_class and the node's replication sets")
			f.Subject.Object = "table " + t.String()
			out = append(out, f)
		}
		if len(out) == 0 {
			out = append(out, pass("all %d tables are in a set", len(n.f.Tables)))
		}
		return out
	}, catalog.PartSets, catalog.PartTables),
}
