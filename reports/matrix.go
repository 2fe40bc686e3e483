package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/checks"
)

// matrix holds the worst answer of every check for every node: the overview
// that several formats draw.
type matrix struct {
	nodes     []string // of the plan or asked, then others that findings name
	hosts     []string // Barman hosts
	rows      []matrixRow
	elsewhere counts // answers about no node
}

type matrixRow struct {
	check string
	cells map[string]checks.Status // by node or host
}

// counts of findings by status.
type counts struct{ pass, fail, unknown, waived, skipped int }

func (c *counts) add(s checks.Status) {
	switch s {
	case checks.Pass:
		c.pass++
	case checks.Fail:
		c.fail++
	case checks.Waived:
		c.waived++
	case checks.Skipped:
		c.skipped++
	default:
		c.unknown++
	}
}

func (c counts) total() int { return c.pass + c.fail + c.unknown + c.waived + c.skipped }

// String renders "12 passed, 1 failed".
func (c counts) String() string {
	var parts []string
	for _, x := range []struct {
		n    int
		word string
	}{{c.fail, "failed"}, {c.unknown, "unknown"}, {c.waived, "waived"}, {c.skipped, "skipped"}, {c.pass, "passed"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.word))
		}
	}
	return strings.Join(parts, ", ")
}

func newMatrix(r *Report) matrix {
	var m matrix
	known := map[string]bool{}
	if r.Plan != nil {
		for _, n := range r.Plan.Nodes {
			m.nodes, known[n.Name] = append(m.nodes, n.Name), true
		}
		for _, b := range r.Plan.Barman {
			m.hosts, known[b.Name] = append(m.hosts, b.Name), true
		}
	}
	for _, n := range r.Nodes {
		if !known[n.Name] {
			m.nodes, known[n.Name] = append(m.nodes, n.Name), true
		}
	}
	seen := map[string]bool{}
	for _, f := range r.Findings {
		node := f.Subject.Node
		if node == "" {
			m.elsewhere.add(f.Status)
			continue
		}
		if !known[node] {
			m.nodes, known[node] = append(m.nodes, node), true
		}
		seen[node] = true
		if len(m.rows) == 0 || m.rows[len(m.rows)-1].check != f.Check {
			m.rows = append(m.rows, matrixRow{check: f.Check, cells: map[string]checks.Status{}})
		}
		row := m.rows[len(m.rows)-1]
		if old, ok := row.cells[node]; !ok || statusRank(f.Status) < statusRank(old) {
			row.cells[node] = f.Status
		}
	}
	unseen := func(n string) bool { return !seen[n] }
	m.nodes, m.hosts = slices.DeleteFunc(m.nodes, unseen), slices.DeleteFunc(m.hosts, unseen)
	return m
}

// block is a part of the matrix that fits a page.
type block struct {
	Nodes []string
	Rows  []blockRow
}

type blockRow struct {
	Check string
	Cells []checks.Status
}

// blocks cuts the matrix into parts of at most width columns, nodes before
// Barman hosts; a row without an answer in a part is left out of it.
func (m matrix) blocks(width int) []block {
	first := len("check")
	for _, r := range m.rows {
		first = max(first, visible(r.check))
	}
	var out []block
	for _, group := range [][]string{m.nodes, m.hosts} {
		for len(group) > 0 {
			n, used := 0, first
			for n < len(group) && (n == 0 || used+2+max(visible(group[n]), 6) <= width) {
				used += 2 + max(visible(group[n]), 6)
				n++
			}
			out = append(out, m.block(group[:n]))
			group = group[n:]
		}
	}
	return out
}

func (m matrix) block(nodes []string) block {
	b := block{Nodes: nodes}
	for _, r := range m.rows {
		row, any := blockRow{Check: r.check}, false
		for _, n := range nodes {
			s, ok := r.cells[n]
			any = any || ok
			row.Cells = append(row.Cells, s)
		}
		if any {
			b.Rows = append(b.Rows, row)
		}
	}
	return b
}

// skipped reports whether the check applies to none of the nodes.
func (r blockRow) skipped() bool {
	for _, s := range r.Cells {
		if s != checks.Skipped && s != "" {
			return false
		}
	}
	return true
}
