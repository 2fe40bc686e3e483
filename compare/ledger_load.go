package compare

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fingerprint names every setting that shapes a result.
func fingerprint(req Request) map[string]string {
	m := map[string]string{
		"mode": string(req.Mode), "where": req.Where, "policy": req.Policy.String(),
		"shards": joined(req.Shards), "tables": joined(req.Tables), "nodes": joined(req.Nodes),
		"excluded columns": joined(req.ExcludeColumns), "common columns": fmt.Sprint(req.CommonColumns), "static": fmt.Sprint(req.Static),
		"sample": fmt.Sprint(req.SampleLimit), "rows per bucket": fmt.Sprint(req.BucketRows),
	}
	if req.Topology == nil {
		return m
	}
	for _, name := range req.Topology.NodeNames() {
		m["node "+name] = req.Topology.Nodes[name].Address()
	}
	for name, d := range req.Topology.DataSets() {
		b, _ := json.Marshal(d)
		sum := sha256.Sum256(b)
		m["data set "+name] = hex.EncodeToString(sum[:8])
	}
	return m
}

// joined writes names so that no two lists read the same.
func joined(names []string) string {
	if strings.ContainsAny(strings.Join(names, ""), ` "`) {
		return fmt.Sprintf("%q", names)
	}
	return strings.Join(names, " ")
}

// load reads what is done. A last line that was cut off by the end of the
// process is dropped from the file.
func (l *Ledger) load(want header) error {
	r := bufio.NewReader(l.file)
	whole := int64(0)
	var cut []byte
	for n := 1; ; n++ {
		text, err := r.ReadBytes('\n')
		if err != nil { // also a line without its end
			cut = text
			break
		}
		if err := l.take(text, want, n); err != nil {
			return err
		}
		whole += int64(len(text))
	}
	if whole == 0 {
		if !begun(cut) {
			return l.foreign()
		}
		if err := l.file.Truncate(0); err != nil {
			return err
		}
		return l.append("header", want) // it was ended before its first line was whole
	}
	l.size = whole
	return l.file.Truncate(whole)
}

// begun reports whether this is how a first line may look that was cut off: its
// beginning, or what a crash of the machine makes of it.
func begun(cut []byte) bool {
	const first = `{"sum":`
	text := bytes.TrimRight(cut, "\x00")
	n := min(len(text), len(first))
	return string(text[:n]) == first[:n]
}

func (l *Ledger) foreign() error {
	return refuse("%s is no ledger of a comparison, and was left as it is", l.file.Name())
}

// take takes over line n.
func (l *Ledger) take(text []byte, want header, n int) error {
	damaged := refuse("%s is damaged in line %d", l.file.Name(), n)
	var x line
	if json.Unmarshal(text, &x) != nil {
		if n == 1 && !begun(text) {
			return l.foreign()
		}
		return damaged
	}
	if n == 1 {
		old, err := headerOf(text, x)
		if err != nil {
			return l.foreign()
		}
		if old.Format != want.Format {
			return refuse("%s has format %d, and this version of the program writes and resumes format %d: compare anew with another file and without resuming, or resume with the version that wrote it; the file was left as it is",
				l.file.Name(), old.Format, want.Format)
		}
		if diff := changed(old.Settings, want.Settings); diff != "" {
			return refuse("the settings are not those of %s: %s", l.file.Name(), diff)
		}
	}
	if x.Sum != x.checksum() {
		return damaged
	}
	forget := func(label string) {
		maps.DeleteFunc(l.read, func(k string, _ []chunkRecord) bool { return strings.HasPrefix(k, label+"\x00") })
		delete(l.plans, label)
	}
	var err error
	switch {
	case x.Plan != nil:
		var p planRecord
		err = json.Unmarshal(x.Plan, &p)
		forget(p.Table)
		delete(l.tables, p.Table)
		l.plans[p.Table] = p
	case x.Chunk != nil:
		var c chunkRecord
		err = json.Unmarshal(x.Chunk, &c)
		k := chunksOf(c.Table, c.Node)
		l.read[k] = append(l.read[k], c)
	case x.Void != nil:
		var v voidRecord
		err = json.Unmarshal(x.Void, &v)
		delete(l.read, chunksOf(v.Table, v.Node))
	case x.Table != nil:
		var t Table
		err = json.Unmarshal(x.Table, &t)
		label := (&task{dataSet: t.DataSet, schema: t.Schema, name: t.Name}).label()
		forget(label)
		l.tables[label] = t
	}
	if err != nil {
		return damaged
	}
	return nil
}

// headerOf also knows the first line of older formats, which had no wrapping.
func headerOf(text []byte, x line) (h header, err error) {
	raw := []byte(x.Header)
	if raw == nil {
		raw = text
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if err = d.Decode(&h); err == nil && h.Format == 0 {
		err = fmt.Errorf("no format")
	}
	return h, err
}

// changed says how two sets of settings differ, "" when they do not.
func changed(old, now map[string]string) string {
	var out []string
	keys := maps.Clone(old)
	maps.Copy(keys, now)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if old[k] != now[k] {
			out = append(out, fmt.Sprintf("%s was %q and is %q", k, old[k], now[k]))
		}
	}
	return strings.Join(out, "; ")
}
