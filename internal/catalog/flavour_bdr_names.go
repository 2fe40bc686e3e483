package catalog

import "strings"

// short is a part of a slot name: one longer than its limit is cut and ends in
// seven digits of its hash. Verified against the example of the 3.7 manual.
func short(part string, limit string) string {
	return "CASE WHEN octet_length(" + part + ") <= " + limit + " THEN (" + part + ")::text ELSE left(" + part + ", " + limit + " - 8) || left(lpad(to_hex(hashtext(" + part + ")), 8, '0'), 7) END"
}

// topGroup is the top group's name; bdrGroup tells why it is looked up so.
const topGroup = "(SELECT min(node_group_name::text) FROM bdr.node_group WHERE to_jsonb(node_group) ->> 'node_group_parent_id' IS NULL OR to_jsonb(node_group) ->> 'node_group_parent_id' = '0')"

// slotRule is the name of the slot for a peer, by the rule of BDR 3.6 to PGD 5:
// bdr_<db>_<group>_<node>. An origin's is the same, of the node it comes from.
// How a hyphen in a node's name is written is not known: such a name is not
// computed.
func slotRule(node string) string {
	return "CASE WHEN position('-' IN " + node + ") = 0 THEN " + groupSlotRule + " || '_' || " + short(node+"::text", "24") + " END"
}

var groupSlotRule = "'bdr_' || " + short("current_database()::text", "16") + " || '_' || " + short(topGroup, "16")

// bdrNames reads the names that the product gives on this node: what
// bdr.node_slots says it expects and, by the rules of the release, what the
// catalog does not say. Of the latter only names that exist count.
func bdrNames(p *probe) query {
	const view = "bdr.node_slots"
	group, decoder, expected := "false", "false", "NULL::name"
	if p.has(view, "is_group_slot") {
		group = "coalesce(is_group_slot, false)"
	}
	if p.has(view, "is_decoder_slot") {
		decoder = "coalesce(is_decoder_slot, false)"
	}
	if p.has(view, "local_slot_name") {
		expected = "local_slot_name"
	}
	rules := []string{
		"SELECT " + groupSlotRule + ", 'group', NULL::text",
		"SELECT (" + groupSlotRule + ") || '_decoder', 'decoder', NULL",
		"SELECT DISTINCT " + slotRule("node_name") + ", 'peer', node_name::text FROM bdr.node_summary WHERE peer_state_name NOT LIKE '%PART%'",
	}
	if p.has("bdr.node_summary", "node_uuid") { // PGD 6; clusters that came from 5 may keep the old names
		const dbhash, hex = "'_' || to_hex(hashtext(current_database()::text))", "replace(%::text, '-', '')"
		uuid := func(column string) string { return strings.Replace(hex, "%", column, 1) }
		peers := "FROM bdr.node_summary n WHERE n.peer_state_name NOT LIKE '%PART%'"
		rules = append(rules,
			"SELECT 'bdr_' || "+uuid("node_group_uuid")+" || "+dbhash+", 'group', NULL FROM bdr.node_group WHERE node_group_parent_id = 0",
			"SELECT 'bdr_decoder_' || "+uuid("node_group_uuid")+" || "+dbhash+", 'decoder', NULL FROM bdr.node_group WHERE node_group_parent_id = 0",
			"SELECT 'bdr_analytics_' || "+uuid("node_group_uuid")+" || "+dbhash+", 'analytics', NULL FROM bdr.node_group",
			"SELECT 'bdr_node_' || "+uuid("n.node_uuid")+" || "+dbhash+", 'peer', n.node_name::text "+peers,
			"SELECT 'bdr_node_' || "+uuid("n.node_uuid")+" || "+dbhash+" || '_tmp', 'join', n.node_name::text "+peers,
			"SELECT 'bdr_node_' || "+uuid("n.node_uuid")+" || '_' || to_hex(o.node_id::bigint) || "+dbhash+", 'forward', n.node_name::text FROM bdr.node_summary n CROSS JOIN bdr.node_summary o WHERE n.peer_state_name NOT LIKE '%PART%'")
	}
	return query{
		part: PartNames, what: view, grants: bdrRights,
		sql: `SELECT coalesce(` + expected + `, slot_name) AS name, CASE WHEN ` + group + ` THEN 'group' WHEN ` + decoder + ` THEN 'decoder' ELSE 'peer' END AS use,
			coalesce(target_name::text, '') AS peer, ` + expected + ` IS NOT NULL AND NOT ` + group + ` AND NOT ` + decoder + ` AS required, ` + group + ` AS idle, 'catalog' AS "from"
			FROM bdr.node_slots WHERE ` + expected + ` IS NOT NULL OR target_name IS NOT NULL
			UNION ALL
			SELECT r.name, r.use, coalesce(r.peer, ''), false, r.use = 'group', 'naming rule' FROM (` + strings.Join(rules, " UNION ALL ") + `) r(name, use, peer)
			WHERE r.name IN (SELECT slot_name FROM pg_replication_slots WHERE database = current_database())
			ORDER BY 1, 6, 2, 3`,
		fill: into(func(f *Facts, rows []OwnedName) {
			for _, r := range rows {
				// The catalog comes first in the order and says more.
				if n := len(f.OwnedSlots); n == 0 || f.OwnedSlots[n-1].Name != r.Name {
					f.OwnedSlots = append(f.OwnedSlots, r)
				}
			}
		}),
	}
}

// bdrOrigins reads which origins are the product's own beside those of
// subscriptions: one per other node, and that of local repairs (3.6.18).
func bdrOrigins(p *probe) query {
	rules := []string{
		"SELECT 'bdr_local_only_origin', 'local', NULL::text",
		"SELECT DISTINCT " + slotRule("node_name") + ", 'peer', node_name::text FROM bdr.node_summary WHERE peer_state_name NOT LIKE '%PART%'",
	}
	if p.has("bdr.node_local_info", "origin_name") {
		rules = append(rules, "SELECT i.origin_name::text, 'peer', n.node_name::text FROM bdr.node_local_info i JOIN bdr.node_summary n ON n.node_id = i.node_id")
	}
	return query{
		part: PartNames, what: "names of origins", grants: bdrRights,
		sql: `SELECT DISTINCT ON (r.name) r.name, r.use, coalesce(r.peer, '') AS peer, 'naming rule' AS "from" FROM (` + strings.Join(rules, " UNION ALL ") + `) r(name, use, peer)
			WHERE r.name IN (SELECT roname FROM pg_replication_origin) ORDER BY r.name, r.use`,
		fill: into(func(f *Facts, rows []OwnedName) { f.OwnedOrigins = rows }),
	}
}
