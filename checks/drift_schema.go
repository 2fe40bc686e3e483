package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// DriftSchema: replicated tables are defined alike.
var DriftSchema = Check{
	Name:  "drift/schema",
	Title: "Replicated tables are defined alike on all nodes that hold them",
	Why: "A column, type or constraint that differs stops the apply, or lets one node accept what another refuses; a unique index more on one node " +
		"halts its apply on the first row that breaks it.",
	Remedy:   "Run the missing DDL on the node that differs, or find out why DDL was not replicated to it.",
	Source:   "PGD, nodes with differences",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Run:      driftSchema,
}

func driftSchema(in Input) []Finding {
	var out []Finding
	sets := in.Plan.DataSets()
	for _, name := range sortedKeys(sets) {
		facts, why := readable(in, sets[name].Replicas, catalog.PartSets)
		tables := map[string]bool{}
		for _, f := range facts {
			for _, t := range tablesOf(f, sets[name].ReplicationSets) {
				tables[t] = true
			}
		}
		if len(facts) == 0 {
			f := unknown("which tables %s has is not known: %s", name, strings.Join(why, "; "))
			f.Subject.Object = name
			out = append(out, f)
			continue
		}
		for _, f := range driftAmong(in, sets[name].Replicas, "pg_class, pg_attribute, pg_constraint and pg_index of all nodes", func(f *catalog.Facts) map[string]string { return definitions(f, tables) }, catalog.PartTables) {
			switch {
			case f.Status == Pass:
				f.Message = fmt.Sprintf("the %d tables of %s are defined as on the other nodes", len(tables), name)
			case strings.HasPrefix(f.Subject.Object, "owner of "), strings.HasPrefix(f.Subject.Object, "index"):
				f.Severity = schema.Warning
			}
			if f.Status != Fail {
				f.Subject.Object = name
			}
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return []Finding{skip("the plan has no data sets")}
	}
	return out
}

// definitions renders what must be alike of some tables; the order of columns
// need not be, as changes name them.
func definitions(f *catalog.Facts, tables map[string]bool) map[string]string {
	out := map[string]string{}
	for _, t := range f.Tables {
		name := t.String()
		if !tables[name] {
			continue
		}
		var cols []string
		for _, c := range t.Columns {
			s := c.Name + " " + c.Type
			if c.Collation != "" {
				s += " COLLATE " + c.Collation
			}
			if c.NotNull {
				s += " NOT NULL"
			}
			switch {
			case c.Generated:
				s += " GENERATED (" + c.Default + ")"
			case c.Identity:
				s += " IDENTITY"
			case c.Default != "":
				s += " DEFAULT " + c.Default
			}
			cols = append(cols, s)
		}
		slices.Sort(cols)
		out["columns of "+name] = strings.Join(cols, ", ")
		out["constraints of "+name] = strings.Join(t.Constraints, "; ")
		out["replica identity of "+name] = string(t.Identity)
		out["owner of "+name] = t.Owner
		var unique, other []string
		for _, i := range t.Indexes {
			if strings.HasPrefix(i, "CREATE UNIQUE") {
				unique = append(unique, i)
			} else {
				other = append(other, i)
			}
		}
		out["unique indexes of "+name] = strings.Join(unique, "; ")
		out["indexes of "+name] = strings.Join(other, "; ")
	}
	return out
}
