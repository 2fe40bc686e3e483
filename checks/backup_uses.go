package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/internal/barman"
)

// BackupUse is one backup of a Barman catalog and what it is good for. Every
// backup that was seen is listed, also those of sections that the plan does not
// declare. Source: bdr-worldwide-specification, A13.
type BackupUse struct {
	Host     string    `json:"host"`   // the plan's name of the Barman host
	Server   string    `json:"server"` // section
	Backup   string    `json:"backup"`
	Status   string    `json:"status"`
	Ended    time.Time `json:"ended,omitzero"`
	SystemID string    `json:"system_id,omitempty"`
	Postgres string    `json:"postgres,omitempty"` // major version
	// Compatible names the current nodes whose WAL fits the backup physically:
	// equal system identifier and major version. Empty with Certain: none.
	Compatible []string `json:"compatible,omitempty"`
	// Certain is false when the backup or a node did not tell its identity, so
	// that another node may be compatible.
	Certain bool  `json:"certain"`
	Uses    []Use `json:"uses"`
	// Why says what the uses rest on, or what rules them out.
	Why string `json:"why"`
}

// Use is what a backup may serve for.
type Use string

// The uses. A backup that is physically compatible with a current node may seed
// a standby of it, and with BDR and PGD a new node by bdr_init_physical (which
// copies such a standby); any other complete one can only be restored apart.
const (
	UseStandby      Use = "standby"
	UseInitPhysical Use = "bdr_init_physical"
	UseApart        Use = "restore apart"
)

// BackupUses lists every backup on every Barman host that was read, by host,
// section and age, newest first.
func BackupUses(in Input) []BackupUse {
	var out []BackupUse
	for _, host := range slices.Sorted(maps.Keys(in.Barman)) {
		h := in.Barman[host]
		if h == nil {
			continue
		}
		for _, name := range h.ServerNames() {
			for _, b := range h.Servers[name].Backups.List {
				u := useOf(in, b)
				u.Host, u.Server = host, name
				out = append(out, u)
			}
		}
	}
	return out
}

func useOf(in Input, b barman.Backup) BackupUse {
	u := BackupUse{Backup: b.ID, Status: b.Status, Ended: b.Ended, SystemID: b.SystemID, Postgres: major(b.VersionNum), Uses: []Use{}}
	if !b.Usable() {
		u.Why = fmt.Sprintf("the backup is %s: it is not complete and serves for nothing yet", orNone(b.Status))
		return u
	}
	u.Uses = []Use{UseApart}
	if b.SystemID == "" {
		u.Why = "the backup does not tell its system identifier: whether it fits a current node is not known"
		return u
	}
	nodes, all := nodesWith(in, b.SystemID)
	u.Certain = all
	var other []string
	physical := false
	for _, n := range nodes {
		f, _ := factsOf(in, n)
		switch {
		case b.VersionNum == 0 || f.Server.VersionNum == 0:
			u.Certain = false
		case major(b.VersionNum) != major(f.Server.VersionNum):
			other = append(other, fmt.Sprintf("%s runs PostgreSQL %s", n, major(f.Server.VersionNum)))
		default:
			u.Compatible = append(u.Compatible, n)
			physical = physical || f.Flavour.Grouped()
		}
	}
	switch {
	case len(u.Compatible) > 0:
		u.Uses = []Use{UseStandby}
		if physical {
			u.Uses = append(u.Uses, UseInitPhysical)
		}
		u.Uses = append(u.Uses, UseApart)
		u.Why = fmt.Sprintf("same system identifier and major version as %s; the timeline (%d) and the WAL since then are not compared", strings.Join(u.Compatible, ", "), b.Timeline)
	case len(other) > 0:
		u.Why = "same system identifier, but another major version: " + strings.Join(other, ", ")
	case len(nodes) > 0:
		u.Why = fmt.Sprintf("same system identifier as %s, but a major version is not known", strings.Join(nodes, ", "))
	case !all:
		u.Why = "no node that was read has its system identifier, but not all nodes were read"
	default:
		u.Why = "no current node has its system identifier"
	}
	return u
}

func major(num int) string {
	switch {
	case num == 0:
		return ""
	case num < 100000:
		return fmt.Sprintf("%d.%d", num/10000, num/100%100)
	}
	return fmt.Sprint(num / 10000)
}
