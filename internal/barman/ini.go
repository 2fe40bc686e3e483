package barman

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/ini.v1"
)

// iniFiles is Barman's configuration as its files say it: the options of each
// section, last file wins, as Barman reads them.
type iniFiles struct {
	sections map[string]map[string]string
	order    []string // names of the sections, as they came
	read     []string // files
	copied   bool     // the files were copied here from the Barman host: paths in them are not this machine's
	gaps     []string
}

// pythonINI makes ini.v1 read what Python's configparser reads: no comments
// inside a line, no inheritance by dots, option names in lower case, values
// that go on over indented lines.
var pythonINI = ini.LoadOptions{
	IgnoreContinuation:         true,
	IgnoreInlineComment:        true,
	InsensitiveKeys:            true,
	AllowPythonMultilineValues: true,
	PreserveSurroundedQuote:    true,
	ChildSectionDelimiter:      "\x00",
}

// readINI reads the main file and what its configuration_files_directory and
// Barman's own .barman.auto.conf (3.10+, written by config-update) add.
func readINI(main string) (*iniFiles, error) {
	f := &iniFiles{sections: map[string]map[string]string{}}
	if err := f.add(main); err != nil {
		return nil, err
	}
	global := f.sections["barman"]
	if global == nil {
		return nil, fmt.Errorf("%s has no [barman] section: it is not Barman's main configuration file", main)
	}
	if dir := unquote(global["configuration_files_directory"]); dir != "" {
		f.addDirectory(main, dir)
	}
	if home := unquote(global["barman_home"]); home != "" && !f.copied {
		auto := filepath.Join(home, ".barman.auto.conf")
		if err := f.add(auto); err != nil && !os.IsNotExist(err) {
			f.gaps = append(f.gaps, fmt.Sprintf("%v: settings that `barman config-update` wrote are not seen", err))
		}
	}
	return f, nil
}

// addDirectory reads the directory's *.conf files. A main file that was copied
// from the Barman host names a directory of that host; one of the same name
// beside the copy takes its place. When both exist nobody can tell which is
// meant, and neither is read.
func (f *iniFiles) addDirectory(main, dir string) {
	if beside := filepath.Join(filepath.Dir(main), filepath.Base(dir)); isDir(beside) && !sameDir(dir, beside) {
		if isDir(dir) {
			f.gaps = append(f.gaps, fmt.Sprintf("%s names the directory %s, and %s lies beside it: if the file is a copy of another host's, let it name the copied directory", main, dir, beside))
			return
		}
		dir, f.copied = beside, true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.gaps = append(f.gaps, fmt.Sprintf("configuration_files_directory of %s: %v", main, err))
		return
	}
	for _, e := range entries { // sorted by name, which is Barman's order
		if filepath.Ext(e.Name()) != ".conf" || e.IsDir() {
			continue
		}
		if err := f.add(filepath.Join(dir, e.Name())); err != nil {
			f.gaps = append(f.gaps, err.Error())
		}
	}
}

// add reads one file. Its error wraps the cause and holds no line of the file,
// which could be one with a password.
func (f *iniFiles) add(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err // an *fs.PathError: names the file and what was attempted
	}
	cfg, err := ini.LoadSources(pythonINI, data)
	if err != nil {
		return fmt.Errorf("read %s: not an INI file that Barman would accept", path)
	}
	for _, s := range cfg.Sections() {
		name := s.Name()
		if name == ini.DefaultSection && len(s.Keys()) == 0 {
			continue
		}
		if f.sections[name] == nil {
			f.sections[name] = map[string]string{}
			f.order = append(f.order, name)
		}
		for _, k := range s.Keys() {
			f.sections[name][k.Name()] = k.Value()
		}
	}
	f.read = append(f.read, path)
	return nil
}

// servers returns the names of the server sections, sorted: neither globals nor
// models.
func (f *iniFiles) servers() []string {
	var out []string
	for _, name := range f.order {
		if name != "barman" && name != ini.DefaultSection && !isTrue(f.sections[name]["model"]) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

var interpolation = regexp.MustCompile(`%\((\w+)\)s`)

// option returns the value that a section itself gives, interpolated and
// without quotes. Set is false when it gives none; "none" sets an empty value,
// which hides the inherited one.
func (f *iniFiles) option(section, key string, known map[string]string) (value string, set bool) {
	v, ok := f.sections[section][key]
	if !ok {
		if v, ok = f.sections[ini.DefaultSection][key]; !ok {
			return "", false
		}
	}
	v = interpolation.ReplaceAllStringFunc(v, func(m string) string {
		name := interpolation.FindStringSubmatch(m)[1]
		if k, ok := known[name]; ok {
			return k
		}
		return f.sections[section][name]
	})
	v = strings.ReplaceAll(v, "%%", "%")
	if strings.EqualFold(v, "none") {
		return "", true
	}
	return unquote(v), true
}

func unquote(v string) string {
	if n := len(v); n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
		return v[1 : n-1]
	}
	return v
}

func isDir(path string) bool {
	s, err := os.Stat(path)
	return err == nil && s.IsDir()
}

func sameDir(a, b string) bool {
	sa, err := os.Stat(a)
	if err != nil {
		return false
	}
	sb, err := os.Stat(b)
	return err == nil && os.SameFile(sa, sb)
}

func isTrue(v string) bool { b, ok := parseBool(v); return ok && b }

// parseBool reads what Barman takes for a boolean.
func parseBool(v string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true", "t", "yes", "1", "on":
		return true, true
	case "false", "f", "no", "0", "off":
		return false, true
	}
	return false, false
}
