package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/compare"
)

func TestKeyList(t *testing.T) {
	exported := `{"data_set":"first","table":"public.a","key":{"id":"7","kind":"ä\n"},"kind":"changed","columns":["v"],"node":"n1","exists":true,"majority":null}`
	for name, c := range map[string]struct {
		file, data string
		want       []compare.AskedKey // places left out
		places     string
		wrong      string
	}{
		"one a line": {file: "k", data: "\xef\xbb\xbf7\r\n\n a b \n", want: []compare.AskedKey{{Values: []string{"7"}}, {Values: []string{" a b "}}}, places: "k:1:1 k:3:1"},
		"JSON": {file: "k", data: `["7", 8, true]` + "\n" + ` {"b": "x", "a": 1.50}` + "\n" + `"[x"`, want: []compare.AskedKey{{Values: []string{"7", "8", "true"}},
			{Columns: []string{"b", "a"}, Values: []string{"x", "1.50"}}, {Values: []string{"[x"}}}, places: "k:1:1 k:1:2 k:1:7 k:1:10 k:2:2 k:2:8 k:2:18 k:3:1"},
		"exported lines": {file: "k.jsonl", data: exported + "\n", want: []compare.AskedKey{{DataSet: "first", Table: "public.a", Columns: []string{"id", "kind"}, Values: []string{"7", "ä\n"}}}, places: "k.jsonl:1:46 k.jsonl:1:52 k.jsonl:1:63"},
		"exported table": {file: "k.csv", data: "data_set,table,key,kind\nfirst,public.a,\"{\"\"id\"\":\"\"7\"\"}\",changed\n",
			want: []compare.AskedKey{{DataSet: "first", Table: "public.a", Columns: []string{"id"}, Values: []string{"7"}}}, places: "k.csv:2:16 k.csv:2:16"},
		"exported table from a pipe":  {file: "-", data: "data_set,table,key\n,a,{}\n", want: []compare.AskedKey{{Table: "a", Columns: []string{}}}, places: "-:2:4"},
		"a table of keys":             {file: "k.csv", data: "id,kind\n7,\"a,b\"\n", want: []compare.AskedKey{{Columns: []string{"id", "kind"}, Values: []string{"7", "a,b"}}}, places: "k.csv:2:1 k.csv:2:1 k.csv:2:3"},
		"a column that is called key": {file: "k", data: `{"key": "7", "table": "x"}`, want: []compare.AskedKey{{Columns: []string{"key", "table"}, Values: []string{"7", "x"}}}, places: "k:1:1 k:1:9 k:1:23"},
		"no JSON":                     {file: "k", data: "7\n{a,b}\n", wrong: `k:2:2: invalid character 'a'; a key that is no JSON and begins with {, [ or " is written as JSON`},
		"no end":                      {file: "k", data: `["7",`, wrong: "k:1:6: the JSON ends too early"},
		"more":                        {file: "k", data: `["7"] 8`, wrong: "k:1:7: more follows the key"},
		"null":                        {file: "k", data: `{"ä": null}`, wrong: "k:1:7: a column of a key cannot be null"},
		"nested":                      {file: "k", data: `{"a": ["1"]}`, wrong: "k:1:7: a column of a key is a text"},
		"twice":                       {file: "k", data: `{"a": "1", "a": "2"}`, wrong: "k:1:12: column a is named twice"},
		"taken out":                   {file: "k", data: strings.ReplaceAll(strings.Replace(exported, `"7"`, `"hidden:0123456789ab"`, 1), `ä\n`, "hidden:0123456789ab"), wrong: "k:1:46: the key was taken out by --redact all"},
		"no UTF-8":                    {file: "k", data: "7\n\xff\n", wrong: "k:2:1: is no text in UTF-8"},
		"a short row":                 {file: "k.csv", data: "id,kind\n7\n8,a\n9", wrong: "k.csv:2:1: wrong number of fields\nk.csv:4:1: wrong number of fields"},
		"no key in an export":         {file: "k.csv", data: "table,key\na,7\n", wrong: "k.csv:2:3: the key is no JSON object of columns"},
		"many":                        {file: "k", data: strings.Repeat("{\n", 30), wrong: "and perhaps more: reading ended here"},
	} {
		t.Run(name, func(t *testing.T) {
			var wrong keyErrors
			got := readKeyList(c.file, []byte(c.data), &wrong)
			if c.wrong != "" {
				require.Contains(t, strings.Join(wrong, "\n"), c.wrong)
				return
			}
			require.Empty(t, wrong)
			var places []string
			for i := range got {
				places = append(append(places, got[i].At), got[i].ValuesAt...)
				got[i].At, got[i].ValuesAt = "", nil
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.places, strings.Join(places, " "))
		})
	}
}
