package schema_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/schema"
)

func TestPlainDSN(t *testing.T) {
	for in, c := range map[string]struct {
		want    string
		removed []string
	}{
		"host=a dbname=app":                                                   {"host=a dbname=app", nil},
		"dbname=app password='it\\'s s3cret' host=a":                          {"host=a dbname=app", []string{"password"}},
		"postgresql://u:s3cret@a:1,b:2/my%20db":                               {"host=a,b port=1,2 dbname='my db' user=u", []string{"password"}},
		"postgres://u@a/d?sslmode=require&password=s3cret&sslpassword=s3cret": {"host=a dbname=d user=u sslmode=require", []string{"password", "sslpassword"}},
		`host=a application_name='it\'s \\ mine'`:                             {`host=a application_name='it\'s \\ mine'`, nil},
		"service=prod user=u":                                                 {"service=prod user=u", nil},
	} {
		got, removed, err := schema.PlainDSN(in, nil)
		require.NoError(t, err, in)
		require.Equal(t, c.want, got)
		require.Equal(t, c.removed, removed)
		again, _, err := schema.PlainDSN(got, nil)
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	got, _, err := schema.PlainDSN("host=a port=1 hostaddr=127.0.0.1 user=u", map[string]string{"host": "b", "port": "2", "hostaddr": ""})
	require.NoError(t, err)
	require.Equal(t, "host=b port=2 user=u", got)
	_, _, err = schema.PlainDSN("host=a pass word=s3cret", nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")
}
