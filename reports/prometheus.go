package reports

import (
	"bytes"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

const lastOK = "pgconcord_last_ok_timestamp_seconds"

// writePrometheus writes metrics for node_exporter's textfile collector. No
// metric has a label per row or a timestamp of its own, which it would refuse.
//
// The time of the last run that was ok outlives runs that are not: it is taken
// over from what the file held before.
func writePrometheus(w io.Writer, r *Report, o Options) error {
	reg := prometheus.NewRegistry()
	base := prometheus.Labels{"cluster": clean(r.Cluster), "command": r.Command}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pgconcord_" + name, Help: help, ConstLabels: base}, labels)
		reg.MustRegister(g)
		return g
	}
	gauge("info", "The version of pgconcord that ran.", "version").WithLabelValues(r.Tool.Version).Set(1)
	gauge("last_run_timestamp_seconds", "When the last run ended.").WithLabelValues().Set(float64(r.Finished.Unix()))
	gauge("run_duration_seconds", "How long the last run took.").WithLabelValues().Set(r.Finished.Sub(r.Started).Seconds())
	last := gauge("last_ok_timestamp_seconds", "When the last run ended that found nothing and left nothing out; absent when none is known.")
	if r.Verdict == OK {
		last.WithLabelValues().Set(float64(r.Finished.Unix()))
	} else if v, ok := previousOK(o.Previous, base); ok {
		last.WithLabelValues().Set(v)
	}
	verdicts := gauge("verdict", "1 for the verdict of the last run.", "verdict")
	for _, v := range []Verdict{OK, Findings, Incomplete} {
		verdicts.WithLabelValues(string(v)).Set(float64(boolRank(r.Verdict == v)))
	}
	findingMetrics(gauge("findings", "Findings of the last run.", "status", "severity"), r)
	nodes := gauge("node_up", "1 when the node could be read.", "node")
	for _, n := range r.Nodes {
		nodes.WithLabelValues(clean(n.Name)).Set(float64(boolRank(n.Reached)))
	}
	lag := gauge("edge_lag_bytes", "WAL of the provider that the subscriber had not confirmed; absent when it could not be told.", "provider", "subscriber")
	up := gauge("edge_replicating", "1 when the subscription replicated.", "provider", "subscriber")
	for _, e := range r.Edges {
		up.WithLabelValues(clean(e.Provider), clean(e.Subscriber)).Set(float64(boolRank(e.State == "replicating")))
		if e.LagBytes != nil {
			lag.WithLabelValues(clean(e.Provider), clean(e.Subscriber)).Set(float64(*e.LagBytes))
		}
	}
	if r.Comparison != nil {
		rowMetrics(gauge, r)
	}
	families, err := reg.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

func findingMetrics(g *prometheus.GaugeVec, r *Report) {
	for _, st := range []checks.Status{checks.Pass, checks.Fail, checks.Unknown, checks.Skipped, checks.Waived} {
		for _, sev := range []schema.Severity{schema.Error, schema.Warning, schema.Info} {
			g.WithLabelValues(string(st), string(sev)).Set(0)
		}
	}
	for _, f := range r.Findings {
		status := string(f.Status)
		if f.Known { // what does not count sets off no alert
			status = "known"
		}
		g.WithLabelValues(status, string(f.Severity)).Inc()
	}
}

func rowMetrics(gauge func(name, help string, labels ...string) *prometheus.GaugeVec, r *Report) {
	rows := gauge("rows_compared", "Rows read on all nodes together.", "data_set", "table")
	differ := gauge("rows_differing", "Rows that differ for good.", "data_set", "table")
	suspects := gauge("rows_suspect", "Rows that differed in the scan, by what became of them.", "data_set", "table", "status")
	verdict := gauge("table_verdict", "1 for the verdict of the table.", "data_set", "table", "verdict")
	for _, t := range r.Comparison.Tables {
		set, name := clean(t.DataSet), clean(tableName(t))
		var n int64
		for _, c := range t.Nodes {
			n += c.Rows
		}
		rows.WithLabelValues(set, name).Set(float64(n))
		differ.WithLabelValues(set, name).Set(float64(t.Counts.Persistent))
		suspects.WithLabelValues(set, name, "cleared").Set(float64(t.Counts.Cleared))
		suspects.WithLabelValues(set, name, "volatile").Set(float64(t.Counts.Volatile))
		suspects.WithLabelValues(set, name, "unverified").Set(float64(t.Counts.Unverified))
		for _, v := range []string{"match", "different", "incomplete"} {
			verdict.WithLabelValues(set, name, v).Set(float64(boolRank(string(t.Verdict) == v)))
		}
	}
}

// previousOK finds the time of the last good run of the same cluster and
// command in an earlier file. A file that is none is no reason to fail.
func previousOK(data []byte, labels prometheus.Labels) (float64, bool) {
	if len(data) == 0 {
		return 0, false
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(data))
	if err != nil || families[lastOK] == nil {
		return 0, false
	}
	for _, m := range families[lastOK].Metric {
		if sameLabels(m.Label, labels) {
			return m.GetGauge().GetValue(), true
		}
	}
	return 0, false
}

func sameLabels(have []*dto.LabelPair, want prometheus.Labels) bool {
	for _, l := range have {
		if want[l.GetName()] != l.GetValue() {
			return false
		}
	}
	return len(have) == len(want)
}
