package authorisation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/assignment"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/document/documenttest"
	"kontor/app/fault"
	notes "kontor/app/note"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
	"kontor/policies/policytest"
)

// world is a firm in which anna administers the customer and ben processes its first transaction; clara has nothing to do
// with it, uwe is a user administrator, rita an auditor. Its neighbours are the real ones; mails go to the mailbox.
type world struct {
	*Service
	*accounttest.Firm

	anna, ben, clara, uwe, rita account.Caller
	customer                    uuid.UUID
	contract, taxes             transaction.Transaction
}

const strong = accounttest.Strong

var here = accounttest.Here

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
	customers := customer.New(customer.Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Accounts: w.Accounts, Jobs: w.Jobs})
	transactions := transaction.New(transaction.Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Customers: customers})
	documenttest.New(t, w.Firm, customers, transactions)
	notes.New(notes.Options{DB: db, Now: w.Now, Audit: w.Audit, Customers: customers})
	w.Service = New(Options{
		DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Audit: w.Audit, Accounts: w.Accounts, Approvals: w.Approvals, Customers: customers,
		Accesses: access.New(access.Options{
			DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Accounts: w.Accounts, Courier: w.Post, Audit: w.Audit, Approvals: w.Approvals,
			Customers: customers, BaseURL: accounttest.BaseURL,
		}),
		Transactions: transactions,
	})
	w.anna, w.ben, w.clara = w.Specialist("Anna Amt"), w.Specialist("Ben Büro"), w.Specialist("Clara Cron")
	w.uwe = w.Specialist("Uwe User", policies.UserAdministrator)
	w.rita = w.Specialist("Rita Revision", policies.Auditor)
	w.customer = w.addCustomer("Kühn")
	w.contract, w.taxes = w.transaction(w.customer, "Vertrag", "contract"), w.transaction(w.customer, "Steuer", "tax_return")
	w.addProcessor(w.contract, w.ben)
	return w
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
func ids(all ...uuid.UUID) []uuid.UUID {
	return all
}

func (w *world) addCustomer(last string) uuid.UUID {
	w.Helper()
	cu, _, err := w.customers.Add(w.Ctx, w.anna, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: last, Locale: "de"},
	}, nil)
	w.Must(err)
	return cu.ID
}

func (w *world) transaction(customerID uuid.UUID, name, kind string) transaction.Transaction {
	w.Helper()
	t, _, err := w.transactions.Create(w.Ctx, w.anna, customerID, transaction.Form{Name: name, Kind: kind})
	w.Must(err)
	return t
}

func (w *world) addProcessor(t transaction.Transaction, c account.Caller) {
	w.Helper()
	w.Must(w.db.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
			TransactionID: t.ID, SpecialistID: c.ID, CustomerID: t.CustomerID, CreatedAt: w.Now(), CreatedBy: w.anna.ID,
		})
		return err
	}))
}

// deputy makes c stand in for another from now on for a day; the caller that is returned knows it, as a session would.
func (w *world) deputy(c account.Caller, other account.Caller) account.Caller {
	w.Helper()
	w.Exec(`INSERT INTO deputy (id, specialist_id, deputy_id, starts_at, ends_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		newID(), other.ID, c.ID, w.Now(), w.Now().Add(24*time.Hour), w.Now(), other.ID)
	c.For = append(slices.Clone(c.For), other.ID)
	return c
}

func (w *world) policyIs(more string) {
	w.Helper()
	w.Must(policytest.Publish(w.decider, w.decider.Version()+1, policies.Default+more))
}

// invite adds an access; register lets its end user register.
func (w *world) invite(customerID uuid.UUID, email string) access.Access {
	w.Helper()
	a, err := w.accesses.Create(w.Ctx, w.anna, customerID, access.Form{FirstName: "Berta", LastName: "Kühn", Email: email, Locale: "de"}, "")
	w.Must(err)
	return a
}

var linkShape = regexp.MustCompile(`(?m)^https://kontor\.example/register/([\w-]{43})\r?$`)

// link delivers what is queued and returns the newest registration link that came to an address.
func (w *world) link(email string) string {
	w.Helper()
	var queued []courier.Message
	w.Must(w.db.NewSelect().Model(&queued).Where("state = ?", courier.Queued).Scan(w.Ctx))
	for _, m := range queued {
		_, err := w.Post.Deliver(w.Ctx, courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run})
		w.Must(err)
	}
	box, err := w.Post.Mailbox(w.Ctx, 100)
	w.Must(err)
	for _, m := range box {
		if found := linkShape.FindStringSubmatch(m.Text); found != nil && m.To == email {
			return found[1]
		}
	}
	w.Fatalf("no link came to %s", email)
	return ""
}

func (w *world) register(email string) {
	w.Helper()
	_, err := w.accesses.Register(w.Ctx, w.link(email), access.RegisterForm{Password: strong, PasswordRepeat: strong}, account.Caller{}, here)
	w.Must(err)
}

// sound says that the index agrees with the facts.
func (w *world) sound() {
	w.Helper()
	list, err := assignment.Check(w.Ctx, w.db, 5)
	w.Must(err)
	assert.Empty(w, list, "index and facts differ")
}

// facts is who administers and processes what of the customer, and its accesses.
func (w *world) facts() string {
	w.Helper()
	var list []string
	w.Must(w.db.NewRaw(`SELECT 'a ' || p.name FROM customer_administrator AS a JOIN account AS p ON p.id = a.specialist_id WHERE a.customer_id = ?
		UNION ALL SELECT 'p ' || p.name || ' ' || t.name FROM transaction_processor AS r JOIN account AS p ON p.id = r.specialist_id
			JOIN transactions AS t ON t.id = r.transaction_id WHERE r.customer_id = ?
		UNION ALL SELECT 'x ' || email FROM access WHERE customer_id = ?`, w.customer, w.customer, w.customer).Scan(w.Ctx, &list))
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
