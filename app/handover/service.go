package handover

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/policies"
)

// Customers is what this package needs of customer.Service.
type Customers interface {
	AdministeredBy(ctx context.Context, c account.Caller, specialist uuid.UUID) ([]customer.Row, error)
	Refresh(ctx context.Context, tx bun.IDB, id uuid.UUID) error
}

// Transactions is what this package needs of transaction.Service.
type Transactions interface {
	Within(c account.Caller, action policies.Action, alias string) (where store.Condition, nothing bool, err error)
	SetResponsible(ctx context.Context, tx bun.IDB, ids []uuid.UUID, to uuid.UUID) error
}

// Options are the dependencies of a Service. All are required except Jobs.
type Options struct {
	DB           *store.DB
	Now          store.Clock
	Zone         *time.Location // the time zone in which days begin and end
	Decider      *policies.Decider
	Audit        *audit.Log
	Accounts     Accounts
	Approvals    Approvals
	Customers    Customers
	Transactions Transactions
	Jobs         *job.Service // for long handovers
}

// Service makes handovers and manages deputies. Its methods authorise the caller: with the permission to manage
// specialist users a caller may arrange everything here, a specialist user only their own deputies.
type Service struct {
	o     Options
	chunk int // number of assignments in one tx
	// step is called after each tx of a handover. An error stops the handover there, like a kill of the process. Tests
	// set it.
	step func() error
}

// New makes the service. It registers handlers for approvals and jobs, and a callback for deactivated people.
func New(o Options) *Service {
	s := &Service{o: o, chunk: chunk, step: func() error { return nil }}
	o.Approvals.Handle(s.handlers())
	o.Jobs.Handle(job.Handover, job.Handler{Step: s.jobStep})
	o.Accounts.OnSwitched(s.switched)
	return s
}

func (s *Service) may(c account.Caller, action policies.Action) error {
	return s.o.Decider.Require(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: action})
}

// MayName says whether the caller may name deputies of their own. Only specialists may: other roles have no assignments
// to pass on.
func (s *Service) MayName(c account.Caller) bool { return s.o.Decider.Is(c.Roles, policies.Specialist) }

// mayArrange requires the permission to read or manage the deputies of a specialist user.
func (s *Service) mayArrange(c account.Caller, specialist uuid.UUID, action policies.Action) error {
	if c.ID == specialist && s.MayName(c) {
		return nil
	}
	return s.may(c, action)
}

// Person finds a specialist user whose deputies the caller may see. Errors: policies.ErrForbidden, account.ErrUnknown.
func (s *Service) Person(ctx context.Context, c account.Caller, id uuid.UUID) (Person, error) {
	if err := s.mayArrange(c, id, policies.Read); err != nil {
		return Person{}, err
	}
	return s.person(ctx, s.o.DB, id)
}

// Choice is a specialist user in a selection list.
type Choice struct {
	Person
	Profile
	Chosen bool
}

// offered is the number of people in a selection list; a search finds the others.
const offered = 20

// Offer lists active specialist users who can take over from specialist and whose name, username or e-mail contains the
// words of query. The chosen people stay at the top. more says that there are others. Neither the specialist nor the
// caller is in the list: nobody may give assignments to themselves. policies.ErrForbidden when the caller may not
// arrange anything for the specialist.
func (s *Service) Offer(ctx context.Context, c account.Caller, specialist uuid.UUID, query string, chosen []uuid.UUID) (list []Choice, more bool, err error) {
	if err := s.mayArrange(c, specialist, policies.Manage); err != nil {
		return nil, false, err
	}
	not := []uuid.UUID{specialist, c.ID}
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(id uuid.UUID) bool { return slices.Contains(not, id) })
	top, err := s.active(ctx, s.o.DB, chosen)
	if err != nil {
		return nil, false, err
	}
	for _, p := range top {
		list = append(list, Choice{Person: p, Chosen: true})
	}
	found, err := s.search(ctx, strings.Fields(store.Fold(query)), append(not, chosen...), offered+1)
	if err != nil {
		return nil, false, err
	}
	more = len(found) > offered
	for _, p := range found[:min(len(found), offered)] {
		list = append(list, Choice{Person: p})
	}
	return list, more, s.addProfiles(ctx, list)
}

// AssignmentsOf counts the assignments of a specialist user (specialist read). Each count stops at AssignmentsCap+1.
func (s *Service) AssignmentsOf(ctx context.Context, c account.Caller, id uuid.UUID) (Assignments, error) {
	if err := s.may(c, policies.Read); err != nil {
		return Assignments{}, err
	}
	return s.assignments(ctx, s.o.DB, id, AssignmentsCap+1)
}

// TotalsOf returns Assignments.Total of specialist users, counted in one query (specialist read). Each of them stops at
// AssignmentsCap+1.
func (s *Service) TotalsOf(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	if err := s.may(c, policies.Read); err != nil {
		return nil, err
	}
	return s.totals(ctx, ids, AssignmentsCap+1)
}

// everything is a limit that no number of assignments reaches.
const everything = 1 << 40

// Preview says what a handover would do: the number of assignments, how many of them each target already has, and
// examples that the caller may see (specialist manage). to may be empty. Errors: policies.ErrForbidden,
// account.ErrUnknown; Invalid as Start, without "required".
func (s *Service) Preview(ctx context.Context, c account.Caller, from uuid.UUID, to []uuid.UUID, move bool) (Plan, error) {
	p, err := s.plan(ctx, s.o.DB, c, handoverRequest{from, to, move})
	if err != nil {
		return p, err
	}
	for i, t := range p.Targets {
		if p.Targets[i].Has, err = s.shared(ctx, from, t.ID); err != nil {
			return p, err
		}
	}
	if p.Customers, err = s.o.Customers.AdministeredBy(ctx, c, from); err != nil {
		return p, err
	}
	within, nothing, err := s.o.Transactions.Within(c, policies.Read, "t")
	if err != nil || nothing {
		return p, err
	}
	p.Transactions, err = s.exampleTransactions(ctx, from, within)
	return p, err
}

// plan authorises and checks a requested handover. db may be a tx.
func (s *Service) plan(ctx context.Context, db bun.IDB, c account.Caller, d handoverRequest) (p Plan, err error) {
	if err := s.may(c, policies.Manage); err != nil {
		return Plan{}, err
	}
	p.Move = d.Move
	if p.From, err = s.person(ctx, db, d.From); err != nil {
		return Plan{}, err
	}
	if p.Assignments, err = s.assignments(ctx, db, d.From, everything); err != nil {
		return p, err
	}
	var form fault.Form
	people, err := s.active(ctx, db, d.To)
	if err != nil {
		return p, err
	}
	for _, person := range people {
		p.Targets = append(p.Targets, Target{Person: person})
		switch {
		case person.ID == d.From:
			form.Add("to", "handover.same")
		case slices.Contains(c.Persons(), person.ID): // their assignments would be the caller's (S31)
			form.Add("to", "handover.self")
		}
	}
	if len(people) != len(unique(d.To)) {
		form.Add("to", "handover.unknown")
	}
	if len(d.To) > targetsMax {
		form.AddError(fault.At("to", "handover.many").With("max", targetsMax))
	}
	return p, form.Err()
}

// targetsMax is the maximum number of recipients: each of them gets every assignment.
const targetsMax = 20

func unique(ids []uuid.UUID) (out []uuid.UUID) {
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// inline is the maximum number of assignments that a request hands over itself; the worker does larger handovers. chunk
// is the number of assignments in one tx, each with its index rows and log entries.
const (
	inline = 200
	chunk  = 25
)

// Start begins a handover of all assignments from one specialist user to others, each of whom gets all of them
// (specialist manage). With move, the first person loses them, and the first recipient becomes responsible for the
// transactions for which that person was responsible. A small handover is done in the same call (FinishedAt is set), a
// large one by its job. Errors: policies.ErrForbidden, account.ErrUnknown, ErrRunning, ErrNothing; Invalid at to:
// "required", "handover.unknown" for ids that are no active specialist user's, "handover.same", "handover.many" with
// max, and "handover.self": nobody may give assignments to themselves, nor to a person for whom they stand in;
// approval.ErrAsked when a second person is needed and was asked.
func (s *Service) Start(ctx context.Context, c account.Caller, from uuid.UUID, to []uuid.UUID, move bool) (Handover, error) {
	var h Handover
	var work uuid.UUID
	asked := false
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if h, asked, err = s.begin(ctx, tx, c, handoverRequest{from, unique(to), move}, false); err != nil || asked {
			return err
		}
		work, err = s.o.Jobs.Add(ctx, tx, h.order(h.Total <= inline))
		return err
	})
	if err == nil && asked {
		err = approval.ErrAsked
	}
	if err != nil || h.Total > inline {
		return h, err
	}
	if err := s.step(); err != nil {
		return h, err
	}
	if _, err := s.o.Jobs.Run(ctx, work, nil); err != nil {
		return h, err
	}
	return s.load(ctx, s.o.DB, h.ID)
}

// order returns the order for the job that does the handover.
func (h Handover) order(held bool) job.Order {
	return job.Order{Kind: job.Handover, SubjectID: h.ID, Total: h.Total, By: h.RequestedBy, Held: held}
}

// begin writes a handover, without its job. asked says that it made a proposal instead. With approved it makes no
// proposal.
func (s *Service) begin(ctx context.Context, tx bun.Tx, c account.Caller, d handoverRequest, approved bool) (h Handover, asked bool, err error) {
	if err := s.may(c, policies.Manage); err != nil {
		return Handover{}, false, err
	}
	if err := s.lockPeople(ctx, tx, append([]uuid.UUID{d.From}, d.To...)); err != nil {
		return Handover{}, false, err
	}
	p, err := s.plan(ctx, tx, c, d)
	if err != nil {
		return Handover{}, false, err
	}
	var form fault.Form
	if len(d.To) == 0 {
		form.Add("to", "required")
		return Handover{}, false, form.Err()
	}
	if running, err := s.isRunning(ctx, tx, d.From); err != nil {
		return Handover{}, false, err
	} else if running {
		return Handover{}, false, ErrRunning
	}
	h = Handover{FromID: d.From, Move: d.Move, Total: p.Total(), RequestedBy: c.ID, RequestedAt: s.o.Now(), From: p.From}
	if d.Move {
		h.Total += p.Responsible
	}
	if h.Total == 0 {
		return Handover{}, false, ErrNothing
	}
	if h.ID, err = uuid.NewV7(); err != nil {
		return Handover{}, false, err
	}
	for _, t := range p.Targets {
		h.Targets = append(h.Targets, t.Person)
	}
	if !approved {
		if asked, err := s.ask(ctx, tx, c, d, h.Targets); err != nil || asked {
			return Handover{}, asked, err
		}
	}
	if err := s.insert(ctx, tx, h); err != nil {
		return Handover{}, false, err
	}
	return h, false, s.o.Audit.Write(ctx, tx, c.Actor(), h.record(audit.HandoverStarted, p.Assignments))
}

// record returns the log entry about the handover as a whole.
func (h Handover) record(action audit.Action, counts Assignments) audit.Record {
	detail := map[string]int64{"customers": counts.Administered, "transactions": counts.Processed}
	return audit.Record{Action: action, SubjectID: h.FromID, Subject: h.From.Name + " → " + h.names(), Detail: detail}
}

func (h Handover) names() string {
	names := make([]string, len(h.Targets))
	for i, t := range h.Targets {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

// Get returns a handover, running or finished, to the person who requested it and to callers who may read specialist
// users. ErrNotFound when it does not exist or is from another person; policies.ErrForbidden for other callers.
func (s *Service) Get(ctx context.Context, c account.Caller, from, id uuid.UUID) (Handover, error) {
	h, err := s.load(ctx, s.o.DB, id)
	if err != nil {
		return Handover{}, err
	}
	if h.FromID != from {
		return Handover{}, ErrNotFound
	}
	if h.RequestedBy == c.ID {
		return h, nil
	}
	if err := s.may(c, policies.Read); err != nil {
		return Handover{}, err
	}
	return h, nil
}

// Began is when a handover began.
type Began struct {
	ID          uuid.UUID `bun:"id"`
	FromID      uuid.UUID `bun:"from_id"`
	RequestedAt time.Time `bun:"requested_at"`
}

// BeganFrom returns the handovers from some specialist users that Get would return, the newest first, in one query.
func (s *Service) BeganFrom(ctx context.Context, c account.Caller, from []uuid.UUID) (list []Began, err error) {
	if len(from) == 0 {
		return nil, nil
	}
	all, err := s.o.Decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: policies.Read})
	if err != nil {
		return nil, err
	}
	q := s.o.DB.NewSelect().Model((*Handover)(nil)).Column("id", "from_id", "requested_at").Where("from_id IN (?)", bun.List(from)).
		OrderExpr("requested_at DESC, id DESC")
	if !all {
		q.Where("requested_by = ?", c.ID)
	}
	err = q.Scan(ctx, &list)
	return list, err
}

// Running returns the unfinished handover from a specialist user; ok is false when there is none (specialist read).
func (s *Service) Running(ctx context.Context, c account.Caller, from uuid.UUID) (id uuid.UUID, ok bool, err error) {
	if err := s.may(c, policies.Read); err != nil {
		return uuid.Nil, false, err
	}
	return s.running(ctx, s.o.DB, from)
}

// Adopt adds jobs for unfinished handovers that an older version of the program, without jobs, began.
func (s *Service) Adopt(ctx context.Context) error {
	open, err := s.open(ctx)
	if err != nil {
		return err
	}
	orders := make([]job.Order, len(open))
	for i, h := range open {
		orders[i] = h.order(false)
	}
	return s.o.Jobs.Adopt(ctx, orders...)
}

// jobStep advances a handover by one chunk, until it is done or a recipient is no longer active. Each tx locks the
// handover's row first, and stores the progress together with the assignments. An assignment that the person gets
// meanwhile is moved too if its phase is not over; a copy does not go back for it.
func (s *Service) jobStep(ctx context.Context, j job.Job) (p job.Progress, err error) {
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		h, err := s.advance(ctx, tx, j.SubjectID)
		p = job.Progress{Done: h.Done, Total: h.Total, Finished: h.FinishedAt != nil}
		return err
	})
	if err == nil {
		err = s.step()
	}
	return p, err
}

// advance does one step of a handover and returns its new state.
func (s *Service) advance(ctx context.Context, tx bun.Tx, id uuid.UUID) (h Handover, err error) {
	h, err = s.lock(ctx, tx, id)
	if err != nil || h.FinishedAt != nil {
		return h, err
	}
	p := passing{Service: s, tx: tx, Handover: h, now: s.o.Now()}
	if p.by, err = s.asker(ctx, tx, h.RequestedBy); err != nil {
		return h, err
	}
	if gone, err := s.gone(ctx, tx, h.Targets); err != nil {
		return h, err
	} else if gone != nil {
		err := p.stop(ctx, *gone)
		return p.Handover, err
	}
	n, err := p.steps()[h.Phase](ctx, s.chunk)
	if err != nil {
		return h, err
	}
	h = p.Handover
	h.Done = min(h.Done+int64(n), h.Total) // more may have been assigned after the count
	if n < s.chunk {
		h.Phase, h.AtCustomer, h.AtTransaction = h.Phase+1, uuid.Nil, uuid.Nil
	}
	if h.Phase == len(p.steps()) {
		h.FinishedAt, h.Done = &p.now, h.Total
		record := audit.Record{Action: audit.HandoverFinished, SubjectID: h.FromID, Subject: h.From.Name + " → " + h.names()}
		if err := s.o.Audit.Write(ctx, tx, p.actor(), record); err != nil {
			return h, err
		}
	}
	return h, s.save(ctx, tx, h)
}
