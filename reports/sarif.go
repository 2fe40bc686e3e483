package reports

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"unicode/utf16"

	"github.com/owenrumney/go-sarif/v3/pkg/report"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

// writeSARIF writes SARIF 2.1.0 for code scanning: failures at their place in
// the topology file, what could not be told as open results, waivers as
// suppressions. Passes are left out; viewers would show them as alerts.
func writeSARIF(w io.Writer, r *Report, o Options) error {
	doc := report.NewV210Report()
	run := sarif.NewRun()
	driver := sarif.NewToolComponent().WithName(r.Tool.Name).WithVersion(r.Tool.Version).WithRules([]*sarif.ReportingDescriptor{})
	var index []string
	for _, rule := range r.problemRules() {
		index = append(index, rule.Name)
		driver.AddRule(sarifRule(rule))
	}
	run.WithTool(sarif.NewTool().WithDriver(driver)).WithColumnKind("utf16CodeUnits")
	invocation := sarif.NewInvocation().
		WithExecutionSuccessful(r.Verdict != Incomplete && o.Err == nil).
		WithExitCode(ExitCode(o.Err, r, r.FailOn)).
		WithStartTimeUtc(r.Started.Format("2006-01-02T15:04:05Z")).
		WithEndTimeUtc(r.Finished.Format("2006-01-02T15:04:05Z"))
	for _, why := range r.Incomplete {
		invocation.AddToolExecutionNotification(sarif.NewNotification().WithLevel("error").WithMessage(sarif.NewMessage().WithText(clean(why))))
	}
	run.AddInvocation(invocation)
	run.WithResults([]*sarif.Result{})
	for _, p := range r.problems(true) {
		run.AddResult(sarifResult(p, slices.Index(index, p.rule), o.Source))
	}
	doc.AddRun(run)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func sarifRule(rule Rule) *sarif.ReportingDescriptor {
	text := func(s string) *sarif.MultiformatMessageString {
		return sarif.NewMultiformatMessageString().WithText(s)
	}
	d := sarif.NewReportingDescriptor().WithID(rule.Name).WithName(rule.Name).WithShortDescription(text(clean(rule.Title))).
		WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(sarifLevel(rule.Severity)))
	if rule.Why != "" {
		d.WithFullDescription(text(clean(rule.Why)))
	}
	if rule.Remedy != "" {
		d.WithHelp(text(clean(rule.Remedy)))
	}
	return d
}

func sarifLevel(s schema.Severity) string {
	switch s {
	case schema.Warning:
		return "warning"
	case schema.Info:
		return "note"
	}
	return "error"
}

func sarifResult(p problem, rule int, source func(string) []byte) *sarif.Result {
	kind, level := "fail", sarifLevel(p.severity)
	if p.status == checks.Unknown { // only a failure has a level, says section 3.27.10
		kind, level = "open", "none"
	}
	res := sarif.NewResult().WithRuleID(p.rule).WithRuleIndex(rule).WithKind(kind).WithLevel(level).
		WithMessage(sarif.NewMessage().WithText(p.message)).
		WithPartialFingerprints(map[string]string{"pgconcord/v1": p.fingerprint})
	location := sarif.NewLocation()
	if p.pos.IsValid() {
		location.WithPhysicalLocation(sarifPlace(p.pos, source))
	}
	if p.subject != "" {
		location.AddLogicalLocation(sarif.NewLogicalLocation().WithFullyQualifiedName(p.subject))
	}
	if p.pos.IsValid() || p.subject != "" {
		res.AddLocation(location)
	}
	for i, pos := range p.related {
		if pos.IsValid() {
			res.AddRelatedLocation(sarif.NewLocation().WithID(i + 1).WithPhysicalLocation(sarifPlace(pos, source)))
		}
	}
	if p.status == checks.Waived {
		res.AddSuppression(sarif.NewSuppression().WithKind("external").WithStatus("accepted").WithJustification(p.waiver))
	}
	return res
}

// sarifPlace gives a relative URI where it can: viewers map it to the
// repository.
func sarifPlace(p schema.Position, source func(string) []byte) *sarif.PhysicalLocation {
	name := filepath.ToSlash(p.File)
	u := url.URL{Path: name}
	if filepath.IsAbs(p.File) {
		u.Scheme = "file"
	}
	region := sarif.NewRegion().WithStartLine(p.Line)
	if column := utf16Column(p, source); column > 0 {
		region.WithStartColumn(column)
	}
	return sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewArtifactLocation().WithURI(u.String())).
		WithRegion(region)
}

// utf16Column is the column in UTF-16 code units, which is what the run says it
// counts in; 0 when the line is not at hand and so nobody can tell.
func utf16Column(p schema.Position, source func(string) []byte) int {
	if source == nil || p.Column < 1 {
		return 0
	}
	lines := bytes.Split(source(p.File), []byte("\n"))
	if p.Line > len(lines) || p.Column > len(lines[p.Line-1])+1 {
		return 0
	}
	return len(utf16.Encode([]rune(string(lines[p.Line-1][:p.Column-1])))) + 1
}
