package authorisation

import (
	"context"
	"log/slog"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/erasure"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Erasures records, outside the database, who was removed for good.
type Erasures interface {
	Record(ctx context.Context, subjects ...erasure.Subject) error
}

// Options are the dependencies of a Service. All are required except the last two.
type Options struct {
	DB           *store.DB
	Now          store.Clock
	Key          secret.Key
	Decider      *policies.Decider
	Audit        *audit.Log
	Accounts     Accounts
	Approvals    Approvals
	Customers    *customer.Service
	Accesses     *access.Service
	Transactions *transaction.Service
	// Erasures records who is removed for good; nil: nothing is recorded.
	Erasures Erasures
	// Log gets warnings about what could not be recorded; nil: no log.
	Log *slog.Logger
}

// Service manages authorisations. Its methods authorise the caller: for what the caller may not see they return
// NotFound, for what the caller may see but not do policies.ErrForbidden.
type Service struct {
	db           *store.DB
	now          store.Clock
	key          secret.Key
	decider      *policies.Decider
	audit        *audit.Log
	accounts     Accounts
	approvals    Approvals
	customers    *customer.Service
	accesses     *access.Service
	transactions *transaction.Service
	erasures     Erasures
	warn         *slog.Logger
}

// New makes the service and registers its approval handlers.
func New(o Options) *Service {
	if o.Erasures == nil {
		o.Erasures = erasure.New("", o.DB, o.Now)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		db: o.DB, now: o.Now, key: o.Key, erasures: o.Erasures, warn: o.Log, decider: o.Decider, audit: o.Audit, customers: o.Customers, accesses: o.Accesses,
		transactions: o.Transactions, accounts: o.Accounts, approvals: o.Approvals,
	}
	o.Approvals.Handle(s.handlers())
	return s
}

func permission(a policies.Action) policies.Permission {
	return policies.Permission{Object: policies.ObjectAuthorisation, Action: a}
}

// Administrators lists the customer's administrators, ordered by name. Errors: NotFound, Forbidden.
func (s *Service) Administrators(ctx context.Context, c account.Caller, customerID uuid.UUID) ([]AdministratorRow, error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, permission(policies.Read)); err != nil {
		return nil, err
	}
	return administratorsOf(ctx, s.db, customerID)
}

// Processors lists the additional processors, ordered by name, each with those of their transactions that the caller
// may see. Processors without such a transaction are left out. Errors: NotFound, Forbidden.
func (s *Service) Processors(ctx context.Context, c account.Caller, customerID uuid.UUID) ([]ProcessorRow, error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, permission(policies.Read)); err != nil {
		return nil, err
	}
	visible, nothing, err := s.transactions.Within(c, policies.Read, "t")
	if err != nil || nothing {
		return nil, err
	}
	rows, err := processorsOf(ctx, s.db, customerID, visible)
	if err != nil {
		return nil, err
	}
	var out []ProcessorRow
	for _, r := range rows {
		if n := len(out); n == 0 || out[n-1].SpecialistID != r.SpecialistID {
			out = append(out, ProcessorRow{SpecialistID: r.SpecialistID, Name: r.Person, Active: r.Active})
		}
		last := &out[len(out)-1]
		last.Transactions = append(last.Transactions, AssignedTransaction{r.TransactionID, r.Number, r.Name, r.Since, r.By})
	}
	return out, nil
}

// CandidateFilter selects the people to offer.
type CandidateFilter struct {
	Query string      // words of name, e-mail, username; folded
	Keep  []uuid.UUID // chosen already: they come first, whatever the query
	Limit int
}

// Candidates lists active specialist users, ordered by name, for callers who may manage the customer's authorisations.
// more says that there are others. Errors: NotFound, Forbidden.
func (s *Service) Candidates(ctx context.Context, c account.Caller, customerID uuid.UUID, f CandidateFilter) (list []Candidate, more bool, err error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, permission(policies.Manage)); err != nil {
		return nil, false, err
	}
	visible, _, err := s.transactions.Within(c, policies.Read, "t")
	if err != nil {
		return nil, false, err
	}
	if len(f.Keep) > 0 {
		if list, err = candidates(ctx, s.db, customerID, visible, personFilter{chosen(f.Keep), len(f.Keep)}); err != nil {
			return nil, false, err
		}
	}
	found, err := candidates(ctx, s.db, customerID, visible, personFilter{matching(f.Query, f.Keep), f.Limit + 1})
	if err != nil {
		return nil, false, err
	}
	if more = len(found) > f.Limit; more {
		found = found[:f.Limit]
	}
	return append(list, found...), more, nil
}

// TransactionFilter selects the transactions to offer.
type TransactionFilter struct {
	Query string      // words of name and number; folded
	Keep  []uuid.UUID // chosen already: they come first, whatever the query
	Limit int
}

// Choices lists the customer's transactions that the caller may see, newest first, for callers who may manage the
// customer's authorisations. more says that there are others. Errors: NotFound, Forbidden.
func (s *Service) Choices(ctx context.Context, c account.Caller, customerID uuid.UUID, f TransactionFilter) (list []Column, more bool, err error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, permission(policies.Manage)); err != nil {
		return nil, false, err
	}
	visible, _, err := s.transactions.Within(c, policies.Read, "t")
	if err != nil {
		return nil, false, err
	}
	var kept []visibleTransaction
	if len(f.Keep) > 0 {
		if kept, err = transactionsOf(ctx, s.db, customerID, visible, f.Keep); err != nil {
			return nil, false, err
		}
	}
	found, err := newestTransactions(ctx, s.db, customerID, visible, transactionFilter{query: f.Query, but: f.Keep, limit: f.Limit})
	if err != nil {
		return nil, false, err
	}
	if more = len(found) > f.Limit; more {
		found = found[:f.Limit]
	}
	for _, t := range append(kept, found...) {
		list = append(list, Column(t))
	}
	return list, more, nil
}

// change is one change of a customer's authorisations by a caller, in one tx.
type change struct {
	*Service

	tx         bun.Tx
	caller     account.Caller
	customerID uuid.UUID
}

// authorise requires the caller's permissions for the customer.
func (ch change) authorise(ctx context.Context, permissions ...policies.Permission) error {
	for _, w := range permissions {
		if _, err := ch.customers.Authorise(ctx, ch.tx, ch.caller, ch.customerID, w); err != nil {
			return err
		}
	}
	return nil
}

// callerAdministers says whether the caller is an administrator of the customer.
func (ch change) callerAdministers(ctx context.Context) (bool, error) {
	own, err := administering(ctx, ch.tx, ch.customerID, []uuid.UUID{ch.caller.ID})
	return own[ch.caller.ID], err
}

// log writes a log entry about a person's assignment. t is the transaction of an additional processor.
func (ch change) log(ctx context.Context, what audit.Action, p person, t *visibleTransaction) error {
	r := audit.Record{Action: what, CustomerID: ch.customerID, SubjectID: p.ID, Subject: p.Name}
	if t != nil {
		r.TransactionID, r.Subject = t.ID, p.Name+": "+transaction.Label(t.Number)+" "+t.Name
	}
	return ch.audit.Write(ctx, ch.tx, ch.caller.Actor(), r)
}
