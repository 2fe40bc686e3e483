package schema

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// DSN is what a libpq connection string says by itself. It is read without the
// environment, password files, service files and certificates of this machine:
// the verdict on a plan must not depend on where it is judged, which rules out
// pgx's parser, the one that connects.
type DSN struct {
	Hosts    []HostPort // at least one, unless Service is set
	Database string
	User     string
	SSLMode  string // "" when not said; libpq then uses prefer
	Service  string // name in a service file, which may say all the rest
	Secret   bool   // holds a password
}

// HostPort is one place to connect to; Host is empty when not said, and a
// directory when it is a Unix socket.
type HostPort struct {
	Host string
	Port string
}

// Address returns host:port/database of the node, the one form of its
// connection string that may be printed.
func (n Node) Address() string { return Address(n.DSN) }

// Address parses a libpq connection string, keyword/value or URI, and returns
// host:port/database without user, password or options.
func Address(dsn string) string {
	d, err := ParseDSN(dsn)
	if err != nil {
		return "(no valid connection string)"
	}
	return d.Address()
}

// Address returns host:port/database, or host:port,host:port/database.
func (d DSN) Address() string {
	var hosts []string
	for _, h := range d.Hosts {
		host := h.Host
		switch {
		case host == "" && d.Service != "":
			continue
		case host == "":
			host = "localhost"
		case strings.Contains(host, ":"):
			host = "[" + host + "]"
		}
		hosts = append(hosts, host+":"+h.Port)
	}
	s := strings.Join(hosts, ",")
	if d.Service != "" {
		s = strings.TrimPrefix(s+" service="+d.Service, " ")
	}
	if d.Database != "" {
		s += "/" + d.Database
	}
	return s
}

// Local reports whether some host is this machine alone: the loopback, a Unix
// socket, or none at all.
func (d DSN) Local() bool {
	for _, h := range d.Hosts {
		if h.local() && (h.Host != "" || d.Service == "") {
			return true
		}
	}
	return false
}

func (h HostPort) local() bool {
	if h.Host == "" || strings.HasPrefix(h.Host, "/") || strings.HasPrefix(h.Host, "@") {
		return true
	}
	name := strings.TrimSuffix(strings.ToLower(h.Host), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || strings.HasPrefix(name, "localhost.") {
		return true
	}
	ip := net.ParseIP(strings.SplitN(name, "%", 2)[0])
	return ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// ParseDSN reads a libpq connection string, keyword/value or URI. Its errors
// never hold any part of the string but a keyword.
func ParseDSN(s string) (DSN, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return DSN{}, errors.New("it holds a NUL byte")
	}
	parse := parseKeywords
	if strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://") {
		parse = parseURI
	}
	m, err := parse(s)
	if err != nil {
		return DSN{}, err
	}
	d := DSN{Database: m["dbname"], User: m["user"], SSLMode: m["sslmode"], Service: m["service"], Secret: m["password"] != ""}
	if d.SSLMode != "" && !sslModes[d.SSLMode] {
		return DSN{}, errors.New("its sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")
	}
	// Printing these could print a password that was not escaped.
	if strings.ContainsAny(d.Database, "=@") || strings.Contains(d.Database, "://") {
		return DSN{}, errors.New("its database name holds a reserved character; in a URI write @ as %40, / as %2F")
	}
	if strings.ContainsAny(m["host"]+m["hostaddr"]+d.Service, "@=?#"+space) && !strings.HasPrefix(m["host"], "@") {
		return DSN{}, errors.New("its host holds a reserved character; in the user and password of a URI write @ as %40, / as %2F, ? as %3F")
	}
	return d, d.hosts(m)
}

// hosts pairs hosts with ports as libpq does: one port serves all hosts, else
// there is one for each; an empty one is the default. hostaddr is what is
// connected to where both are given.
func (d *DSN) hosts(m map[string]string) error {
	list := m["host"]
	if list == "" {
		list = m["hostaddr"]
	}
	hosts, ports := strings.Split(list, ","), strings.Split(m["port"], ",")
	if addrs := strings.Split(m["hostaddr"], ","); m["host"] != "" && m["hostaddr"] != "" && len(addrs) != len(hosts) {
		return fmt.Errorf("%d hosts and %d addresses", len(hosts), len(addrs))
	}
	if len(ports) > 1 && len(ports) != len(hosts) {
		return fmt.Errorf("%d hosts and %d ports", len(hosts), len(ports))
	}
	for i, h := range hosts {
		p := ports[0]
		if len(ports) > 1 {
			p = ports[i]
		}
		if p == "" {
			p = "5432"
		}
		var n int
		if _, err := fmt.Sscanf(p, "%d", &n); err != nil || fmt.Sprint(n) != strings.TrimLeft(p, "0") || n < 1 || n > 65535 {
			return errors.New("a port is no number from 1 to 65535")
		}
		d.Hosts = append(d.Hosts, HostPort{h, fmt.Sprint(n)})
	}
	return nil
}

var sslModes = map[string]bool{"disable": true, "allow": true, "prefer": true, "require": true, "verify-ca": true, "verify-full": true}

// keywords are the connection parameters of libpq up to PostgreSQL 18.
var keywords = func() map[string]bool {
	m := map[string]bool{}
	for _, k := range strings.Fields(`application_name channel_binding client_encoding connect_timeout dbname fallback_application_name
		gssdelegation gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname load_balance_hosts
		max_protocol_version min_protocol_version oauth_client_id oauth_client_secret oauth_issuer oauth_scope options passfile password port
		replication require_auth requirepeer requiressl scram_client_key scram_server_key service servicefile sslcert sslcertmode sslcompression sslcrl
		sslcrldir sslkey sslkeylogfile ssl_max_protocol_version ssl_min_protocol_version sslmode sslnegotiation sslpassword sslrootcert
		sslsni target_session_attrs tcp_user_timeout user`) {
		m[k] = true
	}
	return m
}()

const space = " \t\n\r\v\f"

// parseKeywords reads keyword = value pairs: values may stand in single
// quotes, a backslash takes the next character literally.
func parseKeywords(s string) (map[string]string, error) {
	m := map[string]string{}
	s = strings.TrimLeft(s, space)
	for s != "" {
		eq := strings.IndexByte(s, '=')
		if eq < 0 {
			return nil, errors.New("a word without \"=\"")
		}
		k := strings.TrimRight(s[:eq], space)
		if k == "" || strings.ContainsAny(k, space) {
			return nil, errors.New("a word without \"=\"")
		}
		var v string
		var err error
		if v, s, err = value(strings.TrimLeft(s[eq+1:], space)); err != nil {
			return nil, err
		}
		if !keywords[k] { // before a broken value can pass for a keyword
			return nil, unknownKeyword(k)
		}
		m[k] = v
		s = strings.TrimLeft(s, space)
	}
	return m, nil
}

// unknownKeyword quotes a keyword only when it looks like one: what stands
// there may be the rest of a password that was not quoted.
func unknownKeyword(k string) error {
	for _, known := range []string{"database", "username", "pass", "pwd", "db", "hostname", "ssl", "sslmod", "usr"} {
		if strings.EqualFold(k, known) {
			return fmt.Errorf("%q is no libpq keyword", k)
		}
	}
	return errors.New("it holds a keyword that libpq does not know")
}

// value takes one value off the front of s.
func value(s string) (v, rest string, err error) {
	quoted := strings.HasPrefix(s, "'")
	if quoted {
		s = s[1:]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case quoted && s[i] == '\'':
			return b.String(), s[i+1:], nil
		case !quoted && strings.IndexByte(space, s[i]) >= 0:
			return b.String(), s[i:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	if quoted {
		return "", "", errors.New("a quote is not closed")
	}
	return b.String(), "", nil
}

// parseURI reads postgresql://user:password@host:port,host:port/dbname?key=value.
// Several hosts are beyond net/url, so the authority is taken apart here.
func parseURI(s string) (map[string]string, error) {
	_, s, _ = strings.Cut(strings.TrimRight(s, space), "://")
	if strings.ContainsAny(s, space) { // libpq's releases differ in what they make of it
		return nil, errors.New("a space stands in a URI; write it as %20")
	}
	m := map[string]string{}
	s, query, _ := strings.Cut(s, "?")
	authority, db, _ := strings.Cut(s, "/")
	var err error
	set := func(k, v string) {
		u, e := url.PathUnescape(v)
		if e != nil || strings.IndexByte(u, 0) >= 0 {
			err = errors.New("a percent sign is not followed by two hexadecimal digits")
		}
		if u != "" {
			m[k] = u
		}
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if strings.Contains(authority[:at], "@") {
			return nil, errors.New("an @ in the user or password is not written as %40")
		}
		user, password, _ := strings.Cut(authority[:at], ":")
		set("user", user)
		set("password", password)
		authority = authority[at+1:]
	}
	var hosts, ports []string
	for _, hp := range strings.Split(authority, ",") {
		host, port := hp, ""
		if strings.HasPrefix(hp, "[") {
			end := strings.IndexByte(hp, ']')
			if end < 0 {
				return nil, errors.New("an IPv6 address is not closed with \"]\"")
			}
			host, port = hp[1:end], hp[end+1:]
			if port != "" && port[0] != ':' {
				return nil, errors.New("something stands between \"]\" and the port")
			}
			port = strings.TrimPrefix(port, ":")
		} else {
			host, port, _ = strings.Cut(hp, ":")
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	set("host", strings.Join(hosts, ","))
	set("dbname", db)
	if p := strings.Join(ports, ","); strings.Trim(p, ",") != "" {
		m["port"] = p
	}
	for _, kv := range strings.Split(query, "&") {
		if kv == "" {
			continue
		}
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" || strings.Contains(v, "=") {
			return nil, errors.New("a parameter after \"?\" is not of the form key=value")
		}
		if k == "ssl" && v == "true" { // libpq's one alias, for JDBC's sake
			k, v = "sslmode", "require"
		}
		if !keywords[k] {
			return nil, unknownKeyword(k)
		}
		set(k, v)
	}
	return m, err
}
