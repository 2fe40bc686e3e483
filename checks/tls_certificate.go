package checks

import (
	"fmt"
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// TLSCertificates: no certificate runs out unnoticed.
var TLSCertificates = Check{
	Name:  "tls/certificate-valid",
	Title: "The certificates that each server shows are valid for policy.tls.min_certificate_days (14) more",
	Why: "When a certificate runs out, every subscriber that verifies it is refused at its next reconnect, on all edges to the node at " +
		"the same time, and slots begin to hold WAL back.",
	Remedy:   "Renew the certificate and reload the configuration of the server; no restart is needed.",
	Source:   "PostgreSQL, Secure TCP/IP Connections with SSL; RFC 5280, 4.1.2.5 Validity",
	Severity: schema.Warning,
	Needs:    NeedsFacts,
	Subjects: allNodes,
	Run:      eachNode(certificates),
}

func certificates(n node) []Finding {
	s, ssl := n.f.Session, n.f.Settings["ssl"]
	switch {
	case ssl == "off":
		return []Finding{skip("ssl is off: the server has no certificate in use")}
	case s == nil && n.local():
		return []Finding{skip("the plan reaches it over the loopback or a Unix socket, and the facts hold no certificate")}
	case s == nil:
		return []Finding{unknown("the server's certificate is not known: %s", oldFacts)}
	case len(s.Certificates) == 0:
		return []Finding{skip("the tool's own session is not encrypted, so the server showed it no certificate (sslmode is %s)", modeWords(n.declaredMode()))}
	}
	keep := time.Duration(n.in.Plan.Policy.TLS.MinCertificateDays) * 24 * time.Hour
	now := n.f.ReadAt
	var out []Finding
	for i, c := range s.Certificates {
		if i > 0 && c.Subject == c.Issuer {
			continue // a root that is sent along; whoever verifies has its own
		}
		found := fmt.Sprintf("%s, valid from %s until %s", c.Subject, day(c.NotBefore), day(c.NotAfter))
		var f Finding
		switch left := c.NotAfter.Sub(now); {
		case now.Before(c.NotBefore):
			f = fail("%s is not valid before %s", certificateName(i, c), c.NotBefore.Format(time.RFC3339))
			f.Severity = schema.Error
		case left <= 0:
			f = fail("%s ran out on %s", certificateName(i, c), day(c.NotAfter))
			f.Severity = schema.Error
		case left < keep:
			f = fail("%s runs out on %s, in %s", certificateName(i, c), day(c.NotAfter), days(left))
		default:
			continue
		}
		f.Subject.Object = certificateName(i, c)
		out = append(out, f.evidence(found, fmt.Sprintf("valid now and for %d days", n.in.Plan.Policy.TLS.MinCertificateDays), certificateHow))
	}
	if len(out) == 0 {
		own := s.Certificates[0]
		out = append(out, pass("its certificate is valid until %s", day(own.NotAfter)).
			evidence(fmt.Sprintf("%s, valid from %s until %s", own.Subject, day(own.NotBefore), day(own.NotAfter)), fmt.Sprintf("valid now and for %d days", n.in.Plan.Policy.TLS.MinCertificateDays), certificateHow))
	}
	return out
}

const certificateHow = "the certificates that the server showed to the tool's own session"

func certificateName(i int, c catalog.Certificate) string {
	if i == 0 {
		return "the server's certificate"
	}
	return "the issuer's certificate " + c.Subject
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func days(d time.Duration) string {
	if n := int(d.Hours() / 24); n != 1 {
		return fmt.Sprintf("%d days", n)
	}
	return "1 day"
}
