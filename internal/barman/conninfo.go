package barman

import (
	"net/url"
	"regexp"
	"strings"
)

// address reduces a libpq connection string, keyword/value or URI, to
// host:port/database; several hosts are joined by commas. The string belongs to
// the Barman host, so neither this machine's PG* variables nor its certificate
// files may take part, which is why pgx does not parse it.
func address(conninfo string) string {
	conninfo = strings.TrimSpace(conninfo)
	if conninfo == "" {
		return ""
	}
	var kv map[string]string
	if strings.HasPrefix(conninfo, "postgres://") || strings.HasPrefix(conninfo, "postgresql://") {
		kv = parseURI(conninfo)
	} else {
		kv = parseKeywords(conninfo)
	}
	if kv == nil {
		return "(no valid connection string)"
	}
	if kv["service"] != "" && kv["host"] == "" && kv["hostaddr"] == "" {
		return "service=" + kv["service"]
	}
	hosts, ports := strings.Split(kv["host"], ","), strings.Split(kv["port"], ",")
	if kv["host"] == "" && kv["hostaddr"] != "" {
		hosts = strings.Split(kv["hostaddr"], ",")
	}
	var out []string
	for i, h := range hosts {
		p := ports[0]
		if i < len(ports) {
			p = ports[i]
		}
		if p == "" {
			p = "5432"
		}
		if h == "" {
			h = "(socket)"
		}
		a := h + ":" + p
		if kv["dbname"] != "" {
			a += "/" + kv["dbname"]
		}
		out = append(out, a)
	}
	return strings.Join(out, ",")
}

// parseKeywords reads "host=h port=5432 password='a b\'c'"; nil when it is
// malformed.
func parseKeywords(s string) map[string]string {
	kv := map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t\r\n\f\v")
		if s == "" {
			return kv
		}
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			return nil
		}
		key = strings.TrimSpace(key)
		s = strings.TrimLeft(rest, " \t\r\n\f\v")
		quoted := strings.HasPrefix(s, "'")
		if quoted {
			s = s[1:]
		}
		var val strings.Builder
		i, closed := 0, false
		for ; i < len(s); i++ {
			c := s[i]
			if c == '\\' && i+1 < len(s) {
				i++
				val.WriteByte(s[i])
				continue
			}
			if quoted && c == '\'' {
				i, closed = i+1, true
				break
			}
			if !quoted && strings.IndexByte(" \t\r\n\f\v", c) >= 0 {
				break
			}
			val.WriteByte(c)
		}
		if quoted && !closed || key == "" || strings.ContainsAny(key, " \t\r\n'") {
			return nil
		}
		kv[key] = val.String()
		s = s[i:]
	}
}

// parseURI reads a connection URI. net/url refuses several hosts with ports, so
// the authority is taken apart here.
func parseURI(s string) map[string]string {
	_, rest, _ := strings.Cut(s, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, db, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	kv := map[string]string{}
	var hosts, ports []string
	for _, hp := range strings.Split(authority, ",") {
		h, p := hp, ""
		if i := strings.LastIndexByte(hp, ':'); i >= 0 && !strings.HasSuffix(hp, "]") {
			h, p = hp[:i], hp[i+1:]
		}
		if u, err := url.PathUnescape(h); err == nil {
			h = u
		}
		hosts, ports = append(hosts, h), append(ports, p)
	}
	kv["host"], kv["port"] = strings.Join(hosts, ","), strings.Join(ports, ",")
	if u, err := url.PathUnescape(db); err == nil {
		kv["dbname"] = u
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	for _, k := range []string{"host", "hostaddr", "port", "dbname", "service"} {
		if q.Get(k) != "" {
			kv[k] = q.Get(k)
		}
	}
	return kv
}

var (
	secretWord = regexp.MustCompile(`(?i)\b(password|passwd|sslpassword|passfile)\s*=\s*('(?:\\.|[^'\\])*'?|"[^"]*"?|[^\s'",)}]+)`)
	secretURI  = regexp.MustCompile(`://[^/\s"']*@`)
)

// scrub takes passwords out of text that Barman, libpq or ssh wrote.
func scrub(s string) string {
	return secretWord.ReplaceAllString(secretURI.ReplaceAllString(s, "://"), "$1=***")
}
