package tpa

import (
	"strings"

	"github.com/pgconcord/pgconcord/schema"
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
	plain, removed, err := schema.PlainDSN(more, map[string]string{"host": host, "port": port, "dbname": database, "user": user})
	if err != nil {
		b.unmap(attributes.pos, "add the dsn to the topology by hand", "bdr_client_dsn_attributes of instance %s cannot be read: %v", i.name, err)
		return ""
	}
	if len(removed) > 0 {
		b.note(attributes.pos, "use a password file", "%s in bdr_client_dsn_attributes is secret and is left out of the topology", strings.Join(removed, ", "))
	}
	return plain
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
