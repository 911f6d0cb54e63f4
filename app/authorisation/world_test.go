package authorisation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/approval"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a firm in which anna administers the customer and ben processes its first transaction; clara has nothing to do
// with it, uwe is a user administrator, rita an auditor. Its neighbours are the real ones; mails go to the mailbox.
type world struct {
	*Service
	t      testing.TB
	people *account.Service
	post   *courier.Service

	mu sync.Mutex
	at time.Time

	anna, ben, clara, uwe, rita account.Caller
	customer                    uuid.UUID
	contract, taxes             transaction.Transaction

	approvals *approval.Service
}

const strong = "Vierzig Pferde im Regen"

var here = account.Browser{Address: "192.0.2.7", Agent: "test"}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, at: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	key, err := secret.NewKey([]byte(strings.Repeat("k", 32)))
	w.must(err)
	policy, err := policies.New(policies.Default)
	w.must(err)
	log := audit.New(db, w.clock)
	w.post, err = courier.New(courier.Options{
		DB: db, Now: w.clock, Key: key, Log: slog.New(slog.DiscardHandler), Templates: os.DirFS("../../views/mail"), Firm: "Kanzlei Berg",
		From: "Kanzlei Berg <no-reply@kanzlei.example>",
	})
	w.must(err)
	approvals := approval.New(approval.Options{DB: db, Now: w.clock, Audit: log, Courier: w.post})
	w.people = account.New(account.Options{
		Hashing:   accounttest.Quick,
		Approvals: approvals,
		DB:        db, Now: w.clock, Key: key, Policy: policy, Courier: w.post, Audit: log, BaseURL: "https://kontor.example", Firm: "Kanzlei Berg",
	})
	customers := customer.New(customer.Options{DB: db, Now: w.clock, Policy: policy, Audit: log, Courier: w.post, Accounts: w.people})
	accesses := access.New(access.Options{
		Approvals: approvals,
		DB:        db, Now: w.clock, Key: key, Policy: policy, Accounts: w.people, Courier: w.post, Audit: log, Customers: customers,
		BaseURL: "https://kontor.example", Firm: "Kanzlei Berg",
	})
	w.Service = New(Options{
		Accounts: w.people, Approvals: approvals,
		DB: db, Now: w.clock, Key: key, Policy: policy, Audit: log, Customers: customers, Accesses: accesses,
		Transactions: transaction.New(transaction.Options{DB: db, Now: w.clock, Policy: policy, Audit: log, Customers: customers}),
	})
	w.approvals = approvals
	w.anna, w.ben, w.clara = w.specialist("Anna Amt"), w.specialist("Ben Büro"), w.specialist("Clara Cron")
	w.uwe = w.specialist("Uwe User", policies.UserAdministrator)
	w.rita = w.specialist("Rita Revision", policies.Auditor)
	w.customer = w.addCustomer("Kühn")
	w.contract, w.taxes = w.transaction(w.customer, "Vertrag", "contract"), w.transaction(w.customer, "Steuer", "tax_return")
	w.entrust(w.contract, w.ben)
	return w
}

func (w *world) ctx() context.Context { return context.Background() }
func newID() uuid.UUID                { return uuid.Must(uuid.NewV7()) }
func ids(all ...uuid.UUID) []uuid.UUID {
	return all
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) tick(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.at = w.at.Add(d) }

// specialist adds a specialist user.
func (w *world) specialist(name string, roles ...policies.Role) account.Caller {
	w.t.Helper()
	c := account.Caller{ID: newID(), Name: name, Roles: append([]policies.Role{policies.Specialist}, roles...), Locale: "en"}
	email := store.FoldEmail(strings.ReplaceAll(store.SortKey(name), " ", ".") + "@kanzlei.example")
	w.exec(`INSERT INTO account (id, specialist, name, name_sort, search, username, username_folded, email, email_folded, created_at)
		VALUES (?, TRUE, ?, ?, ?, ?, ?, ?, ?, ?)`, c.ID, name, store.SortKey(name), store.Fold(name+" "+email), email, email, email, email, w.clock())
	for _, r := range c.Roles {
		w.exec(`INSERT INTO account_role (account_id, role) VALUES (?, ?)`, c.ID, r)
	}
	return c
}

func (w *world) addCustomer(last string) uuid.UUID {
	w.t.Helper()
	cu, _, err := w.customers.Add(w.ctx(), w.anna, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: last, Locale: "de"},
	}, nil)
	w.must(err)
	return cu.ID
}

func (w *world) transaction(customerID uuid.UUID, name, kind string) transaction.Transaction {
	w.t.Helper()
	t, _, err := w.transactions.Create(w.ctx(), w.anna, customerID, transaction.Form{Name: name, Kind: kind})
	w.must(err)
	return t
}

func (w *world) entrust(t transaction.Transaction, c account.Caller) {
	w.t.Helper()
	w.must(w.db.InTx(w.ctx(), func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.Entrust(ctx, tx, assignment.Processor{
			TransactionID: t.ID, SpecialistID: c.ID, CustomerID: t.CustomerID, CreatedAt: w.clock(), CreatedBy: w.anna.ID,
		})
		return err
	}))
}

// deputy makes c stand in for another from now on for a day; the caller that is returned knows it, as a session would.
func (w *world) deputy(c account.Caller, other account.Caller) account.Caller {
	w.t.Helper()
	w.exec(`INSERT INTO deputy (id, specialist_id, deputy_id, starts_at, ends_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		newID(), other.ID, c.ID, w.clock(), w.clock().Add(24*time.Hour), w.clock(), other.ID)
	c.For = append(slices.Clone(c.For), other.ID)
	return c
}

func (w *world) policyIs(more string) {
	w.t.Helper()
	w.must(w.policy.Publish(w.policy.Version()+1, policies.Default+more))
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.ctx(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	w.must(w.db.NewRaw(sql, args...).Scan(w.ctx(), &n))
	return n
}

// invite adds an access; register lets its end user register.
func (w *world) invite(customerID uuid.UUID, email string) access.Access {
	w.t.Helper()
	a, err := w.accesses.Create(w.ctx(), w.anna, customerID, access.Form{FirstName: "Berta", LastName: "Kühn", Email: email, Locale: "de"}, "")
	w.must(err)
	return a
}

var linkShape = regexp.MustCompile(`(?m)^https://kontor\.example/register/([\w-]{43})\r?$`)

// link delivers what is queued and returns the newest registration link that came to an address.
func (w *world) link(email string) string {
	w.t.Helper()
	var queued []courier.Message
	w.must(w.db.NewSelect().Model(&queued).Where("state = ?", courier.Queued).Scan(w.ctx()))
	for _, m := range queued {
		_, err := w.post.Deliver(w.ctx(), courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run})
		w.must(err)
	}
	box, err := w.post.Mailbox(w.ctx(), 100)
	w.must(err)
	for _, m := range box {
		if found := linkShape.FindStringSubmatch(m.Text); found != nil && m.To == email {
			return found[1]
		}
	}
	w.t.Fatalf("no link came to %s", email)
	return ""
}

func (w *world) register(email string) {
	w.t.Helper()
	_, err := w.accesses.Register(w.ctx(), w.link(email), access.RegisterForm{Password: strong, PasswordRepeat: strong}, account.Caller{}, here)
	w.must(err)
}

// sound says that the index agrees with the facts.
func (w *world) sound() {
	w.t.Helper()
	list, err := assignment.Check(w.ctx(), w.db, 5)
	w.must(err)
	if len(list) > 0 {
		w.t.Errorf("index and facts differ: %+v", list)
	}
}

// facts is who administers and processes what of the customer, and its accesses.
func (w *world) facts() string {
	w.t.Helper()
	var list []string
	w.must(w.db.NewRaw(`SELECT 'a ' || p.name FROM customer_administrator AS a JOIN account AS p ON p.id = a.specialist_id WHERE a.customer_id = ?
		UNION ALL SELECT 'p ' || p.name || ' ' || t.name FROM transaction_processor AS r JOIN account AS p ON p.id = r.specialist_id
			JOIN transactions AS t ON t.id = r.transaction_id WHERE r.customer_id = ?
		UNION ALL SELECT 'x ' || email FROM access WHERE customer_id = ?`, w.customer, w.customer, w.customer).Scan(w.ctx(), &list))
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// complaint is "field: message" of each complaint of an Invalid fault, or "code: message" of another fault.
func complaint(err error) string {
	var e *fault.Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	if len(e.Fields) == 0 {
		return string(e.Code) + ": " + e.Message
	}
	var all []string
	for _, f := range e.Fields {
		all = append(all, f.Field+": "+f.Message)
	}
	return strings.Join(all, ", ")
}
