package catalog

// pgd4 reads EDB Postgres Distributed 4, which needs no pglogical: one that is
// there is left over from an upgrade. Kinds of nodes came with 4.3.
var pgd4 = flavour{
	names:     []Flavour{PGD4},
	extension: "bdr",
	detect:    bdrLine(PGD4, "4."),
	queries:   func(p *probe, _ Flavour) []query { return append(bdrCommon(p), bdrSetsQuery(bdrLocalSets, bdrTables)) },
	optional:  []string{"bdr.node_log_config"},
	history:   true,
	finish:    bdrFinish,
}
