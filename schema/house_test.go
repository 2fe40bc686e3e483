package schema

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// house loads the BDR-Worldwide topology, or another, with rules of the house.
func house(t *testing.T, topology string, rules ...string) (*Plan, error) {
	t.Helper()
	b, err := os.ReadFile(topology)
	require.NoError(t, err)
	var policy []Input
	for i, r := range rules {
		policy = append(policy, Input{Name: "policy/" + string(rune('a'+i)) + ".cue", Data: []byte(r)})
	}
	return Load(context.Background(), []Input{{Name: "topology.yaml", Data: b}}, Options{Policy: policy})
}

func TestTheHouseAddsARule(t *testing.T) {
	p, err := house(t, worldwide, `package topology
#rules: "acme/dr-by-uri": {
	title: "DR nodes are named by URI"
	why:   "our failover scripts read them"
	violations: [for n, v in nodes if v.dsn !~ "^postgresql://" if datacenters[v.datacenter].role == "dr" || n == "dc1n1" {
		subject: v.dsn, message: "node \(n): no URI", found: "keyword/value", expected: "URI"
	}]
}`)
	require.NoError(t, err)
	require.Equal(t, "topology.yaml:12:27: nodes.dc1n1.dsn: node dc1n1: no URI [acme/dr-by-uri]\n    found \"keyword/value\", expected \"URI\"\n", listing(p.Violations))
	var mine []string
	for _, r := range p.Rules {
		if r.House {
			mine = append(mine, r.Name+" "+string(r.Severity)+" "+r.Title)
		}
	}
	require.Equal(t, []string{"acme/dr-by-uri error DR nodes are named by URI"}, mine)
}

func TestTheHouseChangesSeverityAndSwitchesRulesOff(t *testing.T) {
	plain, err := house(t, topologies+"/broken.yaml")
	require.NoError(t, err)
	p, err := house(t, topologies+"/broken.yaml", `package topology
#rules: "backup/streams": severity: "info"
#rules: "layout/dsn-tls": severity: "error"
#rules: "layout/dsn-unique": enabled: false
`)
	require.NoError(t, err)
	of := map[string]Rule{}
	for _, r := range p.Rules {
		of[r.Name] = r
	}
	require.Equal(t, Info, of["backup/streams"].Severity)
	require.Equal(t, Error, of["layout/dsn-tls"].Severity)
	require.False(t, of["layout/dsn-unique"].Enabled)
	require.False(t, of["backup/streams"].House)
	require.Contains(t, listing(plain.Violations), "[layout/dsn-unique]")
	require.NotContains(t, listing(p.Violations), "[layout/dsn-unique]")
	require.Contains(t, listing(p.Violations), "[backup/streams]")
}

func TestTheHouseTightensThePolicy(t *testing.T) {
	_, err := house(t, worldwide, "package topology\npolicy: backup: min_redundancy: >=2\n")
	var e *InputError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "topology.yaml:46:26: policy.backup.min_redundancy: invalid value 1 (out of bound >=2), by policy/a.cue:2:33", err.Error())

	_, err = house(t, worldwide, "package topology\npolicy: max_nodes: <=5\n")
	require.EqualError(t, err, "topology.yaml:43:1: policy.max_nodes: the policy does not allow the default, by policy/a.cue:2:9 (write the value into the topology)")

	p, err := house(t, worldwide, "package topology\npolicy: min_replicas: >=3\n")
	require.NoError(t, err)
	require.Empty(t, p.Violations)
}

func TestBrokenHouseRulesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, rules, want string }{
		{"a field that is not there", `package topology
#rules: "acme/x": {
	why: "so"
	violations: [for n, v in nodes if v.postgrez == "16" {subject: v, message: "x"}]
}`, "policy/a.cue:4:38: broken rule acme/x: undefined field: postgrez"},
		{"no reference as subject", `package topology
#rules: "acme/x": {
	why: "so"
	violations: [for n, v in nodes {subject: "\(v.dsn)", message: "x"}]
}`, "broken rule acme/x: its subject is no reference to a value of the topology; write it as nodes[n].dsn, not as a copy"},
		{"no message", `package topology
#rules: "acme/x": {
	why: "so"
	violations: [for n, v in nodes {subject: v}]
}`, "broken rule acme/x: "},
		{"no reason", `package topology
#rules: "acme/x": violations: []
`, "broken rule acme/x: "},
		{"a rule of ours that is disarmed", `package topology
#rules: "backup/streams": violations: []
`, "broken rule backup/streams: incompatible list lengths"},
		{"a severity that does not exist", `package topology
#rules: "backup/streams": severity: "fatal"
`, "broken rule backup/streams: "},
		{"a crash of the evaluator", `package topology
#rules: "acme/fine": {why: "so", violations: []}
#rules: "acme/x": {
	why: "so"
	violations: []
	y: ["a"]
	y: [for r in y {!=r | error("m")}]
}`, "broken rule acme/x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := house(t, topologies+"/broken.yaml", c.rules)
			var b *BrokenRuleError
			require.ErrorAs(t, err, &b)
			require.Contains(t, err.Error(), c.want)
			require.True(t, strings.HasPrefix(c.want, "broken rule "+b.Rule) || strings.Contains(c.want, " "+b.Rule+":"), b.Rule)
		})
	}
}

func TestHouseFilesThatAreNoneAreRefused(t *testing.T) {
	for rules, want := range map[string]string{
		"#rules: {}\n":                       "policy/a.cue:1:1: the file has no package clause (house rules begin with: package topology)",
		"package acme\n":                     "policy/a.cue:1:1: the file is of package acme (house rules begin with: package topology)",
		"package topology\n#rules: {":        "policy/a.cue:2:10: expected '}', found 'EOF'",
		"package topology\nx: nowhere\n":     "",
		"package topology\nimport \"x.y/z\"": "policy/a.cue",
	} {
		_, err := house(t, worldwide, rules)
		var e *InputError
		require.ErrorAs(t, err, &e, rules)
		require.Contains(t, err.Error(), want)
	}
}

const endless = `package topology
import "list"
#rules: "acme/fine": {why: "so", violations: []}
#rules: "acme/endless": {
	why: "so"
	violations: [for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) for c in list.Range(0, 100000, 1) if a > 200000 {
		subject: nodes, message: "x"
	}]
}`

// What does not end stays behind in the process, so the test has one of its own.
func TestAHouseRuleThatDoesNotEndIsNamed(t *testing.T) {
	const inside = "PGCONCORD_TEST_ENDLESS"
	if os.Getenv(inside) != "" {
		b, err := os.ReadFile(worldwide)
		require.NoError(t, err)
		_, err = Load(context.Background(), []Input{{Name: "topology.yaml", Data: b}}, Options{Limit: 5 * time.Second, Policy: []Input{{Name: "acme.cue", Data: []byte(endless)}}})
		var broken *BrokenRuleError
		if !errors.As(err, &broken) {
			t.Fatal(err)
		}
		os.Stdout.WriteString("said: " + err.Error() + "\n")
		os.Exit(0)
	}
	c := exec.Command(os.Args[0], "-test.run", "^TestAHouseRuleThatDoesNotEndIsNamed$")
	c.Env = append(os.Environ(), inside+"=1")
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "said: acme.cue:4:9: broken rule acme/endless: evaluation did not end within 5s")
}

func TestLoadEndsWhenItsContextDoes(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("interrupted"))
	_, err := Load(ctx, nil, Options{})
	if err != nil && strings.Contains(err.Error(), "no topology was given") {
		return // it was quicker
	}
	require.ErrorContains(t, err, "interrupted")
}
