package document

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/blob"
	"kontor/app/customer"
	"kontor/app/filetype"
	"kontor/app/note"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a firm with a customer and one of its transactions. anna administers the customer, ben processes the transaction, clara
// has nothing to do with it, rita is an auditor. eva and emil are end users of the customer, otto is one of another customer.
type world struct {
	*accounttest.Firm
	*Service
	customers *customer.Service
	blobs     *blob.Service
	folder    string

	anna, ben, clara, rita, eva, emil, otto account.Caller
	customer                                customer.Customer
	of                                      transaction.Transaction
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	return guardedWorld(t, db, nil)
}

// guardedWorld is a world with a scanner; nil: without.
func guardedWorld(t *testing.T, db *store.DB, scanner blob.Scanner) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)), folder: t.TempDir()}
	w.Step = time.Millisecond
	w.customers = customer.New(customer.Options{
		DB: db, Now: w.Clock.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Accounts: w.Accounts, Jobs: w.Jobs,
	})
	access.New(access.Options{DB: db, Now: w.Clock.Now, Customers: w.customers, Accounts: w.Accounts, Courier: w.Post, Approvals: w.Approvals})
	note.New(note.Options{DB: db, Now: w.Clock.Now, Audit: w.Audit, Customers: w.customers})
	objects, err := blob.OpenFolder(w.folder)
	w.Must(err)
	w.blobs = blob.New(blob.Options{DB: db, Now: w.Clock.Now, Key: w.Key, Store: objects, Log: slog.New(slog.DiscardHandler), Scanner: scanner})
	w.Service = New(Dependencies{
		DB: db, Now: w.Clock.Now, Decider: w.Decider, Audit: w.Audit, Customers: w.customers, Blobs: w.blobs, Types: allowed(t),
		Log: slog.New(slog.DiscardHandler),
		Transactions: transaction.New(transaction.Options{
			DB: db, Now: w.Clock.Now, Decider: w.Decider, Audit: w.Audit, Customers: w.customers,
		}),
	})
	w.anna, w.ben, w.clara = w.Specialist("Anna Amt"), w.Specialist("Ben Büro"), w.Specialist("Clara Cron")
	w.rita = w.Person("Rita Revision", true, policies.Auditor)
	w.eva, w.emil, w.otto = w.Person("Eva Ende", false, policies.EndUser), w.Person("Emil Ende", false, policies.EndUser), w.Person("Otto Ost", false, policies.EndUser)
	w.customer = w.addCustomer("Kühn")
	w.access(w.customer.ID, w.eva.ID)
	w.access(w.customer.ID, w.emil.ID)
	w.access(w.addCustomer("Ost").ID, w.otto.ID)
	w.of = w.transaction("Steuer 2026")
	return w
}

func (w *world) addCustomer(name string) customer.Customer {
	w.Helper()
	cu, _, err := w.customers.Add(w.Ctx, w.anna, customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: name, Locale: "de"}}, nil)
	w.Must(err)
	return cu
}

func (w *world) access(customerID, accountID uuid.UUID) {
	w.Helper()
	id, now := accounttest.ID(), w.Clock.Now()
	w.Exec(`INSERT INTO access (id, customer_id, account_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at,
		registered_at, created_at) VALUES (?, ?, ?, 'Eva', 'Ende', ?, ?, 'de', ?, ?, ?, ?)`,
		id, customerID, accountID, id.String(), id.String(), now, now.Add(48*time.Hour), now, now)
}

// transaction adds a transaction of the customer that ben processes.
func (w *world) transaction(name string) transaction.Transaction {
	w.Helper()
	t, _, err := w.Transactions.Create(w.Ctx, w.anna, w.customer.ID, transaction.Form{Name: name})
	w.Must(err)
	w.InTx(func(ctx context.Context, tx bun.Tx) error {
		_, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
			TransactionID: t.ID, SpecialistID: w.ben.ID, CustomerID: t.CustomerID, CreatedAt: w.Clock.Now(), CreatedBy: w.anna.ID,
		})
		return err
	})
	return t
}

// build gives the transaction an outline.
func (w *world) build(o Outline) Tree {
	w.Helper()
	w.Must(o.Check(filetype.Groups))
	w.InTx(func(ctx context.Context, tx bun.Tx) error { return w.Build(ctx, tx, w.anna, w.of, o) })
	return w.tree(w.anna)
}

func (w *world) tree(c account.Caller) Tree {
	w.Helper()
	tree, err := w.Tree(w.Ctx, c, w.of.ID)
	w.Must(err)
	return tree
}

// named is the element with a name, as anna sees it.
func (w *world) named(name string) Element {
	w.Helper()
	for _, e := range w.tree(w.anna).Elements {
		if e.Name == name {
			return e
		}
	}
	w.Fatalf("there is no element %q", name)
	return Element{}
}

// names are the names that somebody sees, each behind as many dots as it is deep.
func (w *world) names(c account.Caller) (names []string) {
	w.Helper()
	for _, e := range w.tree(c).Elements {
		names = append(names, strings.Repeat(".", e.Depth)+e.Name)
	}
	return names
}

// upload uploads a file for an element, or to the root.
func (w *world) upload(c account.Caller, to uuid.UUID, file, text string) (*Arrived, error) {
	w.Helper()
	return w.Upload(w.Ctx, c, Announced{Target: Target{ElementID: to, TransactionID: w.of.ID}, File: file, Size: int64(len(text))}, strings.NewReader(text))
}

func (w *world) uploaded(c account.Caller, to uuid.UUID, file, text string) *Arrived {
	w.Helper()
	a, err := w.upload(c, to, file, text)
	w.Must(err)
	return a
}

// content is what somebody reads of a document.
func (w *world) content(c account.Caller, id uuid.UUID, number int) (string, error) {
	w.Helper()
	found, err := w.Content(w.Ctx, c, id, number)
	if err != nil {
		return "", err
	}
	r, err := w.blobs.Open(w.Ctx, found.Blob)
	if err != nil {
		return "", err
	}
	var all bytes.Buffer
	_, err = io.Copy(&all, r.Section(0, r.Size()))
	w.Must(r.Close())
	return all.String(), err
}

func (w *world) progress() Progress {
	w.Helper()
	t, err := w.Transactions.Get(w.Ctx, w.anna, w.of.ID)
	w.Must(err)
	return Progress(t.Progress)
}

// logged are the actions in the log of the transaction, the oldest first.
func (w *world) logged() (actions []string) {
	w.Helper()
	page, err := w.Audit.Page(w.Ctx, audit.Filter{Transaction: w.of.ID})
	w.Must(err)
	for _, e := range page.Entries {
		actions = append([]string{e.Actor + " " + string(e.Action) + " " + e.Subject}, actions...)
	}
	return actions[1:] // it was added
}

func (w *world) close(as transaction.Status) {
	w.Helper()
	t, err := w.Transactions.Get(w.Ctx, w.anna, w.of.ID)
	w.Must(err)
	_, err = w.Transactions.SetStatus(w.Ctx, w.anna, t.ID, t.Version, as)
	w.Must(err)
}

// allowed are the types of files that the firm accepts.
func allowed(t *testing.T) filetype.Allowed {
	t.Helper()
	a, err := filetype.ParseAllowed(filetype.Safe)
	require.NoError(t, err)
	return a
}

// days is a number of days for a due date.
func days(n int) *int { return &n }

// taxes is an outline with one of everything.
func taxes() Outline {
	return Outline{Options: Options{Extensible: true}, Elements: []Planned{
		{Type: Folder, Name: "Income", Options: Options{Extensible: true, Duplicable: true}, Elements: []Planned{
			{Type: Slot, Name: "Payslip", Help: "The one of December", Answer: AnswerDocument, Required: true, DueDays: days(14)},
			{Type: Slot, Name: "Rent", Answer: AnswerDocument},
		}},
		{Type: Folder, Name: "Children", Options: Options{Optional: true}, Elements: []Planned{
			{Type: Slot, Name: "Number of children", Answer: AnswerNumber, Required: true},
		}},
		{Type: Folder, Name: "Notes of the firm", Internal: true, Options: Options{Extensible: true}, Elements: []Planned{
			{Type: Slot, Name: "Checklist", Answer: AnswerDocument, Required: true},
		}},
		{Type: Slot, Name: "Account", Answer: AnswerIBAN, Required: true},
	}}
}

func requireSame(t *testing.T, err, want error, what string) {
	t.Helper()
	if want == nil {
		require.NoError(t, err, what)
		return
	}
	require.ErrorIs(t, err, want, what)
}
