package compare

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/internal/cluster"
)

// replication is what replicates a node, in neutral words.
type replication struct {
	flavour   catalog.Flavour // "" when nothing replicates it
	localName string          // the node's name in its own catalog
	offered   []string        // names of all sets, also of those without tables
	sets      []replicationSet
	subs      []catalog.Subscription
	unready   string // why the node may not have all that its group wrote, whatever its subscriptions confirm
}

// replicationSet is one table's place in a set that the node offers.
type replicationSet struct {
	set      string
	table    string   // qualified
	columns  []string // nil: all
	filtered bool
	filter   string // SQL condition; empty although filtered: not known
}

// readReplication asks a node what replicates it; what cannot be read is an
// error, since nobody could tell which tables should be compared.
func readReplication(ctx context.Context, s *cluster.Session) (replication, error) {
	f, err := catalog.ReadEdges(ctx, s)
	if err != nil {
		return replication{}, err
	}
	if gap := f.Gap(catalog.PartNodes, catalog.PartSubscriptions, catalog.PartSets); gap != nil {
		err := fmt.Errorf("%s: %s", gap.Reason, gap.Detail)
		if gap.Remedy != "" {
			err = fmt.Errorf("%w; %s", err, gap.Remedy)
		}
		return replication{}, &cluster.Error{Node: s.Node, Attempted: gap.Attempted, Reason: cluster.Reason(gap.Reason), Err: err}
	}
	r := replication{flavour: f.Flavour, localName: f.LocalName, subs: f.Subscriptions, unready: unready(f)}
	if r.flavour == catalog.Unknown {
		r.flavour = ""
	}
	if r.flavour == catalog.PGLogical && r.localName == "" && len(f.Sets) == 0 {
		r.flavour = "" // the extension is there, the node is none
	}
	if r.localName == "" {
		r.localName = s.Node
	}
	for _, set := range f.Sets {
		r.offered = append(r.offered, set.Name)
		for _, t := range set.Tables {
			if slices.Contains(internalSchemas, t.Schema) { // as FOR ALL TABLES has them
				continue
			}
			r.sets = append(r.sets, replicationSet{set: set.Name, table: qualified(t.Schema, t.Name), columns: t.Columns, filtered: t.RowFilter, filter: t.Filter})
		}
	}
	return r, nil
}
