package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/compare"
)

// writeJUnit writes JUnit XML: a suite for every node, one for the plan and one
// for the rows; passes too. Failed is a failure, unknown an error, waived and
// skipped are skipped.
func writeJUnit(w io.Writer, r *Report, _ Options) error {
	doc := junit.Testsuites{Name: "pgconcord " + clean(r.Cluster)}
	m := newMatrix(r)
	suites := append(append([]string{""}, m.nodes...), m.hosts...)
	for _, node := range suites {
		suite := newSuite(r, node)
		for _, f := range r.Findings {
			if f.Subject.Node == node {
				suite.AddTestcase(junitCase(r, f))
			}
		}
		if suite.Tests > 0 {
			suite.ID = len(doc.Suites)
			doc.AddSuite(suite)
		}
	}
	if r.Comparison != nil {
		suite := newSuite(r, "rows")
		for _, t := range r.Comparison.Tables {
			suite.AddTestcase(junitTable(r, t))
		}
		suite.ID = len(doc.Suites)
		doc.AddSuite(suite)
	}
	if len(r.Incomplete) > 0 {
		suite := newSuite(r, "run")
		suite.ID = len(doc.Suites)
		for _, why := range r.Incomplete {
			suite.AddTestcase(junit.Testcase{Name: clean(why), Classname: "run", Error: &junit.Result{Message: clean(why), Type: "incomplete"}})
		}
		doc.AddSuite(suite)
	}
	return doc.WriteXML(w)
}

func newSuite(r *Report, name string) junit.Testsuite {
	s := junit.Testsuite{Name: clean(name), Time: "0"}
	if name == "" {
		s.Name = "plan"
	}
	s.SetTimestamp(r.Started)
	return s
}

func junitCase(r *Report, f Finding) junit.Testcase {
	name := clean(f.Check)
	if s := clean(f.Subject.String()); s != "" {
		name += " " + s
	}
	c := junit.Testcase{Name: name, Classname: strings.ReplaceAll(clean(f.Check), "/", "."), Time: "0"}
	text := []string{oneLine(f)}
	if rule := r.rule(f.Check); rule.Remedy != "" {
		text = append(text, "remedy: "+clean(rule.Remedy))
	}
	if f.Pos.IsValid() {
		text = append(text, "at: "+clean(f.Pos.String()))
	}
	result := &junit.Result{Message: clean(f.Message), Type: string(f.Severity), Data: strings.Join(text, "\n")}
	switch f.Status {
	case checks.Fail:
		if f.Known { // a CI server fails on failures; these are not counted
			result.Type, result.Message = "", "known from the baseline: "+result.Message
			c.Skipped = result
			break
		}
		c.Failure = result
	case checks.Unknown:
		result.Type = "unknown"
		c.Error = result
	case checks.Waived, checks.Skipped:
		result.Type = ""
		result.Message = fmt.Sprintf("%s: %s", f.Status, result.Message)
		c.Skipped = result
	}
	return c
}

func junitTable(r *Report, t compare.Table) junit.Testcase {
	c := junit.Testcase{Name: clean(tableName(t)), Classname: "rows." + clean(t.DataSet), Time: "0"}
	if onlyKnown(t) {
		text := fmt.Sprintf("known from the baseline: %s", plural(knownRows(t), "row differs", "rows differ"))
		c.Skipped = &junit.Result{Message: text, Data: text}
		return c
	}
	p, ok := r.tableProblem(t)
	if !ok {
		return c
	}
	result := &junit.Result{Message: p.message, Type: p.rule, Data: p.message}
	if p.status == checks.Fail {
		c.Failure = result
	} else {
		c.Error = result
	}
	return c
}
