package checks

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inputs are the healthy inputs that cases start from.
func inputs(t *testing.T) map[string]func() *Input {
	return map[string]func() *Input{
		"": func() *Input { return healthy(t) }, "group": func() *Input { return healthyGroup(t) }, "join": func() *Input { return healthyJoin(t) },
		"groupjoin": func() *Input { in := healthyGroup(t); withJoiner(in); return in },
	}
}

// ownTests are families and checks that trip and pass on inputs of their own:
// recorded Barman hosts (runBackupCases), the stand-in for groups
// (TestGroupFaults).
var ownTests = map[string]bool{"backup": true, "bdr": true, "group": true, "raft": true,
	"join/majority-reachable": true, "join/no-promotion-under-way": true, "join/no-ddl-under-way": true, "versions/known-faults": true}

// TestEveryCheck derives from the registry: each check is documented, passes
// where all is well, and trips on what it is for.
func TestEveryCheck(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+/[a-z0-9-]+$`)
	seen := map[string]bool{}
	for _, c := range Live() {
		t.Run(c.Name, func(t *testing.T) {
			require.Regexp(t, name, c.Name)
			require.False(t, seen[c.Name], "two checks of one name")
			seen[c.Name] = true
			for _, text := range []string{c.Title, c.Why, c.Remedy, c.Source} {
				require.NotEmpty(t, text)
			}
			require.True(t, strings.HasSuffix(c.Remedy, "."), "remedy: %s", c.Remedy)
			require.False(t, strings.HasSuffix(c.Title, "."))
			require.Positive(t, c.Severity.Rank())
			require.NotZero(t, c.Needs)
			require.NotNil(t, c.Run)
			if ownTests[c.Name] || ownTests[strings.SplitN(c.Name, "/", 2)[0]] {
				return
			}
			passes := 0
			for from, input := range inputs(t) {
				if (from == "join" || from == "groupjoin") != strings.HasPrefix(c.Name, "join/") {
					continue
				}
				for _, f := range c.judge(*input()) {
					require.Contains(t, []Status{Pass, Skipped}, f.Status, "%s %s: %s", from, f.Subject, f.Message)
					if f.Status == Pass {
						passes++
					}
				}
			}
			if c.Name != "join/schema-equal" && c.Name != "join/physical-leftovers" { // pass in a case of their own
				require.Positive(t, passes, "nothing makes it pass")
			}
			trips := 0
			for _, tc := range breakers[c.Name] {
				t.Run(tc.name, func(t *testing.T) {
					in := inputs(t)[tc.from]()
					tc.break_(in)
					got := []string{}
					for _, f := range c.judge(*in) {
						if f.Status == Pass || f.Status == Skipped {
							continue
						}
						require.NotEmpty(t, f.Message)
						if f.Status == Fail {
							trips++
							require.NotEmpty(t, f.Found+f.Expected, f.Message)
							require.NotEmpty(t, f.HowRead, f.Message)
						}
						got = append(got, fmt.Sprintf("%s %s", f.Status, f.Subject))
					}
					slices.Sort(got)
					want := slices.Sorted(slices.Values(tc.want))
					require.Equal(t, append([]string{}, want...), got, "%s", lines(c.judge(*in)))
				})
			}
			if c.Name != "join/all-available" { // a node that is away is never known to be gone
				require.Positive(t, trips, "nothing makes it fail")
			}
		})
	}
	for name := range breakers {
		require.True(t, seen[name], "case for a check that is not registered: %s", name)
	}
}

// Every check value of the package is in the registry.
func TestRegistryIsComplete(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var declared []string
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if len(v.Values) != 1 {
					continue
				}
				if lit, ok := v.Values[0].(*ast.CompositeLit); ok {
					if id, ok := lit.Type.(*ast.Ident); ok && id.Name == "Check" {
						declared = append(declared, v.Names[0].Name)
					}
				}
			}
		}
	}
	require.Len(t, live, len(declared), "declared: %v", declared)
	all := All()
	require.Greater(t, len(all), len(live))
	names := map[string]bool{}
	for _, c := range all {
		require.False(t, names[c.Name], "%s is both a rule and a check", c.Name)
		names[c.Name] = true
	}
}
