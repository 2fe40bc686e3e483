//go:build !unix

package compare

import "os"

// lock knows no way here to tell that another process uses the file.
func lock(*os.File) (held bool, holder int, err error) { return true, 0, nil }
