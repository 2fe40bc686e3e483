package catalog

// bdr36 reads Postgres-BDR 3.6, from 3.6.4 on. No reference of its catalogs is
// public: what is read here is what release notes and public tools vouch for,
// and a column that is not there is done without. The sets of a node are in
// node_local_info, tables of sets in pglogical's own catalog.
var bdr36 = flavour{
	names:     []Flavour{BDR36},
	extension: "bdr",
	detect:    bdrLine(BDR36, "3.6."),
	queries:   func(p *probe, _ Flavour) []query { return append(bdrCommon(p), bdr36Sets(p)) },
	optional:  []string{"bdr.node_log_config"},
	finish:    bdrFinish,
}

func bdr36Sets(p *probe) query {
	if p.has("bdr.tables", "nspname", "relname", "set_name", "row_filter") { // 3.6 may have it in later releases
		return bdrSetsQuery(bdr36LocalSets, bdrTables)
	}
	q := bdrSetsQuery(bdr36LocalSets, `SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname, 'columns', t.set_att_list, 'row_filter', t.set_row_filter IS NOT NULL, 'filter', pg_get_expr(t.set_row_filter, t.set_reloid))
			ORDER BY n.nspname, c.relname)
			FROM pglogical.replication_set_table t JOIN pg_class c ON c.oid = t.set_reloid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.set_id = s.set_id`)
	q.grants = append(append([]string{}, bdrRights...), "GRANT USAGE ON SCHEMA pglogical TO %s", "GRANT SELECT ON pglogical.replication_set_table TO %s")
	return q
}

const bdr36LocalSets = "SELECT i.replication_sets FROM bdr.node_local_info i WHERE i.node_id = " + bdrLocal
