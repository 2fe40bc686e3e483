package catalog

import (
	"fmt"
	"strconv"
	"strings"
)

// LSN is a position in one node's WAL, in bytes. LSNs of two nodes have
// nothing to do with each other. Zero is "not known".
type LSN uint64

// ParseLSN reads PostgreSQL's "16/B374D848".
func ParseLSN(s string) (LSN, error) {
	high, low, _ := strings.Cut(s, "/")
	hi, err1 := strconv.ParseUint(high, 16, 32)
	lo, err2 := strconv.ParseUint(low, 16, 32)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is not an LSN: expected two hexadecimal numbers with a slash between", s)
	}
	return LSN(hi<<32 | lo), nil
}

// String renders PostgreSQL's form.
func (l LSN) String() string {
	return strings.ToUpper(strconv.FormatUint(uint64(l>>32), 16) + "/" + strconv.FormatUint(uint64(uint32(l)), 16))
}

// MarshalJSON writes PostgreSQL's form.
func (l LSN) MarshalJSON() ([]byte, error) { return []byte(`"` + l.String() + `"`), nil }

// UnmarshalJSON reads PostgreSQL's form; null is "not known".
func (l *LSN) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*l = 0
		return nil
	}
	s, err := strconv.Unquote(string(b)) // nothing in it needs JSON's own escapes
	if err != nil {
		return fmt.Errorf("%s is not an LSN: expected a string", b)
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
