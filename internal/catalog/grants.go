package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Grants returns the SQL that makes a least-privilege role for the tool on a
// node of the flavour: with it, every check finds what it reads. It derives
// from the queries themselves.
func Grants(name Flavour, role string) (string, error) {
	i := slices.IndexFunc(flavours, func(fl flavour) bool { return slices.Contains(fl.names, name) })
	if i < 0 {
		var known []string
		for _, f := range Flavours() {
			known = append(known, string(f))
		}
		return "", fmt.Errorf("flavour %q is not known: expected one of %s", name, strings.Join(known, ", "))
	}
	p := &probe{VersionNum: 150000, Relations: map[string][]string{}}
	if flavours[i].history {
		p.Relations["bdr.conflict_history_summary"], p.Relations["bdr.node_log_config"] = nil, nil
	}
	var statements, optional, where []string
	for _, relation := range flavours[i].optional {
		where = append(where, "GRANT SELECT ON "+relation+" TO %s")
		optional = append(optional, fmt.Sprintf("DO $$ BEGIN IF to_regclass('%s') IS NOT NULL THEN GRANT SELECT ON %s TO %%s; END IF; END $$", relation, relation))
	}
	for _, q := range append(append(genericQueries(p), objectsQuery), flavours[i].queries(p, name)...) {
		for _, g := range q.grants {
			if !slices.Contains(statements, g) && !slices.Contains(where, g) {
				statements = append(statements, g)
			}
		}
	}
	statements = append(statements, optional...)
	quoted := pgx.Identifier{role}.Sanitize()
	var b strings.Builder
	fmt.Fprintf(&b, "-- The least-privilege role of pgconcord for %s. Run it on every node, in the replicated database.\n", name)
	fmt.Fprintf(&b, "-- Where roles are replicated, CREATE ROLE once is enough; the grants on catalogs are needed on each node.\n")
	fmt.Fprintf(&b, "CREATE ROLE %s LOGIN;  -- then \\password %s\n", quoted, role)
	for _, s := range statements {
		fmt.Fprintf(&b, s+";\n", quoted)
	}
	b.WriteString("-- The rows themselves, for \"placement/no-foreign-rows\" and \"pgconcord compare\" (PostgreSQL 14+; before, GRANT USAGE\n")
	b.WriteString("-- on the schemas and SELECT on the tables). BYPASSRLS only where tables have row-level security.\n")
	fmt.Fprintf(&b, "GRANT pg_read_all_data TO %s;\n", quoted)
	return b.String(), nil
}
