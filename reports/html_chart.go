package reports

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// chart is a trend over the runs of a history.
type chart struct {
	Title string
	SVG   template.HTML
}

// trendRuns is how many runs a trend shows, the newest ones.
const trendRuns = 60

// drawCharts draws findings, rows that differ and lag over the runs.
func drawCharts(h *History) []chart {
	runs := h.Runs[max(0, len(h.Runs)-trendRuns):]
	points := func(of func(RunSummary) (float64, bool)) []*float64 {
		var out []*float64
		for _, r := range runs {
			if v, ok := of(r); ok {
				out = append(out, &v)
			} else {
				out = append(out, nil)
			}
		}
		return out
	}
	number := func(of func(RunSummary) int64) []*float64 {
		return points(func(r RunSummary) (float64, bool) { return float64(of(r)), true })
	}
	return []chart{
		{"Errors (red) and warnings (amber)", drawTrend(runs, h.Missing, "errors and warnings",
			number(func(r RunSummary) int64 { return int64(r.Errors) }), number(func(r RunSummary) int64 { return int64(r.Warnings) }))},
		{"Could not be told", drawTrend(runs, h.Missing, "unknown answers", nil, number(func(r RunSummary) int64 { return int64(r.Unknown) }))},
		{"Rows that differ", drawTrend(runs, h.Missing, "rows that differ", number(func(r RunSummary) int64 { return r.Differing }))},
		{"Largest lag, bytes", drawTrend(runs, h.Missing, "largest lag in bytes", nil, nil, points(func(r RunSummary) (float64, bool) {
			if r.MaxLag == nil {
				return 0, false
			}
			return float64(*r.MaxLag), true
		}))},
	}
}

// drawTrend draws up to three lines over time; nil values are gaps in a line.
func drawTrend(runs []RunSummary, missing []string, what string, lines ...[]*float64) template.HTML {
	const w, h, left, top, bottom = 340.0, 130.0, 52.0, 12.0, 24.0
	highest := 1.0
	for _, l := range lines {
		for _, v := range l {
			if v != nil {
				highest = max(highest, *v)
			}
		}
	}
	first, last := runs[0].Finished, runs[len(runs)-1].Finished
	span := max(last.Sub(first).Seconds(), 1)
	x := func(t time.Time) float64 { return left + (w-left-12)*t.Sub(first).Seconds()/span }
	y := func(v float64) float64 { return top + (h-top-bottom)*(1-v/highest) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %.0f %.0f" role="img" aria-label="Trend of %s over %d runs, highest %s">`, w, h, what, len(runs), grouped(int64(highest)))
	for _, day := range missing {
		if from, err := time.Parse(time.DateOnly, day); err == nil && from.Before(last) && from.AddDate(0, 0, 1).After(first) {
			x0, x1 := max(left, x(from)), min(w-12, x(from.AddDate(0, 0, 1)))
			fmt.Fprintf(&b, `<rect class="gap" x="%.1f" y="%.0f" width="%.1f" height="%.0f"><title>%s: no report</title></rect>`, x0, top, x1-x0, h-top-bottom, day)
		}
	}
	fmt.Fprintf(&b, `<path class="axis" d="M%.0f %.0fV%.0fH%.0f" fill="none"/>`, left, top, h-bottom, w-12)
	fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="end">%s</text><text x="%.0f" y="%.0f" text-anchor="end">0</text>`, left-6, top+8, grouped(int64(highest)), left-6, h-bottom)
	fmt.Fprintf(&b, `<text x="%.0f" y="%.0f">%s</text><text x="%.0f" y="%.0f" text-anchor="end">%s</text>`, left, h-8, first.UTC().Format(time.DateOnly), w-12, h-8, last.UTC().Format(time.DateOnly))
	for i, l := range lines {
		class, path, pen := string(rune('a'+i)), "", "M"
		for j, v := range l {
			if v == nil {
				pen = "M"
				continue
			}
			path += fmt.Sprintf("%s%.1f %.1f", pen, x(runs[j].Finished), y(*v))
			pen = "L"
		}
		if path == "" {
			continue
		}
		fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, class, path)
		for j, v := range l {
			if v != nil {
				fmt.Fprintf(&b, `<circle class="%s" cx="%.1f" cy="%.1f" r="3"><title>%s: %s</title></circle>`, class, x(runs[j].Finished), y(*v), stamp(runs[j].Finished), grouped(int64(*v)))
			}
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
