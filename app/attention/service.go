package attention

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"golang.org/x/sync/singleflight"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/handover"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Offers is what this package needs of policy.Service.
type Offers interface {
	// Waiting returns the number of offers of new rights that wait for the caller.
	Waiting(ctx context.Context, c account.Caller) (int, error)
}

// Options are the dependencies of a Service. All are required.
type Options struct {
	DB           *store.DB
	Now          store.Clock
	Zone         *time.Location // the time zone in which days end
	Reminder     time.Duration  // how long an invitation may stay unanswered; 0: customer.Reminder
	Decider      *policies.Decider
	Customers    *customer.Service
	Accesses     *access.Service
	Transactions *transaction.Service
	Offers       Offers
	Approvals    Proposals
	Deputies     Outlasting
	Courier      Courier
	Queue        Queue
	NoWorker     func() time.Time // when a process that sends messages was last seen; zero while one runs
}

// Proposals is what this package needs of approval.Service.
type Proposals interface {
	Awaiting(ctx context.Context, by uuid.UUID) ([]approval.Approval, error)
}

// Outlasting is what this package needs of handover.Service.
type Outlasting interface {
	Outlasts(ctx context.Context, c account.Caller) ([]handover.Outlasting, error)
}

// Courier is what this package needs of the courier.
type Courier interface {
	Troubles(ctx context.Context) ([]courier.Trouble, error)
	CountTroubles(ctx context.Context) (int, error)
}

// Queue is what this package needs of the task queue.
type Queue interface {
	// Known returns the known problems of the queues, without a query to the queues.
	Known() []courier.QueueTrouble
}

// Service finds entries that need attention. Its methods authorise the caller: each section has only entries that the
// caller may act on.
type Service struct {
	o   Options
	few int // the value of fewVisible; tests change it

	counts   *expirable.LRU[uuid.UUID, count] // the numbers on the badge, by person
	counting singleflight.Group               // by countKey
}

// New makes the service.
func New(o Options) *Service {
	if o.Reminder <= 0 {
		o.Reminder = customer.Reminder
	}
	// Entries do not expire by the clock of the LRU, because it is not o.Now.
	return &Service{o: o, few: fewVisible, counts: expirable.NewLRU[uuid.UUID, count](countsMax, nil, 0)}
}

// permissions is the permission that acting on a section needs. Approvals are missing, because no permission decides
// who may approve: see package approval.
var permissions = map[Section]policies.Permission{
	Deputies:       {Object: policies.ObjectAuthorisation, Action: policies.Manage},
	Rights:         {Object: policies.ObjectPolicy, Action: policies.Manage},
	Sending:        {Object: policies.ObjectQueue, Action: policies.Read},
	Channels:       {Object: policies.ObjectQueue, Action: policies.Read},
	Invitations:    customer.Acts[customer.OpenInvitation],
	Administrators: customer.Acts[customer.NoAdministrator],
	Accesses:       customer.Acts[customer.NoAccess],
	Overdue:        {Object: policies.ObjectTransaction, Action: policies.Process},
}

// May says whether the page is for the caller: they may act on a section with a permission, or proposals wait for them.
// Count is 0 for everybody else.
func (s *Service) May(ctx context.Context, c account.Caller) (bool, error) {
	if ok, err := s.permitted(c); err != nil || ok {
		return ok, err
	}
	waits, err := s.o.Approvals.Awaiting(ctx, c.ID)
	return len(waits) > 0, err
}

// permitted says whether the caller may act on at least one section with a permission.
func (s *Service) permitted(c account.Caller) (bool, error) {
	for section := range permissions {
		scope, err := s.scope(c, section)
		if err != nil || !scope.Nothing() {
			return err == nil, err
		}
	}
	return false, nil
}

func (s *Service) scope(c account.Caller, section Section) (policies.Scope, error) {
	w := permissions[section]
	return s.o.Decider.Scope(c.Roles, w.Object, w.Action)
}

// corrects says whether the caller may correct every access that they may invite again.
func (s *Service) corrects(c account.Caller) (bool, error) {
	corrects, err := s.o.Decider.Scope(c.Roles, policies.ObjectAccess, policies.Update)
	if err != nil || corrects.Everything() {
		return err == nil, err
	}
	invites, err := s.scope(c, Invitations)
	return corrects.Equal(invites), err
}

// require returns policies.ErrForbidden when the page is not for the caller.
func (s *Service) require(ctx context.Context, c account.Caller) error {
	ok, err := s.May(ctx, c)
	if err == nil && !ok {
		err = policies.ErrForbidden
	}
	return err
}

// Parts returns the first fewFirst entries of all sections that are not empty. policies.ErrForbidden when the page is not
// for the caller: see May.
func (s *Service) Parts(ctx context.Context, c account.Caller) ([]Part, error) {
	if err := s.require(ctx, c); err != nil {
		return nil, err
	}
	began, err := s.begin(c)
	if err != nil {
		return nil, err
	}
	var parts []Part
	n, more := 0, false
	for _, section := range Sections {
		p, err := s.part(ctx, c, section, "", fewFirst)
		if err != nil {
			return nil, err
		}
		p.Next = "" // after a few entries comes the whole section
		if p.Len() > 0 {
			parts = append(parts, p)
		}
		n, more = n+p.Len(), more || p.More
	}
	s.saw(c, began, n, more)
	return parts, nil
}

// Part returns a page of one section, after a cursor. An invalid cursor is ignored. policies.ErrForbidden as Parts.
func (s *Service) Part(ctx context.Context, c account.Caller, section Section, after string) (Part, error) {
	if err := s.require(ctx, c); err != nil {
		return Part{}, err
	}
	return s.part(ctx, c, section, after, listing.PageSize)
}

// Count returns the number of entries that the caller may act on, up to countCap. Every page shows it, so it is kept for
// countLife, longer if it took long to count, or until Forget, which is called after the caller has done something. Where
// the page shows everything, its number is that of the page.
func (s *Service) Count(ctx context.Context, c account.Caller) (int, error) {
	if n, ok := s.kept(c); ok {
		return n, nil
	}
	// A browser asks for several pages at once, and each of them would count the same.
	n, err, _ := s.counting.Do(s.countKey(c), func() (any, error) { return s.countAnew(context.WithoutCancel(ctx), c) })
	if err != nil {
		return 0, err
	}
	return n.(int), nil
}

func (s *Service) countAnew(ctx context.Context, c account.Caller) (n int, err error) {
	if n, ok := s.kept(c); ok { // somebody was faster
		return n, nil
	}
	began, err := s.begin(c)
	if err != nil {
		return 0, err
	}
	for _, section := range Sections {
		more, err := s.countSection(ctx, c, section, countCap-n)
		if err != nil {
			return 0, err
		}
		if n += more; n >= countCap {
			n = countCap
			break
		}
	}
	s.keep(c, n, began)
	return n, nil
}

// countSection counts the entries of a section. It reads no more than most of those in the database.
func (s *Service) countSection(ctx context.Context, c account.Caller, section Section, most int) (int, error) {
	switch section {
	case Channels:
		return s.countChannels(ctx, c)
	case Invitations, Administrators, Accesses, Overdue:
		q, nothing, err := s.query(ctx, c, section)
		if err != nil || nothing {
			return 0, err
		}
		return s.count(ctx, q, most)
	}
	p, err := s.part(ctx, c, section, "", most)
	return p.Len(), err
}

// deputies returns what the caller's deputies arranged, if the caller may change it.
func (s *Service) deputies(ctx context.Context, c account.Caller) ([]handover.Outlasting, error) {
	if scope, err := s.scope(c, Deputies); err != nil || scope.Nothing() {
		return nil, err
	}
	return s.o.Deputies.Outlasts(ctx, c)
}

// keeps says whether the caller may look at the queues.
func (s *Service) keeps(c account.Caller) (bool, error) {
	w := permissions[Channels]
	return s.o.Decider.Allows(policies.Request{Roles: c.Roles, Object: w.Object, Action: w.Action})
}

func (s *Service) countChannels(ctx context.Context, c account.Caller) (int, error) {
	if ok, err := s.keeps(c); err != nil || !ok {
		return 0, err
	}
	return s.o.Courier.CountTroubles(ctx)
}

func (s *Service) channels(ctx context.Context, c account.Caller) (p Part, err error) {
	p.Section = Channels
	if ok, err := s.keeps(c); err != nil || !ok {
		return p, err
	}
	p.Channels, err = s.o.Courier.Troubles(ctx)
	return p, err
}

// sending returns the problems that stop all messages, whatever the recipients' systems would answer.
func (s *Service) sending(c account.Caller) (p Part, err error) {
	p.Section = Sending
	if ok, err := s.keeps(c); err != nil || !ok {
		return p, err
	}
	p.NoWorker = s.o.NoWorker()
	for _, t := range s.o.Queue.Known() {
		if t.Reason.Stops() {
			p.Queues = append(p.Queues, t)
		}
	}
	return p, nil
}

// orphans says whether the caller can have customers without an active administrator to act on. If the permission
// depends on administering the customer, the caller is its active administrator, except when they stand in for
// somebody.
func (s *Service) orphans(c account.Caller) (bool, error) {
	if len(c.For) > 0 {
		return true, nil
	}
	scope, err := s.scope(c, Administrators)
	if err != nil {
		return false, err
	}
	for _, r := range []policies.Relation{policies.None, policies.Processor, policies.Access, policies.Processor | policies.Access} {
		if !scope.For(r).Empty() {
			return true, nil
		}
	}
	return false, nil
}

// Resend sends invitations again. Each goes through access.Service.Resend in its own tx: what was sent stays sent, even
// if others fail. Accesses that the caller may not see are refused like accesses that do not exist. Errors: ErrNone,
// ErrMany, policies.ErrForbidden when the caller may act on no section with a permission. Errors of single accesses are
// in the result, unless the database itself fails before the first one is sent.
func (s *Service) Resend(ctx context.Context, c account.Caller, ids []uuid.UUID) (Resent, error) {
	if ok, err := s.permitted(c); err != nil {
		return Resent{}, err
	} else if !ok {
		return Resent{}, policies.ErrForbidden
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	switch {
	case len(ids) == 0:
		return Resent{}, ErrNone
	case len(ids) > resendMax:
		return Resent{}, ErrMany
	}
	found, err := s.owners(ctx, ids)
	if err != nil {
		return Resent{}, err
	}
	var r Resent
	for _, id := range ids {
		a, ok := found[id]
		err := error(access.ErrNotFound)
		if ok {
			err = s.o.Accesses.Resend(ctx, c, a.CustomerID, id)
		}
		if err == nil {
			r.Sent++
			continue
		}
		name, err2 := s.nameOf(ctx, c, a)
		if err2 != nil && r.Sent == 0 {
			return r, err2
		}
		r.refuse(messageOf(err), name)
	}
	return r, nil
}

// nameOf returns the name of the end user of an access, "" when the caller may not see it.
func (s *Service) nameOf(ctx context.Context, c account.Caller, a ownership) (string, error) {
	read := policies.Permission{Object: policies.ObjectAccess, Action: policies.Read}
	_, err := s.o.Customers.Authorise(ctx, s.o.DB, c, a.CustomerID, read)
	switch {
	case err == nil:
		return a.FirstName + " " + a.LastName, nil
	case errors.Is(err, customer.ErrNotFound), errors.Is(err, policies.ErrForbidden):
		return "", nil
	}
	return "", err
}

// messageOf returns the text id of the reason why an invitation was not sent.
func messageOf(err error) string {
	var f *fault.Error
	switch {
	case errors.Is(err, customer.ErrNotFound), errors.Is(err, access.ErrNotFound):
		return access.ErrNotFound.Message
	case errors.As(err, &f):
		return f.Message
	}
	return "internal"
}

func (r *Resent) refuse(message, name string) {
	for i := range r.Refused {
		if r.Refused[i].Message == message {
			r.Refused[i].Names = append(r.Refused[i].Names, name)
			return
		}
	}
	r.Refused = append(r.Refused, Refusal{Message: message, Names: []string{name}})
}
