package checks

import (
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// sameSettings are the settings that change what is replicated or how a value
// is stored, written or resolved, and so must not differ between nodes.
var sameSettings = []string{
	"bdr.ddl_locking", "bdr.ddl_replication", "bdr.default_conflict_detection", "bdr.raft_election_timeout", "bdr.raft_global_election_timeout",
	"bdr.raft_group_election_timeout", "bdr.role_replication", "bdr.xact_replication", "block_size", "default_text_search_config",
	"default_transaction_isolation", "integer_datetimes", "lc_numeric", "lc_time", "max_identifier_length", "max_index_keys", "max_prepared_transactions",
	"max_replication_slots", "max_wal_senders", "max_worker_processes", "pglogical.conflict_resolution", "session_replication_role", "shared_preload_libraries",
	"synchronous_commit", "track_commit_timestamp", "wal_level", "wal_receiver_timeout", "wal_sender_timeout", "max_slot_wal_keep_size",
	"output_plugin_libraries", "xmlbinary", "full_page_writes", "fsync", "data_checksums",
}

// DriftSettings: settings that matter are the same everywhere.
var DriftSettings = Check{
	Name:     "drift/settings",
	Title:    "Settings that shape replication are the same on all nodes",
	Why:      "A setting that differs on one node shows only when that node matters: at a failover, a conflict, or when its disk is full.",
	Remedy:   "Set it alike on all nodes, or waive it with the reason why this node differs.",
	Source:   "PGD command line, cluster verify --settings",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: func(in Input) []Finding {
		return drift(in, "pg_settings of all nodes", func(f *catalog.Facts) map[string]string {
			out := map[string]string{}
			for _, name := range sameSettings {
				if v, ok := f.Settings[name]; ok {
					out["setting "+name] = v
				}
			}
			return out
		}, catalog.PartSettings)
	},
}

// DriftExtensions: the same extensions everywhere.
var DriftExtensions = Check{
	Name:     "drift/extensions",
	Title:    "The same extensions in the same versions are on all nodes",
	Why:      "A type or function of an extension that one node lacks stops the apply of every change that uses it; another version may store or order values differently.",
	Remedy:   "Create or update the extension on the node that differs.",
	Source:   "PGD, nodes with differences; B8",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Subjects: allNodes,
	Run: func(in Input) []Finding {
		return drift(in, "pg_extension of all nodes", extensions, catalog.PartServer)
	},
}

func extensions(f *catalog.Facts) map[string]string {
	out := map[string]string{}
	for e, v := range f.Extensions {
		out["extension "+e] = v
	}
	return out
}

// DriftRoles: the same roles everywhere.
var DriftRoles = Check{
	Name:     "drift/roles",
	Title:    "The same roles with the same attributes and memberships are on all nodes",
	Why:      "After a failover applications log in at another node: a role that is missing there, or may do less, stops them; one that may do more is a hole.",
	Remedy:   "Create or alter the role on the node that differs (with bdr.role_replication on it is replicated from then on).",
	Source:   "PGD, nodes with differences; B7",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Subjects: allNodes,
	Run: func(in Input) []Finding {
		return drift(in, "pg_roles and pg_auth_members of all nodes", roles, catalog.PartRoles)
	},
}

func roles(f *catalog.Facts) map[string]string {
	out := map[string]string{}
	for _, r := range f.Roles {
		var is []string
		for _, a := range []struct {
			has  bool
			name string
		}{{r.Login, "LOGIN"}, {r.Superuser, "SUPERUSER"}, {r.CreateRole, "CREATEROLE"}, {r.CreateDB, "CREATEDB"}, {r.Replication, "REPLICATION"}, {r.BypassRLS, "BYPASSRLS"}, {!r.Inherit, "NOINHERIT"}} {
			if a.has {
				is = append(is, a.name)
			}
		}
		if len(r.MemberOf) > 0 {
			is = append(is, "member of "+strings.Join(r.MemberOf, ", "))
		}
		out["role "+r.Name] = strings.Join(is, " ")
	}
	return out
}

// DriftEncoding: one encoding, or replication fails on the first foreign letter.
var DriftEncoding = Check{
	Name:     "drift/encoding",
	Title:    "The databases of all nodes have the same encoding",
	Why:      "Changes travel in the provider's encoding: text that the subscriber's encoding cannot hold stops the apply, or arrives as other letters.",
	Remedy:   "Make the database of the odd node anew with the encoding of the others.",
	Source:   "pglogical, limitations: databases must have the same encoding",
	Severity: schema.Error,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: func(in Input) []Finding {
		return drift(in, "pg_database of all nodes", func(f *catalog.Facts) map[string]string {
			return map[string]string{"the encoding": f.Server.Encoding}
		}, catalog.PartServer)
	},
}

// DriftCollation: one collation, in one version, and not changed underneath.
var DriftCollation = Check{
	Name:  "drift/collation",
	Title: "The databases of all nodes sort text alike, and as when their indexes were made",
	Why: "With another collation, or another version of it, nodes disagree about which texts are equal or in order: unique indexes " +
		"let pass on one node what another refuses, and range comparisons see other rows.",
	Remedy:   "Use the same operating system release on all nodes; after a change of version REINDEX and ALTER DATABASE … REFRESH COLLATION VERSION.",
	Source:   "PostgreSQL, collation versions; TPA: the same LC_COLLATE on all nodes",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PreJoin | PostJoin,
	Subjects: allNodes,
	Run: func(in Input) []Finding {
		out := drift(in, "pg_database of all nodes", func(f *catalog.Facts) map[string]string {
			m := map[string]string{"the collation": f.Server.Collation, "the character type": f.Server.CType}
			if f.Server.Provider != "" {
				m["the collation provider"] = f.Server.Provider
			}
			if f.Server.CollationActual != "" {
				m["the collation version"] = f.Server.CollationActual
			}
			return m
		}, catalog.PartServer)
		facts, _ := readable(in, in.Plan.NodeNames(), catalog.PartServer)
		for _, n := range sortedKeys(facts) {
			s := facts[n].Server
			if s.CollationRecorded == s.CollationActual || s.CollationRecorded == "" || s.CollationActual == "" {
				continue
			}
			f := fail("the operating system has version %s of the collation, the database was made with %s: indexes on text may be out of order", s.CollationActual, s.CollationRecorded).
				evidence(s.CollationActual, s.CollationRecorded, "datcollversion and pg_database_collation_actual_version()")
			f.Subject = Subject{Node: n, Object: "recorded collation version"}
			out = append(out, f)
		}
		return out
	},
}
