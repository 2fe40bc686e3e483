package compare

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/cluster"
	"github.com/pgconcord/pgconcord/internal/lab"
)

// A table that is dropped while the catalog is read takes no other table with it.
func TestSurveyWhileTablesAreDropped(t *testing.T) {
	nodes, stop, err := lab.Servers(t.Context(), 1, lab.Options{})
	lab.Need(t, err)
	t.Cleanup(func() { _ = stop() })
	require.NoError(t, nodes[0].Exec(t.Context(), "CREATE TABLE stays (id int PRIMARY KEY); CREATE TABLE goes (id int PRIMARY KEY, v text)"))
	for _, dsn := range []string{nodes[0].DSN(), nodes[0].ReaderDSN()} {
		s, err := cluster.Open(t.Context(), "n1", dsn, cluster.Settings{})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		v := &survey{relations: map[string]*table{}, version: s.VersionNum()}
		require.NoError(t, s.Read(t.Context(), "read the tables", func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT FROM pg_class"); err != nil { // the snapshot
				return err
			}
			if err := nodes[0].Exec(ctx, "DROP TABLE goes"); err != nil {
				return err
			}
			byOID, err := v.readTables(ctx, tx)
			if err == nil {
				err = readColumns(ctx, tx, v.version, byOID)
			}
			if err == nil {
				err = readParts(ctx, tx, v.version, byOID)
			}
			if err == nil {
				err = readKeys(ctx, tx, v.version, byOID)
			}
			return err
		}))
		require.Len(t, v.relations["\"public\".\"stays\""].keys, 1)
		require.NoError(t, nodes[0].Exec(t.Context(), "CREATE TABLE goes (id int PRIMARY KEY, v text)"))
	}
}
