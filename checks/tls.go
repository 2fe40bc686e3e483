package checks

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// oldFacts says of saved facts that they lack what a check judges.
const oldFacts = "the facts were saved by a release that did not look at it; save them anew"

// TLSServerOn: the server offers TLS where a network is in between.
var TLSServerOn = Check{
	Name:     "tls/server-on",
	Title:    "TLS is on at every node that is reached over a network",
	Why:      "A server with ssl = off refuses every client that insists on TLS, and hands rows and passwords in the clear to all that do not.",
	Remedy:   "Set ssl = on with a certificate for the names in the plan, and reload the configuration.",
	Source:   "PostgreSQL, Secure TCP/IP Connections with SSL",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run: eachNode(func(n node) []Finding {
		if n.local() {
			return []Finding{skip("the plan reaches it over the loopback or a Unix socket, which leave no machine")}
		}
		return settingIs("ssl", "on")(n)
	}),
}

// local reports whether the plan's connection string leads to the machine that
// it is used on.
func (n node) local() bool {
	d, err := schema.ParseDSN(n.plan.DSN)
	return err == nil && d.Local()
}

// TLSSessions: what runs now is encrypted.
var TLSSessions = Check{
	Name:  "tls/sessions-encrypted",
	Title: "Connections that leave the machine are encrypted: the tool's own, and those of subscribers and Barman",
	Why: "An sslmode below require falls back to plain text when the server offers nothing else, and nobody is told: rows, and with " +
		"password authentication more, go over the network for everybody to read.",
	Remedy:   "Set sslmode=verify-full in the connection string of whoever connects, and hostssl instead of host in pg_hba.conf, which refuses the rest.",
	Source:   "PostgreSQL, libpq, protection provided in different modes; pg_stat_ssl, pg_stat_gssapi",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Subjects: allNodes,
	Run:      eachNode(sessionsEncrypted),
}

func sessionsEncrypted(n node) []Finding {
	own := n.ownSession()
	out := []Finding{own}
	if gap := n.f.Gap(catalog.PartSenders); gap != nil {
		_, why := factsOf(n.in, n.name, catalog.PartSenders)
		f := unknown("whether the connections of subscribers and Barman are encrypted is not known: %s", why).evidence("", sendersEncrypted, sendersHow)
		f.Subject.Object = "walsenders"
		out = append(out, f)
	}
	encrypted, inside := 0, 0
	for _, s := range n.f.Senders {
		var f Finding
		switch {
		case s.Client == "" || loopback(s.Client):
			inside++
			continue
		case s.Encrypted == nil:
			f = unknown("whether the connection of %s from %s is encrypted is not known: %s", s.Application, s.Client, oldFacts).evidence("", sendersEncrypted, sendersHow)
		case *s.Encrypted:
			encrypted++
			continue
		default:
			f = fail("%s receives from it at %s without encryption", s.Application, s.Client).evidence("ssl = false", sendersEncrypted, sendersHow)
		}
		f.Subject.Object = fmt.Sprintf("walsender %s to %s", s.Application, s.Client)
		if !slices.ContainsFunc(out, func(o Finding) bool { return o.Subject == f.Subject }) {
			out = append(out, f)
		}
	}
	if len(out) == 1 && own.Status == Pass {
		out[0] = pass("%s; %d connections of subscribers and Barman are encrypted, %d leave no machine", own.Message, encrypted, inside).evidence("", sendersEncrypted, sendersHow)
	} else if own.Status == Pass {
		out = out[1:]
	}
	return out
}

const (
	sendersEncrypted = "encrypted, or over the loopback or a Unix socket"
	sendersHow       = "pg_stat_ssl and pg_stat_gssapi of the backends in pg_stat_replication"
	sessionHow       = "the tool's own connection, and pg_stat_ssl of it on the server"
)

func loopback(address string) bool {
	ip := net.ParseIP(address)
	return ip != nil && ip.IsLoopback()
}

// ownSession judges the way that the tool itself took. Both ends are asked: what
// ends TLS on the way leaves the rest of it plain.
func (n node) ownSession() Finding {
	s := n.f.Session
	done := func(f Finding, found string) Finding {
		f.Subject.Object = "the tool's own session"
		return f.evidence(found, sendersEncrypted, sessionHow)
	}
	switch {
	case s == nil && n.local():
		return done(pass("the plan reaches it over the loopback or a Unix socket"), "")
	case s == nil:
		return done(unknown("whether the tool's own session was encrypted is not known: %s", oldFacts), "")
	case s.Local: // what forwards it from there, such as a tunnel, is not seen
		return done(pass("the tool's own session goes over the loopback or a Unix socket"), "local")
	case s.TLS == "":
		return done(fail("the tool's own session is not encrypted: %s", n.whyPlain()), "plain text")
	}
	if gap := n.f.Gap(catalog.PartSession); gap != nil {
		return done(unknown("what the server says of the tool's session is not known: %s", gap.Detail), s.TLS)
	}
	if !s.ServerTLS && !s.ServerLocal {
		return done(fail("the tool's own session reaches the server without encryption: something on the way ends TLS"), s.TLS+" here, ssl = false on the server")
	}
	return done(pass("the tool's own session is encrypted with %s", s.TLS), s.TLS)
}

// whyPlain says why a session is plain text.
func (n node) whyPlain() string {
	mode := "sslmode is " + modeWords(n.declaredMode())
	if v, ok := n.f.Settings["ssl"]; ok {
		return mode + ", and ssl is " + v + " on the server"
	}
	return mode
}

// declaredMode is the sslmode of the plan's connection string.
func (n node) declaredMode() string {
	d, err := schema.ParseDSN(n.plan.DSN)
	switch {
	case err != nil, d.SSLMode == "" && d.Service != "":
		return ""
	case d.SSLMode == "":
		return catalog.ModeUnset
	}
	return d.SSLMode
}

func modeWords(mode string) string {
	switch mode {
	case catalog.ModeUnset:
		return "not set, which means prefer"
	case "":
		return "not known"
	}
	return mode
}

// strength orders the modes by what they protect from; libpq's default is
// prefer.
var strength = map[string]int{"disable": 0, "allow": 1, "prefer": 2, catalog.ModeUnset: 2, "require": 3, "verify-ca": 4, "verify-full": 5}

// TLSModes: the nodes ask as much of each other as the plan does.
var TLSModes = Check{
	Name:  "tls/mode-as-declared",
	Title: "The connection strings in the catalogs ask for no less TLS than those of the plan",
	Why: "Replication runs over the string in the catalog, not over that of the plan: with a weaker sslmode there another machine can " +
		"answer in the node's place and is sent every change, while all that is checked with the plan's string looks safe.",
	Remedy:   "Write the plan's sslmode, and sslrootcert where it is needed, into the node's interface on every node.",
	Source:   "PostgreSQL, libpq, protection provided in different modes; creating-and-joining-pgd-groups, B2",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Gates:    Nightly | PostJoin,
	Subjects: allNodes,
	Run:      modesAsDeclared,
}

func modesAsDeclared(in Input) []Finding {
	parts := []catalog.Part{catalog.PartNodes, catalog.PartSubscriptions}
	facts, _ := readable(in, in.Plan.NodeNames(), parts...)
	known := names(in)
	said := map[string]map[string][]string{} // node to sslmode to who says so
	for _, observer := range sortedKeys(facts) {
		note := func(name string, a catalog.Asked) {
			if !a.Local && !slices.Contains(said[name][a.SSLMode], observer) {
				say(said, name, a.SSLMode, observer)
			}
		}
		for _, p := range facts[observer].Peers {
			note(known[p.Name], p.Asked)
		}
		for _, s := range facts[observer].Subscriptions {
			note(known[s.Provider], s.Asked)
		}
	}
	var out []Finding
	for _, name := range in.Plan.NodeNames() {
		f := modeAsDeclared(node{in: in, name: name, plan: in.Plan.Nodes[name]}, said[name], facts[name] != nil)
		f.Subject.Node = name
		f.Pos = in.Plan.Pos("nodes", name, "dsn")
		out = append(out, f)
	}
	return out
}

func modeAsDeclared(n node, said map[string][]string, read bool) Finding {
	declared := n.declaredMode()
	var weaker, found []string
	for _, mode := range sortedKeys(said) {
		if mode == "" {
			continue
		}
		words := fmt.Sprintf("%s on %s", modeWords(mode), strings.Join(said[mode], ", "))
		found = append(found, words)
		if strength[mode] < strength[declared] {
			weaker = append(weaker, words)
		}
	}
	done := func(f Finding) Finding {
		return f.evidence(strings.Join(found, "; "), modeWords(declared)+" or stronger", "sslmode of the connection strings of nodes and subscriptions in all catalogs")
	}
	switch {
	case n.local():
		return skip("the plan reaches it over the loopback or a Unix socket, which leave no machine")
	case declared == "":
		return skip("the plan leaves sslmode to a service file")
	case len(weaker) > 0:
		return done(fail("the catalogs connect to %s with a weaker sslmode than the plan: %s", n.name, strings.Join(weaker, "; ")))
	case !read:
		_, why := factsOf(n.in, n.name, catalog.PartNodes, catalog.PartSubscriptions)
		return done(unknown("the connection strings in its own catalog are not known: %s", why))
	case len(said[""]) > 0:
		return done(unknown("the sslmode with which %s connects to it cannot be read: the string is closed to this role, names a service file, or %s", strings.Join(said[""], ", "), oldFacts))
	case len(said) == 0:
		return skip("no catalog that was read holds a connection string to %s that leaves the machine", n.name)
	}
	return done(pass("all catalogs that were read connect to %s with sslmode %s", n.name, strings.Join(found, "; ")))
}
