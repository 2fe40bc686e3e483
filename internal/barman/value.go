package barman

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Barman's JSON holds numbers as text, dates in four forms and Python reprs;
// these read any of them and give the zero value for what they cannot read.

func text(v any) string {
	switch v := v.(type) {
	case string:
		if v == "None" {
			return ""
		}
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }

func list(v any) []any { l, _ := v.([]any); return l }

func number(v any) int64 {
	s := text(v)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(s, 64)
	return int64(f)
}

func boolean(v any) bool { return isTrue(text(v)) }

// zoned and naive are the forms in which Barman 2.8 to 3.x writes a time.
var (
	zoned = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999-0700"}
	naive = []string{time.ANSIC, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "20060102T150405"}
)

// moment reads a time; zoneKnown is false for one written without its zone,
// which is then taken as UTC.
func moment(v any) (t time.Time, zoneKnown bool) {
	s := strings.TrimSpace(text(v))
	for _, layout := range zoned {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	for _, layout := range naive {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), false
		}
	}
	return time.Time{}, false
}

// epoch reads seconds since 1970, as number or text.
func epoch(v any) (time.Time, bool) {
	f, err := strconv.ParseFloat(text(v), 64)
	if err != nil || f <= 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(f * 1000)).UTC(), true
}

// backupOf reads one backup from the fields of backup.info, list-backups,
// diagnose or show-backup.
func backupOf(id string, m map[string]any) Backup {
	b := Backup{
		ID: first(id, text(m["backup_id"])), Status: text(m["status"]), Error: scrub(text(m["error"])),
		SystemID: first(text(m["systemid"]), text(m["system_id"])),
		Timeline: int(number(m["timeline"])), VersionNum: int(number(m["version"])),
		BeginLSN: text(m["begin_xlog"]), EndLSN: text(m["end_xlog"]), Size: max(number(m["size"]), number(m["size_bytes"])),
	}
	b.Began, _ = firstMoment(m, "begin_time")
	var known bool
	b.Ended, known = firstMoment(m, "end_time")
	b.ZoneUnknown = !b.Ended.IsZero() && !known
	return b
}

// firstMoment reads the most exact form of a time that the fields give.
func firstMoment(m map[string]any, name string) (time.Time, bool) {
	if t, ok := epoch(m[name+"_timestamp"]); ok {
		return t, true
	}
	if t, ok := moment(m[name+"_iso"]); ok { // Barman 3.12.1+
		return t, true
	}
	return moment(m[name])
}

// sortBackups puts the newest first; an identifier is the time of the start.
func sortBackups(l []Backup) {
	slices.SortFunc(l, func(a, b Backup) int { return strings.Compare(b.ID, a.ID) })
}

var humanInterval = regexp.MustCompile(`(\d+)\s+(second|minute|hour|day|week|month)s?`)

// humanAge reads "1 day, 2 hours (latest backup: 38 seconds )", which is how
// show-servers and diagnose render last_backup_maximum_age, and the option's
// own "1 DAYS". Zero: there is no rule.
func humanAge(v any) time.Duration {
	s, _, _ := strings.Cut(text(v), "(")
	var d time.Duration
	for _, m := range humanInterval.FindAllStringSubmatch(strings.ToLower(s), -1) {
		n, _ := strconv.Atoi(m[1])
		unit := map[string]time.Duration{
			"second": time.Second, "minute": time.Minute, "hour": time.Hour,
			"day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 31 * 24 * time.Hour,
		}[m[2]]
		d += time.Duration(n) * unit
	}
	return d
}

var slotRepr = regexp.MustCompile(`active=(True|False)(?:.*restart_lsn='?([0-9A-Fa-f]+/[0-9A-Fa-f]+))?`)

// slotOf reads the replication_slot field: a list in diagnose, a Python repr
// in show-servers; known is false when Barman found none or did not look.
func slotOf(v any) (active bool, restart string, known bool) {
	if l := list(v); len(l) >= 2 {
		if len(l) > 2 {
			restart = text(l[2])
		}
		return boolean(l[1]), restart, true
	}
	if o := object(v); o != nil {
		return boolean(o["active"]), text(o["restart_lsn"]), true
	}
	if m := slotRepr.FindStringSubmatch(text(v)); m != nil {
		return m[1] == "True", m[2], true
	}
	return false, "", false
}
