package catalog

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSaveAndLoad(t *testing.T) {
	c := &Cluster{Format: FormatVersion, TakenAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Nodes: map[string]Node{
		"a": {Facts: &Facts{Slots: []Slot{{Name: "s", RestartLSN: 0x1600000001}}, Gaps: []Failure{{Part: PartOrigins, Reason: "permission denied"}}}},
		"b": {Failure: &Failure{Attempted: "connect", Reason: "unreachable"}},
	}}
	var b bytes.Buffer
	require.NoError(t, c.Save(&b))
	got, err := LoadCluster(bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	require.Equal(t, c, got)
	require.NotNil(t, got.Nodes["a"].Facts.Gap(PartSlots, PartOrigins))
	require.Nil(t, got.Nodes["a"].Facts.Gap(PartSlots))

	whole := b.String()
	for name, tc := range map[string]struct{ text, says string }{
		"empty":        {"", "empty"},
		"cut off":      {whole[:len(whole)/2], "cut off"},
		"not JSON":     {"name: x", "not JSON at byte"},
		"foreign JSON": {`{"format": "v1"}`, "expected int, found a string"},
		"another file": {`{"schema_version": "1.0"}`, "not a facts file"},
		"an array":     {`[]`, "not a facts file"},
		"newer":        {strings.Replace(whole, `"format": 2`, `"format": 3`, 1), "newer than this tool"},
		"two in one":   {whole + whole, "more in the file"},
		"hollow node":  {`{"format": 1, "nodes": {"a": {}}}`, "node a has neither"},
		"bad LSN":      {strings.Replace(whole, `"16/1"`, `"elsewhere"`, 1), "not an LSN"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadCluster(strings.NewReader(tc.text))
			require.ErrorContains(t, err, tc.says)
		})
	}
}

func TestLSN(t *testing.T) {
	l, err := ParseLSN("16/B374D848")
	require.NoError(t, err)
	require.Equal(t, "16/B374D848", l.String())
	require.Equal(t, int64(0x848), l.Since(l-0x848))
	require.Zero(t, LSN(1).Since(2))
	_, err = ParseLSN("16B374D848")
	require.Error(t, err)
}

// Format 1 left out commit times: what it has of them proves nothing.
func TestCommitsOfAnEarlierFormat(t *testing.T) {
	const text = `{"format": %d, "nodes": {"a": {"facts": {"commits": [{"origin": "", "at": "2026-01-02T03:04:05Z", "times": ["2026-01-02T03:04:01Z"]}]}}}}`
	for format, kept := range map[int]int{1: 0, 2: 1} {
		c, err := LoadCluster(strings.NewReader(fmt.Sprintf(text, format)))
		require.NoError(t, err)
		require.Len(t, c.Nodes["a"].Facts.Commits, kept, format)
		require.Equal(t, kept == 0, c.Nodes["a"].Facts.Gap(PartCommits) != nil, format)
	}
}

// Every right that a query needs is in the SQL that makes the role.
func TestGrantsCoverEveryQuery(t *testing.T) {
	for _, name := range Flavours() {
		sql, err := Grants(name, "night watch")
		require.NoError(t, err)
		require.Contains(t, sql, `CREATE ROLE "night watch" LOGIN`)
		require.Contains(t, sql, `GRANT pg_monitor TO "night watch";`)
		require.NotContains(t, sql, "%!")
		require.NotContains(t, strings.ToUpper(sql), "SUPERUSER")
	}
	_, err := Grants("pglogical-9", "x")
	require.ErrorContains(t, err, "expected one of")
}
