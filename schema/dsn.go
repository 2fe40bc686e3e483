package schema

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Address returns host:port/database of the node, the one form of its
// connection string that may be printed.
func (n Node) Address() string { return Address(n.DSN) }

// Address parses a libpq connection string, keyword/value or URI, and returns
// host:port/database without user, password or options.
func Address(dsn string) string {
	c, err := pgconn.ParseConfig(dsn)
	if err != nil { // its text holds the string, so it is not shown
		return "(no valid connection string)"
	}
	return fmt.Sprintf("%s:%d/%s", c.Host, c.Port, c.Database)
}
