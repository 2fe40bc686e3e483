package schema

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"go.yaml.in/yaml/v3"
)

// unreadable says what keeps an input from being text at all, before a parser
// of some format says it worse.
func unreadable(in Input, kind string) []Problem {
	at := func(i int, message, remedy string) []Problem {
		return []Problem{{Pos: offset(in, i), Message: message, Remedy: remedy}}
	}
	if len(bytes.TrimSpace(in.Data)) == 0 {
		return at(0, "the input is empty", "")
	}
	if kind == "yaml" && (bytes.HasPrefix(in.Data, []byte("\xff\xfe")) || bytes.HasPrefix(in.Data, []byte("\xfe\xff"))) {
		return nil // UTF-16, which YAML allows
	}
	control := bytes.IndexFunc(in.Data, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' })
	text := in.Data
	if control >= 0 {
		text = text[:control]
	}
	if p := OddText(in.Name, text); p != nil && (kind == "yaml" || !utf8.Valid(text)) {
		return []Problem{*p}
	}
	if control >= 0 {
		return at(control, fmt.Sprintf("a control character (0x%02x) is not allowed here", in.Data[control]), "save the file as plain text")
	}
	return nil
}

// OddText finds what the reader of YAML cannot place, nil if there is nothing of
// the kind. It counts line feeds as the ends of lines; for YAML a bare carriage
// return and three characters of Unicode end lines too, so that every later
// position would be a line or more too early.
func OddText(name string, data []byte) *Problem {
	in := Input{Name: name, Data: data}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return &Problem{Pos: offset(in, i), Message: "this is not UTF-8 text", Remedy: "save the file as UTF-8"}
		case r == '\r' && (i+1 == len(data) || data[i+1] != '\n'), r == '\u0085', r == '\u2028', r == '\u2029':
			return &Problem{Pos: offset(in, i), Message: fmt.Sprintf("a line ends in %U instead of a line feed", r), Remedy: "save the file with line feeds as line ends"}
		}
		i += n
	}
	return nil
}

// offset turns an index into the data into a position.
func offset(in Input, i int) Position {
	i = min(max(i, 0), len(in.Data))
	before := in.Data[:i]
	return Position{in.Name, 1 + bytes.Count(before, []byte("\n")), i - bytes.LastIndexByte(before, '\n')}
}

// jsonProblems asks the standard parser, which says what is wrong and where.
func jsonProblems(in Input, err error) []Problem {
	d := stdjson.NewDecoder(bytes.NewReader(in.Data))
	var v stdjson.RawMessage
	std := d.Decode(&v)
	var syntax *stdjson.SyntaxError
	switch {
	case errors.As(std, &syntax):
		return []Problem{{Pos: offset(in, int(syntax.Offset)-1), Message: "not JSON: " + syntax.Error(), Remedy: jsonRemedy(syntax.Error())}}
	case std != nil:
		return []Problem{{Pos: offset(in, len(in.Data)), Message: "not JSON: the text ends too early", Remedy: "close what is open, or restore the file"}}
	case d.More():
		return []Problem{{Pos: offset(in, int(d.InputOffset())), Message: "not JSON: something follows the topology", Remedy: "keep one value in a file"}}
	}
	return syntaxProblems(in.Name, err)
}

func jsonRemedy(message string) string {
	switch {
	case strings.Contains(message, `'\''`):
		return "JSON takes double quotes"
	case strings.Contains(message, "'/'"), strings.Contains(message, "'#'"):
		return "JSON takes no comments; YAML and CUE do"
	case strings.Contains(message, "'}'"), strings.Contains(message, "']'"):
		return "remove the last comma"
	}
	return ""
}

var yamlLine = regexp.MustCompile(`^(?:.*:(\d+)|.*?): (.*)$`)

// yamlProblems gives the parser's message in words, at the line where the text
// stops being YAML; the parser itself often names the line where the enclosing
// value began.
func yamlProblems(in Input, err error) []Problem {
	text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), in.Name), "\n", " ")
	m := yamlLine.FindStringSubmatch(text)
	line, message := 1, strings.TrimPrefix(text, ": ")
	if m != nil {
		message = m[2]
		if n, e := strconv.Atoi(m[1]); e == nil {
			line = n
		}
	}
	remedy := ""
	switch {
	case strings.Contains(message, "cannot start any token"):
		message, remedy = "a character that no value starts with", "indent with spaces instead of tabs; quote values that start with @, ` or %"
	case strings.Contains(message, "',' or '}'"), strings.Contains(message, "',' or ']'"), strings.Contains(message, "expected node content"):
		message, remedy = "a { or [ is not closed, or a comma is missing", "close it on this line or further down"
	case strings.Contains(message, "did not find expected key"), strings.Contains(message, "mapping values are not allowed"), strings.Contains(message, "block collection"):
		message, remedy = "this line does not fit the lines before it", "align it with its neighbours, or put the value in quotes"
	case strings.Contains(message, "unexpected end of stream"), strings.Contains(message, "end of stream"):
		message, remedy = "a quote is not closed", "close it, or restore the file"
	case strings.Contains(message, "unknown anchor"):
		remedy = "define the anchor (&name) above this line"
	case strings.Contains(message, "contains itself"):
		remedy = "break the cycle"
	case strings.Contains(message, "aliases expand"):
		remedy = "write the values out"
	case strings.Contains(message, "cannot unmarshal tag"):
		message, remedy = "a tag of another program's own", "remove the tag"
	case strings.Contains(message, "invalid map key"):
		message, remedy = "a key that is no text", "use a plain name as key"
	}
	return []Problem{{Pos: Position{in.Name, lastGood(in.Data, line), 1}, Message: "not YAML: " + message, Remedy: remedy}}
}

// lastGood returns the line after the longest part of the text, from its
// start, that is YAML; for large texts, and where all of it is, line as given.
func lastGood(data []byte, line int) int {
	var v yaml.Node
	ends := []int{0}
	for i, b := range data {
		if b == '\n' {
			ends = append(ends, i+1)
		}
	}
	if len(data) > 1<<15 || len(ends) > 500 || yaml.Unmarshal(data, &v) == nil {
		return line
	}
	if data[len(data)-1] == '\n' {
		ends = ends[:len(ends)-1]
	}
	for n := len(ends) - 1; n >= 0; n-- {
		if yaml.Unmarshal(data[:ends[n]], &v) == nil {
			return n + 1
		}
	}
	return line
}

// severalDocuments reports a YAML stream that holds more than one document,
// which the parser hands on as a list.
func severalDocuments(f *ast.File, data []byte) bool {
	if len(f.Decls) != 1 {
		return false
	}
	e, ok := f.Decls[0].(*ast.EmbedDecl)
	if !ok {
		return false
	}
	l, ok := e.Expr.(*ast.ListLit)
	return ok && len(l.Elts) > 1 && bytes.Contains(data, []byte("\n---"))
}

// syntaxProblems reports what the CUE parser or compiler refused.
func syntaxProblems(file string, err error) []Problem {
	var out []Problem
	for _, e := range errors.Errors(err) {
		format, args := e.Msg()
		p := Problem{Pos: Position{file, 1, 1}, Message: fmt.Sprintf(format, args...)}
		if p.Message == "" {
			p.Message = e.Error()
		}
		if strings.Contains(p.Message, "imported but not defined in") || strings.HasPrefix(p.Message, "import ") && strings.HasSuffix(p.Message, "not found") {
			p.Message, p.Remedy = "an import that is not there", "import packages of CUE's standard library alone"
		}
		if ps := errors.Positions(e); len(ps) > 0 {
			p.Pos = position(ps[0])
		}
		out = append(out, p)
	}
	return out
}
