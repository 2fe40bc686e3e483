package barman

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// inherited are the options that a section takes from [barman] when it has none
// of its own; the rest are per section. Names of Barman 2.8 to 3.17.
var inherited = map[string]bool{
	"archiver": true, "backup_method": true, "create_slot": true, "last_backup_maximum_age": true,
	"minimum_redundancy": true, "primary_ssh_command": true, "retention_policy": true, "slot_name": true,
	"streaming_archiver": true, "streaming_archiver_name": true,
}

// defaults of Barman for options that are set nowhere.
var defaults = map[string]string{
	"active": "true", "archiver": "off", "backup_method": "rsync", "create_slot": "manual",
	"minimum_redundancy": "0", "streaming_archiver": "off", "streaming_archiver_name": "barman_receive_wal",
}

// section resolves one server section of the files.
type section struct {
	files   *iniFiles
	name    string
	model   string // the active model's section, whose options come first
	known   map[string]string
	ignored []string
}

// settings applies inheritance, defaults and an active model.
func (f *iniFiles) settings(name string) Settings {
	home, _ := f.option("barman", "barman_home", nil)
	s := &section{files: f, name: name, known: map[string]string{"barman_home": home, "name": name}}
	dir := s.text("backup_directory")
	if dir == "" && home != "" {
		dir = filepath.Join(home, name)
	}
	s.known["backup_directory"] = dir
	s.model = f.activeModel(dir)

	out := Settings{
		Active: s.boolean("active"), Archiver: s.boolean("archiver"), StreamingArchiver: s.boolean("streaming_archiver"),
		Address: address(s.text("conninfo")), CreateSlot: s.text("create_slot"), MinimumRedundancy: s.redundancy(),
		ArchiverName: s.text("streaming_archiver_name"), BackupMethod: s.text("backup_method"), BackupDirectory: dir,
		RetentionPolicy: s.text("retention_policy"), Passive: s.text("primary_ssh_command") != "", Model: s.model,
	}
	out.StreamingAddress = address(first(s.text("streaming_conninfo"), s.text("conninfo")))
	out.WALAddress = out.StreamingAddress
	// With wal_conninfo alone its string is used for streaming as well.
	if wal := first(s.text("wal_streaming_conninfo"), s.text("wal_conninfo")); wal != "" {
		out.WALAddress = address(wal)
	}
	s.parsed("slot_name", func(v string) error {
		if out.Slot = strings.ToLower(v); !slotName.MatchString(out.Slot) {
			out.Slot = ""
			return fmt.Errorf("%q is no slot name", v)
		}
		return nil
	})
	s.parsed("last_backup_maximum_age", func(v string) (err error) { out.MaximumAge, err = parseInterval(v); return err })
	out.Ignored = s.ignored
	return out
}

// activeModel returns the model that `barman config-switch` (3.10+) applied.
func (f *iniFiles) activeModel(dir string) string {
	if dir == "" || f.copied {
		return ""
	}
	file := filepath.Join(dir, ".active-model.auto")
	data, err := os.ReadFile(file)
	if err != nil {
		if os.IsPermission(err) {
			f.gaps = append(f.gaps, fmt.Sprintf("%v: a configuration model that was switched on is not seen", err))
		}
		return ""
	}
	name := strings.TrimSpace(string(data))
	if f.sections[name] == nil {
		f.gaps = append(f.gaps, fmt.Sprintf("%s names the model %q, which no configuration file has", file, name))
		return ""
	}
	return name
}

// values returns what is set for an option, nearest first.
func (s *section) values(key string) []string {
	var out []string
	for _, from := range []string{s.model, s.name, "barman"} {
		if from == "" || from == "barman" && !inherited[key] {
			continue
		}
		if v, ok := s.files.option(from, key, s.known); ok {
			out = append(out, v)
		}
	}
	if d, ok := defaults[key]; ok {
		out = append(out, d)
	}
	return out
}

func (s *section) text(key string) string {
	if v := s.values(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// parsed takes the nearest value that can be read. As Barman does, it leaves
// out one that cannot, or is set to none, and goes on with the inherited one:
// for these options none hides nothing.
func (s *section) parsed(key string, parse func(string) error) {
	for _, v := range s.values(key) {
		switch {
		case v == "":
		case parse(v) == nil:
			return
		default:
			s.ignored = append(s.ignored, fmt.Sprintf("%s = %s", key, v))
		}
	}
}

// redundancy is the one number that Barman does not inherit past a value it
// cannot read: it takes 0 then.
func (s *section) redundancy() int {
	v := s.text("minimum_redundancy")
	n, err := strconv.Atoi(v)
	if err != nil && v != "" || n < 0 {
		s.ignored = append(s.ignored, "minimum_redundancy = "+v)
	}
	return max(n, 0)
}

var slotName = regexp.MustCompile("^[0-9a-z_]+$")

func (s *section) boolean(key string) (out bool) {
	s.parsed(key, func(v string) error {
		b, ok := parseBool(v)
		if !ok {
			return fmt.Errorf("not a boolean: %s", v)
		}
		out = b
		return nil
	})
	return out
}

var interval = regexp.MustCompile(`(?i)^\s*(\d+)\s+(hour|day|week|month)s?\s*$`)

// parseInterval reads Barman's "N HOURS|DAYS|WEEKS|MONTHS"; a month has 31 days.
func parseInterval(v string) (time.Duration, error) {
	m := interval.FindStringSubmatch(v)
	if m == nil {
		return 0, fmt.Errorf("%q is no time interval of Barman", v)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, err
	}
	hours := map[string]int{"hour": 1, "day": 24, "week": 7 * 24, "month": 31 * 24}[strings.ToLower(m[2])]
	return time.Duration(n) * time.Duration(hours) * time.Hour, nil
}

func first(v ...string) string {
	for _, s := range v {
		if s != "" {
			return s
		}
	}
	return ""
}
