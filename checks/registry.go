package checks

import (
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/schema"
)

// live is the one list of live checks; help, documentation, gates and tests
// derive from it. A new check is a value in a file of its own, and a line here.
var live = []Check{
	BDRDDLReplication,
	BDRXactReplication,
	BackupSourceAsDeclared,
	BackupSlotActive,
	BackupWALStreaming,
	ClockSkew,
	GroupMemberState,
	GroupNothingPending,
	GroupProgressFresh,
	JoinMajorityReachable,
	JoinNoDDL,
	JoinNoPromotion,
	LagBytes,
	LagFailoverTarget,
	LagTime,
	MeshDSNAsDeclared,
	MeshFull,
	MeshNodesMatchPlan,
	MeshOneGroup,
	MeshSameView,
	PlacementNoForeignRows,
	PlacementReferenceReplicated,
	PlacementSetsAgree,
	PlacementShardReplicated,
	RaftHasLeader,
	RaftOneLeader,
	SettingsCommitTimestamps,
	SettingsOutputPlugins,
	SettingsWALLevel,
	SlotsInactive,
	SlotsKnownOwner,
	SlotsNotLost,
	SlotsWALRetention,
	VersionsKnownFaults,
}

// Live returns the checks of running clusters, by name.
func Live() []Check {
	return slices.SortedFunc(slices.Values(live), func(a, b Check) int { return strings.Compare(a.Name, b.Name) })
}

// All returns the built-in layout rules, the live checks and the rules about
// waivers, by name. It fails only when the embedded rules are broken.
func All() ([]Check, error) {
	rules, err := schema.Rules()
	if err != nil {
		return nil, err
	}
	out := append(Live(), waiverRules...)
	for _, r := range rules {
		out = append(out, ofRule(r))
	}
	slices.SortFunc(out, func(a, b Check) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
