package tpa

import (
	"strings"
)

// dsn makes the connection string that TPA makes: host, port, dbname, user and
// the attributes of bdr_client_dsn_attributes, without any secret. It returns
// "" when a part of it is not known before a deploy; a topology without it is
// refused at this instance's place, which is better than a guess.
func (b *builder) dsn(i *instance) string {
	host, whole := b.host(i)
	port, user := "5432", "postgres"
	flavour, ok := b.text(i.variable("postgres_flavour"), "postgres_flavour of instance "+i.name)
	whole = whole && ok
	if flavour == "epas" {
		port, user = "5444", "enterprisedb"
	}
	database := "bdrdb"
	for key, of := range map[string]*string{"postgres_port": &port, "postgres_user": &user, "bdr_database": &database} {
		v := i.variable(key)
		text, ok := b.text(v, key+" of instance "+i.name)
		whole = whole && ok
		if text != "" {
			*of = text
		}
	}
	attributes := i.variable("bdr_client_dsn_attributes")
	more, ok := b.text(attributes, "bdr_client_dsn_attributes of instance "+i.name)
	whole = whole && ok
	if !whole {
		b.unmap(i.pos, "add the dsn to the topology by hand", "the connection string of node %s cannot be told from config.yml", i.node)
		return ""
	}
	words := []string{"host=" + quote(host), "port=" + quote(port), "dbname=" + quote(database), "user=" + quote(user)}
	for _, w := range splitWords(more) {
		key, _, _ := strings.Cut(w, "=")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "password", "sslpassword":
			b.note(attributes.pos, "use a password file", "%s in bdr_client_dsn_attributes is a secret and is left out of the topology", strings.TrimSpace(key))
		default:
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// host is what the node is reached by.
func (b *builder) host(i *instance) (string, bool) {
	if !b.opt.Addresses {
		return i.name, true
	}
	// TPA's own order when it looks for an address to deploy to.
	for _, key := range []string{"public_ip", "ip_address", "private_ip"} {
		if v := i.setting(key); v != nil {
			text, ok := b.text(v, key+" of instance "+i.name)
			return text, ok
		}
	}
	b.note(i.pos, "", "instance %s has no address in config.yml, so its name is taken", i.name)
	return i.name, true
}

// quote quotes a value of a keyword/value connection string where it must be.
func quote(s string) string {
	if s != "" && !strings.ContainsAny(s, ` '\`) {
		return s
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// splitWords splits "key=value key='a value'" at the spaces outside of quotes.
func splitWords(s string) []string {
	var out []string
	var word strings.Builder
	quoted, escaped := false, false
	for _, r := range s {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '\'':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word.Len() > 0 {
				out = append(out, word.String())
			}
			word.Reset()
			continue
		}
		word.WriteRune(r)
	}
	if word.Len() > 0 {
		out = append(out, word.String())
	}
	return out
}
