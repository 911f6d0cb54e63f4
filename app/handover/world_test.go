package handover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/approval"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a database with the service, those it needs, and a few people.
type world struct {
	*Service
	t            testing.TB
	ctx          context.Context
	db           *store.DB
	customers    *customer.Service
	transactions *transaction.Service
	people       *account.Service
	policy       *policies.Decider

	mu  sync.Mutex
	now time.Time

	admin, anna, ben, cora account.Caller // admin is a user administrator

	approvals *approval.Service
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

// outbox takes everything and sends nothing.
type outbox struct{}

func (outbox) Enqueue(context.Context, bun.IDB, courier.Post) error                     { return nil }
func (outbox) CancelAccount(context.Context, bun.IDB, uuid.UUID, ...courier.Kind) error { return nil }
func (outbox) Free(context.Context, bun.IDB, string) error                              { return nil }
func (outbox) Register(map[courier.Kind]courier.Composer)                               {}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), db: db, now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
	policy, err := policies.New(policies.Default)
	w.must(err)
	key, err := secret.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	w.must(err)
	w.policy = policy
	log := audit.New(db, w.clock)
	approvals := approval.New(approval.Options{DB: db, Now: w.clock, Audit: log, Courier: outbox{}})
	w.people = account.New(account.Options{
		Hashing: accounttest.Quick,
		DB:      db, Now: w.clock, Key: key, Policy: policy, Courier: outbox{}, Audit: log, Approvals: approvals, BaseURL: "https://kontor.example", Firm: "F",
	})
	w.customers = customer.New(customer.Options{DB: db, Now: w.clock, Policy: policy, Audit: log, Accounts: w.people})
	w.transactions = transaction.New(transaction.Options{
		DB: db, Now: w.clock, Zone: berlin, Policy: policy, Audit: log, Customers: w.customers,
	})
	w.Service = New(Options{
		Accounts: w.people, Approvals: approvals,
		DB: db, Now: w.clock, Zone: berlin, Policy: policy, Audit: log, Customers: w.customers, Transactions: w.transactions,
	})
	w.approvals = approvals
	w.admin = w.person("Uta Amt", policies.UserAdministrator, policies.PolicyAdministrator)
	w.anna, w.ben, w.cora = w.person("Anna Berg"), w.person("Ben Bach"), w.person("Cora Dorn")
	return w
}

func (w *world) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
func (w *world) at(t time.Time)   { w.mu.Lock(); defer w.mu.Unlock(); w.now = t.UTC() }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) want(what string, got, want error) {
	w.t.Helper()
	if !errors.Is(got, want) {
		w.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// wantForm compares the first complaint about a form, as "field message".
func (w *world) wantForm(what string, err error, want string) {
	w.t.Helper()
	var f *fault.Error
	got := "none"
	if errors.As(err, &f) && len(f.Fields) > 0 {
		got = f.Fields[0].Field + " " + f.Fields[0].Message
	} else if err != nil {
		got = err.Error()
	}
	if got != want {
		w.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	w.must(w.db.NewRaw("SELECT count(*) FROM "+query, args...).Scan(w.ctx, &n))
	return n
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.db.ExecContext(w.ctx, sql, args...)
	w.must(err)
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// person adds a specialist user.
func (w *world) person(name string, roles ...policies.Role) account.Caller {
	w.t.Helper()
	c := account.Caller{ID: newID(), Name: name, Roles: append([]policies.Role{policies.Specialist}, roles...)}
	email := store.FoldEmail(c.ID.String() + "@firm.example")
	w.exec(`INSERT INTO account (id, specialist, name, name_sort, search, username, username_folded, email, email_folded, password_hash, created_at)
		VALUES (?, TRUE, ?, ?, ?, ?, ?, ?, ?, 'x', ?)`, c.ID, name, store.SortKey(name), store.Fold(name+" "+email), email, email, email, email, w.clock())
	for _, r := range c.Roles {
		w.exec(`INSERT INTO account_role (account_id, role) VALUES (?, ?)`, c.ID, r)
	}
	return c
}

// customer adds a customer that is registered and that somebody administers, with n transactions.
func (w *world) customer(by account.Caller, name string, n int) (id uuid.UUID, transactions []uuid.UUID) {
	w.t.Helper()
	cu, _, err := w.customers.Add(w.ctx, by, customer.Draft{Type: customer.Company, Data: customer.Data{
		CompanyName: name, FirstName: "Eva", LastName: "Ende", Locale: "de",
	}}, func(ctx context.Context, tx bun.Tx, cu customer.Customer) error {
		now := w.clock()
		_, err := tx.ExecContext(ctx, `INSERT INTO access (id, customer_id, first_name, last_name, email, email_folded, locale, invited_at,
			link_expires_at, registered_at, created_at) VALUES (?, ?, 'Eva', 'Ende', ?, ?, 'de', ?, ?, ?, ?)`,
			newID(), cu.ID, "eva@kunde.example", "eva@kunde.example", now, now, now, now)
		return err
	})
	w.must(err)
	for i := range n {
		t, _, err := w.transactions.Create(w.ctx, by, cu.ID, transaction.Form{
			Name: name + " " + string(rune('A'+i%26)) + newID().String()[24:], Kind: "contract", Responsible: by.ID.String(),
		})
		w.must(err)
		transactions = append(transactions, t.ID)
	}
	return cu.ID, transactions
}

// entrust makes somebody an additional processor.
func (w *world) entrust(who account.Caller, customerID, transactionID uuid.UUID) {
	w.t.Helper()
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.Entrust(ctx, tx, assignment.Processor{
			TransactionID: transactionID, SpecialistID: who.ID, CustomerID: customerID, CreatedAt: w.clock(), CreatedBy: w.admin.ID,
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
	w.t.Helper()
	all, err := w.assignments(w.ctx, w.db, []uuid.UUID{who.ID}, everything)
	w.must(err)
	return all[who.ID]
}

// consistent fails if the index of visible transactions is not what the facts say.
func (w *world) consistent() {
	w.t.Helper()
	wrong, err := assignment.Check(w.ctx, w.db, 5)
	w.must(err)
	if len(wrong) > 0 {
		w.t.Errorf("index and facts disagree: %+v", wrong)
	}
}

// fill gives Anna many customers with as many transactions each, quickly.
func (w *world) fill(customers, transactions int) error {
	return w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
		number := 50000
		for i := range customers {
			id := newID()
			if _, err := tx.ExecContext(ctx, `INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
				VALUES (?, ?, 'person', 'de', '', '', '', ?, ?)`, 20000+i, id, w.now, w.now); err != nil {
				return err
			}
			for range transactions {
				number++
				if _, err := tx.ExecContext(ctx, `INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
					VALUES (?, ?, ?, ?, ?, 'other', ?, ?)`, number, newID(), id, fmt.Sprint(number), fmt.Sprint(number), w.now, w.now); err != nil {
					return err
				}
			}
			a := assignment.Administrator{CustomerID: id, SpecialistID: w.anna.ID, CreatedAt: w.now, CreatedBy: w.admin.ID}
			if _, err := assignment.Appoint(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}
