package handover

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/assignment"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a database with the service, those it needs, and a few people.
type world struct {
	*Service
	*accounttest.Firm
	customers    *customer.Service
	transactions *transaction.Service

	admin, anna, ben, cora account.Caller // admin is a user administrator
}

var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}()

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC))}
	w.customers = customer.New(customer.Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Accounts: w.Accounts, Jobs: w.Jobs})
	w.transactions = transaction.New(transaction.Options{
		DB: db, Now: w.Now, Zone: berlin, Decider: w.Decider, Audit: w.Audit, Customers: w.customers,
	})
	w.Service = New(Options{
		DB: db, Now: w.Now, Zone: berlin, Decider: w.Decider, Audit: w.Audit, Accounts: w.Accounts, Approvals: w.Approvals,
		Customers: w.customers, Transactions: w.transactions, Jobs: w.Jobs,
	})
	w.admin = w.Specialist("Uta Amt", policies.UserAdministrator, policies.PolicyAdministrator)
	w.anna, w.ben, w.cora = w.Specialist("Anna Berg"), w.Specialist("Ben Bach"), w.Specialist("Cora Dorn")
	return w
}

// wantForm compares the first complaint about a form, as "field message".
func (w *world) wantForm(what string, err error, want string) {
	w.Helper()
	var f *fault.Error
	got := "none"
	if errors.As(err, &f) && len(f.Fields) > 0 {
		got = f.Fields[0].Field + " " + f.Fields[0].Message
	} else if err != nil {
		got = err.Error()
	}
	assert.Equal(w, want, got, what)
}

func (w *world) count(query string, args ...any) (n int) {
	w.Helper()
	w.Must(w.DB.NewRaw("SELECT count(*) FROM "+query, args...).Scan(w.Ctx, &n))
	return n
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// customer adds a customer that is registered and that somebody administers, with n transactions.
func (w *world) customer(by account.Caller, name string, n int) (id uuid.UUID, transactions []uuid.UUID) {
	w.Helper()
	cu, _, err := w.customers.Add(w.Ctx, by, customer.Draft{Type: customer.Company, Data: customer.Data{
		CompanyName: name, FirstName: "Eva", LastName: "Ende", Locale: "de",
	}}, func(ctx context.Context, tx bun.Tx, cu customer.Customer) error {
		now := w.Now()
		_, err := tx.ExecContext(ctx, `INSERT INTO access (id, customer_id, first_name, last_name, email, email_folded, locale, invited_at,
			link_expires_at, registered_at, created_at) VALUES (?, ?, 'Eva', 'Ende', ?, ?, 'de', ?, ?, ?, ?)`,
			newID(), cu.ID, "eva@kunde.example", "eva@kunde.example", now, now, now, now)
		return err
	})
	w.Must(err)
	for i := range n {
		t, _, err := w.transactions.Create(w.Ctx, by, cu.ID, transaction.Form{
			Name: name + " " + string(rune('A'+i%26)) + newID().String()[24:], Kind: "contract", Responsible: by.ID.String(),
		})
		w.Must(err)
		transactions = append(transactions, t.ID)
	}
	return cu.ID, transactions
}

// addProcessor makes somebody an additional processor.
func (w *world) addProcessor(who account.Caller, customerID, transactionID uuid.UUID) {
	w.Helper()
	w.Must(w.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
			TransactionID: transactionID, SpecialistID: who.ID, CustomerID: customerID, CreatedAt: w.Now(), CreatedBy: w.admin.ID,
		})
		return err
	}))
}

// work is the worker's part of handovers, in chunks of so many assignments, until all are over or one fails.
func (w *world) work(ctx context.Context, size int) (over int, err error) {
	w.chunk = size
	return w.o.Jobs.Finish(ctx, job.Handover)
}

// has counts what somebody has.
func (w *world) has(who account.Caller) Assignments {
	w.Helper()
	a, err := w.assignments(w.Ctx, w.DB, who.ID, everything)
	w.Must(err)
	return a
}

// consistent fails if the index of visible transactions is not what the facts say.
func (w *world) consistent() {
	w.Helper()
	wrong, err := assignment.Check(w.Ctx, w.DB, 5)
	w.Must(err)
	assert.Empty(w, wrong, "index and facts disagree")
}

// fill gives Anna many customers with as many transactions each, quickly.
func (w *world) fill(customers, transactions int) error {
	return w.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
		number := 50000
		for i := range customers {
			id := newID()
			if _, err := tx.ExecContext(ctx, `INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
				VALUES (?, ?, 'person', 'de', '', '', '', ?, ?)`, 20000+i, id, w.Now(), w.Now()); err != nil {
				return err
			}
			for range transactions {
				number++
				if _, err := tx.ExecContext(ctx, `INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
					VALUES (?, ?, ?, ?, ?, 'other', ?, ?)`, number, newID(), id, fmt.Sprint(number), fmt.Sprint(number), w.Now(), w.Now()); err != nil {
					return err
				}
			}
			a := assignment.Administrator{CustomerID: id, SpecialistID: w.anna.ID, CreatedAt: w.Now(), CreatedBy: w.admin.ID}
			if _, err := assignment.AddAdministrator(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}
