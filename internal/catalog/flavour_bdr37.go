package catalog

// bdr37 reads Postgres-BDR 3.7. Of pub_repsets only the local node's are right.
var bdr37 = flavour{
	names:     []Flavour{BDR37},
	extension: "bdr",
	detect:    bdrLine(BDR37, "3.7."),
	queries:   func(p *probe, _ Flavour) []query { return append(bdrCommon(p), bdrSetsQuery(bdrLocalSets, bdrTables)) },
	optional:  []string{"bdr.node_log_config"},
	history:   true,
	finish:    bdrFinish,
}
