package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgconcord/pgconcord/compare"
	"github.com/pgconcord/pgconcord/reports"
)

// errTimeOver ends a comparison whose time is over, which is no interruption.
var errTimeOver = errors.New("the time of --within is over")

// compareWithin compares the tables first whose turn was longest ago, until the
// time is over that runs since the program began. What was not reached by then is in the result, and makes it
// incomplete. Without a limit all is compared.
func (a *app) compareWithin(ctx context.Context, request compare.Request, began time.Time, within time.Duration, past []*reports.Report) (*compare.Result, error) {
	if within <= 0 {
		return a.compare(ctx, request)
	}
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	last := lastTurn(past)
	var due []work
	request.Rank = func(dataSet, schema, table string) int64 {
		if len(due) == 0 { // the tables are known, and will be listed whatever the time
			timer := time.AfterFunc(max(0, within-time.Since(began)), func() { cancel(errTimeOver) })
			context.AfterFunc(limited, func() { timer.Stop() })
		}
		w := work{dataSet, schema, table}
		due = append(due, w)
		return last[w]
	}
	result, err := a.compare(limited, request)
	if ctx.Err() != nil || !errors.Is(context.Cause(limited), errTimeOver) || result == nil || err != nil && !errors.Is(err, context.Canceled) {
		return result, err
	}
	addUnreached(result, due, within)
	return result, nil
}

// work is one table of one data set.
type work struct{ set, schema, name string }

// notFinished begins the reason of a table that the time ended in the middle of,
// notReached that of one whose turn did not come.
const (
	notFinished = "not finished within "
	notReached  = "not reached within "
)

// lastTurn is when each table last had its turn, in microseconds; 0 never. A
// table has had it when it was compared in full, and when the time was over in
// the middle of it: else one that takes longer than the whole of the time would
// come first every night and keep all others from theirs.
func lastTurn(past []*reports.Report) map[work]int64 {
	out := map[work]int64{}
	for _, r := range past {
		if r.Comparison == nil {
			continue
		}
		for _, t := range r.Comparison.Tables {
			cut := slices.ContainsFunc(t.Reasons, func(why string) bool { return strings.HasPrefix(why, notFinished) })
			if t.Verdict != compare.Incomplete || cut {
				out[work{t.DataSet, t.Schema, t.Name}] = r.Finished.UnixMicro()
			}
		}
	}
	return out
}

// addUnreached says of a result which tables the time was too short for.
func addUnreached(result *compare.Result, due []work, within time.Duration) {
	finished := len(result.Tables)
	for i := range result.Tables {
		if t := &result.Tables[i]; t.Unfinished { // it was under way
			finished--
			t.Reasons = append([]string{notFinished + within.String()}, t.Reasons...)
		}
	}
	done := map[work]bool{}
	for _, t := range result.Tables {
		done[work{t.DataSet, t.Schema, t.Name}] = true
	}
	for _, w := range due {
		if !done[w] {
			result.Tables = append(result.Tables, compare.Table{Schema: w.schema, Name: w.name, DataSet: w.set, Verdict: compare.Incomplete,
				Reasons: []string{notReached + within.String()}})
		}
	}
	result.Reasons = slices.DeleteFunc(result.Reasons, func(why string) bool { return strings.HasPrefix(why, "interrupted after ") })
	result.Reasons = append(result.Reasons, fmt.Sprintf("the time of --within %s was over after %d of %d tables", within, finished, len(result.Tables)))
	if result.Verdict == compare.Match {
		result.Verdict = compare.Incomplete
	}
}
