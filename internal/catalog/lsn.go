package catalog

import (
	"encoding/json"
	"fmt"
)

// LSN is a position in one node's WAL, in bytes. LSNs of two nodes have
// nothing to do with each other. Zero is "not known".
type LSN uint64

// ParseLSN reads PostgreSQL's "16/B374D848".
func ParseLSN(s string) (LSN, error) {
	var hi, lo uint32
	if n, err := fmt.Sscanf(s, "%X/%X", &hi, &lo); err != nil || n != 2 {
		return 0, fmt.Errorf("%q is not an LSN: expected two hexadecimal numbers with a slash between", s)
	}
	return LSN(uint64(hi)<<32 | uint64(lo)), nil
}

// String renders PostgreSQL's form.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// MarshalJSON writes PostgreSQL's form.
func (l LSN) MarshalJSON() ([]byte, error) { return json.Marshal(l.String()) }

// UnmarshalJSON reads PostgreSQL's form; null is "not known".
func (l *LSN) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*l = 0
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := ParseLSN(s)
	if err != nil {
		return err
	}
	*l = v
	return nil
}

// Since returns how many bytes of WAL lie between an earlier position and this
// one; 0 when it is not ahead.
func (l LSN) Since(earlier LSN) int64 {
	if l <= earlier {
		return 0
	}
	return int64(l - earlier)
}
