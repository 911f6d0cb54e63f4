package transaction

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
	"kontor/views"
)

var testNow = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// world is a database with the service on it and a few people: anna administers the customer, ben and clara have
// nothing to do with it.
type world struct {
	*Service
	t         *testing.T
	customers *customer.Service

	mu sync.Mutex
	at time.Time

	anna, ben, clara, auditor, templates, end account.Caller
	customer                                  customer.Customer
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, at: testNow}
	policy, err := policies.New(policies.Default)
	w.must(err)
	log := audit.New(db, w.clock)
	post, err := courier.New(courier.Options{
		DB: db, Now: w.clock, Log: slog.New(slog.DiscardHandler), Templates: views.Mail(), Firm: "Kanzlei Berg",
		From: "no-reply@kanzlei.example",
	})
	w.must(err)
	approvals := approval.New(approval.Options{DB: db, Now: w.clock, Audit: log, Courier: post})
	people := account.New(account.Options{DB: db, Now: w.clock, Policy: policy, Audit: log, Courier: post, Approvals: approvals})
	w.customers = customer.New(customer.Options{DB: db, Now: w.clock, Policy: policy, Audit: log, Accounts: people, Courier: post})
	access.New(access.Options{DB: db, Now: w.clock, Customers: w.customers, Accounts: people, Courier: post, Approvals: approvals})
	w.Service = New(Options{DB: db, Now: w.clock, Policy: policy, Audit: log, Customers: w.customers})
	w.anna = w.person("Anna Amt", true, policies.Specialist)
	w.ben = w.person("Ben Büro", true, policies.Specialist)
	w.clara = w.person("Clara Cron", true, policies.Specialist)
	w.auditor = w.person("Rita Revision", true, policies.Specialist, policies.Auditor)
	w.templates = w.person("Toni Technik", true, policies.Specialist, policies.TemplateAdministrator)
	w.end = w.person("Eva Ende", false, policies.EndUser)
	w.customer = w.addCustomer(w.anna, "Kühn")
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// clock ticks with every look at it, so that no two things are of the same moment unless a test wants it.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(time.Millisecond)
	return w.at
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.ExecContext(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.db.NewRaw(sql, args...).Scan(context.Background(), &n); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (w *world) inTx(f func(ctx context.Context, tx bun.Tx) error) {
	w.t.Helper()
	w.must(w.db.InTx(context.Background(), f))
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// person adds an account.
func (w *world) person(name string, specialist bool, roles ...policies.Role) account.Caller {
	w.t.Helper()
	c := account.Caller{ID: newID(), Name: name, Roles: roles, Locale: "en", Address: "192.0.2.1"}
	email := store.FoldEmail(c.ID.String() + "@example.org")
	w.exec(`INSERT INTO account (id, specialist, name, name_sort, username, username_folded, email, email_folded, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, c.ID, specialist, name, store.SortKey(name), email, email, email, email, w.clock())
	return c
}

func (w *world) addCustomer(by account.Caller, last string) customer.Customer {
	w.t.Helper()
	cu, _, err := w.customers.Add(context.Background(), by, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: last, Locale: "de"},
	}, nil)
	w.must(err)
	return cu
}

// create adds a transaction as an administrator of the customer.
func (w *world) create(by account.Caller, cu customer.Customer, name string) Transaction {
	w.t.Helper()
	t, _, err := w.Create(context.Background(), by, cu.ID, Form{Name: name})
	w.must(err)
	return t
}

func (w *world) entrust(t Transaction, c account.Caller) {
	w.t.Helper()
	w.inTx(func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.Entrust(ctx, tx, assignment.Processor{
			TransactionID: t.ID, SpecialistID: c.ID, CustomerID: t.CustomerID, CreatedAt: w.clock(), CreatedBy: w.anna.ID,
		})
		return err
	})
}

func (w *world) appoint(cu customer.Customer, c account.Caller) {
	w.t.Helper()
	w.inTx(func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.Appoint(ctx, tx, assignment.Administrator{
			CustomerID: cu.ID, SpecialistID: c.ID, CreatedAt: w.clock(), CreatedBy: w.anna.ID,
		})
		return err
	})
}

// access gives a person a registered access to a customer.
func (w *world) access(customerID, accountID uuid.UUID) uuid.UUID {
	w.t.Helper()
	id, now := newID(), w.clock()
	email := id.String() + "@example.org"
	w.exec(`INSERT INTO access (id, customer_id, account_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at,
		registered_at, created_at) VALUES (?, ?, ?, 'Eva', 'Ende', ?, ?, 'de', ?, ?, ?, ?)`,
		id, customerID, accountID, email, email, now, now.Add(48*time.Hour), now, now)
	return id
}

// names are the names on all pages of a list, in its order; every page's count must agree with them.
func (w *world) names(c account.Caller, f Filter) []string {
	w.t.Helper()
	var all []string
	for _, t := range w.all(c, f) {
		all = append(all, t.Name)
	}
	return all
}

// all pages through a list, forwards and back again, and holds its count against what it shows.
func (w *world) all(c account.Caller, f Filter) []Transaction {
	w.t.Helper()
	ctx := context.Background()
	var all []Transaction
	var last Page
	for {
		p, err := w.List(ctx, c, f)
		w.must(err)
		all = append(all, p.Rows...)
		last = p
		if p.Next == "" {
			break
		}
		f.After = p.Next
	}
	if !last.Capped && last.Count != len(all) {
		w.t.Errorf("%+v for %s: %d rows, count %d", f, c.Name, len(all), last.Count)
	}
	back := append([]Transaction(nil), last.Rows...)
	for p := last; p.Prev != ""; {
		var err error
		f.After, f.Before = "", p.Prev
		p, err = w.List(ctx, c, f)
		w.must(err)
		back = append(append([]Transaction(nil), p.Rows...), back...)
	}
	if len(back) != len(all) {
		w.t.Errorf("%+v for %s: %d rows forwards, %d back", f, c.Name, len(all), len(back))
	}
	return all
}
