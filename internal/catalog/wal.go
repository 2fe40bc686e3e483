package catalog

import (
	"math"
	"time"
)

// PartArchiver is what the server does with WAL that it has finished.
const PartArchiver Part = "archiver"

// walQuery measures pg_wal; what is free on its disk no SQL tells.
func walQuery(*probe) query {
	return query{
		part: PartWAL, what: "pg_ls_waldir()", grants: monitor,
		sql: "SELECT coalesce(sum(size), 0)::float8 AS bytes FROM pg_ls_waldir()",
		fill: into(func(f *Facts, rows []struct{ Bytes float64 }) {
			f.WALBytes = int64(math.Round(rows[0].Bytes))
		}),
	}
}

// Archiver is what the server says of archiving, and of how much it writes.
type Archiver struct {
	// Configured: there is a command or a library to archive with.
	Configured   bool       `json:"configured"`
	Waiting      *int64     `json:"waiting,omitempty"`       // segments that are ready and not archived; nil: not known (before PostgreSQL 12)
	WaitingSince *time.Time `json:"waiting_since,omitempty"` // the one of them that waits longest
	LastArchived *time.Time `json:"last_archived,omitempty"`
	LastFailed   *time.Time `json:"last_failed,omitempty"`
	// Current and LastSegment name the segment that is written and the one that was
	// archived last; "" when there is none, or in recovery, which writes none.
	Current     string `json:"current,omitempty"`
	LastSegment string `json:"last_segment,omitempty"`
	// Written is the WAL of all time since WrittenSince, in bytes; PostgreSQL 14+.
	Written      int64      `json:"written,omitempty"`
	WrittenSince *time.Time `json:"written_since,omitempty"`
}

// archiverQuery: the command itself may hold a secret and is not read.
func archiverQuery(p *probe) query {
	configured := "current_setting('archive_command') NOT IN ('', '(disabled)')"
	if p.VersionNum >= 150000 {
		configured += " OR current_setting('archive_library') <> ''"
	}
	waiting, written := "SELECT NULL::int8 AS waiting, NULL::timestamptz AS waiting_since", "NULL AS written, NULL AS written_since"
	if p.VersionNum >= 120000 {
		waiting = "SELECT count(*) AS waiting, min(modification) AS waiting_since FROM pg_ls_archive_statusdir() WHERE name ~ '\\.ready$'"
	}
	if p.VersionNum >= 140000 {
		written = "(SELECT wal_bytes::float8 FROM pg_stat_wal) AS written, (SELECT stats_reset FROM pg_stat_wal) AS written_since"
	}
	return query{
		part: PartArchiver, what: "pg_stat_archiver and pg_ls_archive_statusdir()", grants: monitor,
		sql: `SELECT ` + configured + ` AS configured, waiting, waiting_since, last_archived_time AS last_archived, last_failed_time AS last_failed,
			CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END AS current, last_archived_wal AS last_segment, ` + written + ` FROM pg_stat_archiver, (` + waiting + `) w`,
		fill: into(func(f *Facts, rows []struct {
			Configured   bool
			Waiting      *int64
			WaitingSince *time.Time `json:"waiting_since"`
			LastArchived *time.Time `json:"last_archived"`
			LastFailed   *time.Time `json:"last_failed"`
			Current      string
			LastSegment  string `json:"last_segment"`
			Written      float64
			WrittenSince *time.Time `json:"written_since"`
		}) {
			for _, r := range rows {
				f.Archiver = &Archiver{Configured: r.Configured, Waiting: r.Waiting, WaitingSince: r.WaitingSince, LastArchived: r.LastArchived, LastFailed: r.LastFailed, Current: r.Current, LastSegment: r.LastSegment,
					Written: int64(math.Round(r.Written)), WrittenSince: r.WrittenSince}
			}
		}),
	}
}
