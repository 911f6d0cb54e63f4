package transaction

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/sample"
	"kontor/app/store"
	"kontor/policies"
)

// Customers is what this package needs of customer.Service.
type Customers interface {
	Authorise(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID, w policies.Permission) (customer.Customer, error)
	Relation(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID) (policies.Relation, error)
	AddDependent(p customer.Part, d customer.Dependent)
	OnRenamed(f customer.Renamed)
}

// Options are the dependencies of a Service. All are required except Zone.
type Options struct {
	DB        *store.DB
	Now       store.Clock
	Decider   *policies.Decider
	Audit     *audit.Log
	Customers Customers
	Zone      *time.Location // the time zone in which days end; nil: UTC
}

// Service manages transactions. Its methods authorise the caller: for what the caller may not see they return
// ErrNotFound, for what the caller may see but not do policies.ErrForbidden.
type Service struct {
	db        *store.DB
	now       store.Clock
	decider   *policies.Decider
	audit     *audit.Log
	customers Customers
	zone      *time.Location
	limits    limits
	texts     *sample.Kept[sampledText]
}

// New makes the service. It registers the deletion of transactions with their customer, and the update of their search
// texts when the customer's name changes.
func New(o Options) *Service {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	s := &Service{
		db: o.DB, now: o.Now, decider: o.Decider, audit: o.Audit, customers: o.Customers, zone: o.Zone, limits: limitsOf(),
	}
	s.texts = sample.Keep(s.sampled())
	o.Customers.AddDependent(customer.Transactions, s.dependent())
	o.Customers.OnRenamed(s.customerRenamed)
	return s
}

// authorise loads a transaction that the caller may read and requires the permission for action. db may be a tx.
// ErrNotFound if it does not exist or the caller may not read it, policies.ErrForbidden if the caller may read it but
// not do action.
func (s *Service) authorise(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID, action policies.Action) (Transaction, error) {
	t, err := s.find(ctx, db, c, id)
	if err != nil {
		return Transaction{}, err
	}
	if ok, err := s.Allows(c, t, policies.Read); err != nil {
		return Transaction{}, err
	} else if !ok {
		return Transaction{}, ErrNotFound
	}
	if action == policies.Read {
		return t, nil
	}
	if ok, err := s.Allows(c, t, action); err != nil {
		return Transaction{}, err
	} else if !ok {
		return Transaction{}, policies.ErrForbidden
	}
	return t, nil
}

// Allows says whether the caller may do an action with a transaction that was loaded for them.
func (s *Service) Allows(c account.Caller, t Transaction, action policies.Action) (bool, error) {
	return s.decider.Allows(policies.Request{
		Roles: c.Roles, Relation: t.Relation, Object: policies.ObjectTransaction, Kind: t.Kind, Action: action,
	})
}

// Get loads a transaction. ErrNotFound.
func (s *Service) Get(ctx context.Context, c account.Caller, id uuid.UUID) (Transaction, error) {
	return s.authorise(ctx, s.db, c, id, policies.Read)
}

// Among returns those of some ids that are transactions which the caller may read, in one query.
func (s *Service) Among(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	within, nothing, err := s.Within(c, policies.Read, "t")
	if err != nil || nothing || len(ids) == 0 {
		return nil, err
	}
	var found []uuid.UUID
	err = living(s.db.NewSelect().TableExpr(`transactions AS t`).ColumnExpr(`t.id`).Where(`t.id IN (?)`, bun.List(ids))).
		Where(`?`, store.All(within)).Scan(ctx, &found)
	list := make(map[uuid.UUID]bool, len(found))
	for _, id := range found {
		list[id] = true
	}
	return list, err
}

// MaySeeAny says whether the policy can let the caller see any transaction, of any kind and with any relation.
func (s *Service) MaySeeAny(c account.Caller) (bool, error) {
	scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, policies.Read)
	return !scope.Nothing(), err
}

// Today returns the date with which due dates are compared, as ISO 8601.
func (s *Service) Today() string { return s.now().In(s.zone).Format(time.DateOnly) }

// Logged returns the condition that a log entry (a row of the table alias) is about no transaction, or about one that
// the caller may see. It is nil when the caller may see all.
func (s *Service) Logged(c account.Caller, alias string) (store.Condition, error) {
	within, nothing, err := s.Within(c, policies.Read, "logged")
	log := bun.Ident(alias)
	if err != nil || nothing {
		return bun.SafeQuery(`?.transaction_id IS NULL`, log), err
	}
	if within == nil {
		return nil, nil
	}
	return bun.SafeQuery(`(?.transaction_id IS NULL OR EXISTS (SELECT 1 FROM transactions AS logged
		WHERE logged.id = ?.transaction_id AND ?))`, log, log, within), nil
}

// Within returns the condition that the caller may do action with the transaction in a row of the table alias. It is
// nil when the caller may do it with all. nothing says that no row can match. Within is for queries about single
// customers or few transactions; List is for lists of all.
func (s *Service) Within(c account.Caller, action policies.Action, alias string) (where store.Condition, nothing bool, err error) {
	scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, action)
	if err != nil || scope.Nothing() {
		return store.Any(), true, err
	}
	return within(c, scope, alias), false, nil
}

// within is Within for a scope in which there is something.
func within(c account.Caller, scope policies.Scope, alias string) store.Condition {
	if scope.Everything() {
		return nil
	}
	return bun.SafeQuery(`EXISTS (SELECT 1 FROM (SELECT ? AS mask) AS related WHERE ?)`,
		relationTo(c, alias, scope.Matters()), allowed(scope, "related.mask", alias+".kind"))
}
