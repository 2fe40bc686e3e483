// Command rulegen writes the layout rules as Go has them: go generate ./schema.
// It reads the CUE files of the published package, which stay the source, and
// makes two Go files of what judging plain data takes: what the rules say of
// themselves, and the syntax of the rest. A test fails when these are not what
// the CUE files say.
//
// Parsing the rules would take longer than judging a small plan by them. Syntax
// that the Go compiler lays out in the binary takes nothing until it is read.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "rulegen:", err)
		os.Exit(1)
	}
}

// write makes the Go files in a folder from the CUE files in it.
func write(dir string) error {
	files, err := generate(dir)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the text of each Go file by its path in the folder.
func generate(dir string) (map[string][]byte, error) {
	fs, err := read(dir)
	if err != nil {
		return nil, err
	}
	rules, err := fs.catalogue()
	if err != nil {
		return nil, err
	}
	catalogue, err := writeCatalogue(rules)
	if err != nil {
		return nil, err
	}
	tables, verdicts := fs.bare()
	w := newWriter()
	w.list("shape", "shape are the definitions of what a topology looks like.", fs.shape())
	w.list("tables", "tables are the fields outside of rules.", tables)
	w.list("verdicts", "verdicts are the rules, of each of them what computes its violations.", verdicts)
	syntax, err := w.file()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"catalogue.go": catalogue, "rulesyntax/syntax.go": syntax}, nil
}
