package schema

import (
	"fmt"
	"os"
	"path/filepath"
)

// PolicyFolder is the name of the folder beside a topology whose files are
// taken as the house's rules without being asked for.
const PolicyFolder = "policy"

// ReadPolicy reads the house's rules: the .cue files of a folder, sorted by
// name and not those of its subfolders. A folder without any is an error, for
// a mistyped one would switch the house's rules off without a word.
func ReadPolicy(dir string) ([]Input, error) {
	names, err := filepath.Glob(filepath.Join(escape(dir), "*.cue")) // sorts
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", dir, err)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("policy %s: no .cue file in it", dir)
	}
	var out []Input
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		out = append(out, Input{Name: n, Data: b})
	}
	return out, nil
}

// escape keeps a folder's name from being read as a pattern.
func escape(dir string) string {
	var b []rune
	for _, r := range dir {
		switch r {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, r)
	}
	return string(b)
}

// PolicyBeside returns the policy folder beside a topology file, or "" when
// there is none.
func PolicyBeside(topology string) string {
	dir := filepath.Join(filepath.Dir(topology), PolicyFolder)
	if names, err := filepath.Glob(filepath.Join(escape(dir), "*.cue")); err != nil || len(names) == 0 {
		return ""
	}
	return dir
}
