package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/compare"
)

// keyParser reads a key in JSON and knows where in it what is.
type keyParser struct {
	text    string
	at      func(offset int) string
	decoder *json.Decoder
}

// here is where the next token begins.
func (p *keyParser) here() int {
	i := int(p.decoder.InputOffset())
	for i < len(p.text) && strings.ContainsRune(" \t\r\n:,", rune(p.text[i])) {
		i++
	}
	return i
}

func (p *keyParser) fail(offset int, format string, a ...any) error {
	return fmt.Errorf("%s: %s", p.at(offset), fmt.Sprintf(format, a...))
}

func (p *keyParser) token() (json.Token, error) {
	begin := p.here()
	t, err := p.decoder.Token()
	if err == nil {
		return t, nil
	}
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, p.fail(begin, "%v; a key that is no JSON and begins with {, [ or \" is written as JSON", bad)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, p.fail(len(p.text), "the JSON ends too early; a key that is no JSON and begins with {, [ or \" is written as JSON")
	}
	return nil, p.fail(begin, "%v", err)
}

// key reads a text, a list of the columns' texts, an object of them, or a line of
// an export, which has such an object in its member "key".
func (p *keyParser) key(begin int) (k compare.AskedKey, err error) {
	k.At = p.at(begin)
	t, err := p.token()
	switch t {
	case json.Delim('['):
		for err == nil && p.decoder.More() {
			err = p.value(&k)
		}
		if err == nil {
			_, err = p.token()
		}
	case json.Delim('{'):
		if p.exported() {
			return k, p.line(&k)
		}
		err = p.columns(&k)
	default:
		if text, ok := t.(string); ok && err == nil {
			k.Values = []string{text}
		}
	}
	return k, err
}

// exported reports whether the text is a line of an export, rather than a key
// with a column of that name.
func (p *keyParser) exported() bool {
	var line struct {
		Table *string
		Key   map[string]any
	}
	return json.Unmarshal([]byte(p.text), &line) == nil && line.Table != nil && line.Key != nil
}

// columns reads an object of column names and texts, after its brace.
func (p *keyParser) columns(k *compare.AskedKey) error {
	k.Columns = []string{}
	for p.decoder.More() {
		begin := p.here()
		t, err := p.token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if slices.Contains(k.Columns, name) {
			return p.fail(begin, "column %s is named twice", name)
		}
		k.Columns = append(k.Columns, name)
		if err := p.value(k); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// line reads an exported line, after its brace.
func (p *keyParser) line(k *compare.AskedKey) error {
	for p.decoder.More() {
		t, err := p.token()
		if err != nil {
			return err
		}
		begin := p.here()
		if t == "key" {
			if _, err := p.token(); err != nil {
				return err
			}
			k.At = p.at(begin)
			if err := p.columns(k); err != nil {
				return err
			}
			continue
		}
		var v any
		if err := p.decoder.Decode(&v); err != nil {
			return p.fail(begin, "%v", err)
		}
		text, ok := v.(string)
		switch {
		case (t == "table" || t == "data_set") && !ok:
			return p.fail(begin, "%s is no text", t)
		case t == "table":
			k.Table = text
		case t == "data_set":
			k.DataSet = text
		}
	}
	_, err := p.token()
	return err
}

// value reads the text of one column; a number or truth value is its own text.
func (p *keyParser) value(k *compare.AskedKey) error {
	begin := p.here()
	t, err := p.token()
	if err != nil {
		return err
	}
	k.ValuesAt = append(k.ValuesAt, p.at(begin))
	switch v := t.(type) {
	case string:
		k.Values = append(k.Values, v)
	case json.Number:
		k.Values = append(k.Values, v.String())
	case bool:
		k.Values = append(k.Values, fmt.Sprint(v))
	case nil:
		return p.fail(begin, "a column of a key cannot be null")
	default:
		return p.fail(begin, "a column of a key is a text, and this is a list or an object")
	}
	return nil
}
