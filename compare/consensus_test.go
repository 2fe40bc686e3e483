package compare

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// v is a version; minutes after noon, below zero: not known.
func v(node, hash string, minutes int, origin string) RowVersion {
	r := RowVersion{Node: node, Exists: hash != "", Hash: hash, Origin: origin, OriginRaw: "slot_of_" + origin}
	if origin == node {
		r.OriginRaw = localOrigin
	}
	if minutes >= 0 {
		at := noon.Add(time.Duration(minutes) * time.Minute)
		r.CommitAt = &at
	}
	return r
}

func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		policy   Policy
		versions []RowVersion
		majority []string
		kind     Kind
	}{
		"two of three":                  {Policy{}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b"), v("c", "x", 1, "a")}, []string{"a", "c"}, Changed},
		"tie of two":                    {Policy{}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b")}, nil, Changed},
		"half is no majority":           {Policy{}, []RowVersion{v("a", "x", 1, "a"), v("b", "x", 1, "b"), v("c", "y", 1, "c"), v("d", "z", 1, "d")}, nil, Changed},
		"half is a quorum of 0.5":       {Policy{Rule: ByQuorum, Quorum: 0.5}, []RowVersion{v("a", "x", 1, "a"), v("b", "x", 1, "b"), v("c", "y", 1, "c"), v("d", "z", 1, "d")}, []string{"a", "b"}, Changed},
		"two quorums are none":          {Policy{Rule: ByQuorum, Quorum: 0.5}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b")}, nil, Changed},
		"tie breaker":                   {Policy{TieBreakers: []string{"b"}}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b")}, []string{"b"}, Changed},
		"tie breaker against majority":  {Policy{TieBreakers: []string{"b"}}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b"), v("c", "x", 1, "c")}, []string{"a", "c"}, Changed},
		"tie breakers that disagree":    {Policy{TieBreakers: []string{"a", "b"}}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b")}, nil, Changed},
		"source of truth":               {Policy{Rule: BySource, Sources: []string{"b"}}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b"), v("c", "x", 1, "c")}, []string{"b"}, Changed},
		"source did not answer":         {Policy{Rule: BySource, Sources: []string{"z"}}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b"), v("c", "x", 1, "c")}, nil, Changed},
		"newest":                        {Policy{Rule: ByNewest}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 2, "b"), v("c", "x", 1, "a")}, []string{"b"}, Changed},
		"newest, one frozen":            {Policy{Rule: ByNewest}, []RowVersion{v("a", "x", -1, ""), v("b", "y", 2, "b")}, nil, Changed},
		"newest, one missing":           {Policy{Rule: ByNewest}, []RowVersion{v("a", "", -1, ""), v("b", "y", 2, "b")}, nil, Missing},
		"newest, equal timestamps":      {Policy{Rule: ByNewest}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b")}, nil, Changed},
		"off":                           {Policy{Rule: Undecided, TieBreakers: []string{"a"}}, []RowVersion{v("a", "x", 1, "a"), v("b", "y", 1, "b"), v("c", "x", 1, "c")}, nil, Changed},
		"minority lacks the row":        {Policy{}, []RowVersion{v("a", "x", 1, "a"), v("b", "", -1, ""), v("c", "x", 1, "c")}, []string{"a", "c"}, Missing},
		"minority has a row too many":   {Policy{}, []RowVersion{v("a", "", -1, ""), v("b", "x", 1, "b"), v("c", "", -1, "")}, []string{"a", "c"}, Extra},
		"some lack it, others changed":  {Policy{}, []RowVersion{v("a", "x", 1, "a"), v("b", "", -1, ""), v("c", "y", 1, "c")}, nil, Mixed},
		"missing against other content": {Policy{}, []RowVersion{v("a", "x", 1, "a"), v("b", "x", 1, "a"), v("c", "x", 1, "a"), v("d", "y", 1, "d"), v("e", "", -1, "")}, []string{"a", "b", "c"}, Mixed},
	} {
		t.Run(name, func(t *testing.T) {
			d := Difference{Versions: c.versions}
			c.policy.Decide(&d)
			require.Equal(t, c.majority, d.Majority)
			require.Equal(t, c.kind, d.Kind)
			if c.majority != nil {
				require.Len(t, d.Minority, len(c.versions)-len(c.majority))
			} else {
				require.Empty(t, d.Minority)
			}
		})
	}
}

func TestCause(t *testing.T) {
	for name, c := range map[string]struct {
		versions []RowVersion
		cause    string
	}{
		// The recipe of requirement B15: the copy came from a, which took c's change later.
		"join": {[]RowVersion{v("a", "new", 1, "c"), v("b", "new", 1, "c"), v("c", "new", 1, "c"), v("d", "old", 2, "a")}, CauseJoin},
		"join, but the copy's source is as wrong": {[]RowVersion{v("a", "old", 2, "d"), v("b", "new", 1, "c"), v("c", "new", 1, "c"), v("d", "old", 2, "a"), v("e", "new", 1, "c")}, CauseLocalWrite},
		"written and not replicated":              {[]RowVersion{v("a", "x", 1, "a"), v("b", "x", 1, "a"), v("c", "y", 2, "c")}, CauseLocalWrite},
		"update did not arrive":                   {[]RowVersion{v("a", "x", 2, "a"), v("b", "x", 2, "a"), v("c", "y", 1, "a")}, CauseStale},
		"row did not arrive":                      {[]RowVersion{v("a", "x", 2, "a"), v("b", "x", 2, "a"), v("c", "", -1, "")}, CauseMissedInsert},
		"row did not leave":                       {[]RowVersion{v("a", "", -1, ""), v("b", "", -1, ""), v("c", "x", 1, "a")}, CauseMissedDelete},
		"timestamps not known":                    {[]RowVersion{v("a", "x", -1, ""), v("b", "x", -1, ""), v("c", "y", 1, "c")}, ""},
		"same timestamp":                          {[]RowVersion{v("a", "x", 1, "a"), v("b", "x", 1, "a"), v("c", "y", 1, "a")}, ""},
		"nobody is right":                         {[]RowVersion{v("a", "x", 1, "a"), v("b", "y", 2, "b")}, ""},
		"two are wrong in two ways":               {[]RowVersion{v("a", "x", 1, "a"), v("b", "x", 1, "a"), v("c", "x", 1, "a"), v("d", "y", 2, "d"), v("e", "z", 2, "e")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := Difference{Versions: c.versions}
			Policy{}.Decide(&d)
			if c.cause == "" {
				require.Empty(t, d.Cause)
			} else {
				require.Contains(t, d.Cause, c.cause+": ")
			}
		})
	}
}
