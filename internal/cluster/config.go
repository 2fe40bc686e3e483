package cluster

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// serverParameters are the words of a connection string that libpq sends to the
// server. pgx sends every word that it does not know ("keepalives",
// "gssencmode" …), and the server refuses the login for it.
var serverParameters = []string{"options", "timezone", "client_encoding"}

// config parses a node's connection string the way libpq does, environment
// included. Its error never holds any part of the string.
func config(dsn string, s Settings) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, parseError(err)
	}
	params := map[string]string{}
	for _, name := range serverParameters {
		if v, ok := c.RuntimeParams[name]; ok {
			params[name] = v
		}
	}
	params["application_name"] = s.Application
	params["client_encoding"] = "UTF8"
	c.RuntimeParams = params
	c.ConnectTimeout = s.ConnectTimeout
	// Plain extended protocol with unnamed statements: one round trip, nothing
	// left behind, and no trouble behind a pooler.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.StatementCacheCapacity = 0
	c.DescriptionCacheCapacity = 0
	// A cancelled context cancels the statement on the server too; the
	// connection is dropped only when the server does not follow.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelGrace}
	}
	return c, nil
}

// cancelGrace is how long a server gets to answer to a cancel request.
const cancelGrace = time.Second

// parseError says why a connection string could not be used, in words that
// hold nothing of it: a malformed string can have its password anywhere.
func parseError(err error) error {
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return &cause{msg: "a file that the connection string names cannot be read: " + file.Error()}
	}
	for _, known := range []string{"failed to configure TLS", "failed to read service", "invalid port", "invalid connect_timeout", "invalid sslcertmode",
		"unknown target_session_attrs", "unknown channel_binding", "invalid require_auth", "invalid min_protocol_version", "invalid max_protocol_version",
		"failed to parse as URL", "failed to parse as keyword/value", "could not match"} {
		// The text is "cannot parse `STRING`: MESSAGE …": look only behind the string.
		text := err.Error()
		if i := strings.LastIndex(text, "`: "); i >= 0 && strings.HasPrefix(text[i+3:], known) {
			return &cause{msg: "the connection string is not valid: " + known}
		}
	}
	return &cause{msg: "the connection string is not valid"}
}

// cause is an error whose text was made safe to print; it keeps only a server
// error or a context's end in its chain, so nobody can unwrap to an unsafe one.
type cause struct {
	msg string
	err error
}

func (c *cause) Error() string { return c.msg }
func (c *cause) Unwrap() error { return c.err }

// sanitize makes a driver's error safe to print: the messages of its leaves
// without repetition, the secret removed wherever it stands.
func sanitize(err error, secret string) *cause {
	c := &cause{}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		c.err = pg
	}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if c.err == nil && errors.Is(err, end) {
			c.err = end
		}
	}
	var texts []string
	seen := map[string]bool{}
	for _, leaf := range leaves(err) {
		text := leaf.Error()
		if !seen[text] {
			seen[text] = true
			texts = append(texts, text)
		}
	}
	c.msg = strings.Join(texts, "; ")
	// Shorter ones would tear holes into ordinary words, which shows more than
	// it hides; nothing above puts the string into the text anyway.
	if len(secret) >= 4 && strings.Contains(c.msg, secret) {
		c.msg, c.err = strings.ReplaceAll(c.msg, secret, "***"), nil
	}
	return c
}

// leaves returns the innermost errors of a tree that say something by
// themselves: the wrappings of pgconn repeat user, host and database.
func leaves(err error) []error {
	if pg, ok := err.(*pgconn.PgError); ok {
		return []error{pg}
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var out []error
		for _, inner := range e.Unwrap() {
			out = append(out, leaves(inner)...)
		}
		return out
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return leaves(inner)
		}
	}
	return []error{err}
}
