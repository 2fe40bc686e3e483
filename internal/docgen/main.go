// Command docgen writes the page of every rule and check, and their index, from
// the registry: go generate ./checks. A test fails when the pages are not what
// the registry says.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pgconcord/pgconcord/checks"
	"github.com/pgconcord/pgconcord/reports"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docgen FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

// made heads every page, so that nobody edits one by hand.
const made = "<!-- Made by go generate ./checks from the rule itself; edit that. -->\n\n"

// pages returns the text of every page by its path in the folder.
func pages() (map[string]string, error) {
	docs, err := checks.Docs(nil)
	if err != nil {
		return nil, err
	}
	out := map[string]string{"README.md": made + reports.RulesMarkdown(docs, page)}
	for _, d := range docs {
		out[page(d)] = made + reports.ExplainMarkdown(d)
	}
	return out, nil
}

// page is the path of a rule's page, from the index.
func page(d checks.Doc) string { return d.Name + ".md" }

// write brings a folder up to date: pages of rules that are gone go too.
func write(dir string) error {
	want, err := pages()
	if err != nil {
		return err
	}
	stale, err := existing(dir)
	if err != nil {
		return err
	}
	for name := range stale {
		if _, ok := want[name]; !ok {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	for name, text := range want {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// existing returns the pages that are in a folder, by their path in it.
func existing(dir string) (map[string]string, error) {
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		out[path] = string(text)
		return err
	})
	if os.IsNotExist(err) {
		return out, nil
	}
	return out, err
}
