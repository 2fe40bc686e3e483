package barman

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reading is one output of a Barman command that is being taken into a host.
type reading struct {
	command string // "list-backups"
	origin  Origin
	all     bool // the command was asked for every section
}

// take reads one output into the host. Keys that begin with "_" are Barman's
// own remarks; every other one is a server, whatever is new in it.
func (h *Host) take(r reading, data []byte) error {
	top, err := jsonObject(data)
	if err != nil {
		return fmt.Errorf("%s: %w", r.origin.From, err)
	}
	// `barman --format json diagnose` wraps its own JSON as text in _INFO.
	for _, v := range list(top["_INFO"]) {
		if s := text(v); strings.HasPrefix(strings.TrimSpace(s), "{") {
			if inner, err := jsonObject([]byte(s)); err == nil && inner["servers"] != nil {
				top = inner
			}
		}
	}
	h.remarks(r, top)
	if r.command == "diagnose" {
		return h.takeDiagnose(r, top)
	}
	for _, name := range slices.Sorted(maps.Keys(top)) {
		if strings.HasPrefix(name, "_") {
			continue
		}
		s := h.Servers[name]
		s.Name = name
		switch r.command {
		case "show-servers":
			m := object(top[name])
			s.takeConfig(r.origin, m)
			s.takeStatus(r.origin, m)
		case "list-backups":
			s.takeBackups(r.origin, list(top[name]))
		case "show-backup":
			s.takeOneBackup(object(top[name]))
		case "check":
			s.takeCheck(r.origin, object(top[name]))
		case "replication-status":
			s.takeClients(r.origin, object(top[name]))
		case "status":
			s.takeSummary(r.origin, object(top[name]))
		}
		h.Servers[name] = s
	}
	h.Complete = h.Complete || r.command == "list-servers" || r.command == "show-servers" && r.all
	h.Reads = append(h.Reads, Reading{What: r.origin.From, TakenAt: r.origin.At, Saved: r.origin.Saved})
	return nil
}

// jsonObject reads the first JSON object of an output, after whatever a login
// banner or a warning put before it.
func jsonObject(data []byte) (map[string]any, error) {
	i := bytes.IndexByte(data, '{')
	if i < 0 {
		return nil, fmt.Errorf("no JSON in the output")
	}
	var top map[string]any
	if err := decode(data[i:], &top); err != nil {
		return nil, fmt.Errorf("no valid JSON in the output: %w", err)
	}
	return top, nil
}

// remarks keeps what Barman says of itself. Errors are gaps: something was
// asked for and not answered.
func (h *Host) remarks(r reading, top map[string]any) {
	for _, key := range []string{"_ERROR", "_EXCEPTION", "_WARNING", "_INFO"} {
		for _, v := range list(top[key]) {
			line := fmt.Sprintf("barman %s: %s", r.command, scrub(text(v)))
			if key == "_ERROR" || key == "_EXCEPTION" {
				h.Gaps = append(h.Gaps, line)
			} else if !slices.Contains(h.Notices, line) {
				h.Notices = append(h.Notices, line)
			}
		}
	}
}

var ignoring = regexp.MustCompile(`Ignoring invalid configuration value '(.*)' for key (\w+) in \[(.+)\] section`)

// ignored takes the settings that Barman leaves out from its own warnings; a
// warning about [barman] holds for every section.
func (h *Host) ignored() {
	for _, n := range h.Notices {
		m := ignoring.FindStringSubmatch(n)
		if m == nil {
			continue
		}
		for name, s := range h.Servers {
			line := m[2] + " = " + m[1]
			if s.Settings.Known() && (m[3] == name || m[3] == "barman") && !slices.Contains(s.Settings.Ignored, line) {
				s.Settings.Ignored = append(slices.Clone(s.Settings.Ignored), line)
				h.Servers[name] = s
			}
		}
	}
}

func (h *Host) takeDiagnose(r reading, top map[string]any) error {
	servers := object(top["servers"])
	if servers == nil {
		return fmt.Errorf("%s: no servers in the output of diagnose", r.origin.From)
	}
	info := object(object(top["global"])["system_info"])
	h.Version = first(text(info["barman_ver"]), h.Version)
	if r.origin.Saved {
		if t, known := moment(info["timestamp"]); known {
			r.origin.At = t
		}
	}
	for _, v := range list(object(object(top["global"])["config"])["errors_list"]) {
		h.Notices = append(h.Notices, "barman diagnose: "+scrub(text(v)))
	}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		m := object(servers[name])
		s := h.Servers[name]
		s.Name = name
		s.takeConfig(r.origin, object(m["config"]))
		s.takeStatus(r.origin, object(m["status"]))
		if b, ok := m["backups"]; ok {
			s.takeBackups(r.origin, entries(b))
		}
		if s.Live.Known() {
			s.Live.LastWAL = lastWAL(object(m["wals"]))
		}
		h.Servers[name] = s
	}
	h.Complete = true
	h.Reads = append(h.Reads, Reading{What: r.origin.From, TakenAt: r.origin.At, Saved: r.origin.Saved})
	return nil
}

// entries returns the values of a list, or of a map by its sorted keys.
func entries(v any) []any {
	m := object(v)
	if m == nil {
		return list(v)
	}
	var out []any
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if e := object(m[k]); e != nil {
			if text(e["backup_id"]) == "" {
				e["backup_id"] = k
			}
			out = append(out, e)
		}
	}
	return out
}

// lastWAL is the newest segment on the newest timeline.
func lastWAL(wals map[string]any) string {
	m := object(wals["last_archived_wal_per_timeline"])
	keys := slices.Sorted(maps.Keys(m))
	if len(keys) == 0 {
		return ""
	}
	return text(object(m[keys[len(keys)-1]])["name"])
}

// takeConfig reads the settings out of show-servers or diagnose; nothing when
// there are none (an inactive server before 2.19).
func (s *Server) takeConfig(o Origin, m map[string]any) {
	if _, ok := m["conninfo"]; !ok {
		return
	}
	set := Settings{
		Origin: o, Active: boolean(m["active"]), Disabled: boolean(m["disabled"]), Address: address(text(m["conninfo"])),
		StreamingAddress: address(first(text(m["streaming_conninfo"]), text(m["conninfo"]))), Slot: text(m["slot_name"]),
		CreateSlot: text(m["create_slot"]), StreamingArchiver: boolean(m["streaming_archiver"]), Archiver: boolean(m["archiver"]),
		ArchiverName: text(m["streaming_archiver_name"]), BackupMethod: text(m["backup_method"]), BackupDirectory: text(m["backup_directory"]),
		MinimumRedundancy: int(number(m["minimum_redundancy"])), RetentionPolicy: text(m["retention_policy"]),
		MaximumAge: humanAge(m["last_backup_maximum_age"]), Model: text(m["active_model"]),
		Passive: boolean(m["passive_node"]) || text(m["primary_ssh_command"]) != "",
	}
	set.WALAddress = set.StreamingAddress
	if wal := first(text(m["wal_streaming_conninfo"]), text(m["wal_conninfo"])); wal != "" {
		set.WALAddress = address(wal)
	}
	s.Settings = set
}

// takeStatus reads what Barman saw of the source out of show-servers or
// diagnose. A passive server is not asked.
func (s *Server) takeStatus(o Origin, m map[string]any) {
	_, asked := m["postgres_systemid"]
	_, version := m["server_txt_version"]
	if !asked && !version && m["connection_error"] == nil {
		return
	}
	s.Live = Live{
		Origin: o, Unreachable: strings.TrimSpace(scrub(text(m["connection_error"]))),
		SystemID: text(m["postgres_systemid"]), StreamingSystemID: text(m["streaming_systemid"]), Version: text(m["server_txt_version"]),
	}
	s.Live.SlotActive, s.Live.SlotRestartLSN, s.Live.SlotKnown = slotOf(m["replication_slot"])
}

// takeBackups replaces the catalog; what an earlier reading knew of the same
// backup and this one does not say stays.
func (s *Server) takeBackups(o Origin, l []any) {
	old := map[string]Backup{}
	for _, b := range s.Backups.List {
		old[b.ID] = b
	}
	s.Backups = Backups{Origin: o}
	for _, e := range l {
		m := object(e)
		if m == nil { // --minimal: identifiers alone say too little
			s.Backups = Backups{}
			return
		}
		s.Backups.List = append(s.Backups.List, backupOf("", m).fill(old[text(m["backup_id"])]))
	}
	sortBackups(s.Backups.List)
}

// takeOneBackup adds what show-backup knows of a backup that the catalog is
// already known to have; one backup alone is no catalog.
func (s *Server) takeOneBackup(m map[string]any) {
	flat := map[string]any{}
	maps.Copy(flat, m)
	maps.Copy(flat, object(m["base_backup_information"]))
	flat["version"], flat["begin_xlog"], flat["end_xlog"] = flat["postgresql_version"], flat["begin_lsn"], flat["end_lsn"]
	flat["size"] = flat["disk_usage_bytes"]
	b := backupOf("", flat)
	for i, o := range s.Backups.List {
		if o.ID == b.ID {
			s.Backups.List[i] = o.fill(b)
		}
	}
}

// fill completes a backup with what another reading of the same one knew.
func (b Backup) fill(o Backup) Backup {
	if b.Ended.IsZero() || b.ZoneUnknown && !o.Ended.IsZero() && !o.ZoneUnknown {
		b.Ended, b.ZoneUnknown = o.Ended, o.ZoneUnknown
	}
	if b.Began.IsZero() {
		b.Began = o.Began
	}
	b.SystemID, b.BeginLSN, b.EndLSN, b.Error = first(b.SystemID, o.SystemID), first(b.BeginLSN, o.BeginLSN), first(b.EndLSN, o.EndLSN), first(b.Error, o.Error)
	b.Timeline, b.VersionNum, b.Size = max(b.Timeline, o.Timeline), max(b.VersionNum, o.VersionNum), max(b.Size, o.Size)
	return b
}

func (s *Server) takeCheck(o Origin, m map[string]any) {
	s.Check = SelfCheck{Origin: o, Results: map[string]CheckResult{}}
	for key, v := range m {
		r := object(v)
		s.Check.Results[key] = CheckResult{Status: text(r["status"]), Hint: scrub(text(r["hint"]))}
	}
}

// takeClients reads replication-status; the list's own name depends on the kind
// of clients that were asked for.
func (s *Server) takeClients(o Origin, m map[string]any) {
	s.Clients = Clients{Origin: o}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		for _, v := range list(m[key]) {
			c := object(v)
			if text(c["application_name"]) == "" {
				continue
			}
			s.Clients.List = append(s.Clients.List, Client{
				Application: text(c["application_name"]), Slot: text(c["replication_slot"]), State: text(c["current_state"]),
				SentLSN: text(c["sent_lsn"]), FlushLSN: text(c["flush_lsn"]),
			})
		}
	}
}

// takeSummary reads `barman status`, which has little that diagnose lacks.
func (s *Server) takeSummary(o Origin, m map[string]any) {
	say := func(key string) string { return text(object(m[key])["message"]) }
	if v := say("pg_version"); v != "" && !s.Live.Known() {
		s.Live.Origin = o
		if _, err := strconv.Atoi(v[:1]); err != nil {
			s.Live.Unreachable = scrub(v)
		} else {
			s.Live.Version = v
		}
	}
	if !s.Live.Known() {
		return
	}
	if wal, _, _ := strings.Cut(say("last_archived_wal"), ","); len(wal) == 24 {
		s.Live.LastWAL = wal
	}
}

func now() time.Time { return time.Now().UTC() }
