package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// task is one table of one data set and the nodes that should hold it.
type task struct {
	dataSet string
	schema  string
	name    string
	sets    []string          // replication sets of the data set that carry it, on any node
	nodes   []string          // that should hold it, sorted
	absent  map[string]string // of nodes: why it cannot be read there
	on      map[string]*table // of nodes: the table there
	reasons []string
	notes   []string
	where   string
	columns []string // column list of the sets; nil: all
}

func (t *task) qualified() string { return qualified(t.schema, t.name) }

// label names the task in progress, errors and the ledger: no two tasks have the
// same one.
func (t *task) label() string {
	if strings.Contains(t.schema+t.name, ".") {
		return t.dataSet + ": " + t.qualified()
	}
	return t.dataSet + ": " + t.schema + "." + t.name
}

// planTables lists what is to be compared: for every data set of the plan the
// union, over all of its nodes, of the tables that its replication sets carry.
// A node that could not be asked is named in every task it belongs to.
func planTables(req Request, surveys map[string]*survey, failed map[string]error) ([]*task, []string, error) {
	var tasks []*task
	var reasons []string
	matched := map[string]bool{}
	dataSets := req.Topology.DataSets()
	for _, name := range slices.Sorted(maps.Keys(dataSets)) {
		d := dataSets[name]
		if len(req.Shards) > 0 && !slices.Contains(req.Shards, name) {
			continue
		}
		var nodes []string
		for _, n := range slices.Sorted(slices.Values(d.Replicas)) {
			if len(req.Nodes) == 0 || slices.Contains(req.Nodes, n) {
				nodes = append(nodes, n)
			}
		}
		nodes = slices.Compact(nodes)
		if len(nodes) == 0 {
			continue
		}
		found := map[string]*task{}
		asked := false
		for _, n := range nodes {
			v := surveys[n]
			if v == nil {
				continue
			}
			asked = true
			for q, sets := range v.carries(d.ReplicationSets, len(dataSets) == 1) {
				t := found[q]
				if t == nil {
					t = &task{dataSet: name, nodes: nodes, absent: map[string]string{}, on: map[string]*table{}}
					t.schema, t.name = v.names(q)
					found[q] = t
				}
				t.sets = append(t.sets, sets...)
			}
		}
		if missing := nowhere(d.ReplicationSets, nodes, surveys); len(missing) > 0 && len(found) > 0 {
			reasons = append(reasons, fmt.Sprintf("%s: no node has the replication set %s of the plan, so which tables it should carry is not known", name, strings.Join(missing, ", ")))
		}
		switch {
		case !asked:
			reasons = append(reasons, fmt.Sprintf("%s: none of its nodes could be asked which tables it has", name))
		case len(found) == 0:
			reasons = append(reasons, fmt.Sprintf("%s: no table was found in its replication sets (%s) on any node", name, strings.Join(d.ReplicationSets, ", ")))
		}
		for _, q := range slices.Sorted(maps.Keys(found)) {
			t := found[q]
			if !wanted(req.Tables, t, matched) {
				continue
			}
			t.place(surveys, failed, d.ReplicationSets)
			tasks = append(tasks, t)
		}
	}
	for _, w := range req.Tables {
		if !matched[w] && len(failed) == 0 {
			return nil, nil, refuse("no table %q is in the replication sets of what is to be compared", w)
		} else if !matched[w] {
			reasons = append(reasons, fmt.Sprintf("no table %q was found on the nodes that answered", w))
		}
	}
	req.order(tasks)
	return tasks, reasons, nil
}

// nowhere returns the sets that none of the nodes has, if anything replicates them.
func nowhere(sets, nodes []string, surveys map[string]*survey) []string {
	offered, replicated := map[string]bool{}, false
	for _, n := range nodes {
		if v := surveys[n]; v != nil && v.repl.flavour != "" {
			replicated = true
			for _, s := range v.repl.offered {
				offered[s] = true
			}
		}
	}
	if !replicated {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(sets), func(s string) bool { return offered[s] })
}

// wanted applies --table, and notes which of them named something.
func wanted(tables []string, t *task, matched map[string]bool) bool {
	if len(tables) == 0 {
		return true
	}
	ok := false
	for _, w := range tables {
		if w == t.name || w == t.schema+"."+t.name || w == t.qualified() {
			matched[w], ok = true, true
		}
	}
	return ok
}

// carries returns the tables that sets of the data set carry on this node,
// partitions as their topmost table, with the names of the sets. A node on
// which nothing is known to replicate carries all of its tables, provided
// that the plan has no other data set they could belong to.
func (v *survey) carries(sets []string, only bool) map[string][]string {
	out := map[string][]string{}
	if v.repl.flavour == "" {
		if only {
			for q, t := range v.relations {
				if t.root == "" {
					out[q] = nil
				}
			}
		}
		return out
	}
	for _, s := range v.repl.sets {
		if slices.Contains(sets, s.set) {
			q := v.whole(s.table, sets)
			if !slices.Contains(out[q], s.set) {
				out[q] = append(out[q], s.set)
			}
		}
	}
	return out
}

// whole returns the topmost partitioned table of a partition when the node has
// all of its partitions in some of these sets, else the table itself: partitions
// in another data set's sets are not this one's.
func (v *survey) whole(q string, sets []string) string {
	t := v.relations[q]
	if t == nil || t.root == "" {
		return q
	}
	for _, leaf := range v.relations[t.root].leaves {
		if !slices.ContainsFunc(v.repl.sets, func(s replicationSet) bool { return s.table == leaf && slices.Contains(sets, s.set) }) {
			return q
		}
	}
	return t.root
}

func (v *survey) names(q string) (schema, name string) {
	if t := v.relations[q]; t != nil {
		return t.schema, t.name
	}
	return "", q // cannot be: sets list existing tables
}

// place finds the table on each of its nodes, and says what stands in the way.
func (t *task) place(surveys map[string]*survey, failed map[string]error, sets []string) {
	slices.Sort(t.sets)
	t.sets = slices.Compact(t.sets)
	filters, lists := map[string]string{}, map[string]string{}
	for _, n := range t.nodes {
		v := surveys[n]
		if v == nil {
			t.absent[n] = failed[n].Error()
			continue
		}
		here := v.relations[t.qualified()]
		if here == nil {
			t.absent[n] = fmt.Sprintf("the table does not exist on %s", n)
			continue
		}
		if here.unlogged {
			t.notes = append(t.notes, fmt.Sprintf("the table is unlogged on %s: its rows do not replicate", n))
		}
		t.on[n] = here
		for _, p := range slices.Sorted(slices.Values(here.foreign)) {
			t.notes = append(t.notes, fmt.Sprintf("partition %s is a foreign table on %s: its rows are those of another server, and read from there", p, n))
		}
		if v.repl.flavour == "" {
			continue
		}
		inSet, inParts := false, false
		for _, s := range v.repl.sets {
			if !slices.Contains(sets, s.set) {
				continue
			}
			if p := v.relations[s.table]; p != nil && p.root == t.qualified() {
				inParts = true
			}
			// A partition is replicated as its topmost table is, when that is in a set.
			if s.table == here.root || v.whole(s.table, sets) == t.qualified() {
				columns := ""
				if s.columns != nil {
					columns = strings.Join(slices.Sorted(slices.Values(s.columns)), "\x00")
				}
				// How a server joins the filters of several sets is not the same in all of
				// them; nor is one filter that of partitions that have different ones.
				if inSet && (filters[n] != s.filter || lists[n] != columns) {
					t.reasons = append(t.reasons, fmt.Sprintf("the table is in several replication sets of %s with different row filters or column lists, so which rows and columns should be equal is not known", n))
				}
				inSet = true
				filters[n], lists[n] = s.filter, columns
				if s.filtered && s.filter == "" {
					t.reasons = append(t.reasons, fmt.Sprintf("replication set %s on %s has a row filter that cannot be read, so which rows should be equal is not known", s.set, n))
				}
				if s.columns != nil {
					t.columns = s.columns
				}
			}
		}
		switch {
		case inSet:
		case inParts:
			t.notes = append(t.notes, fmt.Sprintf("not all partitions of the table are in the replication sets of %s on %s: what is written there to the others stays there", t.dataSet, n))
		default:
			t.notes = append(t.notes, fmt.Sprintf("the table is in no replication set of %s on %s: what is written there stays there", t.dataSet, n))
		}
	}
	t.sameRows()
	if f, same := uniform(filters); !same {
		t.reasons = append(t.reasons, "the nodes' replication sets have different row filters for the table, so which rows should be equal is not defined")
	} else if f != "" {
		t.where = f
		t.notes = append(t.notes, "compared are the rows that pass the replication sets' row filter")
	}
	if l, same := uniform(lists); !same {
		t.reasons = append(t.reasons, "the nodes' replication sets have different column lists for the table, so which columns should be equal is not defined")
	} else if l == "" {
		t.columns = nil
	}
}

// sameRows finds the nodes on which a table means other rows: where it is
// partitioned all rows are its own, and where others inherit from it those of the
// others are not.
func (t *task) sameRows() {
	var whole, heirs []string
	for _, n := range t.nodes {
		switch here := t.on[n]; {
		case here == nil:
		case here.kind == "p":
			whole = append(whole, n)
		case here.heirs:
			heirs = append(heirs, n)
		}
	}
	if len(whole) > 0 && len(heirs) > 0 {
		t.reasons = append(t.reasons, fmt.Sprintf("the table is partitioned on %s and has tables that inherit from it on %s, so which rows should be equal is not defined", strings.Join(whole, ", "), strings.Join(heirs, ", ")))
	}
}

// uniform returns the value all nodes share.
func uniform(m map[string]string) (string, bool) {
	first, set := "", false
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if set && m[k] != first {
			return "", false
		}
		first, set = m[k], true
	}
	return first, true
}
