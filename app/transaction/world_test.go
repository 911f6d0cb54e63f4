package transaction

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/assignment"
	"kontor/app/customer"
	"kontor/app/listing"
	"kontor/app/note"
	"kontor/app/sample"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

var testNow = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// world is a database with the service on it and a few people: anna administers the customer, ben and clara have
// nothing to do with it.
type world struct {
	*Service
	*accounttest.Firm
	customers *customer.Service

	anna, ben, clara, auditor, templates, end account.Caller
	customer                                  customer.Customer
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, testNow)}
	w.Step = time.Millisecond // two things have the same time only if a test wants it
	w.customers = customer.New(customer.Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Accounts: w.Accounts, Courier: w.Post, Jobs: w.Jobs})
	access.New(access.Options{DB: db, Now: w.Now, Customers: w.customers, Accounts: w.Accounts, Courier: w.Post, Approvals: w.Approvals})
	note.New(note.Options{DB: db, Now: w.Now, Audit: w.Audit, Customers: w.customers})
	w.customers.AddDependent(customer.Documents, customer.Dependent{Count: func(context.Context, bun.IDB, uuid.UUID) (int64, error) { return 0, nil }}) // built on this package
	w.Service = New(Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Customers: w.customers})
	w.anna = w.Person("Anna Amt", true, policies.Specialist)
	w.ben = w.Person("Ben Büro", true, policies.Specialist)
	w.clara = w.Person("Clara Cron", true, policies.Specialist)
	w.auditor = w.Person("Rita Revision", true, policies.Specialist, policies.Auditor)
	w.templates = w.Person("Toni Technik", true, policies.Specialist, policies.TemplateAdministrator)
	w.end = w.Person("Eva Ende", false, policies.EndUser)
	w.customer = w.addCustomer(w.anna, "Kühn")
	return w
}

// limit sets limits, with which the next search takes a new sample.
func (w *world) limit(l limits) {
	w.limits = l
	w.texts = sample.Keep(w.sampled())
}

// sample makes searches use a sample of these transactions.
func (w *world) sample(share float64, rows ...sampledText) {
	w.texts = sample.Always(sample.New(rows, share, func(r *sampledText) string { return w.indexed(r.Search) }))
}

// sampleAll makes searches use a sample of all transactions that there are.
func (w *world) sampleAll() {
	w.Helper()
	var rows []sampledText
	w.Must(w.db.NewSelect().Table(`transactions`).Column(`number`, `search`).Scan(w.Ctx, &rows))
	w.sample(1, rows...)
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func (w *world) addCustomer(by account.Caller, last string) customer.Customer {
	w.Helper()
	cu, _, err := w.customers.Add(context.Background(), by, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: last, Locale: "de"},
	}, nil)
	w.Must(err)
	return cu
}

// create adds a transaction as an administrator of the customer.
func (w *world) create(by account.Caller, cu customer.Customer, name string) Transaction {
	w.Helper()
	t, _, err := w.Create(context.Background(), by, cu.ID, Form{Name: name})
	w.Must(err)
	return t
}

func (w *world) addProcessor(t Transaction, c account.Caller) {
	w.Helper()
	w.InTx(func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
			TransactionID: t.ID, SpecialistID: c.ID, CustomerID: t.CustomerID, CreatedAt: w.Now(), CreatedBy: w.anna.ID,
		})
		return err
	})
}

func (w *world) addAdministrator(cu customer.Customer, c account.Caller) {
	w.Helper()
	w.InTx(func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{
			CustomerID: cu.ID, SpecialistID: c.ID, CreatedAt: w.Now(), CreatedBy: w.anna.ID,
		})
		return err
	})
}

// access gives a person a registered access to a customer.
func (w *world) access(customerID, accountID uuid.UUID) uuid.UUID {
	w.Helper()
	id, now := newID(), w.Now()
	email := id.String() + "@example.org"
	w.Exec(`INSERT INTO access (id, customer_id, account_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at,
		registered_at, created_at) VALUES (?, ?, ?, 'Eva', 'Ende', ?, ?, 'de', ?, ?, ?, ?)`,
		id, customerID, accountID, email, email, now, now.Add(48*time.Hour), now, now)
	return id
}

// names are the names on all pages of a list, in its order; every page's count must agree with them.
func (w *world) names(c account.Caller, f Filter) []string {
	w.Helper()
	var all []string
	for _, t := range w.all(c, f) {
		all = append(all, t.Name)
	}
	return all
}

// all pages through a list, forwards and back again, and holds its count and its first rows against what it shows.
func (w *world) all(c account.Caller, f Filter) []Transaction {
	w.Helper()
	ctx := context.Background()
	const few = 2
	first, err := w.First(ctx, c, f, few)
	w.Must(err)
	var all []Transaction
	var last Page
	for {
		p, err := w.List(ctx, c, f)
		w.Must(err)
		all = append(all, p.Rows...)
		last = p
		if p.Next == "" {
			break
		}
		f.After = p.Next
	}
	if !last.Capped && last.Count != len(all) {
		w.Errorf("%+v for %s: %d rows, count %d", f, c.Name, len(all), last.Count)
	}
	assert.Equal(w, all[:min(len(all), few)], append([]Transaction(nil), first.Rows...), "%+v for %s: the first rows", f, c.Name)
	if first.Capped {
		assert.GreaterOrEqual(w, first.Count, few, "%+v for %s: counted with the first rows", f, c.Name)
		assert.Less(w, first.Count, len(all), "%+v for %s: there are no more than are counted with the first rows", f, c.Name)
	} else {
		assert.Equal(w, len(all), first.Count, "%+v for %s: counted with the first rows", f, c.Name)
	}
	back := append([]Transaction(nil), last.Rows...)
	for p := last; p.Prev != ""; {
		var err error
		f.After, f.Before = "", p.Prev
		p, err = w.List(ctx, c, f)
		w.Must(err)
		back = append(append([]Transaction(nil), p.Rows...), back...)
	}
	assert.Len(w, back, len(all), "%+v for %s: rows forwards, back", f, c.Name)
	return all
}

// continueAfter makes the next transaction's number the one after last.
func (w *world) continueAfter(last int64) {
	w.Helper()
	w.Must(w.db.Loading(w.Ctx, func(l *store.Loader) error {
		return l.InTx(w.Ctx, func(l store.Load) error { return l.Number(w.Ctx, Counter, last) })
	}))
}

// encode writes a cursor of a list with the newest first.
func encode(number int64) string { return listing.Encode(cursorVersion, number) }
