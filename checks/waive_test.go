package checks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/schema"
)

var now = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

var known = []checks.Check{{Name: "backup/source-colocated"}, {Name: "layout/shard-min-replicas"}, {Name: "lag/bytes"}, {Name: "slots/wal-retention"}, {Name: checks.WaiverUnused}}

func plan() *schema.Topology {
	node := schema.Node{Datacenter: "A"}
	return &schema.Topology{
		Nodes:  map[string]schema.Node{"a1": node, "a2": node, "b1": node, "b2": node},
		Shards: map[string]schema.DataSet{"first": {}, "second": {}},
		Barman: map[string]schema.Barman{"barman-a": {}, "barman-b": {}},
	}
}

func finding(check string, status checks.Status, node, object string) checks.Finding {
	return checks.Finding{Check: check, Status: status, Severity: schema.Error, Subject: checks.Subject{Node: node, Object: object}, Message: "as it is"}
}

// lags is what a live check says of every node: a1 fails, b1 could not be read.
func lags() []checks.Finding {
	return []checks.Finding{
		finding("lag/bytes", checks.Fail, "a1", ""),
		finding("lag/bytes", checks.Pass, "a2", ""),
		finding("lag/bytes", checks.Unknown, "b1", ""),
		finding("lag/bytes", checks.Pass, "b2", ""),
	}
}

func waiver(rule, node, object, expires string) checks.Waiver {
	return checks.Waiver{Name: "w", Rule: rule, Subject: checks.Subject{Node: node, Object: object}, Owner: "dba", Reason: "because", Ticket: "OPS-1", Expires: expires,
		Pos: schema.Position{File: "waivers.yaml", Line: 2, Column: 3}}
}

const later = "2027-06-30"

// statuses gives what became of the findings about the cluster, in order, and
// of those about the waiver.
func statuses(fs []checks.Finding) (about map[string]checks.Status, rest []checks.Status) {
	about = map[string]checks.Status{}
	for _, f := range fs {
		switch f.Check {
		case checks.WaiverExpired, checks.WaiverExpiring, checks.WaiverUnused, checks.WaiverTooBroad:
			about[f.Check] = f.Status
		default:
			rest = append(rest, f.Status)
		}
	}
	return about, rest
}

func TestApply(t *testing.T) {
	const (
		pass, fail, unknown, skipped, waived = checks.Pass, checks.Fail, checks.Unknown, checks.Skipped, checks.Waived
	)
	shard := func(name string) checks.Finding {
		return finding("layout/shard-min-replicas", fail, "", "shards."+name+".replicas")
	}
	for name, c := range map[string]struct {
		waiver                             checks.Waiver
		findings                           []checks.Finding
		want                               []checks.Status
		expired, expiring, unused, tooWide checks.Status
	}{
		"one failure of one node":           {waiver("lag/bytes", "a1", "", later), lags(), []checks.Status{waived, pass, unknown, pass}, pass, pass, pass, pass},
		"a glob over some nodes":            {waiver("lag/bytes", "a*", "", later), lags(), []checks.Status{waived, pass, unknown, pass}, pass, pass, pass, pass},
		"a glob over rules":                 {waiver("lag/*", "a1", "", later), lags(), []checks.Status{waived, pass, unknown, pass}, pass, pass, pass, pass},
		"unknown stays unknown":             {waiver("lag/bytes", "b1", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, skipped, pass},
		"nothing fails":                     {waiver("lag/bytes", "a2", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, fail, pass},
		"a node that is not there":          {waiver("lag/bytes", "a9", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, fail, pass},
		"a rule that is not there":          {waiver("lag/byte", "a1", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, fail, pass},
		"a rule that was not run":           {waiver("slots/wal-retention", "a1", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, skipped, pass},
		"a built-in rule of other runs":     {waiver("mesh/full", "a1", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, skipped, pass},
		"every subject":                     {waiver("lag/bytes", "", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, pass, fail},
		"every subject by a star":           {waiver("lag/bytes", "*", "*", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, pass, fail},
		"every subject, spelt out":          {waiver("lag/bytes", "??", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, pass, fail},
		"every rule":                        {waiver("*", "a1", "", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, pass, fail},
		"the only subject":                  {waiver("lag/bytes", "", "", later), lags()[:1], []checks.Status{waived}, pass, pass, pass, pass},
		"subjects only on nodes it names":   {waiver("lag/bytes", "a*", "", later), lags()[:2], []checks.Status{waived, pass}, pass, pass, pass, pass},
		"holds through its last day":        {waiver("lag/bytes", "a1", "", "2026-11-21"), lags(), []checks.Status{waived, pass, unknown, pass}, pass, fail, pass, pass},
		"the day after":                     {waiver("lag/bytes", "a1", "", "2026-11-20"), lags(), []checks.Status{fail, pass, unknown, pass}, fail, skipped, pass, pass},
		"14 days before its end":            {waiver("lag/bytes", "a1", "", "2026-12-05"), lags(), []checks.Status{waived, pass, unknown, pass}, pass, fail, pass, pass},
		"15 days before its end":            {waiver("lag/bytes", "a1", "", "2026-12-06"), lags(), []checks.Status{waived, pass, unknown, pass}, pass, pass, pass, pass},
		"one shard of the plan":             {waiver("layout/shard-min-replicas", "", "shards.first.*", later), []checks.Finding{shard("first"), shard("second")}, []checks.Status{waived, fail}, pass, pass, pass, pass},
		"a name in quotes":                  {waiver("backup/source-colocated", "", "barman.barman-a.sources*", later), []checks.Finding{finding("backup/source-colocated", fail, "", `barman."barman-a".sources[0].node`)}, []checks.Status{waived}, pass, pass, pass, pass},
		"every name in quotes":              {waiver("backup/source-colocated", "", "barman.barman-?.sources*", later), []checks.Finding{finding("backup/source-colocated", fail, "", `barman."barman-a".sources[0].node`)}, []checks.Status{fail}, pass, pass, pass, fail},
		"every shard of the plan":           {waiver("layout/shard-min-replicas", "", "shards.*", later), []checks.Finding{shard("first")}, []checks.Status{fail}, pass, pass, pass, fail},
		"a shard whatever its path":         {waiver("layout/shard-min-replicas", "", "*first*", later), []checks.Finding{shard("first")}, []checks.Status{waived}, pass, pass, pass, pass},
		"findings about waivers are beyond": {waiver("waivers/*", "", "waivers.w", later), lags(), []checks.Status{fail, pass, unknown, pass}, pass, pass, fail, pass},
	} {
		t.Run(name, func(t *testing.T) {
			before := append([]checks.Finding{}, c.findings...)
			got := checks.Waivers{c.waiver}.Apply(c.findings, known, plan(), now)
			require.Equal(t, before, c.findings, "the input is left alone")
			about, rest := statuses(got)
			require.Equal(t, c.want, rest)
			require.Equal(t, map[string]checks.Status{checks.WaiverExpired: c.expired, checks.WaiverExpiring: c.expiring, checks.WaiverUnused: c.unused, checks.WaiverTooBroad: c.tooWide}, about)
			for _, f := range got {
				require.Equal(t, f.Status == waived, f.Waiver != nil, "only a waived finding names its waiver")
				if f.Status == waived {
					require.Equal(t, schema.Error, f.Severity, "the severity is kept")
					require.Equal(t, "OPS-1", f.Waiver.Ticket)
				}
			}
		})
	}
}

func TestExpiredWaiverSaysWhatFailsAgain(t *testing.T) {
	fs := lags()
	fs[0].Pos = schema.Position{File: "plan.yaml", Line: 7, Column: 5}
	for _, f := range (checks.Waivers{waiver("lag/bytes", "a1", "", "2026-11-01")}).Apply(fs, known, plan(), now) {
		if f.Check == checks.WaiverExpired {
			require.Equal(t, "waiver w: expired after 2026-11-01; 1 finding fails again: lag/bytes (a1)", f.Message)
			require.Equal(t, []schema.Position{fs[0].Pos}, f.Related)
			require.Equal(t, "waivers.yaml:2:3", f.Pos.String())
			require.Equal(t, schema.Warning, f.Severity)
		}
	}
}

func TestTwoWaiversForOneFinding(t *testing.T) {
	first, second := waiver("lag/bytes", "a1", "", later), waiver("lag/*", "a*", "", later)
	second.Name = "x"
	about, rest := statuses(checks.Waivers{first, second}.Apply(lags(), known, plan(), now))
	require.Equal(t, checks.Waived, rest[0])
	require.Equal(t, checks.Pass, about[checks.WaiverUnused], "both speak of a failure")
}

func TestMisspeltRule(t *testing.T) {
	for _, f := range (checks.Waivers{waiver("lag/byte", "a1", "", later)}).Apply(lags(), known, plan(), now) {
		if f.Check == checks.WaiverUnused {
			require.Equal(t, `waiver w: no rule is called lag/byte; did you mean lag/bytes?`, f.Message)
		}
	}
}
