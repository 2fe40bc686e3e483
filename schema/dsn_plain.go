package schema

import (
	"maps"
	"slices"
	"strings"
)

// secrets are the connection parameters that nobody but the server may see.
var secrets = []string{"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}

// PlainDSN renders a connection string, keyword/value or URI, in keyword/value
// form: without what is secret in it, and with the given keywords set, "" taking
// one away. It returns the secret keywords that it left out. Its errors never
// hold any part of the string but a keyword.
func PlainDSN(s string, set map[string]string) (dsn string, removed []string, err error) {
	m, err := words(s)
	if err != nil {
		return "", nil, err
	}
	maps.Copy(m, set)
	for _, k := range secrets {
		if m[k] != "" {
			removed = append(removed, k)
		}
		delete(m, k)
	}
	return joinWords(m), removed, nil
}

// RedirectDSN renders a connection string to another place: all that it says of
// the host is replaced by host and port, and the database unless that is empty.
// It keeps secrets, so its result is for connecting alone.
func RedirectDSN(s, host, port, database string) (string, error) {
	m, err := words(s)
	if err != nil {
		return "", err
	}
	delete(m, "hostaddr")
	delete(m, "service")
	m["host"], m["port"] = host, port
	if database != "" {
		m["dbname"] = database
	}
	return joinWords(m), nil
}

// words takes a connection string apart into keywords and values.
func words(s string) (map[string]string, error) {
	if _, err := ParseDSN(s); err != nil {
		return nil, err
	}
	if strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://") {
		return parseURI(s)
	}
	return parseKeywords(s)
}

// joinWords puts one together, where to connect first.
func joinWords(m map[string]string) string {
	first := []string{"service", "host", "hostaddr", "port", "dbname", "user"}
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(k string) bool { return slices.Contains(first, k) })
	var out []string
	for _, k := range append(first, keys...) {
		if m[k] != "" {
			out = append(out, k+"="+quoteDSN(m[k]))
		}
	}
	return strings.Join(out, " ")
}

// quoteDSN quotes a value of a keyword/value string where it must be.
func quoteDSN(s string) string {
	if s != "" && !strings.ContainsAny(s, space+`'\`) {
		return s
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
