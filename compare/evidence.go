package compare

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// relaxed returns the SQL of a digest of what mode value compares. A json that
// cannot become a jsonb must not end the query that only gathers evidence.
func (q statements) relaxed() string {
	texts := make([]string, len(q.shape.columns))
	for i, c := range q.shape.columns {
		mode := Value
		if c.base == "json" {
			mode = Exact
		}
		texts[i] = textOf(c, mode)
	}
	return "encode(sha256(convert_to(" + frame(texts) + ", " + literal(q.charset) + ")), 'hex')"
}

// lacking adds to the differences what speaks for a cause where nodes have no
// row: that the table held none there, or that the row is there and left out by
// the row filter. What cannot be read is no evidence, and changes no verdict.
func (r *run) lacking(ctx context.Context, sessions []*cluster.Session, qs []statements, out *Table) {
	empty := map[string]bool{}
	for _, c := range out.Nodes {
		empty[c.Node] = c.Error == "" && c.Rows == 0 && c.Digest != "" && out.Where == ""
	}
	for i, s := range sessions {
		var keys [][]string
		var rows []*RowVersion
		for d := range out.Diffs {
			at := slices.IndexFunc(out.Diffs[d].Versions, func(v RowVersion) bool { return v.Node == s.Node })
			if at < 0 || out.Diffs[d].Versions[at].Exists || out.Diffs[d].Status != Persistent {
				continue
			}
			v := &out.Diffs[d].Versions[at]
			v.Empty = empty[s.Node]
			keys, rows = append(keys, out.Diffs[d].Key), append(rows, v)
		}
		if len(keys) == 0 || qs[i].keyless() {
			continue
		}
		if slices.ContainsFunc(qs[i].shape.key, severalForms) {
			_ = s.Read(ctx, "look for keys in another form", func(ctx context.Context, tx pgx.Tx) error { return markOtherForms(ctx, tx, qs[i], keys, rows) })
		}
		if qs[i].where == "" {
			continue
		}
		whole := qs[i]
		whole.where = ""
		_ = s.Read(ctx, "look for rows that the filter leaves out", func(ctx context.Context, tx pgx.Tx) error {
			found, err := pickNode(ctx, tx, whole, keys, false, "")
			for j, k := range keys {
				_, rows[j].Filtered = found[strings.Join(k, sep)]
			}
			return err
		})
	}
	for d := range out.Diffs {
		r.req.Policy.Decide(&out.Diffs[d])
	}
}
