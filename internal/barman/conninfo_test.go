package barman

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddress(t *testing.T) {
	t.Setenv("PGHOST", "elsewhere")
	t.Setenv("PGPORT", "1")
	for in, want := range map[string]string{
		"host=dc1n1 port=5433 user=barman dbname=postgres": "dc1n1:5433/postgres",
		"host=dc1n1":                                "dc1n1:5432",
		"host = 'dc1n1' password='it''s' ":          "(no valid connection string)",
		`host=dc1n1 password='it\'s host=x' user=b`: "dc1n1:5432",
		`host=dc1n1 password=a\ b port=7`:           "dc1n1:7",
		"hostaddr=192.0.2.1 port=5":                 "192.0.2.1:5",
		"host=a,b port=1,2 dbname=x":                "a:1/x,b:2/x",
		"host=a,b port=1":                           "a:1,b:1",
		"dbname=postgres":                           "(socket):5432/postgres",
		"host=/run/postgresql":                      "/run/postgresql:5432",
		"service=main":                              "service=main",
		"host":                                      "(no valid connection string)",
		"":                                          "",
		"host=h sslrootcert=/nowhere/ca.pem sslmode=verify-full": "h:5432",
		"postgresql://b:secret@h1:5433/db?sslmode=require":       "h1:5433/db",
		"postgres://b:s%40c@h1,h2:6/db":                          "h1:5432/db,h2:6/db",
		"postgresql://[2001:db8::1]:5/db":                        "[2001:db8::1]:5/db",
		"postgresql:///db?host=h&port=9":                         "h:9/db",
	} {
		require.Equal(t, want, address(in), "%q", in)
	}
}

func TestScrub(t *testing.T) {
	for _, in := range []string{
		`connection to "host=h password=canary user=x" failed`,
		`password = 'can\'ary canary' x`,
		`PASSWORD="canary"`,
		`postgresql://u:canary@h/db refused`,
		`sslpassword=canary`,
		`{'password': 'x', 'dsn': 'host=h password=canary'}`,
	} {
		require.NotContains(t, scrub(in), "canary", in)
	}
	require.Equal(t, "password authentication failed for user \"barman\"", scrub("password authentication failed for user \"barman\""))
}
