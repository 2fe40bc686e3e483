package reports

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// Measures of the map, in the units of its view box.
const (
	mapBoxW, mapBoxH = 148, 50
	mapColumnW       = 196
	mapColumnGap     = 120
	mapRowGap        = 34
	mapTop           = 46
	mapBarmanH       = 40
)

// manyEdges is above how many edges only those at fault are drawn: the others
// would cover everything and say nothing.
const manyEdges = 90

// legendEntry explains a colour of the map.
type legendEntry struct{ Class, Text string }

type place struct{ x, y int } // of a box's upper left corner

// topologyMap draws datacenters as columns, with their nodes and Barman hosts,
// and replication between the nodes.
type topologyMap struct {
	b      strings.Builder
	r      *Report
	state  map[string]checks.Status // worst answer by node or host
	mild   map[string]bool          // what failed there is not severe
	apart  map[string]int           // listed rows in which the node is in the minority
	places map[string]place
	column map[string]int
	height int
}

// drawMap returns the map as SVG and its legend; nothing without a plan.
func drawMap(r *Report, m matrix) (template.HTML, []legendEntry) {
	if r.Plan == nil || len(r.Plan.Nodes) == 0 {
		return "", nil
	}
	t := &topologyMap{r: r, state: map[string]checks.Status{}, mild: map[string]bool{}, apart: map[string]int{}, places: map[string]place{}, column: map[string]int{}}
	for _, row := range m.rows {
		for _, name := range sortedKeys(row.cells) {
			if old, ok := t.state[name]; !ok || statusRank(row.cells[name]) < statusRank(old) {
				t.state[name] = row.cells[name]
			}
		}
	}
	t.weigh()
	t.layOut()
	width := len(r.Plan.Datacenters)*(mapColumnW+mapColumnGap) - mapColumnGap + 20
	fmt.Fprintf(&t.b, `<svg class="map" viewBox="0 0 %d %d" role="img" aria-labelledby="map-title map-desc" style="min-width:%dpx" preserveAspectRatio="xMidYMin meet">`,
		width, t.height, min(width*3/4, 1400))
	fmt.Fprintf(&t.b, `<title id="map-title">Map of %s</title><desc id="map-desc">%s</desc>`, esc(r.Cluster), esc(t.describe()))
	t.b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>`)
	t.datacenters()
	drawn, left := t.edges()
	t.backups()
	t.nodes()
	t.b.WriteString(`</svg>`)
	return template.HTML(t.b.String()), t.legend(drawn, left)
}

// weigh tells nodes with errors, or with rows that differ, from those with
// milder failures.
func (t *topologyMap) weigh() {
	for name, s := range t.state {
		t.mild[name] = s == checks.Fail
	}
	for _, f := range t.r.Findings {
		if f.Status == checks.Fail && f.Severity == schema.Error {
			t.mild[f.Subject.Node] = false
		}
	}
	if t.r.Comparison == nil {
		return
	}
	for _, table := range t.r.Comparison.Tables {
		for _, d := range table.Diffs {
			if d.Status != compare.Persistent {
				continue
			}
			for _, n := range d.Minority {
				t.apart[n]++
				t.state[n], t.mild[n] = checks.Fail, false
			}
		}
	}
}

// layOut gives every node and host its place, in columns by datacenter.
func (t *topologyMap) layOut() {
	deepest := 0
	for i, dc := range t.r.Plan.Datacenters {
		x, y := 10+i*(mapColumnW+mapColumnGap)+(mapColumnW-mapBoxW)/2, mapTop+14
		for _, n := range t.r.Plan.Nodes {
			if n.Datacenter == dc.Name {
				t.places[n.Name], t.column[n.Name] = place{x, y}, i
				y += mapBoxH + mapRowGap
			}
		}
		deepest = max(deepest, y)
	}
	t.height = deepest
	for i, dc := range t.r.Plan.Datacenters {
		x, y := 10+i*(mapColumnW+mapColumnGap)+(mapColumnW-mapBoxW)/2, deepest
		for _, b := range t.r.Plan.Barman {
			if b.Datacenter == dc.Name {
				t.places[b.Name] = place{x, y}
				y += mapBarmanH + 12
			}
		}
		t.height = max(t.height, y)
	}
	t.height += 12
}

func (t *topologyMap) datacenters() {
	for i, dc := range t.r.Plan.Datacenters {
		x := 10 + i*(mapColumnW+mapColumnGap)
		label := dc.Name
		if dc.Region != "" {
			label += " · region " + dc.Region
		}
		if dc.Role == schema.RoleDR {
			label += " · DR"
		}
		fmt.Fprintf(&t.b, `<rect class="dc" x="%d" y="8" width="%d" height="%d" rx="10"/><text class="dc-name" x="%d" y="32">%s</text>`,
			x, mapColumnW, t.height-16, x+14, esc(label))
	}
}

// edges draws replication; those at fault above the others.
func (t *topologyMap) edges() (drawn, left int) {
	var good, bad []Edge
	for _, e := range t.r.Edges {
		_, from := t.places[e.Provider]
		_, to := t.places[e.Subscriber]
		switch {
		case !from || !to:
		case edgeClass(e) == "edge ok":
			good = append(good, e)
		default:
			bad = append(bad, e)
		}
	}
	if len(good)+len(bad) > manyEdges {
		left, good = len(good), nil
	}
	drawn = len(good) + len(bad)
	for _, e := range append(t.pairs(good), bad...) {
		fmt.Fprintf(&t.b, `<path class="%s" d="%s" marker-end="url(#tip)"><title>%s</title></path>`, edgeClass(e), t.curve(e.Provider, e.Subscriber), esc(edgeText(e)))
	}
	return drawn, left
}

// pairs draws the two directions between nodes as one line where both are in
// good order, which halves what a reader has to look through, and returns the
// edges that are left to draw.
func (t *topologyMap) pairs(good []Edge) []Edge {
	back := map[[2]string]Edge{}
	for _, e := range good {
		back[[2]string{e.Provider, e.Subscriber}] = e
	}
	return slices.DeleteFunc(good, func(e Edge) bool {
		other, both := back[[2]string{e.Subscriber, e.Provider}]
		if both && e.Provider < e.Subscriber {
			fmt.Fprintf(&t.b, `<path class="edge ok" d="%s" marker-start="url(#tip)" marker-end="url(#tip)"><title>%s; %s</title></path>`,
				t.pairCurve(e.Provider, e.Subscriber), esc(edgeText(e)), esc(edgeText(other)))
		}
		return both
	})
}

func edgeClass(e Edge) string {
	switch {
	case e.State == string(catalog.StateDown), e.State == string(catalog.StateDisabled):
		return "edge bad"
	case e.State != string(catalog.StateReplicating), e.LagBytes == nil:
		return "edge open"
	case *e.LagBytes >= 1<<20:
		return "edge late"
	}
	return "edge ok"
}

func edgeText(e Edge) string {
	lag := "lag not known"
	if e.LagBytes != nil {
		lag = grouped(*e.LagBytes) + " bytes behind"
	}
	return fmt.Sprintf("%s → %s: %s, %s", e.Provider, e.Subscriber, e.State, lag)
}

// pairCurve is the path of both directions at once; within a column neighbours
// are joined straight, and others around those in between.
func (t *topologyMap) pairCurve(one, other string) string {
	a, b := t.places[one], t.places[other]
	if a.x > b.x || a.x == b.x && a.y > b.y {
		a, b = b, a
	}
	ay, by := a.y+mapBoxH/2, b.y+mapBoxH/2
	switch d := b.x - a.x; {
	case d == 0 && b.y-a.y <= mapBoxH+mapRowGap:
		x := a.x + mapBoxW/2
		return fmt.Sprintf("M%d %dV%d", x, a.y+mapBoxH+2, b.y-2)
	case d == 0:
		x := a.x + mapBoxW + 2
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x, ay, x+22, ay, x+22, by, x, by)
	default:
		bow := 50
		if d > mapColumnW+mapColumnGap {
			bow = 140
		}
		x, end := a.x+mapBoxW+2, b.x-2
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x, ay, x+bow, ay, end-bow, by, end, by)
	}
}

// curve is the path of an edge. The two directions between a pair run apart;
// within a column they bow out to its sides.
func (t *topologyMap) curve(from, to string) string {
	a, b := t.places[from], t.places[to]
	ay, by := a.y+mapBoxH/2, b.y+mapBoxH/2
	if t.column[from] == t.column[to] {
		if a.y < b.y {
			x := a.x + mapBoxW
			return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x, ay+6, x+20, ay+6, x+20, by-6, x+2, by-6)
		}
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", a.x, ay-6, a.x-20, ay-6, a.x-20, by+6, a.x-2, by+6)
	}
	shift, ax, bx, bow := -5, a.x+mapBoxW, b.x-2, 70
	if a.x > b.x {
		shift, ax, bx, bow = 5, a.x, b.x+mapBoxW+2, -70
	}
	if d := t.column[from] - t.column[to]; d > 1 || d < -1 {
		bow *= 2
	}
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", ax, ay+shift, ax+bow, ay+shift, bx-bow, by+shift, bx, by+shift)
}

func (t *topologyMap) nodes() {
	asked := map[string]Node{}
	for _, n := range t.r.Nodes {
		asked[n.Name] = n
	}
	for _, n := range t.r.Plan.Nodes {
		p, ok := t.places[n.Name]
		if !ok {
			continue
		}
		second := string(n.Kind)
		class := "node " + t.class(n.Name)
		if a, ok := asked[n.Name]; ok {
			switch {
			case !a.Reached:
				class, second = "node unknown away", "did not answer"
			case t.apart[n.Name] > 0:
				second = plural(t.apart[n.Name], "row differs", "rows differ")
			case a.Version != "":
				second = "PostgreSQL " + a.Version
			}
		}
		title := n.Name + ": " + t.word(n.Name)
		fmt.Fprintf(&t.b, `<g class="%s"><title>%s</title><rect class="box" x="%d" y="%d" width="%d" height="%d" rx="6"/><rect class="bar" x="%d" y="%d" width="5" height="%d" rx="2"/>`,
			class, esc(title), p.x, p.y, mapBoxW, mapBoxH, p.x, p.y, mapBoxH)
		fmt.Fprintf(&t.b, `<text class="name" x="%d" y="%d">%s</text><text class="sub" x="%d" y="%d">%s</text>`,
			p.x+14, p.y+21, esc(shorten(n.Name, 16)), p.x+14, p.y+38, esc(shorten(second, 22)))
		x := p.x + mapBoxW - 14
		for i := len(t.r.Plan.DataSets) - 1; i >= 0; i-- {
			d := t.r.Plan.DataSets[i]
			if slices.Contains(d.Replicas, n.Name) && x > p.x+90 {
				fmt.Fprintf(&t.b, `<rect class="set set%d" x="%d" y="%d" width="9" height="9" rx="2"><title>holds %s</title></rect>`, i%8, x, p.y+8, esc(d.Name))
				x -= 12
			}
		}
		t.b.WriteString(`</g>`)
	}
}

// backups draws the Barman hosts and the nodes that feed them.
func (t *topologyMap) backups() {
	for _, h := range t.r.Plan.Barman {
		p, ok := t.places[h.Name]
		if !ok {
			continue
		}
		for _, s := range h.Servers {
			if n, ok := t.places[s.Node]; ok {
				fmt.Fprintf(&t.b, `<path class="wal" d="%s"><title>%s</title></path>`, t.walPath(s.Node, n, p), esc(h.Name+" takes WAL and backups from "+s.Node))
			}
		}
		fmt.Fprintf(&t.b, `<g class="host %s"><title>%s</title><rect class="box" x="%d" y="%d" width="%d" height="%d" rx="14"/><text class="name" x="%d" y="%d">%s</text></g>`,
			t.class(h.Name), esc(h.Name+": "+t.word(h.Name)), p.x, p.y, mapBoxW, mapBarmanH-6, p.x+18, p.y+22, esc(shorten(h.Name, 18)))
	}
}

// walPath runs straight down to the host, or around nodes that are in between.
func (t *topologyMap) walPath(node string, n, host place) string {
	for other, p := range t.places {
		if other != node && p.x == n.x && p.y > n.y && p.y < host.y {
			y, end := n.y+mapBoxH-8, host.y+mapBarmanH/2-3
			return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", n.x, y, n.x-32, y+20, n.x-32, end-20, host.x, end)
		}
	}
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", n.x+mapBoxW/2, n.y+mapBoxH, n.x+mapBoxW/2, n.y+mapBoxH+20, host.x+mapBoxW/2, host.y-20, host.x+mapBoxW/2, host.y)
}

func (t *topologyMap) class(name string) string {
	s, ok := t.state[name]
	switch {
	case !ok:
		return "none"
	case t.mild[name]:
		return "warning"
	}
	return string(s)
}

func (t *topologyMap) word(name string) string {
	if n := t.apart[name]; n > 0 {
		return plural(n, "listed row differs", "listed rows differ") + " from what is right by consensus"
	}
	if t.mild[name] {
		return "something less severe failed"
	}
	switch t.state[name] {
	case checks.Fail:
		return "something failed"
	case checks.Unknown:
		return "something could not be told"
	case checks.Waived:
		return "a failure is waived"
	case checks.Pass:
		return "all that was checked passed"
	}
	return "not judged"
}

// describe says in words what the map shows.
func (t *topologyMap) describe() string {
	faults := 0
	for _, e := range t.r.Edges {
		faults += boolRank(edgeClass(e) != "edge ok")
	}
	return fmt.Sprintf("%s in %s, %s; %s, %d of them not known to replicate in time.", plural(len(t.r.Plan.Nodes), "node", "nodes"),
		plural(len(t.r.Plan.Datacenters), "datacenter", "datacenters"), plural(len(t.r.Plan.Barman), "Barman host", "Barman hosts"),
		plural(len(t.r.Edges), "replication edge", "replication edges"), faults)
}

func (t *topologyMap) legend(drawn, left int) []legendEntry {
	var out []legendEntry
	for i, d := range t.r.Plan.DataSets {
		out = append(out, legendEntry{fmt.Sprintf("set set%d", i%8), d.Name})
	}
	if drawn > 0 || left > 0 {
		out = append(out, legendEntry{"line ok", "replicates"}, legendEntry{"line late", "1 MiB behind or more"}, legendEntry{"line bad", "down or disabled"}, legendEntry{"line open", "could not be told"})
	}
	if left > 0 {
		out = append(out, legendEntry{"", fmt.Sprintf("%s that replicate are not drawn", plural(left, "edge", "edges"))})
	}
	if len(t.r.Plan.Barman) > 0 {
		out = append(out, legendEntry{"line wal", "WAL and backups to Barman"})
	}
	return out
}

func esc(s string) string { return template.HTMLEscapeString(clean(s)) }
