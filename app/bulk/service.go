package bulk

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Transactions is what this package needs of transaction.Service.
type Transactions interface {
	MayProcessAny(c account.Caller) error
	CheckSetting(ctx context.Context, set transaction.Setting) error
	Set(ctx context.Context, tx bun.Tx, c account.Caller, id uuid.UUID, set transaction.Setting) (transaction.Transaction, bool, error)
	Matching(ctx context.Context, c account.Caller, f transaction.Filter, most int) ([]uuid.UUID, error)
	CustomersOf(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]uuid.UUID, error)
	Readable(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]transaction.Transaction, error)
}

// Customers is what this package needs of customer.Service.
type Customers interface {
	Matching(ctx context.Context, c account.Caller, f customer.Filter, most int) ([]uuid.UUID, error)
	Existing(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error)
	Rows(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]customer.Row, error)
}

// Authorisations is what this package needs of authorisation.Service.
type Authorisations interface {
	MayManageAny(c account.Caller) error
	CheckPeople(ctx context.Context, people []uuid.UUID) error
	AddAdministratorsIn(ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, people []uuid.UUID) (
		fresh []assignment.Administrator, proposal uuid.UUID, err error)
	TakeBackAdministrators(ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, list []assignment.Administrator) (taken int, err error)
	WithdrawProposal(ctx context.Context, tx bun.Tx, c account.Caller, proposal uuid.UUID) (done bool, err error)
}

// Accesses is what this package needs of access.Service.
type Accesses interface {
	MayResendAny(c account.Caller) error
	Open(ctx context.Context, customers []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error)
	ResendIn(ctx context.Context, tx bun.Tx, c account.Caller, customerID, id uuid.UUID) (access.Sent, error)
	Withdraw(ctx context.Context, tx bun.Tx, c account.Caller, of access.Withdrawal) (left bool, err error)
	NamesFor(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]string, error)
}

// Accounts is what this package needs of account.Service.
type Accounts interface {
	PresentCallerIn(ctx context.Context, db bun.IDB, id uuid.UUID) (account.Caller, error)
}

// Options are the parameters of New; all of them are required.
type Options struct {
	DB             *store.DB
	Now            store.Clock
	Transactions   Transactions
	Customers      Customers
	Authorisations Authorisations
	Accesses       Accesses
	Accounts       Accounts
	Audit          *audit.Log
	Jobs           *job.Service
}

// Service manages bulk acts. A person sees their own acts only.
type Service struct {
	o Options
	// max, chunk and maxAsked are Max, chunkRows and MaxAsked; tests change them.
	max, chunk int
	maxAsked   int64
	// step is called after each row. An error stops the job there, like a kill of the process. Tests set it.
	step func() error
}

// chunkRows is how many rows a step settles, each in a tx of its own, before the job's progress is noted.
const chunkRows = 50

// New makes the service. It registers its jobs.
func New(o Options) *Service {
	s := &Service{o: o, max: Max, chunk: chunkRows, maxAsked: MaxAsked, step: func() error { return nil }}
	for kind, p := range phases {
		o.Jobs.Handle(kind, job.Handler{Step: func(ctx context.Context, j job.Job) (job.Progress, error) { return s.work(ctx, p, j) }})
	}
	return s
}

// May returns policies.ErrForbidden unless the caller may do the act to something.
func (s *Service) May(c account.Caller, k Kind) error {
	switch {
	case k.OfTransactions():
		return s.o.Transactions.MayProcessAny(c)
	case k == Administrators:
		return s.o.Authorisations.MayManageAny(c)
	case k == Resend:
		return s.o.Accesses.MayResendAny(c)
	}
	return ErrNotFound
}

// Begin fixes what an act is about and tries it: a small one within this call, a larger one by a job. Errors: Forbidden;
// Invalid at the field of the value, as the same act to one thing; ErrNone, ErrMany with max.
func (s *Service) Begin(ctx context.Context, c account.Caller, o Order) (Act, error) {
	if err := s.May(c, o.Kind); err != nil {
		return Act{}, err
	}
	if err := s.check(ctx, o); err != nil {
		return Act{}, err
	}
	submission := sql.NullString{String: c.ID.String() + "/" + o.Submission, Valid: o.Submission != ""}
	if r, err := submitted(ctx, s.o.DB, submission.String); err == nil {
		return s.shown(ctx, r)
	} else if !errors.Is(err, ErrNotFound) {
		return Act{}, err
	}
	rows, err := s.gather(ctx, c, o)
	if err != nil {
		return Act{}, err
	}
	r := record{
		Kind: o.Kind, Value: o.value(), State: Trying, RequestedBy: c.ID, RequestedAt: s.o.Now(), Submission: submission, Total: int64(len(rows)),
	}
	if r.ID, err = uuid.NewV7(); err != nil {
		return Act{}, err
	}
	for i := range rows {
		rows[i].ActID, rows[i].Place = r.ID, i+1
	}
	err = s.run(ctx, r, func(ctx context.Context, tx bun.Tx) error { return insert(ctx, tx, r, rows) })
	if store.IsUnique(err, "bulk_act.submission") { // the same form was sent twice at once
		if first, err := submitted(ctx, s.o.DB, submission.String); err == nil {
			return s.shown(ctx, first)
		}
	}
	if err != nil {
		return Act{}, err
	}
	return s.Get(ctx, c, r.ID)
}

// check says what is wrong with the value of an order.
func (s *Service) check(ctx context.Context, o Order) error {
	switch o.Kind {
	case Resend:
		return nil
	case Administrators:
		return s.o.Authorisations.CheckPeople(ctx, o.People)
	}
	return s.o.Transactions.CheckSetting(ctx, transaction.Setting{Field: string(o.Kind), Value: o.Value})
}

// gather finds what an order is about.
func (s *Service) gather(ctx context.Context, c account.Caller, o Order) (rows []row, err error) {
	list, seen := make([]uuid.UUID, 0, len(o.IDs)), map[uuid.UUID]bool{uuid.Nil: true}
	for _, id := range o.IDs {
		if !seen[id] {
			seen[id], list = true, append(list, id)
		}
	}
	switch {
	case o.Transactions != nil:
		list, err = s.o.Transactions.Matching(ctx, c, *o.Transactions, s.max+1)
	case o.Customers != nil:
		list, err = s.o.Customers.Matching(ctx, c, *o.Customers, s.max+1)
	}
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, ErrNone
	case len(list) > s.max:
		return nil, ErrMany.With("max", s.max).With("n", len(list))
	}
	rows = make([]row, len(list))
	if o.Kind.OfTransactions() {
		of, err := s.o.Transactions.CustomersOf(ctx, list)
		if err != nil {
			return nil, err
		}
		for i, id := range list {
			rows[i] = row{SubjectID: id, CustomerID: store.NullID(of[id])}
		}
		return rows, nil
	}
	there, err := s.o.Customers.Existing(ctx, list)
	if err != nil {
		return nil, err
	}
	for i, id := range list {
		if rows[i].SubjectID = id; there[id] {
			rows[i].CustomerID = store.NullID(id)
		}
	}
	if o.Kind == Resend {
		return s.open(ctx, rows)
	}
	return rows, nil
}

// open replaces customers by those of their accesses whose end users have not registered. A customer without one stays.
func (s *Service) open(ctx context.Context, customers []row) (rows []row, err error) {
	list := make([]uuid.UUID, len(customers))
	for i, r := range customers {
		list[i] = r.SubjectID
	}
	open, err := s.o.Accesses.Open(ctx, list)
	for _, r := range customers {
		if len(open[r.SubjectID]) == 0 {
			rows = append(rows, r)
		}
		for _, id := range open[r.SubjectID] {
			rows = append(rows, row{SubjectID: id, CustomerID: r.CustomerID})
		}
	}
	if len(rows) > s.max {
		return nil, ErrMany.With("max", s.max).With("n", len(rows))
	}
	return rows, err
}

// run writes a change of an act that its job goes on with, and adds the job. A small act is worked on at once; what is left
// of it a worker does.
func (s *Service) run(ctx context.Context, r record, write func(ctx context.Context, tx bun.Tx) error) error {
	small := r.Total <= AtOnce
	var work uuid.UUID
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if err := write(ctx, tx); err != nil {
			return err
		}
		work, err = s.o.Jobs.Add(ctx, tx, job.Order{Kind: jobs[r.State], SubjectID: r.ID, Total: r.Total, By: r.RequestedBy, Held: small})
		return err
	})
	if err != nil || !small {
		return err
	}
	if err := s.step(); err != nil {
		return err
	}
	_, err = s.o.Jobs.Run(ctx, work, nil)
	return err
}

// own loads an act of the caller.
func (s *Service) own(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID) (record, error) {
	r, err := load(ctx, db, id)
	if err == nil && r.RequestedBy != c.ID {
		err = ErrNotFound
	}
	return r, err
}

// Start does what an act was tried for. Errors: ErrNotFound, Forbidden, ErrState, ErrNothing, ErrAsks.
func (s *Service) Start(ctx context.Context, c account.Caller, id uuid.UUID) error {
	r, err := s.own(ctx, s.o.DB, c, id)
	if err != nil {
		return err
	}
	if err := s.May(c, r.Kind); err != nil {
		return err
	}
	if r.State != Tried {
		return ErrState
	}
	counts, err := countsOf(ctx, s.o.DB, id)
	if err != nil {
		return err
	}
	switch n := counts[id]; {
	case n[Will]+n[WillAsk] == 0:
		return ErrNothing
	case n[WillAsk] > s.maxAsked:
		return ErrAsks.With("max", s.maxAsked).With("n", n[WillAsk])
	}
	next := r
	next.State = Doing
	return s.run(ctx, next, func(ctx context.Context, tx bun.Tx) error {
		return advance(ctx, tx, r, Doing, func(*bun.UpdateQuery) {})
	})
}

// GiveUp ends an act of which nothing was done. Errors: ErrNotFound, ErrState.
func (s *Service) GiveUp(ctx context.Context, c account.Caller, id uuid.UUID) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := s.own(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if r.State != Trying && r.State != Tried {
			return ErrState
		}
		now := s.o.Now()
		if err := advance(ctx, tx, r, GivenUp, func(q *bun.UpdateQuery) { q.Set("finished_at = ?", now) }); err != nil {
			return err
		}
		return settleAll(ctx, tx, id, []Verdict{"", Will, WillAsk}, NotDone)
	})
}

// Stop ends an act while it is done. What it has done by then stays, and can be taken back. Errors: ErrNotFound, ErrState.
func (s *Service) Stop(ctx context.Context, c account.Caller, id uuid.UUID) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := s.own(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if r.State != Doing {
			return ErrState
		}
		if err := settleAll(ctx, tx, id, doing.from, NotDone); err != nil {
			return err
		}
		return s.end(ctx, tx, doing, r, c.Actor())
	})
}

// TakeBack gives everything that an act has changed its value from before, where nobody has changed it since. Errors:
// ErrNotFound, ErrState, ErrLate.
func (s *Service) TakeBack(ctx context.Context, c account.Caller, id uuid.UUID) error {
	r, err := s.own(ctx, s.o.DB, c, id)
	if err != nil {
		return err
	}
	counts, err := countsOf(ctx, s.o.DB, id)
	if err != nil {
		return err
	}
	switch {
	case r.State == Doing:
		return ErrState
	case s.until(r, counts[id]) == nil:
		return ErrLate
	}
	next := r
	next.State = Returning
	err = s.run(ctx, next, func(ctx context.Context, tx bun.Tx) error {
		return advance(ctx, tx, r, Returning, func(*bun.UpdateQuery) {})
	})
	if errors.Is(err, ErrState) { // the button was pressed twice
		err = ErrLate
	}
	return err
}

// Forget deletes the acts that are older than Life. Several processes may call it at once.
func (s *Service) Forget(ctx context.Context) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return forget(ctx, tx, s.o.Now().Add(-Life)) })
}

// Get returns an act of the caller. Error: ErrNotFound.
func (s *Service) Get(ctx context.Context, c account.Caller, id uuid.UUID) (Act, error) {
	r, err := s.own(ctx, s.o.DB, c, id)
	if err != nil {
		return Act{}, err
	}
	return s.shown(ctx, r)
}

func (s *Service) shown(ctx context.Context, r record) (Act, error) {
	counts, err := countsOf(ctx, s.o.DB, r.ID)
	if err != nil {
		return Act{}, err
	}
	a := s.act(r, counts[r.ID])
	if r.Kind == Responsible || r.Kind == Administrators {
		a.People, err = namesOf(ctx, s.o.DB, ids(r.Value))
	}
	return a, err
}

// act is an act as it is shown, without the names of people.
func (s *Service) act(r record, n Counts) Act {
	a := Act{
		ID: r.ID, Kind: r.Kind, Value: r.Value, State: r.State, RequestedAt: r.RequestedAt, FinishedAt: r.FinishedAt, ReturnedAt: r.ReturnedAt,
		Total: r.Total, Counts: n, Until: s.until(r, n),
	}
	if p, runs := phases[jobs[r.State]]; runs {
		var left int64
		for _, v := range p.from {
			left += n[v]
		}
		for _, v := range p.to {
			a.Done += n[v]
		}
		a.ToDo = a.Done + left
	}
	delete(n, "")
	return a
}

// until says until when an act can be taken back, nil if it can't.
func (s *Service) until(r record, n Counts) *time.Time {
	if r.State != Done || r.FinishedAt == nil || n[Changed]+n[Asked] == 0 {
		return nil
	}
	until := r.FinishedAt.Add(UndoLife)
	if !s.o.Now().Before(until) {
		return nil
	}
	return &until
}

// recent is how many acts Recent returns.
const recent = 20

// Recent returns the caller's last acts, the newest first.
func (s *Service) Recent(ctx context.Context, c account.Caller) ([]Act, error) {
	records, err := ofPerson(ctx, s.o.DB, c.ID, recent)
	if err != nil {
		return nil, err
	}
	all := make([]uuid.UUID, len(records))
	for i, r := range records {
		all[i] = r.ID
	}
	counts, err := countsOf(ctx, s.o.DB, all...)
	list := make([]Act, len(records))
	for i, r := range records {
		list[i] = s.act(r, counts[r.ID])
	}
	return list, err
}

// offered is how many people Offer finds.
const offered = 20

// Offer lists active specialist users to choose from: the chosen ones first, then those whom a search finds. more says that
// it finds others. Error: Forbidden.
func (s *Service) Offer(ctx context.Context, c account.Caller, k Kind, query string, chosen []uuid.UUID) (list []Offered, more bool, err error) {
	if err := s.May(c, k); err != nil {
		return nil, false, err
	}
	list, found, err := offer(ctx, s.o.DB, query, chosen, offered+1)
	for i := range list {
		list[i].Chosen = true
	}
	return append(list, found[:min(len(found), offered)]...), len(found) > offered, err
}

// --- rows ---------------------------------------------------------------------------------------------------------

// Page is a page of rows.
type Page = listing.Page[Line]

// Rows returns a page of the rows of an act of the caller, restricted to a verdict ("": all).
func (s *Service) Rows(ctx context.Context, c account.Caller, a Act, f RowFilter) (Page, error) {
	return listing.Read(ctx, lines{s, c, a, f.Only}, f.After, f.Before)
}

// RowFilter is the filter and page of the rows of an act. Invalid cursors are ignored.
type RowFilter struct {
	Only          Verdict
	After, Before string
}

// Each calls each for all rows of an act of the caller, in their order. Errors: those of each.
func (s *Service) Each(ctx context.Context, c account.Caller, a Act, each func(Line) error) error {
	const atOnce = 500
	return listing.Each(ctx, lines{s, c, a, ""}, atOnce, func(rows []Line) error {
		for _, l := range rows {
			if err := each(l); err != nil {
				return err
			}
		}
		return nil
	})
}

// lines is the list of the rows of an act; package listing reads it.
type lines struct {
	*Service
	caller account.Caller
	act    Act // as Get has returned it
	only   Verdict
}

const cursorVersion = 'b'

// Encode writes a cursor.
func (l lines) Encode(place int) string { return listing.Encode(cursorVersion, place) }

// Decode reads a cursor.
func (l lines) Decode(cursor string) (place int, ok bool) {
	return place, listing.Decode(cursor, cursorVersion, &place)
}

// Find finds the rows of a reading.
func (l lines) Find(ctx context.Context, r listing.Reading[int]) (f listing.Found[int], err error) {
	q, o := page(l.o.DB, l.act.ID, l.only).ColumnExpr("place"), listing.By(r.Back, "place")
	if r.From == nil {
		o.First(q, r.Limit)
	} else {
		o.First(q, r.Limit, *r.From)
	}
	for v, n := range l.act.Counts {
		if l.only == "" || v == l.only {
			f.Count += int(n)
		}
	}
	f.Counted = true
	return f, q.Scan(ctx, &f.Hits)
}

// Load loads rows with what they are about, as far as the person may see it.
func (l lines) Load(ctx context.Context, places []int) ([]Line, error) {
	var rows []row
	if err := l.o.DB.NewSelect().Model(&rows).Where("act_id = ?", l.act.ID).Where("place IN (?)", bun.List(places)).Scan(ctx); err != nil {
		return nil, err
	}
	subjects, owners := make([]uuid.UUID, len(rows)), make([]uuid.UUID, 0, len(rows))
	for i, r := range rows {
		if subjects[i] = r.SubjectID; r.CustomerID.Valid {
			owners = append(owners, r.CustomerID.UUID)
		}
	}
	var about rowsAbout
	var err error
	if l.act.Kind.OfTransactions() {
		about.transactions, err = l.o.Transactions.Readable(ctx, l.caller, subjects)
	} else {
		about.customers, err = l.o.Customers.Rows(ctx, l.caller, owners)
	}
	if err == nil && l.act.Kind == Resend {
		about.names, err = l.o.Accesses.NamesFor(ctx, l.caller, subjects)
	}
	of := make(map[int]Line, len(rows))
	for _, r := range rows {
		of[r.Place] = about.line(r)
	}
	return listing.InOrder(places, of), err
}

// rowsAbout is what rows are about, as far as the person may see it.
type rowsAbout struct {
	transactions map[uuid.UUID]transaction.Transaction
	customers    map[uuid.UUID]customer.Row
	names        map[uuid.UUID]string
}

func (a rowsAbout) line(r row) Line {
	line := Line{Place: r.Place, Verdict: r.Verdict, Why: r.Why, Access: a.names[r.SubjectID]}
	if t, there := a.transactions[r.SubjectID]; there {
		line.Transaction = &t
	}
	if cu, there := a.customers[r.CustomerID.UUID]; there {
		line.Customer = &cu
	}
	return line
}

// isFault returns an error that is about the thing and not about the program.
func isFault(err error) (e *fault.Error, ok bool) {
	if errors.Is(err, policies.ErrForbidden) {
		return policies.ErrForbidden, true
	}
	return e, errors.As(err, &e) && e.Code != fault.Unavailable
}
