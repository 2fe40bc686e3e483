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
	BackupAgeRule,
	BackupBarmanCheck,
	BackupFreshSinceRepoint,
	BackupNoMixedSystemIDs,
	BackupNotPassive,
	BackupRecent,
	BackupRedundancy,
	BackupServerPresent,
	BackupSlotActive,
	BackupSourceAsDeclared,
	BackupSourceRepointed,
	BackupSystemIDCompared,
	BackupVersion,
	BackupWALStreaming,
	ClockSkew,
	ConflictsLoggingOn,
	ConflictsNoneRecent,
	ConflictsNoneSkipped,
	DriftCollation,
	DriftEncoding,
	DriftExtensions,
	DriftRoles,
	DriftSchema,
	DriftSettings,
	GroupMemberState,
	GroupNothingPending,
	GroupProgressFresh,
	JoinAllAvailable,
	JoinExtensionsPresent,
	JoinFreeCapacity,
	JoinInterrupted,
	JoinJoinerEmpty,
	JoinMajorityReachable,
	JoinNoDDL,
	JoinNoLag,
	JoinNoPromotion,
	JoinPhysicalLeftovers,
	JoinRolesPresent,
	JoinSchemaEqual,
	JoinSourceActive,
	JoinSourceLatency,
	JoinVersions,
	LagBytes,
	LagFailoverTarget,
	LagTime,
	MeshDSNAsDeclared,
	MeshFull,
	MeshNodesMatchPlan,
	MeshNotInRecovery,
	MeshOneGroup,
	MeshSameView,
	OriginsKnownOwner,
	PlacementNoForeignRows,
	PlacementReferenceReplicated,
	PlacementSetsAgree,
	PlacementShardReplicated,
	PreparedLeftBehind,
	RaftHasLeader,
	RaftOneLeader,
	SequencesNoCollision,
	SequencesNotExhausted,
	SettingsCommitTimestamps,
	SettingsOutputPlugins,
	SettingsWALLevel,
	SlotsInactive,
	SlotsKnownOwner,
	SlotsNotLost,
	SlotsWALRetention,
	TablesInASet,
	TablesReplicaIdentity,
	TablesRowSecurity,
	TablesTriggers,
	TablesUnlogged,
	TLSCertificates,
	TLSModes,
	TLSServerOn,
	TLSSessions,
	VersionsAsDeclared,
	VersionsKnownFaults,
	VersionsUniform,
	WALArchived,
	WALDiskBudget,
}

// Live returns the checks of running clusters, by name.
func Live() []Check {
	return slices.SortedFunc(slices.Values(live), func(a, b Check) int { return strings.Compare(a.Name, b.Name) })
}

// All returns the built-in layout rules, the live checks and the rules about
// waivers, by name.
func All() []Check {
	out := append(Live(), waiverRules...)
	for _, r := range schema.Rules() {
		out = append(out, ofRule(r))
	}
	slices.SortFunc(out, func(a, b Check) int { return strings.Compare(a.Name, b.Name) })
	return out
}
