package barman

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// readHome reads identity.json and the backup.info files of a section's folder,
// as far as this account may. What it may not is returned as gaps.
func readHome(dir string, now time.Time) (home Home, backups Backups, gaps []string) {
	if _, err := os.ReadDir(dir); err != nil {
		return home, backups, []string{fmt.Sprintf("%v: neither its identity nor its backups are seen", err)}
	}
	home.Origin = Origin{From: filepath.Join(dir, "identity.json"), At: now}
	switch data, err := os.ReadFile(home.From); {
	case errors.Is(err, fs.ErrNotExist): // not stored before the first backup
	case err != nil:
		home.Origin = Origin{}
		gaps = append(gaps, err.Error())
	default:
		var id map[string]any
		if err := decode(data, &id); err != nil {
			home.Origin = Origin{}
			gaps = append(gaps, fmt.Sprintf("read %s: %v", filepath.Join(dir, "identity.json"), err))
			break
		}
		home.SystemID = text(id["systemid"])
	}

	base := filepath.Join(dir, "base")
	entries, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return home, backups, append(gaps, err.Error())
	}
	backups.Origin = Origin{From: filepath.Join(base, "*", "backup.info"), At: now}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(base, e.Name(), "backup.info"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a folder that is no backup, or one that is being deleted
		}
		if err != nil {
			// A list with a hole would make checks judge too well.
			return home, Backups{}, append(gaps, err.Error())
		}
		backups.List = append(backups.List, parseBackupInfo(e.Name(), data))
	}
	sortBackups(backups.List)
	return home, backups, gaps
}

// parseBackupInfo reads a backup.info file: one key=value a line, None for
// nothing.
func parseBackupInfo(id string, data []byte) Backup {
	kv := map[string]any{}
	for line := range bytes.Lines(data) {
		if k, v, ok := strings.Cut(strings.TrimRight(string(line), "\r\n"), "="); ok && v != "None" {
			kv[k] = v
		}
	}
	return backupOf(id, kv)
}

// decode reads JSON and keeps numbers as they are written: system identifiers
// do not fit a float.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}
