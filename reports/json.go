package reports

import (
	"encoding/json"
	"io"
)

// writeJSON writes the record: two spaces of indentation, members in the order
// of the type, so that the same report is the same bytes.
func writeJSON(w io.Writer, r *Report, _ Options) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
