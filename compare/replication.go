package compare

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// replication is what replicates a node, in neutral words.
type replication struct {
	flavour   string // "" when nothing is known to replicate it
	localName string // the node's name in its own catalog
	sets      []replicationSet
	subs      []subscription
}

// replicationSet is one table's place in a set that the node offers.
type replicationSet struct {
	set     string
	table   string   // qualified
	columns []string // nil: all
	filter  string   // SQL condition; empty: all rows
}

// subscription of the node to a provider.
type subscription struct {
	name     string
	provider string // name in the flavour's catalog
	slot     string // on the provider; also the name of the origin on the node
	enabled  bool
	sets     []string
}

// flavours read a node's replication; the first whose relation exists is used.
var flavours = []struct {
	name     string
	relation string
	read     func(context.Context, pgx.Tx, *replication) error
}{
	{"pglogical-2", "pglogical.local_node", readPGLogical},
}

func readReplication(ctx context.Context, tx pgx.Tx) (replication, error) {
	for _, f := range flavours {
		var there bool
		if err := tx.QueryRow(ctx, `SELECT pg_catalog.to_regclass($1) IS NOT NULL`, f.relation).Scan(&there); err != nil {
			return replication{}, err
		}
		if there {
			r := replication{flavour: f.name}
			return r, f.read(ctx, tx, &r)
		}
	}
	return replication{}, nil
}

func readPGLogical(ctx context.Context, tx pgx.Tx, r *replication) error {
	err := tx.QueryRow(ctx, `SELECT n.node_name FROM pglogical.local_node l JOIN pglogical.node n USING (node_id)`).Scan(&r.localName)
	if err == pgx.ErrNoRows {
		r.flavour = ""
		return nil // the extension is there, the node is none
	}
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT s.set_name, n.nspname, c.relname, t.set_att_list::text[], coalesce(pg_catalog.pg_get_expr(t.set_row_filter, t.set_reloid), '')
		FROM pglogical.replication_set s JOIN pglogical.replication_set_table t USING (set_id)
		JOIN pg_catalog.pg_class c ON c.oid = t.set_reloid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE s.set_nodeid = (SELECT node_id FROM pglogical.local_node) ORDER BY 1, 2, 3`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var s replicationSet
		var schema, name string
		if err := rows.Scan(&s.set, &schema, &name, &s.columns, &s.filter); err != nil {
			return err
		}
		s.table = qualified(schema, name)
		r.sets = append(r.sets, s)
	}
	if rows.Err() != nil {
		return rows.Err()
	}
	rows, err = tx.Query(ctx, `SELECT s.sub_name, o.node_name, s.sub_slot_name, s.sub_enabled, s.sub_replication_sets::text[]
		FROM pglogical.subscription s JOIN pglogical.node o ON o.node_id = s.sub_origin
		WHERE s.sub_target = (SELECT node_id FROM pglogical.local_node) ORDER BY 1`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var s subscription
		if err := rows.Scan(&s.name, &s.provider, &s.slot, &s.enabled, &s.sets); err != nil {
			return err
		}
		r.subs = append(r.subs, s)
	}
	return rows.Err()
}
