package cluster

import (
	"crypto/tls"
	"net"
)

// TLS returns what was agreed on when the session was opened, the server's
// certificates among it; nil when the session is not encrypted.
func (s *Session) TLS() *tls.ConnectionState {
	conn, ok := s.Conn.PgConn().Conn().(*tls.Conn)
	if !ok {
		return nil
	}
	state := conn.ConnectionState()
	return &state
}

// Local reports whether the session leaves no machine: it goes over a Unix
// socket or the loopback.
func (s *Session) Local() bool {
	switch a := s.Conn.PgConn().Conn().RemoteAddr().(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	}
	return false
}
