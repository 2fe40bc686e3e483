package lab

import (
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBarmanStreamsAndHasABackup(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	for _, plan := range barmanPlan {
		out, err := l.BarmanCommand(ctx, plan.name, "--format", "json", "check", "all")
		require.NoError(t, err, string(out))
		out, err = l.BarmanCommand(ctx, plan.name, "--format", "json", "list-backups", "all")
		require.NoError(t, err)
		var backups map[string][]struct{ Status string }
		require.NoError(t, json.Unmarshal(out, &backups))
		require.Len(t, backups, len(plan.sections))
		for _, s := range plan.sections {
			require.NoError(t, l.streams(ctx, s, true))
			require.Len(t, backups[s.server], 1)
			require.Equal(t, "DONE", backups[s.server][0].Status)
		}
	}
}

func TestWALReceiverStopsAndStarts(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	require.NoError(t, l.StopWALReceiver(ctx, "barman-dr", "dr1n2"))
	out, err := l.BarmanCommand(ctx, "barman-dr", "--format", "json", "check", "dr1n2")
	var failed *exec.ExitError
	require.ErrorAs(t, err, &failed)
	require.True(t, json.Valid(out), "the answer comes beside the error")
	v, err := l.Node("dr1n1").Scalar(ctx, "SELECT active FROM pg_replication_slots WHERE slot_name = 'barman_dr1'")
	require.NoError(t, err)
	require.Equal(t, "t", v, "the host's other server goes on")
	require.NoError(t, l.StartWALReceiver(ctx, "barman-dr", "dr1n2"))
	_, err = l.BarmanCommand(ctx, "barman-dr", "check", "dr1n2")
	require.NoError(t, err)
}

func TestBarmanIsPointedElsewhereAndBack(t *testing.T) {
	l, ctx := theLab(t), testContext(t)
	require.NoError(t, l.RepointBarman(ctx, "barman-a", "dc1n1", "dc1n2"))
	slots := func(node string) string {
		v, err := l.Node(node).Scalar(ctx, "SELECT coalesce(string_agg(slot_name || ' ' || active, ','), '') FROM pg_replication_slots WHERE slot_type = 'physical'")
		require.NoError(t, err)
		return v
	}
	require.Equal(t, "barman_a false", slots("dc1n1"))
	require.Equal(t, "barman_a true", slots("dc1n2"))
	_, err := l.BarmanCommand(ctx, "barman-a", "check", "dc1n1")
	require.ErrorContains(t, err, "systemid coherence: FAILED")
	require.NoError(t, l.RepointBarman(ctx, "barman-a", "dc1n1", "dc1n1"))
	require.Equal(t, "barman_a true", slots("dc1n1"))
	require.Empty(t, slots("dc1n2"))
	_, err = l.BarmanCommand(ctx, "barman-a", "check", "dc1n1")
	require.NoError(t, err)
}
