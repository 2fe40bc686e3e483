package catalog

// pgd6 reads EDB Postgres Distributed 6: slots bear UUIDs, names of 5 may stay
// after an upgrade, failed transactions may be skipped and are counted.
var pgd6 = flavour{
	names:     []Flavour{PGD6},
	extension: "bdr",
	detect:    bdrLine(PGD6, "6."),
	queries:   func(p *probe, _ Flavour) []query { return append(bdrCommon(p), bdrSetsQuery(bdrLocalSets, bdrTables)) },
	optional:  []string{"bdr.node_log_config", "bdr.stat_raft_state", "bdr.sync_node_requests_summary", "bdr.parted_origin_catchup_info", "bdr.subscription_error_status"},
	history:   true,
	finish:    bdrFinish,
}
