package reports

import (
	"slices"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// Plan is what a report needs of the topology: enough to draw it, and nothing
// that holds a connection string.
type Plan struct {
	Datacenters []Datacenter `json:"datacenters"`
	Nodes       []PlanNode   `json:"nodes"`
	DataSets    []DataSet    `json:"data_sets"` // reference data first, then shards by name
	Barman      []BarmanHost `json:"barman"`
	Joins       []string     `json:"joins,omitempty"` // names of planned nodes
}

// Datacenter of the plan.
type Datacenter struct {
	Name   string      `json:"name"`
	Region string      `json:"region"`
	Role   schema.Role `json:"role"`
}

// PlanNode is a node of the plan.
type PlanNode struct {
	Name       string      `json:"name"`
	Datacenter string      `json:"datacenter"`
	Kind       schema.Kind `json:"kind"`
	Address    string      `json:"address"`
}

// DataSet is a shard or the reference data.
type DataSet struct {
	Name     string          `json:"name"`
	Replicas []string        `json:"replicas"`
	Writers  []string        `json:"writers,omitempty"`
	Pos      schema.Position `json:"position"` // where the plan declares it
}

// BarmanHost is a Barman host and the nodes that feed its servers.
type BarmanHost struct {
	Name       string         `json:"name"`
	Datacenter string         `json:"datacenter"`
	Servers    []BarmanServer `json:"servers"`
}

// BarmanServer is one server section and its source node.
type BarmanServer struct {
	Name string `json:"name"`
	Node string `json:"node"`
}

// newPlan takes from a topology what a report may show.
func newPlan(t *schema.Topology) *Plan {
	if t == nil {
		return nil
	}
	p := &Plan{Datacenters: []Datacenter{}, Nodes: []PlanNode{}, DataSets: []DataSet{}, Barman: []BarmanHost{}}
	for _, name := range sortedKeys(t.Datacenters) {
		d := t.Datacenters[name]
		p.Datacenters = append(p.Datacenters, Datacenter{Name: name, Region: d.Region, Role: d.Role})
	}
	// A place that is standing by is drawn after those that are at work.
	slices.SortStableFunc(p.Datacenters, func(a, b Datacenter) int {
		return boolRank(a.Role == schema.RoleDR) - boolRank(b.Role == schema.RoleDR)
	})
	for _, name := range t.NodeNames() {
		n := t.Nodes[name]
		p.Nodes = append(p.Nodes, PlanNode{Name: name, Datacenter: n.Datacenter, Kind: n.Kind, Address: n.Address()})
	}
	sets := t.DataSets()
	if d, ok := sets[schema.ReferenceName]; ok {
		p.DataSets = append(p.DataSets, newDataSet(schema.ReferenceName, d, t.Pos("reference")))
	}
	for _, name := range t.ShardNames() {
		p.DataSets = append(p.DataSets, newDataSet(name, t.Shards[name], t.Pos("shards", name)))
	}
	for _, name := range t.BarmanNames() {
		b := t.Barman[name]
		host := BarmanHost{Name: name, Datacenter: b.Datacenter, Servers: []BarmanServer{}}
		for _, s := range b.Sources {
			host.Servers = append(host.Servers, BarmanServer{Name: s.Server, Node: s.Node})
		}
		p.Barman = append(p.Barman, host)
	}
	p.Joins = sortedKeys(t.Joins)
	return p
}

func newDataSet(name string, d schema.DataSet, pos schema.Position) DataSet {
	return DataSet{Name: name, Replicas: list(d.Replicas), Writers: slices.Clone(d.Writers), Pos: pos}
}

// newNodes lists the nodes that were asked.
func newNodes(t *schema.Topology, c *catalog.Cluster) []Node {
	if c == nil {
		return nil
	}
	var out []Node
	for _, name := range sortedKeys(c.Nodes) {
		asked := c.Nodes[name]
		n := Node{Name: name}
		if t != nil {
			if declared, ok := t.Nodes[name]; ok {
				n.Address = declared.Address()
			} else if join, ok := t.Joins[name]; ok {
				n.Address = schema.Address(join.DSN)
			}
		}
		switch {
		case asked.Facts != nil:
			n.fill(asked.Facts)
		case asked.Failure != nil:
			n.Reason = asked.Failure.Reason + ": " + asked.Failure.Detail
		default:
			n.Reason = "not read"
		}
		out = append(out, n)
	}
	return out
}

func (n *Node) fill(f *catalog.Facts) {
	at := f.ReadAt.UTC()
	n.Reached, n.ReadAt = true, &at
	n.Version, n.Flavour = f.Server.Version, f.Flavour
	n.SystemID, n.Role = f.Server.SystemID, f.Server.User
	n.WAL = f.Server.WALInsert.String()
	for _, ext := range sortedKeys(f.Extensions) {
		if ext == "bdr" || ext == "pglogical" {
			n.Software = append(n.Software, ext+" "+f.Extensions[ext])
		}
	}
	for _, g := range f.Gaps {
		if n.Reason != "" {
			n.Reason += "; "
		}
		n.Reason += "could not read " + string(g.Part) + ": " + g.Reason
	}
}

// newEdges lists replication as the subscribers have it, with the lag that
// the provider's slot shows.
func newEdges(c *catalog.Cluster) []Edge {
	if c == nil {
		return nil
	}
	// Catalogs have their own names for nodes; edges are given in the plan's.
	planName := map[string]string{}
	for _, name := range sortedKeys(c.Nodes) {
		if f := c.Nodes[name].Facts; f != nil && f.LocalName != "" {
			planName[f.LocalName] = name
		}
	}
	var out []Edge
	for _, name := range sortedKeys(c.Nodes) {
		f := c.Nodes[name].Facts
		if f == nil {
			continue
		}
		for _, s := range f.Subscriptions {
			provider := s.Provider
			if p, ok := planName[provider]; ok {
				provider = p
			}
			sets := slices.Clone(s.Sets)
			slices.Sort(sets)
			out = append(out, Edge{Provider: provider, Subscriber: name, State: string(s.State), Sets: sets,
				LagBytes: slotLag(c.Nodes[provider].Facts, s.Slot)})
		}
	}
	slices.SortStableFunc(out, func(a, b Edge) int {
		return compareStrings(a.Provider, b.Provider, a.Subscriber, b.Subscriber)
	})
	return out
}

// slotLag is nil unless the provider was read and its slot has confirmed a
// position: an absent number is not a lag of zero.
func slotLag(provider *catalog.Facts, slot string) *int64 {
	if provider == nil || provider.Server.WALInsert == 0 {
		return nil
	}
	for _, s := range provider.Slots {
		if s.Name == slot && s.ConfirmedFlush != 0 {
			lag := provider.Server.WALInsert.Since(s.ConfirmedFlush)
			return &lag
		}
	}
	return nil
}
