package compare

import (
	"fmt"
	"slices"
	"strings"
)

// The causes a difference is likely to have; README.md states the rule of each.
const (
	CauseJoin           = "join-time resolution"
	CauseLocalWrite     = "write that did not replicate"
	CauseStale          = "update not applied"
	CauseMissedInsert   = "insert not applied, or delete that did not replicate"
	CauseMissedDelete   = "delete not applied, or insert that did not replicate"
	CauseRepresentation = "only the representation differs"
	CauseKeyForm        = "the key is written in another form"
	CauseFiltered       = "filtered row"
	CauseTruncate       = "truncate that did not replicate, or data never copied"
)

// causeOf applies the rules of README.md, in its order. Most need one camp that
// is right and one that is not: with more, or without evidence, it says nothing.
func causeOf(d *Difference) string {
	var lack, filtered, empty, relaxed, otherwise []string
	for _, v := range d.Versions {
		if v.Exists || v.OtherForm {
			relaxed = append(relaxed, v.Relaxed)
		}
		if v.Exists {
			continue
		}
		lack = append(lack, v.Node)
		if v.Filtered {
			filtered = append(filtered, v.Node)
		}
		if v.OtherForm {
			otherwise = append(otherwise, v.Node)
		}
		if v.Empty {
			empty = append(empty, v.Node)
		}
	}
	slices.Sort(relaxed)
	switch {
	case len(filtered) > 0 && len(filtered) == len(lack):
		return explain(CauseFiltered, "%s has the row with content that does not meet the row filter, so a change that moved it out of the filter, or into it, did not take effect everywhere", strings.Join(filtered, ", "))
	case len(empty) > 0 && len(empty) == len(lack):
		return explain(CauseTruncate, "the table of %s held no row at all", strings.Join(empty, ", "))
	case len(otherwise) > 0 && len(otherwise) == len(lack) && relaxed[0] != "" && relaxed[0] == relaxed[len(relaxed)-1]:
		return explain(CauseRepresentation, "%s has the row with an equal key that is written otherwise, which is listed as a difference of its own; by the rules of mode value the rows are equal", strings.Join(otherwise, ", "))
	case len(otherwise) > 0 && len(otherwise) == len(lack):
		return explain(CauseKeyForm, "%s has a row with an equal key that is written otherwise, which is listed as a difference of its own", strings.Join(otherwise, ", "))
	case len(lack) == 0 && !alike(d.Versions) && relaxed[0] != "" && relaxed[0] == relaxed[len(relaxed)-1]:
		return explain(CauseRepresentation, "by the rules of mode value the rows are equal")
	}
	if len(d.Majority) == 0 || len(d.Minority) == 0 {
		return ""
	}
	var right, wrong []RowVersion
	for _, c := range camps(d.Versions) {
		switch {
		case c[0].Node == d.Majority[0] || slices.Contains(d.Majority, c[0].Node):
			right = c
		case wrong != nil:
			return "" // several wrong versions
		default:
			wrong = c
		}
	}
	good, bad := latest(right), latest(wrong)
	switch {
	case good.Hash == bad.Hash && good.Count > bad.Count:
		return explain(CauseMissedInsert, "%s has %d copies of a row of which the others have %d", names1(wrong), bad.Count, good.Count)
	case good.Hash == bad.Hash && good.Count < bad.Count:
		return explain(CauseMissedDelete, "%s has %d copies of a row of which the others have %d", names1(wrong), bad.Count, good.Count)
	case good.Exists && !bad.Exists:
		return explain(CauseMissedInsert, "%s has no row that the others have from %s", names1(wrong), from(good))
	case !good.Exists && bad.Exists:
		return explain(CauseMissedDelete, "%s has a row from %s that the others have not", names1(wrong), from(bad))
	case good.CommitAt == nil || bad.CommitAt == nil:
		return ""
	case bad.CommitAt.After(*good.CommitAt) && bad.OriginRaw != localOrigin && slices.Contains(d.Majority, bad.Origin):
		return explain(CauseJoin, "on %s the row came by a copy from %s, which gave it the copy's commit timestamp %s; the change of %s at %s was on its way then, arrived later, is older, and lost",
			names1(wrong), bad.Origin, stamp(bad), originOf(good), stamp(good))
	case bad.CommitAt.After(*good.CommitAt):
		return explain(CauseLocalWrite, "%s was written at %s (%s), later than the others' version of %s at %s, and the change did not reach them",
			names1(wrong), stamp(bad), rawOrigin(bad), originOf(good), stamp(good))
	case bad.CommitAt.Before(*good.CommitAt):
		return explain(CauseStale, "%s still has the version of %s at %s; the change of %s at %s did not take effect there",
			names1(wrong), originOf(bad), stamp(bad), originOf(good), stamp(good))
	}
	return ""
}

// alike reports whether all nodes hold one and the same row, of which then, as
// they differ, not all have as many.
func alike(versions []RowVersion) bool {
	for _, v := range versions {
		if !v.Exists || v.Hash != versions[0].Hash {
			return false
		}
	}
	return true
}

func explain(cause, format string, a ...any) string { return cause + ": " + fmt.Sprintf(format, a...) }

const localOrigin = "local"

// stamp renders a commit timestamp to the microsecond, in UTC.
func stamp(v RowVersion) string { return v.CommitAt.UTC().Format("2006-01-02 15:04:05.000000Z") }

func originOf(v RowVersion) string {
	if v.Origin != "" {
		return v.Origin
	}
	return "an unknown origin"
}

func rawOrigin(v RowVersion) string {
	switch {
	case v.OriginRaw == localOrigin:
		return "a local transaction"
	case v.OriginRaw != "":
		return "origin " + v.OriginRaw
	}
	return "origin not known"
}

func from(v RowVersion) string {
	if v.CommitAt == nil {
		return originOf(v) + " (commit timestamp not known)"
	}
	return originOf(v) + " at " + stamp(v)
}

func names1(camp []RowVersion) string {
	s := ""
	for i, v := range camp {
		if i > 0 {
			s += ", "
		}
		s += v.Node
	}
	return s
}
