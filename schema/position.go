package schema

import "fmt"

// Position is a place in a file that the user wrote; lines and columns count
// from 1, columns in bytes. The zero value means that there is none.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// IsValid reports whether the position names a place.
func (p Position) IsValid() bool { return p.File != "" && p.Line > 0 }

// String renders file:line:column, or "-" when there is no place.
func (p Position) String() string {
	if !p.IsValid() {
		return "-"
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}
