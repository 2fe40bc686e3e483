package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Save writes the facts as indented JSON. They hold no secret.
func (c *Cluster) Save(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(c); err != nil {
		return fmt.Errorf("save facts: %w", err)
	}
	return nil
}

// LoadCluster reads what [Cluster.Save] wrote, of this or an earlier format.
func LoadCluster(r io.Reader) (*Cluster, error) {
	dec := json.NewDecoder(r)
	c := &Cluster{}
	if err := dec.Decode(c); err != nil {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.Is(err, io.EOF):
			return nil, errors.New("load facts: the file is empty")
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errors.New("load facts: the file ends in the middle: it was cut off")
		case errors.As(err, &syntax):
			return nil, fmt.Errorf("load facts: not JSON at byte %d: %w", syntax.Offset, err)
		case errors.As(err, &kind):
			return nil, fmt.Errorf("load facts: at byte %d, %s: expected %s, found a %s: not a facts file of this tool", kind.Offset, kind.Field, kind.Type, kind.Value)
		}
		return nil, fmt.Errorf("load facts: %w", err)
	}
	switch {
	case c.Format == 0 || c.Nodes == nil:
		return nil, errors.New("load facts: not a facts file: it has no format or no nodes")
	case c.Format > FormatVersion:
		return nil, fmt.Errorf("load facts: format %d is newer than this tool, which knows %d", c.Format, FormatVersion)
	}
	for name, n := range c.Nodes {
		if n.Facts == nil && n.Failure == nil {
			return nil, fmt.Errorf("load facts: node %s has neither facts nor a failure", name)
		}
		if c.Format < 2 && n.Facts != nil {
			n.Facts.forgetCommits()
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("load facts: there is more in the file behind the facts")
	}
	return c, nil
}

// forgetCommits takes away what format 1 tells of commits: times are missing in
// it, and a change that is missing on a subscriber would look younger than it is.
func (f *Facts) forgetCommits() {
	f.Commits = nil
	if f.Gap(PartCommits) == nil {
		f.Gaps = append(f.Gaps, Failure{Part: PartCommits, Attempted: "take them from the saved facts", Reason: "saved in part",
			Detail: "the facts were saved by an earlier version, which kept only some of them", Remedy: "Save the facts again."})
	}
}
