package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// firstValues reads what sequences that were not used since they were made or
// restarted give first: after ALTER SEQUENCE … RESTART WITH it is not their
// start, and only the sequence itself tells. It matters to those that take steps,
// which is how nodes draw by turns; where there is none nothing is asked. One
// that cannot be asked is hidden.
func firstValues(ctx context.Context, tx pgx.Tx, f *Facts) {
	var asked []*Sequence
	var parts []string
	for i := range f.Sequences {
		s := &f.Sequences[i]
		if s.Last != nil || s.Hidden || s.Increment == 1 || s.Increment == -1 {
			continue
		}
		parts = append(parts, fmt.Sprintf("SELECT %d, last_value FROM %s", len(asked), pgx.Identifier{s.Schema, s.Name}.Sanitize()))
		asked = append(asked, s)
	}
	if len(asked) == 0 {
		return
	}
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
		rows, err := tx.Query(ctx, strings.Join(parts, " UNION ALL "))
		if err != nil {
			return err
		}
		var i int
		var value int64
		_, err = pgx.ForEachRow(rows, []any{&i, &value}, func() error {
			asked[i].First = new(value)
			return nil
		})
		return err
	})
	if err != nil {
		for _, s := range asked {
			s.First, s.Hidden = nil, true
		}
	}
}
