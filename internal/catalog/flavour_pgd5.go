package catalog

// pgd5 reads EDB Postgres Distributed 5: kinds of nodes, sub-groups with a Raft
// instance each, resynchronisations from 5.7.
var pgd5 = flavour{
	names:     []Flavour{PGD5},
	extension: "bdr",
	detect:    bdrLine(PGD5, "5."),
	queries:   func(p *probe, _ Flavour) []query { return append(bdrCommon(p), bdrSetsQuery(bdrLocalSets, bdrTables)) },
	optional:  []string{"bdr.node_log_config", "bdr.stat_raft_state", "bdr.sync_node_requests_summary"},
	history:   true,
	finish:    bdrFinish,
}
