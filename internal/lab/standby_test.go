package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStandbyFollowsItsNode(t *testing.T) {
	l := theLab(t)
	s, err := l.Node("dr1n2").Standby(testContext(t), "standby")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Crash()) })
	recovering, err := s.Scalar(testContext(t), "SELECT pg_is_in_recovery()")
	require.NoError(t, err)
	require.Equal(t, "t", recovering)
	require.NoError(t, l.Node("dr1n2").until(testContext(t), "it streams", "SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'walreceiver'"))
}
