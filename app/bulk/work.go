package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// phase is one of the three passes through the rows of an act. A row that has a verdict of from is still to be settled; its
// verdict then is another one, so whatever is repeated finds it settled.
type phase struct {
	during, after State
	from, to      []Verdict
}

var (
	trying    = phase{during: Trying, after: Tried, from: []Verdict{""}, to: []Verdict{Will, WillAsk, Same, Forbidden, Gone, Refused}}
	doing     = phase{during: Doing, after: Done, from: []Verdict{Will, WillAsk}, to: []Verdict{Changed, Asked}}
	returning = phase{during: Returning, after: Returned, from: []Verdict{Changed, Asked}, to: []Verdict{Back, Left, Kept}}

	phases = map[job.Kind]phase{job.BulkTrial: trying, job.BulkRun: doing, job.BulkReturn: returning}
	jobs   = map[State]job.Kind{Trying: job.BulkTrial, Doing: job.BulkRun, Returning: job.BulkReturn}
)

// outcome is what has become of a row.
type outcome struct {
	verdict  Verdict
	why, was string
}

// work is a step of a job: it settles the next rows, each in a tx of its own.
func (s *Service) work(ctx context.Context, p phase, j job.Job) (job.Progress, error) {
	a, err := load(ctx, s.o.DB, j.SubjectID)
	if errors.Is(err, ErrNotFound) || err == nil && a.State != p.during {
		return job.Progress{Finished: true}, nil
	}
	if err != nil {
		return job.Progress{}, err
	}
	chunk, pause := s.chunk, time.Duration(0)
	if p.during == Doing && a.Kind == Resend {
		chunk, pause = min(chunk, Pace), time.Minute*time.Duration(min(chunk, Pace))/Pace
	}
	rows, err := rowsWith(ctx, s.o.DB, a.ID, p.from, chunk+1)
	if err != nil {
		return job.Progress{}, err
	}
	more := len(rows) > chunk
	if more {
		rows = rows[:chunk]
	}
	switch p.during {
	case Trying:
		err = s.tryAll(ctx, a, rows)
	case Doing:
		err = s.settleEach(ctx, a, rows, s.do)
	default:
		err = s.settleEach(ctx, a, rows, s.takeBack)
	}
	if err != nil {
		return job.Progress{}, err
	}
	if more {
		return job.Progress{Done: min(j.Done+int64(len(rows)), j.Total), Total: j.Total, Pause: pause}, ctx.Err()
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		by, err := s.actor(ctx, tx, a)
		if err != nil {
			return err
		}
		return s.end(ctx, tx, p, a, by)
	})
	if errors.Is(err, ErrState) { // somebody else has ended it
		err = nil
	}
	return job.Progress{Done: j.Total, Total: j.Total, Finished: err == nil}, err
}

// end ends a phase, inside a tx. Error: ErrState.
func (s *Service) end(ctx context.Context, tx bun.Tx, p phase, a record, by audit.Actor) error {
	now := s.o.Now()
	err := advance(ctx, tx, a, p.after, func(q *bun.UpdateQuery) {
		switch p.after {
		case Done:
			q.Set("finished_at = ?", now)
		case Returned:
			q.Set("returned_at = ?", now)
		}
	})
	if err != nil || p.after == Tried {
		return err
	}
	counts, err := countsOf(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	action := audit.BulkDone
	if p.after == Returned {
		action = audit.BulkReturned
	}
	detail := map[string]int64{"bulk_" + string(a.Kind): a.Total} // the log has words for these counts
	for v, n := range counts[a.ID] {
		detail["bulk_"+a.Kind.Word(v)] = n
	}
	return s.o.Audit.Write(ctx, tx, by, audit.Record{Action: action, SubjectID: a.ID, Detail: detail})
}

// caller returns who has asked for an act, as they are now. Error: policies.ErrForbidden if they can't sign in any more.
func (s *Service) caller(ctx context.Context, db bun.IDB, a record) (account.Caller, error) {
	c, err := s.o.Accounts.PresentCallerIn(ctx, db, a.RequestedBy)
	if errors.Is(err, account.ErrNobody) {
		err = policies.ErrForbidden
	}
	return c, err
}

// actor is who has asked for an act, for the log, whether or not they can still sign in.
func (s *Service) actor(ctx context.Context, db bun.IDB, a record) (audit.Actor, error) {
	names, err := namesOf(ctx, db, []uuid.UUID{a.RequestedBy})
	return audit.Actor{ID: a.RequestedBy, Name: strings.Join(names, "")}, err
}

// deed is what is done to a row.
type deed struct {
	act   record
	row   row
	do    func(ctx context.Context, tx bun.Tx, c account.Caller, a record, r row) (outcome, error)
	trial bool
}

// errTried rolls back what a trial has done.
var errTried = errors.New("bulk: only tried")

// tries is how often a row is tried that somebody else changes at the same moment.
const tries = 5

// attempt does something to a row in a tx, and settles the row in it. What a rule is against is rolled back, and then is the
// row's verdict. With trial everything is rolled back.
func (s *Service) attempt(ctx context.Context, d deed) (outcome, error) {
	var o outcome
	var err error
	for range tries {
		err = s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			c, err := s.caller(ctx, tx, d.act)
			if err != nil {
				return err
			}
			if o, err = d.do(ctx, tx, c, d.act, d.row); err != nil {
				return err
			}
			if d.trial {
				return errTried
			}
			if done, err := settle(ctx, tx, d.row, o); err != nil || done {
				return err
			}
			return errSettled
		})
		if !errors.Is(err, transaction.ErrVersion) {
			break
		}
	}
	return o, err
}

// errSettled rolls back what was done to a row that somebody else has settled in the meantime.
var errSettled = errors.New("bulk: settled by somebody else")

// settleEach settles rows one after the other.
func (s *Service) settleEach(ctx context.Context, a record, rows []row, settle func(ctx context.Context, a record, r row) error) error {
	for _, r := range rows {
		if err := settle(ctx, a, r); err != nil {
			return err
		}
		if err := s.step(); err != nil {
			return err
		}
	}
	return nil
}

// tryAll finds out what doing rows would come to.
func (s *Service) tryAll(ctx context.Context, a record, rows []row) error {
	found := make([]outcome, len(rows))
	for i, r := range rows {
		o, err := s.attempt(ctx, deed{a, r, s.perform, true})
		if o, err = judged(o, err); err != nil {
			return err
		}
		switch o.verdict {
		case Changed:
			o = outcome{verdict: Will}
		case Asked:
			o = outcome{verdict: WillAsk}
		}
		found[i] = o
		if err := s.step(); err != nil {
			return err
		}
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for i, r := range rows {
			if _, err := settle(ctx, tx, r, found[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// do does a row.
func (s *Service) do(ctx context.Context, a record, r row) error {
	o, err := s.attempt(ctx, deed{a, r, s.perform, false})
	if err == nil || errors.Is(err, errSettled) {
		return nil
	}
	if o, err = judged(o, err); err != nil {
		return err
	}
	return s.note(ctx, r, o)
}

// takeBack takes a row back.
func (s *Service) takeBack(ctx context.Context, a record, r row) error {
	o, err := s.attempt(ctx, deed{a, r, s.undo, false})
	if err == nil || errors.Is(err, errSettled) {
		return nil
	}
	if o, err = judged(o, err); err != nil {
		return err
	}
	if o.why == "" { // the words of a verdict that says nothing of what was done before
		o.why = "bulk." + string(o.verdict)
	}
	return s.note(ctx, r, outcome{verdict: Kept, why: o.why, was: r.Was})
}

// note writes the verdict of a row to which nothing was done.
func (s *Service) note(ctx context.Context, r row, o outcome) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := settle(ctx, tx, r, o)
		return err
	})
}

// judged turns the error of a rule into a verdict.
func judged(o outcome, err error) (outcome, error) {
	e, isRule := isFault(err)
	switch {
	case err == nil, errors.Is(err, errTried):
		return o, nil
	case !isRule, errors.Is(err, transaction.ErrVersion), store.Outage(err) != nil:
		return o, err
	case errors.Is(err, policies.ErrForbidden):
		return outcome{verdict: Forbidden}, nil
	case e.Code == fault.NotFound:
		return outcome{verdict: Gone}, nil
	case len(e.Fields) > 0:
		e = e.Fields[0]
	}
	return outcome{verdict: Refused, why: e.Message}, nil
}

// perform does the act to one thing, as a person does it.
func (s *Service) perform(ctx context.Context, tx bun.Tx, c account.Caller, a record, r row) (outcome, error) {
	switch a.Kind {
	case Administrators:
	case Resend:
		return s.resend(ctx, tx, c, r)
	default:
		was, changed, err := s.o.Transactions.Set(ctx, tx, c, r.SubjectID, transaction.Setting{Field: string(a.Kind), Value: a.Value})
		if err != nil || !changed {
			return outcome{verdict: Same}, err
		}
		return outcome{verdict: Changed, was: was.Value(string(a.Kind))}, nil
	}
	fresh, proposal, err := s.o.Authorisations.AddAdministratorsIn(ctx, tx, c, r.SubjectID, ids(a.Value))
	switch {
	case err != nil:
		return outcome{}, err
	case proposal != uuid.Nil:
		return outcome{verdict: Asked, was: proposal.String()}, nil
	case len(fresh) == 0:
		return outcome{verdict: Same}, nil
	}
	was, err := json.Marshal(fresh)
	return outcome{verdict: Changed, was: string(was)}, err
}

// resend sends the invitation of an access again.
func (s *Service) resend(ctx context.Context, tx bun.Tx, c account.Caller, r row) (outcome, error) {
	sent, err := s.o.Accesses.ResendIn(ctx, tx, c, r.CustomerID.UUID, r.SubjectID)
	if r.SubjectID == r.CustomerID.UUID && errors.Is(err, access.ErrNotFound) { // the person may do it to this customer
		return outcome{verdict: Same, why: "bulk.no_open"}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	was, err := json.Marshal(sent)
	return outcome{verdict: Changed, was: string(was)}, err
}

// withdraw takes an invitation back that has not left yet.
func (s *Service) withdraw(ctx context.Context, tx bun.Tx, c account.Caller, r row) (outcome, error) {
	of := access.Withdrawal{CustomerID: r.CustomerID.UUID, AccessID: r.SubjectID}
	if err := json.Unmarshal([]byte(r.Was), &of.Sent); err != nil {
		return outcome{}, err
	}
	left, err := s.o.Accesses.Withdraw(ctx, tx, c, of)
	if left {
		return outcome{verdict: Left, was: r.Was}, err
	}
	return outcome{verdict: Back, was: r.Was}, err
}

// errChanged says that somebody has changed since what an act has set.
var errChanged = fault.New(fault.Conflict, "bulk.changed_since")

// undo gives one thing its value from before.
func (s *Service) undo(ctx context.Context, tx bun.Tx, c account.Caller, a record, r row) (outcome, error) {
	back := outcome{verdict: Back, was: r.Was}
	switch {
	case a.Kind == Resend:
		return s.withdraw(ctx, tx, c, r)
	case a.Kind != Administrators:
		_, _, err := s.o.Transactions.Set(ctx, tx, c, r.SubjectID, transaction.Setting{Field: string(a.Kind), Value: r.Was, If: &a.Value})
		if errors.Is(err, transaction.ErrOther) {
			err = errChanged
		}
		return back, err
	case r.Verdict == Asked:
		done, err := s.o.Authorisations.WithdrawProposal(ctx, tx, c, uuid.FromStringOrNil(r.Was))
		if err == nil && !done {
			err = errChanged
		}
		return back, err
	}
	var list []assignment.Administrator
	if err := json.Unmarshal([]byte(r.Was), &list); err != nil {
		return outcome{}, err
	}
	taken, err := s.o.Authorisations.TakeBackAdministrators(ctx, tx, c, r.SubjectID, list)
	if err == nil && taken == 0 {
		err = errChanged
	}
	return back, err
}
