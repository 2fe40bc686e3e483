package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Load reads a report that was written as JSON, of this or an earlier minor
// version. The error tells what is wrong with a file that is none.
func Load(data []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		syntax, kind := (*json.SyntaxError)(nil), (*json.UnmarshalTypeError)(nil)
		switch {
		case len(strings.TrimSpace(string(data))) == 0:
			return nil, errors.New("not a report: the file is empty")
		case errors.As(err, &syntax) && errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax) && syntax.Offset >= int64(len(data)):
			return nil, errors.New("not a whole report: the file was cut off")
		case errors.As(err, &syntax):
			return nil, fmt.Errorf("not a report: no JSON at byte %d", syntax.Offset)
		case errors.As(err, &kind):
			return nil, fmt.Errorf("not a report: %s holds a %s", kind.Field, kind.Value)
		}
		return nil, fmt.Errorf("not a report: %w", err)
	}
	major, _, _ := strings.Cut(SchemaVersion, ".")
	switch theirs, _, _ := strings.Cut(r.SchemaVersion, "."); {
	case r.SchemaVersion == "" || r.Tool.Name != "pgconcord":
		return nil, errors.New("not a report: it has no schema_version, or was not made by pgconcord")
	case theirs != major:
		return nil, fmt.Errorf("the report has schema version %s; this pgconcord reads %s.x", r.SchemaVersion, major)
	}
	return &r, nil
}

// Consistent recomputes what a report derives from what it holds, and says what
// does not follow.
func (r *Report) Consistent() error {
	again := *r
	again.judge()
	var wrong []string
	if again.Verdict != r.Verdict {
		wrong = append(wrong, fmt.Sprintf("the verdict is %s and should be %s", r.Verdict, again.Verdict))
	}
	if again.Summary != r.Summary {
		wrong = append(wrong, "the counts are not those of the findings")
	}
	if again.Sentence != r.Sentence && r.Tool.Version != "" {
		wrong = append(wrong, "the sentence is not that of the findings, or an other version's")
	}
	for _, f := range r.Findings {
		if f.Fingerprint != f.Finding.Fingerprint() {
			wrong = append(wrong, fmt.Sprintf("the fingerprint of %s for %s is not its own", f.Check, f.Subject))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(shortList(wrong, 5), "; "))
	}
	return nil
}

// MissingDays lists the days between the first and the last report, given in
// order, that have none.
func MissingDays(all []*Report) []string {
	if len(all) == 0 {
		return nil
	}
	return missingDays(all[:len(all)-1], all[len(all)-1])
}
