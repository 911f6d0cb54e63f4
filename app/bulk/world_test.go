package bulk

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/assignment"
	"kontor/app/authorisation"
	"kontor/app/customer"
	"kontor/app/document/documenttest"
	"kontor/app/note"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a firm with the service. Anna has her customers, Ben has others; Uta keeps everybody's authorisations; Rita only
// reads.
type world struct {
	*Service
	*accounttest.Firm
	customers      *customer.Service
	accesses       *access.Service
	transactions   *transaction.Service
	authorisations *authorisation.Service

	anna, ben, uta, rita account.Caller
	mine, other          customer.Customer
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC))}
	w.Step = time.Millisecond
	w.customers = customer.New(customer.Options{
		DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Accounts: w.Accounts, Jobs: w.Jobs,
	})
	w.accesses = access.New(access.Options{
		DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Accounts: w.Accounts, Courier: w.Post, Audit: w.Audit, Approvals: w.Approvals,
		Customers: w.customers, BaseURL: accounttest.BaseURL,
	})
	note.New(note.Options{DB: db, Now: w.Now, Audit: w.Audit, Customers: w.customers})
	w.transactions = transaction.New(transaction.Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Customers: w.customers})
	documenttest.New(t, w.Firm, w.customers, w.transactions)
	w.authorisations = authorisation.New(authorisation.Options{
		DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Audit: w.Audit, Accounts: w.Accounts, Approvals: w.Approvals, Customers: w.customers,
		Accesses: w.accesses, Transactions: w.transactions,
	})
	w.Service = New(Options{
		DB: db, Now: w.Now, Transactions: w.transactions, Customers: w.customers, Authorisations: w.authorisations, Accesses: w.accesses, Accounts: w.Accounts,
		Audit: w.Audit, Jobs: w.Jobs,
	})
	w.anna, w.ben = w.Specialist("Anna Berg"), w.Specialist("Ben Büro")
	w.uta = w.Specialist("Uta Amt", policies.UserAdministrator)
	w.rita = w.Person("Rita Revision", true, policies.Auditor)
	w.mine, w.other = w.customer(w.anna, "Kühn"), w.customer(w.ben, "Groß")
	return w
}

func (w *world) customer(by account.Caller, last string) customer.Customer {
	w.Helper()
	cu, _, err := w.customers.Add(context.Background(), by, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: last, Locale: "de"},
	}, nil)
	w.Must(err)
	return cu
}

// transaction adds a transaction of a customer, which its administrator has recorded.
func (w *world) transaction(cu customer.Customer, name string) transaction.Transaction {
	w.Helper()
	by := w.anna
	if cu.ID == w.other.ID {
		by = w.ben
	}
	t, _, err := w.transactions.Create(context.Background(), by, cu.ID, transaction.Form{Name: name})
	w.Must(err)
	return t
}

func (w *world) several(cu customer.Customer, n int) (ids []uuid.UUID) {
	w.Helper()
	for i := range n {
		ids = append(ids, w.transaction(cu, fmt.Sprintf("Akte %d", i)).ID)
	}
	return ids
}

// process makes somebody an additional processor of a transaction, or no longer one.
func (w *world) process(c account.Caller, t uuid.UUID, on bool) {
	w.Helper()
	var cu uuid.UUID
	w.Must(w.DB.NewRaw(`SELECT customer_id FROM transactions WHERE id = ?`, t).Scan(w.Ctx, &cu))
	w.InTx(func(ctx context.Context, tx bun.Tx) error {
		if !on {
			_, _, err := assignment.RemoveProcessor(ctx, tx, cu, c.ID, t)
			return err
		}
		_, err := assignment.AddProcessor(ctx, tx, assignment.Processor{TransactionID: t, SpecialistID: c.ID, CustomerID: cu, CreatedAt: w.Now(), CreatedBy: w.uta.ID})
		return err
	})
}

// begin has an act tried.
func (w *world) begin(c account.Caller, o Order) Act {
	w.Helper()
	a, err := w.Begin(w.Ctx, c, o)
	w.Must(err)
	if a.State == Trying {
		w.Must(w.worker(a))
		a = w.get(c, a.ID)
	}
	return a
}

func (w *world) get(c account.Caller, id uuid.UUID) Act {
	w.Helper()
	a, err := w.Get(w.Ctx, c, id)
	w.Must(err)
	return a
}

// done has an act tried and carried out.
func (w *world) done(c account.Caller, o Order) Act {
	w.Helper()
	a := w.begin(c, o)
	w.Must(w.Start(w.Ctx, c, a.ID))
	if a = w.get(c, a.ID); a.State == Doing {
		w.Must(w.worker(a))
	}
	return w.get(c, a.ID)
}

// worker is the worker's part.
func (w *world) worker(a Act) error {
	w.Helper()
	j, err := w.Jobs.Of(w.Ctx, jobs[a.State], a.ID)
	w.Must(err)
	_, err = w.Jobs.Run(w.Ctx, j.ID, nil)
	return err
}

// verdicts are the verdicts of all rows in their order, with the reasons.
func (w *world) verdicts(c account.Caller, id uuid.UUID) (said []string) {
	w.Helper()
	w.Must(w.Each(w.Ctx, c, w.get(c, id), func(l Line) error {
		v := string(l.Verdict)
		if l.Why != "" {
			v += " " + l.Why
		}
		said = append(said, v)
		return nil
	}))
	return said
}

// values are the values of a field of transactions.
func (w *world) values(field string, list ...uuid.UUID) (values []string) {
	w.Helper()
	for _, id := range list {
		var r struct {
			Due         string        `bun:"due"`
			Status      string        `bun:"status"`
			Responsible uuid.NullUUID `bun:"responsible_id"`
		}
		w.Must(w.DB.NewRaw(`SELECT due, status, responsible_id FROM transactions WHERE id = ?`, id).Scan(w.Ctx, &r))
		switch field {
		case transaction.FieldDue:
			values = append(values, r.Due)
		case transaction.FieldStatus:
			values = append(values, r.Status)
		default:
			values = append(values, r.Responsible.UUID.String())
		}
	}
	return values
}

// entries is how many entries of an action the log has about a subject.
func (w *world) entries(action string, subject uuid.UUID) int {
	w.Helper()
	return w.Number(`SELECT count(*) FROM audit WHERE action = ? AND subject_id = ?`, action, subject)
}

// administers says whether somebody administers a customer.
func (w *world) administers(c account.Caller, cu customer.Customer) bool {
	w.Helper()
	return w.Number(`SELECT count(*) FROM customer_administrator WHERE customer_id = ? AND specialist_id = ?`, cu.ID, c.ID) > 0
}

var customerFilter customer.Filter

func authorisationsOf(administrator uuid.UUID) authorisation.Selection {
	return authorisation.Selection{Administrators: []uuid.UUID{administrator}}
}
