package draft_test

import (
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/token"
	"cuelang.org/go/encoding/yaml"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema/draft"
)

func sample(pos func(line int) token.Pos) *draft.Map {
	m := &draft.Map{}
	m.SetString("name", pos(1), "acme")
	v := m.SetMap("versions", pos(2))
	v.Flow = true
	v.SetString("postgres", pos(3), "16")
	v.SetString("bdr", token.NoPos, "5.6")
	n := m.SetMap("nodes", token.NoPos).SetMap("yes", pos(4))
	n.SetString("dsn", pos(5), "host=a dbname='my db'")
	n.Set("empty", token.NoPos, draft.Scalar{Of: false})
	l := &draft.List{Flow: true}
	l.AddString(pos(6), "dc-1")
	l.AddString(pos(7), "no")
	m.Set("replicas", pos(6), l)
	m.Comment("Fill in.")
	p := m.SetMap("policy", token.NoPos)
	p.Set("min_replicas", token.NoPos, draft.Scalar{Of: 2})
	m.SetMap("barman", token.NoPos)
	return m
}

func TestYAMLReadsBackAsTheSameValue(t *testing.T) {
	m := sample(func(int) token.Pos { return token.NoPos })
	out, err := m.YAML("A draft.\n\nRead it.")
	require.NoError(t, err)
	require.Equal(t, `# A draft.
#
# Read it.
name: acme
versions: {postgres: "16", bdr: "5.6"}
nodes:
  "yes":
    dsn: host=a dbname='my db'
    empty: false
# Fill in.
replicas: [dc-1, "no"]
policy:
  min_replicas: 2
barman: {}
`, string(out))

	f, err := yaml.Extract("out.yaml", out)
	require.NoError(t, err)
	ctx := cuecontext.New()
	fromYAML, fromSyntax := ctx.BuildFile(f), ctx.BuildFile(m.Syntax("in.yml"))
	require.NoError(t, fromSyntax.Err())
	a, err := fromYAML.MarshalJSON()
	require.NoError(t, err)
	b, err := fromSyntax.MarshalJSON()
	require.NoError(t, err)
	require.JSONEq(t, string(a), string(b))
}

func TestSyntaxKeepsForeignPositions(t *testing.T) {
	src := token.NewFile("config.yml", -1, 80)
	src.SetLinesForContent([]byte(strings.Repeat("0123456\n", 10)))
	m := sample(func(line int) token.Pos { return src.Pos((line-1)*8+line-1, token.NoRelPos) })
	v := cuecontext.New().BuildFile(m.Syntax("config.yml"))
	for path, want := range map[string]string{
		"name":              "config.yml:1:1",
		"versions.postgres": "config.yml:3:3",
		"versions.bdr":      "config.yml:2:2", // none of its own: that of what holds it
		"nodes.yes.dsn":     "config.yml:5:5",
		"nodes.yes":         "config.yml:4:4",
		"replicas[1]":       "config.yml:7:7",
	} {
		require.Equal(t, want, v.LookupPath(cue.ParsePath(path)).Pos().Position().String(), path)
	}
	require.False(t, v.LookupPath(cue.ParsePath("policy.min_replicas")).Pos().IsValid())
}
