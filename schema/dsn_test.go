package schema

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestConnectionStrings(t *testing.T) {
	for _, c := range []struct{ dsn, address, sslmode string }{
		{"host=a port=5433 dbname=app", "a:5433/app", ""},
		{"host=a", "a:5432", ""},
		{"", "localhost:5432", ""},
		{"dbname=app", "localhost:5432/app", ""},
		{"  host = a   dbname = 'my app' ", "a:5432/my app", ""},
		{`host=a dbname='it\'s' user=x`, "a:5432/it's", ""},
		{`host=a dbname=with\ space`, "a:5432/with space", ""},
		{"host=a,b port=1,2 dbname=app", "a:1,b:2/app", ""},
		{"host=a,b port=6000 dbname=app", "a:6000,b:6000/app", ""},
		{"host=a,b port=,7 dbname=app", "a:5432,b:7/app", ""},
		{"hostaddr=192.0.2.7 dbname=app", "192.0.2.7:5432/app", ""},
		{"host=/var/run/postgresql dbname=app", "/var/run/postgresql:5432/app", ""},
		{"host=::1 dbname=app", "[::1]:5432/app", ""},
		{"service=prod", "service=prod", ""},
		{"service=prod dbname=app", "service=prod/app", ""},
		{"host=a password='p a s s' sslmode=verify-full dbname=app", "a:5432/app", "verify-full"},
		{"postgresql://a/app", "a:5432/app", ""},
		{"postgres://a/app", "a:5432/app", ""},
		{"postgresql://", "localhost:5432", ""},
		{"postgresql:///app", "localhost:5432/app", ""},
		{"postgresql:///app?host=/tmp", "/tmp:5432/app", ""},
		{"postgresql://u:p%40ss@a:5433/app?sslmode=require&connect_timeout=5", "a:5433/app", "require"},
		{"postgresql://a:1,b:2/app", "a:1,b:2/app", ""},
		{"postgresql://a,b:2/app", "a:5432,b:2/app", ""},
		{"postgresql://[2001:db8::1]:5433/app", "[2001:db8::1]:5433/app", ""},
		{"postgresql://a/my%20app", "a:5432/my app", ""},
		{"postgresql://a/app?ssl=true", "a:5432/app", "require"},
		{"postgresql://a?dbname=app", "a:5432/app", ""},
	} {
		d, err := ParseDSN(c.dsn)
		require.NoError(t, err, c.dsn)
		require.Equal(t, c.address, d.Address(), c.dsn)
		require.Equal(t, c.sslmode, d.SSLMode, c.dsn)
	}
}

func TestBrokenConnectionStringsShowNothing(t *testing.T) {
	for _, dsn := range []string{
		"host=a password=s3cret with=blank", "host=a password=s3cret blank", "host=a password='s3cret", "s3cret",
		"host=a port=s3cret", "host=a port=70000", "host=a port=0", "host=a,b port=1,2,3", "host=a hostaddr=1.2.3.4,5.6.7.8",
		"postgresql://u:s3/cret@a/app", "postgresql://u:12/s3cret@a/app", "postgresql://u:s3?cret@a/app", "postgresql://u:s3@cret@a:x/app",
		"postgresql://u:s3cret@a:b:c/app", "postgresql://[::1/app?password=s3cret", "postgresql://[::1]s3cret/app",
		"postgresql://u:%zzs3cret@a/app", "postgresql://a/app?s3cret", "postgresql://a/app?s3cret=1", "postgresql://a/app?password=a=s3cret",
		"host=a sslmode=s3cret", "host=a dbname='postgresql://u:s3cret@b/c'", "host=a dbname='host=b password=s3cret'", "host=u:s3cret@b", "=s3cret",
		"host=a\x00password=s3cret",
	} {
		_, err := ParseDSN(dsn)
		require.Error(t, err, dsn)
		require.NotContains(t, err.Error(), "s3", dsn)
		require.NotContains(t, Address(dsn), "s3")
		require.NotContains(t, Address(dsn), "cret")
	}
}

func TestLocalAddresses(t *testing.T) {
	for dsn, local := range map[string]bool{
		"host=127.0.0.1": true, "host=127.9.9.9": true, "host=::1": true, "host=localhost": true, "host=LOCALHOST.": true, "host=/tmp": true,
		"host=@abstract": true, "": true, "host=0.0.0.0": true, "host=a,localhost": true, "host=localhost.localdomain": true,
		"host=a": false, "host=192.0.2.1": false, "host=localhorst": false, "service=x": false, "service=x host=localhost": true,
	} {
		d, err := ParseDSN(dsn)
		require.NoError(t, err, dsn)
		require.Equal(t, local, d.Local(), dsn)
	}
}

// The environment of the machine changes no verdict.
func TestTheEnvironmentIsNotRead(t *testing.T) {
	before := load(t, worldwide)
	for k, v := range map[string]string{"PGHOST": "elsewhere", "PGPORT": "1", "PGDATABASE": "other", "PGSSLMODE": "disable", "PGSERVICE": "x", "PGPASSFILE": "/nowhere"} {
		t.Setenv(k, v)
	}
	require.Equal(t, before.Violations, load(t, worldwide).Violations)
	require.Equal(t, "a:5432", Address("host=a"))
	require.Equal(t, "localhost:5432/app", Address("dbname=app"))
}

// FuzzDSN: what we accept, pgx reads in the same way; nothing panics; no error
// and no address shows the password.
func FuzzDSN(f *testing.F) {
	for _, s := range []string{"host=a port=1 dbname='x y' user=u password=zqsecretqz", "postgresql://u:zqsecretqz@a:1,b:2/app?sslmode=require", "service=x", `host=a\ b`, "postgresql://[::1]/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDSN(s)
		if err != nil {
			if strings.Contains(err.Error(), "zqsecretqz") {
				t.Fatalf("the error shows the password: %v", err)
			}
			return
		}
		if d.Service != "" || strings.Contains(s, "file=") || strings.Contains(s, "ssl") || strings.Contains(s, "hostaddr") {
			return // pgx would read files, and knows no hostaddr
		}
		if strings.Contains(s, "://") && strings.ContainsAny(s, space) {
			return // libpq trims it, pgx does so in places
		}
		c, err := pgconn.ParseConfig(s)
		if err != nil {
			return // stricter than we are in what does not matter here
		}
		if d.Database != "" && c.Database != d.Database {
			t.Fatalf("%q: database %q, pgx says %q", s, d.Database, c.Database)
		}
		if h := d.Hosts[0]; h.Host != "" && c.Host != h.Host {
			t.Fatalf("%q: host %q, pgx says %q", s, h.Host, c.Host)
		}
	})
}
