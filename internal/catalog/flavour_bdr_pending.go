package catalog

import (
	"strings"
	"time"
)

// bdrPending reads what is under way in the group and should end: a row that
// lasts is a join, part or repair that got stuck. Releases differ in what they
// show; the relations that are there are read together.
func bdrPending(p *probe) query {
	node := func(id string) string {
		return "coalesce((SELECT n.node_name::text FROM bdr.node_summary n WHERE n.node_id = " + id + " LIMIT 1), " + id + "::text, '')"
	}
	parts := []string{"SELECT ''::text, ''::text, ''::text, ''::text, NULL::timestamptz WHERE false"}
	grants := append([]string{}, bdrRights...)
	add := func(relation string, columns []string, sql string) {
		if p.has(relation, columns...) {
			parts = append(parts, sql)
			grants = append(grants, "GRANT SELECT ON "+relation+" TO %s")
		}
	}
	add("bdr.node_catchup_info", []string{"node_id", "node_source_id", "catchup_state"}, // 40 is done
		"SELECT 'catch-up', "+node("c.node_id")+", "+node("c.node_source_id")+", c.catchup_state::text, NULL FROM bdr.node_catchup_info c WHERE c.catchup_state::text <> '40'")
	add("bdr.parted_origin_catchup_info", []string{"node_id", "parting_peer_node_id", "origin_catchup_state"}, // 6
		"SELECT 'part catch-up', "+node("c.node_id")+", "+node("c.parting_peer_node_id")+", c.origin_catchup_state::text, NULL FROM bdr.parted_origin_catchup_info c WHERE c.origin_catchup_state::text <> '40'")
	add("bdr.sync_node_requests_summary", []string{"origin", "source", "target", "sync_status", "sync_end_lsn", "sync_start_ts"}, // 5.7
		"SELECT 'resynchronisation', s.target::text, s.origin::text, s.sync_status, s.sync_start_ts FROM bdr.sync_node_requests_summary s WHERE lower(s.sync_status) NOT IN ('done', 'complete', 'completed', 'finished')")
	add("bdr.subscription_error_status", []string{"sub_name", "total_skips", "pending_changes"}, // 6.4
		`SELECT '`+PendingFailed+`', (SELECT l.node_name::text FROM bdr.local_node_summary l LIMIT 1), e.sub_name::text,
			coalesce(e.total_skips, 0) || ' skipped, ' || coalesce(e.pending_changes, 0) || ' pending', NULL FROM bdr.subscription_error_status e
			WHERE coalesce(e.total_skips, 0) > 0 OR coalesce(e.pending_changes, 0) > 0`)
	add("bdr.node", []string{"node_name", "node_id", "node_join_finished"}, // 5
		"SELECT 'unfinished join', n.node_name::text, '', 'node_join_finished is false', NULL FROM bdr.node n JOIN bdr.node_summary s ON s.node_id = n.node_id WHERE NOT n.node_join_finished AND s.peer_state_name NOT LIKE '%PART%'")
	return query{
		part: PartProgress, what: "bdr.node_catchup_info and its like", grants: grants, newer: true,
		missing: func(p *probe) (string, string) {
			if len(parts) == 1 {
				return "this release shows no joins under way beside the states of nodes", ""
			}
			return "", ""
		},
		sql:  `SELECT kind, node, peer, state, since FROM (` + strings.Join(parts, " UNION ALL ") + `) r(kind, node, peer, state, since) ORDER BY 1, 2, 3`,
		fill: into(func(f *Facts, rows []Pending) { f.Pending = rows }),
	}
}

// bdrProgress reads how old the last word of each member's replay is: group
// slots move on by it, every bdr.replay_progress_frequency.
func bdrProgress(p *probe) query {
	return query{
		part: PartPeerProgress, what: "bdr.node_peer_progress", grants: bdrRights, newer: true,
		missing: func(p *probe) (string, string) {
			if !p.has("bdr.node_peer_progress", "node_id", "last_update_recv_time") {
				return "this release has no relation bdr.node_peer_progress: it came with BDR 3.7", ""
			}
			return "", ""
		},
		sql: `SELECT n.node_name AS name, extract(epoch FROM clock_timestamp() - max(r.last_update_recv_time))::float8 AS age
			FROM bdr.node_peer_progress r JOIN bdr.node_summary n ON n.node_id = r.node_id
			WHERE n.peer_state_name LIKE '%ACTIVE%' AND r.node_id <> ` + bdrLocal + ` GROUP BY 1 ORDER BY 1`,
		fill: into(func(f *Facts, rows []struct {
			Name string
			Age  *float64
		}) {
			for _, r := range rows {
				v := Progress{Node: r.Name}
				if r.Age != nil {
					v.Age, v.Known = time.Duration(*r.Age*float64(time.Second)), true
				}
				f.Progress = append(f.Progress, v)
			}
		}),
	}
}

// bdrEdition is of 3.x only; standard and enterprise editions must not be mixed.
var bdrEdition = query{
	part: PartServer, what: "bdr.bdr_edition()", grants: bdrRights,
	sql:  "SELECT bdr.bdr_edition()::text AS edition",
	fill: into(func(f *Facts, rows []struct{ Edition string }) { f.Edition = rows[0].Edition }),
}

// bdrCommon is what every line reads.
func bdrCommon(p *probe) []query {
	q := []query{bdrGroup(p), bdrNodes(p), bdrSubscriptions(p), bdrNames(p), bdrOrigins(p), raftQuery(p), bdrLocks(p), bdrLogging, bdrSettings, bdrPending(p), bdrProgress(p)}
	if p.has("bdr.conflict_history_summary") && p.has("bdr.node_log_config") {
		q = append(q, bdrHistory)
	}
	if p.has("bdr.sequences", "nspname", "relname", "seqkind") {
		q = append(q, bdrSequences)
	}
	if p.hasFunction("bdr.bdr_edition") {
		q = append(q, bdrEdition)
	}
	return q
}

// bdrFinish marks what no catalog of the line says: before PGD 5 a node is a
// witness when it takes only a set that carries nothing.
func bdrFinish(f *Facts) {
	if f.Gap(PartSets, PartNodes) != nil || len(f.Sets) == 0 {
		return
	}
	for _, s := range f.Sets {
		if s.Insert || s.Update || s.Delete || s.Trunc {
			return
		}
	}
	for i := range f.Peers {
		if p := &f.Peers[i]; p.Name == f.LocalName && p.Kind == "" {
			p.Kind = "witness"
		}
	}
}
