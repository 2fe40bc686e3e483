package checks

import (
	"time"

	"github.com/pgconcord/pgconcord/internal/catalog"
	"github.com/pgconcord/pgconcord/schema"
)

// declare changes a node's connection string in the plan.
func declare(in *Input, name, dsn string) {
	n := in.Plan.Nodes[name]
	n.DSN = dsn
	in.Plan.Nodes[name] = n
}

const (
	socket  = "host=/run/postgresql dbname=app"
	ownWay  = "dc1n1: the tool's own session"
	sender1 = "dc1n1: walsender dc1n1_to_dc1n2 to 192.0.2.1"
)

func certificate(in *Input) *catalog.Certificate { return &node1(in).Session.Certificates[0] }

// tlsBreakers are the cases of what is encrypted, and how.
var tlsBreakers = map[string][]breakCase{
	"tls/server-on": {
		{"off", "", func(in *Input) { node1(in).Settings["ssl"] = "off" }, []string{"fail dc1n1"}},
		{"off where nobody comes over a network", "", func(in *Input) { node1(in).Settings["ssl"] = "off"; declare(in, "dc1n1", socket) }, nil},
		{"not told", "", func(in *Input) { delete(node1(in).Settings, "ssl") }, []string{"unknown dc1n1"}},
		{"down", "", func(in *Input) { lose(in, "dc1n1") }, []string{"unknown dc1n1"}},
	},
	"tls/sessions-encrypted": {
		{"the tool's own is plain", "", func(in *Input) { *node1(in).Session = catalog.Session{} }, []string{"fail " + ownWay}},
		{"something on the way ends TLS", "", func(in *Input) { node1(in).Session.ServerTLS = false }, []string{"fail " + ownWay}},
		{"something on the server's machine does", "", func(in *Input) { node1(in).Session.ServerTLS, node1(in).Session.ServerLocal = false, true }, nil},
		{"plain over the loopback", "", func(in *Input) { *node1(in).Session = catalog.Session{Local: true} }, nil},
		{"the server's end is not known", "", func(in *Input) { hide(in, "dc1n1", catalog.PartSession) }, []string{"unknown " + ownWay}},
		{"a subscriber's is plain", "", func(in *Input) { sender(in, "dc1n1", "dc1n2").Encrypted = new(bool) }, []string{"fail " + sender1}},
		{"plain and on the machine", "", func(in *Input) {
			s := sender(in, "dc1n1", "dc1n2")
			s.Encrypted, s.Client = new(bool), "::1"
		}, nil},
		{"plain and over a socket", "", func(in *Input) {
			s := sender(in, "dc1n1", "dc1n2")
			s.Encrypted, s.Client = new(bool), ""
		}, nil},
		{"both", "", func(in *Input) {
			*node1(in).Session = catalog.Session{}
			sender(in, "dc1n1", "dc1n2").Encrypted = new(bool)
		}, []string{"fail " + ownWay, "fail " + sender1}},
		{"senders are hidden", "", func(in *Input) { node1(in).Senders = nil; hide(in, "dc1n1", catalog.PartSenders) }, []string{"unknown dc1n1: walsenders"}},
		{"old facts", "", func(in *Input) { node1(in).Session = nil; sender(in, "dc1n1", "dc1n2").Encrypted = nil }, []string{"unknown " + ownWay, "unknown " + sender1}},
		{"old facts of a loopback", "", func(in *Input) { node1(in).Session = nil; declare(in, "dc1n1", socket) }, nil},
	},
	"tls/mode-as-declared": {
		{"weaker", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").SSLMode = "require" }, []string{"fail dc1n1"}},
		{"not set", "", func(in *Input) { node1(in).Peers[0].SSLMode = catalog.ModeUnset }, []string{"fail dc1n1"}},
		{"not set in the plan either", "", func(in *Input) {
			node1(in).Peers[0].SSLMode = catalog.ModeUnset
			declare(in, "dc1n1", "host=dc1n1.example dbname=app")
		}, nil},
		{"stronger", "", func(in *Input) { declare(in, "dc1n1", "host=dc1n1.example dbname=app sslmode=require") }, nil},
		{"weaker over the loopback", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").Asked = catalog.Asked{SSLMode: "disable", Local: true} }, nil},
		{"one cannot be read", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").Asked = catalog.Asked{} }, []string{"unknown dc1n1"}},
		{"down", "", func(in *Input) { lose(in, "dc1n1") }, []string{"unknown dc1n1"}},
		{"in a service file", "", func(in *Input) { sub(in, "dc1n1", "dc1n2").SSLMode = "disable"; declare(in, "dc1n1", "service=dc1n1") }, nil},
	},
	"tls/certificate-valid": {
		{"ran out", "", func(in *Input) { certificate(in).NotAfter = node1(in).ReadAt.Add(-time.Minute) }, []string{"fail dc1n1: the server's certificate"}},
		{"runs out soon", "", func(in *Input) { certificate(in).NotAfter = node1(in).ReadAt.Add(14*24*time.Hour - 1) }, []string{"fail dc1n1: the server's certificate"}},
		{"runs out in time", "", func(in *Input) { certificate(in).NotAfter = node1(in).ReadAt.Add(14 * 24 * time.Hour) }, nil},
		{"as soon as the policy allows", "", func(in *Input) {
			certificate(in).NotAfter = node1(in).ReadAt.Add(time.Hour)
			in.Plan.Policy.TLS.MinCertificateDays = 0
		}, nil},
		{"not yet", "", func(in *Input) { certificate(in).NotBefore = node1(in).ReadAt.Add(time.Minute) }, []string{"fail dc1n1: the server's certificate"}},
		{"its issuer's runs out", "", func(in *Input) {
			c := *certificate(in)
			c.Subject, c.NotAfter = "CN=Issuing CA", node1(in).ReadAt
			node1(in).Session.Certificates = append(node1(in).Session.Certificates, c)
		}, []string{"fail dc1n1: the issuer's certificate CN=Issuing CA"}},
		{"a root that is sent along", "", func(in *Input) {
			c := *certificate(in)
			c.Subject, c.Issuer, c.NotAfter = "CN=Root", "CN=Root", node1(in).ReadAt
			node1(in).Session.Certificates = append(node1(in).Session.Certificates, c)
		}, nil},
		{"none was shown", "", func(in *Input) { *node1(in).Session = catalog.Session{} }, nil},
		{"old facts", "", func(in *Input) { node1(in).Session = nil }, []string{"unknown dc1n1"}},
		{"ssl off", "", func(in *Input) { node1(in).Session, node1(in).Settings["ssl"] = nil, "off" }, nil},
	},
}

func archives(in *Input, a catalog.Archiver) {
	node1(in).Settings["archive_mode"] = "on"
	a.Written, a.WrittenSince = node1(in).Archiver.Written, node1(in).Archiver.WrittenSince
	node1(in).Archiver = &a
}

// hangs is an archiver that has had nothing to say for 20 minutes, or nearly so.
func hangs(but func(*catalog.Archiver)) func(*Input) {
	return func(in *Input) {
		now, five := node1(in).ServerNow, int64(5)
		a := catalog.Archiver{Configured: true, Waiting: &five, WaitingSince: new(now.Add(-20 * time.Minute)), LastArchived: new(now.Add(-20 * time.Minute)),
			LastSegment: "000000020000000500000001", Current: "000000020000000500000007"}
		if but != nil {
			but(&a)
		}
		archives(in, a)
		node1(in).Settings["wal_segment_size"] = "16MB"
	}
}

// walBreakers are the cases of WAL on disk.
var walBreakers = map[string][]breakCase{
	"wal/disk-budget": {
		{"over it", "", func(in *Input) { node1(in).WALBytes = in.Plan.Policy.WAL.MaxBytes + 1 }, []string{"fail dc1n1"}},
		{"just within it", "", func(in *Input) { node1(in).WALBytes = in.Plan.Policy.WAL.MaxBytes }, nil},
		{"a setting allows more", "", func(in *Input) { node1(in).Settings["max_slot_wal_keep_size"] = "4097MB" }, []string{"fail dc1n1"}},
		{"a setting allows all of it", "", func(in *Input) { node1(in).Settings["max_slot_wal_keep_size"] = "4096MB" }, nil},
		{"segments allow more", "", func(in *Input) { node1(in).Settings["wal_keep_segments"] = "257" }, []string{"fail dc1n1"}},
		{"no budget", "", func(in *Input) { in.Plan.Policy.WAL = schema.WALPolicy{}; node1(in).WALBytes = 1 << 60 }, nil},
		{"hidden", "", func(in *Input) { hide(in, "dc1n1", catalog.PartWAL) }, []string{"unknown dc1n1"}},
		{"slots are hidden", "", func(in *Input) { hide(in, "dc1n1", catalog.PartSlots) }, []string{"unknown dc1n1"}},
		{"slots are hidden, over it", "", func(in *Input) {
			node1(in).WALBytes = in.Plan.Policy.WAL.MaxBytes + 1
			hide(in, "dc1n1", catalog.PartSlots)
		}, []string{"fail dc1n1"}},
	},
	"wal/archived": {
		{"off", "", func(in *Input) { node1(in).Settings["archive_mode"] = "off"; hide(in, "dc1n1", catalog.PartArchiver) }, nil},
		{"well", "", func(in *Input) {
			now := node1(in).ServerNow
			archives(in, catalog.Archiver{Configured: true, LastArchived: new(now), LastFailed: new(now.Add(-time.Hour))})
		}, nil},
		{"fails", "", func(in *Input) {
			now := node1(in).ServerNow
			archives(in, catalog.Archiver{Configured: true, LastArchived: new(now.Add(-time.Hour)), LastFailed: new(now)})
		}, []string{"fail dc1n1"}},
		{"never worked", "", func(in *Input) {
			archives(in, catalog.Archiver{Configured: true, LastFailed: new(node1(in).ServerNow)})
		}, []string{"fail dc1n1"}},
		{"segments wait, and none was tried", "", func(in *Input) { archives(in, catalog.Archiver{Configured: true, Waiting: &one}) }, []string{"unknown dc1n1"}},
		{"none was tried, and none waits", "", func(in *Input) { archives(in, catalog.Archiver{Configured: true, Waiting: &zero}) }, nil},
		{"nothing to archive with", "", func(in *Input) { archives(in, catalog.Archiver{Waiting: &one}) }, []string{"fail dc1n1"}},
		{"nothing to archive with or for", "", func(in *Input) { archives(in, catalog.Archiver{Waiting: &zero}) }, nil},
		{"hangs", "", hangs(nil), []string{"fail dc1n1"}},
		{"hangs, over a boundary of 4 GB", "", hangs(func(a *catalog.Archiver) {
			a.LastSegment, a.Current = "0000000200000004000000FE", "000000020000000500000004"
		}), []string{"fail dc1n1"}},
		{"some are behind", "", hangs(func(a *catalog.Archiver) { a.LastSegment = "000000020000000500000002" }), nil},
		{"idle", "", hangs(func(a *catalog.Archiver) {
			a.LastSegment, a.Waiting, a.WaitingSince = "000000020000000500000006", &zero, nil
		}), nil},
		{"slow, and goes on", "", hangs(func(a *catalog.Archiver) { *a.LastArchived = a.LastArchived.Add(10 * time.Minute) }), nil},
		{"many at once after a rest", "", hangs(func(a *catalog.Archiver) { *a.WaitingSince = a.WaitingSince.Add(19 * time.Minute) }), nil},
		{"after a switch of timelines", "", hangs(func(a *catalog.Archiver) { a.LastSegment = "000000010000000500000001" }), nil},
		{"after a history file", "", hangs(func(a *catalog.Archiver) { a.LastSegment = "00000002.history" }), nil},
		{"in recovery", "", hangs(func(a *catalog.Archiver) { a.Current = "" }), nil},
		{"before PostgreSQL 12", "", hangs(func(a *catalog.Archiver) { a.Waiting, a.WaitingSince = nil, nil }), []string{"unknown dc1n1"}},
		{"hidden", "", func(in *Input) { archives(in, catalog.Archiver{}); hide(in, "dc1n1", catalog.PartArchiver) }, []string{"unknown dc1n1"}},
		{"old facts", "", func(in *Input) { archives(in, catalog.Archiver{}); node1(in).Archiver = nil }, []string{"unknown dc1n1"}},
	},
}
