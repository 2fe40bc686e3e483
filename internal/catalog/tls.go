package catalog

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/schema"
)

// PartSession is what the server says of the tool's own session.
const PartSession Part = "own session"

// Session is the way on which the tool reached the node.
type Session struct {
	Local bool   `json:"local"`         // over the loopback or a Unix socket: it leaves no machine
	TLS   string `json:"tls,omitempty"` // the protocol, "TLS 1.3"; empty: not encrypted
	// Certificates are those that the server showed, its own first.
	Certificates []Certificate `json:"certificates,omitempty"`
	// ServerLocal and ServerTLS are the same as the server has them: behind
	// something that ends TLS it sees another way.
	ServerLocal bool `json:"server_local"`
	ServerTLS   bool `json:"server_tls"`
}

// Certificate is the public part of an X.509 certificate that checks judge.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// sessionOf describes the tool's end of the session.
func sessionOf(s *cluster.Session) *Session {
	out := &Session{Local: s.Local()}
	state := s.TLS()
	if state == nil {
		return out
	}
	out.TLS = tls.VersionName(state.Version)
	for _, c := range state.PeerCertificates {
		out.Certificates = append(out.Certificates, certificateOf(c))
	}
	return out
}

func certificateOf(c *x509.Certificate) Certificate {
	return Certificate{Subject: c.Subject.String(), Issuer: c.Issuer.String(), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()}
}

// sessionQuery asks for the server's end; everybody may see his own session.
var sessionQuery = query{
	part: PartSession, what: "pg_stat_ssl",
	sql: `SELECT coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false) AS tls,
		coalesce(inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1', true) AS local`,
	fill: into(func(f *Facts, rows []struct{ TLS, Local bool }) {
		for _, r := range rows {
			f.Session.ServerTLS, f.Session.ServerLocal = r.TLS, r.Local
		}
	}),
}

// Asked is what a connection string of a catalog asks of TLS. It does not show
// what libpq takes from the environment of the server that connects.
type Asked struct {
	// SSLMode is the word of the string, [ModeUnset] when it has none; empty:
	// not known, as where the string cannot be read or names a service file.
	SSLMode string `json:"sslmode,omitempty"`
	Local   bool   `json:"local,omitempty"` // it leads to the loopback or a Unix socket
}

// ModeUnset is the sslmode of a connection string that names none: libpq then
// takes prefer.
const ModeUnset = "unset"

// askedBy reads a connection string.
func askedBy(dsn string) Asked {
	d, err := schema.ParseDSN(dsn)
	switch {
	case err != nil, dsn == "":
		return Asked{}
	case d.SSLMode == "" && d.Service != "":
		return Asked{}
	case d.SSLMode == "":
		d.SSLMode = ModeUnset
	}
	return Asked{SSLMode: d.SSLMode, Local: d.Service == "" && d.Local()}
}
