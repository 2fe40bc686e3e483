package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pgconcord/pgconcord/compare"
)

// keyErrors are what is wrong with a list of keys, each with its place.
type keyErrors []string

func (e *keyErrors) add(at, format string, a ...any) {
	e.take(at + ": " + fmt.Sprintf(format, a...))
}

func (e *keyErrors) take(text string) {
	if *e = append(*e, text); len(*e) == 20 {
		*e = append(*e, "and perhaps more: reading ended here")
	}
}

func (e keyErrors) full() bool { return len(e) > 20 }

// asked reads the keys of --key and --keys; nil when there are none.
func (o recheckOptions) asked(a *app) ([]compare.AskedKey, error) {
	var out []compare.AskedKey
	var wrong keyErrors
	for _, text := range o.keys {
		at := func(offset int) string { return "--key " + text }
		if k, ok := readKey(text, at, &wrong); ok {
			out = append(out, k)
		}
	}
	if o.keyList != "" {
		if o.keyList == "-" && (o.earlier == "-" || o.file == "-") {
			return nil, usagef("only one of the report, the topology and the keys can come from standard input")
		}
		in, err := a.read(o.keyList)
		if err != nil {
			return nil, err
		}
		list := readKeyList(o.keyList, in.Data, &wrong)
		if len(list) == 0 && len(wrong) == 0 {
			return nil, usagef("%s: holds no key", o.keyList)
		}
		out = append(out, list...)
	}
	if len(wrong) > 0 {
		return nil, usageError{errors.New(strings.Join(wrong, "\n"))}
	}
	return out, nil
}

// exportedColumns are those of an exported list that name a key.
var exportedColumns = []string{"data_set", "table", "key"}

// readKeyList reads keys as they were exported, or one a line.
func readKeyList(name string, data []byte, wrong *keyErrors) []compare.AskedKey {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if strings.EqualFold(filepath.Ext(name), ".csv") || bytes.HasPrefix(first, []byte(strings.Join(exportedColumns, ","))) {
		return readKeyTable(name, data, wrong)
	}
	var out []compare.AskedKey
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		text := strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(text) == "" {
			continue
		}
		at := func(offset int) string {
			return fmt.Sprintf("%s:%d:%d", name, n, utf8.RuneCountInString(text[:min(offset, len(text))])+1)
		}
		if !utf8.ValidString(text) {
			wrong.add(at(0), "is no text in UTF-8")
			continue
		}
		if k, ok := readKey(text, at, wrong); ok {
			out = append(out, k)
		}
		if wrong.full() {
			break
		}
	}
	return out
}

// readKeyTable reads a CSV with a header: an export, or the key's own columns.
func readKeyTable(name string, data []byte, wrong *keyErrors) (out []compare.AskedKey) {
	r := csv.NewReader(bytes.NewReader(data))
	place := func(i int) string {
		line, column := r.FieldPos(i)
		return fmt.Sprintf("%s:%d:%d", name, line, column)
	}
	header, err := r.Read()
	if err != nil {
		if err != io.EOF {
			wrong.add(name, "%v", err)
		}
		return nil
	}
	header = slices.Clone(header)
	exported := slices.Contains(header, "key") && slices.Contains(header, "table")
	for {
		row, err := r.Read()
		if err == io.EOF || wrong.full() {
			return out
		}
		if err != nil {
			if bad, ok := errors.AsType[*csv.ParseError](err); ok {
				wrong.add(fmt.Sprintf("%s:%d:%d", name, bad.Line, bad.Column), "%v", bad.Err)
				if errors.Is(err, csv.ErrFieldCount) {
					continue
				}
			} else {
				wrong.add(name, "%v", err)
			}
			return out
		}
		if !exported {
			k := compare.AskedKey{Columns: header, Values: slices.Clone(row), At: place(0)}
			for i := range row {
				k.ValuesAt = append(k.ValuesAt, place(i))
			}
			out = append(out, k)
			continue
		}
		cell := func(column string) string {
			if i := slices.Index(header, column); i >= 0 {
				return row[i]
			}
			return ""
		}
		here := place(slices.Index(header, "key"))
		if !strings.HasPrefix(strings.TrimSpace(cell("key")), "{") {
			wrong.add(here, "the key is no JSON object of columns")
			continue
		}
		if k, ok := readKey(cell("key"), func(int) string { return here }, wrong); ok {
			k.DataSet, k.Table = cell("data_set"), cell("table")
			if present(k, wrong) {
				out = append(out, k)
			}
		}
	}
}

// hiddenKey is what --redact all leaves of a key's column.
var hiddenKey = regexp.MustCompile(`^hidden:[0-9a-f]{12}$`)

// present refuses an exported key that was taken out.
func present(k compare.AskedKey, wrong *keyErrors) bool {
	if len(k.Values) > 0 && !slices.ContainsFunc(k.Values, func(v string) bool { return !hiddenKey.MatchString(v) }) {
		wrong.add(k.At, "the key was taken out by --redact all")
		return false
	}
	return true
}

// readKey reads one key: JSON, or a text that is the key's only column; at names
// the place of an offset in it.
func readKey(text string, at func(offset int) string, wrong *keyErrors) (compare.AskedKey, bool) {
	trimmed := strings.TrimLeft(text, " \t")
	begin := len(text) - len(trimmed)
	if trimmed == "" || !strings.ContainsAny(trimmed[:1], `{["`) {
		return compare.AskedKey{Values: []string{text}, At: at(0)}, true
	}
	p := keyParser{text: text, at: at, decoder: json.NewDecoder(strings.NewReader(text))}
	p.decoder.UseNumber()
	k, err := p.key(begin)
	if err == nil {
		end := p.here()
		if _, more := p.decoder.Token(); more != io.EOF {
			err = p.fail(end, "more follows the key")
		}
	}
	if err != nil {
		wrong.take(err.Error())
		return k, false
	}
	return k, k.Table == "" || present(k, wrong)
}
