package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgconcord/pgconcord/internal/cluster"
)

// query is one statement of the read and the part of the facts that it fills.
// Its rows travel as JSON objects, so a column that a version lacks is simply
// not there, and one statement serves all versions.
type query struct {
	part Part
	what string // what is read, for messages: "pg_replication_slots"
	sql  string // a SELECT; every row becomes one JSON object
	// fill puts the rows, a JSON array, into the facts.
	fill func(f *Facts, rows json.RawMessage) error
	// grants are what a role needs for it beyond LOGIN, %s standing for the
	// role. Everything that talks of rights derives from here.
	grants []string
	// member is a predefined role without which the server hides columns rather
	// than refusing: the query is not even tried without it.
	member string
	// sees is a predefined role without which the server hides rows: what the query
	// gives is then a part of what there is, which is a gap beside it.
	sees string
	// missing says why the statement cannot be run on this server at all, "" when
	// it can; remedy how to change that.
	missing func(p *probe) (why, remedy string)
	// newer says that what is missing came with a later release of the flavour:
	// there is nothing that could be seen with other rights or settings.
	newer bool
}

// into decodes rows into values of T and hands them on.
func into[T any](use func(f *Facts, rows []T)) func(*Facts, json.RawMessage) error {
	return func(f *Facts, raw json.RawMessage) error {
		var rows []T
		if err := json.Unmarshal(raw, &rows); err != nil {
			return err
		}
		use(f, rows)
		return nil
	}
}

// run executes the queries in one round trip inside the open transaction. Each
// has a savepoint of its own, so that one that fails leaves the others alone
// and becomes a gap. An error is about the session as a whole.
func run(ctx context.Context, s *cluster.Session, p *probe, queries []query, f *Facts) error {
	var sent []query
	pipe := s.Conn.PgConn().StartPipeline(ctx)
	send := func(sql string) {
		pipe.SendQueryParams(sql, nil, nil, nil, nil)
		pipe.SendPipelineSync()
	}
	for _, q := range queries {
		if gap := q.hopeless(p); gap != nil {
			f.Gaps = append(f.Gaps, *gap)
			continue
		}
		if gap := q.hidden(p, q.sees); gap != nil {
			f.Gaps = append(f.Gaps, *gap)
		}
		sent = append(sent, q)
		send("SAVEPOINT part")
		send("SELECT coalesce(json_agg(r), '[]'::json)::text FROM (" + q.sql + ") r")
		send("ROLLBACK TO SAVEPOINT part") // also after success: nothing was written
	}
	if err := pipe.Flush(); err != nil {
		return errors.Join(err, pipe.Close())
	}
	for _, q := range sent {
		var answer [3][]byte
		var failed error
		for i := range answer {
			value, err := next(pipe)
			if _, isServer := errors.AsType[*pgconn.PgError](err); err != nil && !isServer {
				return errors.Join(s.Wrap("read "+q.what, err), pipe.Close())
			}
			answer[i], failed = value, errors.Join(failed, err)
		}
		if failed == nil {
			failed = q.fill(f, answer[1])
		}
		if failed != nil {
			f.Gaps = append(f.Gaps, q.failure(p, s.Wrap("read "+q.what, failed)))
		}
	}
	return pipe.Close()
}

// next reads the results up to the next sync and returns the one value.
func next(pipe *pgconn.Pipeline) (value []byte, err error) {
	for {
		results, e := pipe.GetResults()
		if e != nil {
			if _, isServer := errors.AsType[*pgconn.PgError](e); !isServer {
				return nil, e
			}
			err = e
			continue
		}
		switch r := results.(type) {
		case *pgconn.PipelineSync:
			return value, err
		case *pgconn.ResultReader:
			read := r.Read()
			if read.Err != nil {
				err = read.Err
			} else if len(read.Rows) == 1 && len(read.Rows[0]) == 1 {
				value = read.Rows[0][0]
			}
		}
	}
}

// ofPrimary are the parts of which a server in recovery has its own, or none,
// while the node that it follows has those that count.
var ofPrimary = []Part{PartSubscriptions, PartSlots, PartSenders, PartOrigins, PartPrepared, PartLocks, PartRaft, PartConflicts}

// hopeless tells why the query cannot give what it should, before it is sent.
func (q query) hopeless(p *probe) *Failure {
	if p.InRecovery && slices.Contains(ofPrimary, q.part) {
		return &Failure{Part: q.part, Attempted: "read " + q.what, Reason: string(cluster.Failed),
			Detail: "the server is in recovery, a physical standby, which does not tell those of the node that it follows", Remedy: "Point the dsn to the primary."}
	}
	if q.missing != nil {
		if why, remedy := q.missing(p); why != "" {
			reason := string(cluster.Failed)
			if q.newer {
				reason = NotInRelease
			}
			return &Failure{Part: q.part, Attempted: "read " + q.what, Reason: reason, Detail: why, Remedy: remedy}
		}
	}
	return q.hidden(p, q.member)
}

// hidden tells that the server hides what is asked for from those who are no
// members of a role; nil without one.
func (q query) hidden(p *probe, role string) *Failure {
	if role == "" || p.Superuser || p.Member[role] {
		return nil
	}
	return &Failure{Part: q.part, Attempted: "read " + q.what, Reason: string(cluster.Denied),
		Detail: fmt.Sprintf("role %s is no member of %s, so the server hides what is asked for", p.User, role), Remedy: grant(q.grants, p.User)}
}

// failure turns what a query ended with into a gap.
func (q query) failure(p *probe, err error) Failure {
	f := Failure{Part: q.part, Attempted: "read " + q.what, Reason: string(cluster.ReasonOf(err)), Detail: err.Error()}
	if e, ok := errors.AsType[*cluster.Error](err); ok {
		f.Detail = e.Err.Error()
	}
	if cluster.ReasonOf(err) == cluster.Denied {
		f.Remedy = grant(q.grants, p.User)
	}
	return f
}

// grant renders the statements for a role.
func grant(statements []string, role string) string {
	var out []string
	for _, s := range statements {
		out = append(out, fmt.Sprintf(s, pgx.Identifier{role}.Sanitize())+";")
	}
	return strings.Join(out, " ")
}
