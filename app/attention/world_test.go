package attention

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a database with the services and a few people, at a time that only the test moves.
type world struct {
	*Service
	*accounttest.Firm
	post *outbox

	queues   []courier.QueueTrouble
	noWorker time.Time

	anna, ben, uta, rita, end account.Caller // uta is a user administrator, rita only an auditor
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func newWorld(t testing.TB, db *store.DB, change ...func(*courier.Options)) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), change...)}
	w.post = &outbox{Service: w.Post}
	customers := customer.New(customer.Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Jobs: w.Jobs})
	accesses := access.New(access.Options{
		DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Accounts: w.Accounts, Courier: w.post, Audit: w.Audit, Approvals: w.Approvals,
		Customers: customers, BaseURL: accounttest.BaseURL,
	})
	transactions := transaction.New(transaction.Options{
		DB: db, Now: w.Now, Zone: time.UTC, Decider: w.Decider, Audit: w.Audit, Customers: customers,
	})
	w.Service = New(Options{
		DB: db, Now: w.Now, Zone: time.UTC, Decider: w.Decider, Customers: customers, Accesses: accesses, Transactions: transactions,
		Offers: offers(0), Approvals: w.Approvals, Deputies: offers(0),
		Courier: w.Post, Queue: w, NoWorker: func() time.Time { return w.noWorker },
	})
	w.anna, w.ben = w.person("Anna", policies.Specialist), w.person("Ben", policies.Specialist)
	w.uta, w.rita = w.person("Uta", policies.Specialist, policies.UserAdministrator), w.person("Rita", policies.Auditor)
	w.end = account.Caller{ID: uuid.Must(uuid.NewV7()), Roles: []policies.Role{policies.EndUser}}
	return w
}

// outbox is the real one, whose callback the world calls, too.
type outbox struct {
	*courier.Service
	settled func(ctx context.Context, tx bun.IDB, m courier.Message) error
}

func (o *outbox) OnSettled(f func(ctx context.Context, tx bun.IDB, m courier.Message) error) {
	o.settled = f
	o.Service.OnSettled(f)
}

// Known makes the world its own queue.
func (w *world) Known() []courier.QueueTrouble { return w.queues }

// offers is how many rights wait for each policy administrator.
type offers int

func (offers) Outlasts(context.Context, account.Caller) ([]handover.Outlasting, error) {
	return nil, nil
}

func (o offers) Waiting(_ context.Context, c account.Caller) (int, error) {
	if c.Has(policies.PolicyAdministrator) {
		return int(o), nil
	}
	return 0, nil
}

// person adds somebody with exactly these roles.
func (w *world) person(name string, roles ...policies.Role) account.Caller {
	w.Helper()
	return w.Person(name, true, roles...)
}

// customer adds a customer that by administers, with an invitation for each name.
func (w *world) customer(by account.Caller, name string, invited ...string) uuid.UUID {
	w.Helper()
	cu, _, err := w.o.Customers.Add(w.Ctx, by, customer.Draft{Type: customer.Company, Data: customer.Data{
		CompanyName: name, FirstName: "Eva", LastName: "Ende", Locale: "de",
	}}, nil)
	w.Must(err)
	for _, i := range invited {
		_, err := w.o.Accesses.Create(w.Ctx, by, cu.ID, access.Form{
			FirstName: i, LastName: "X", Email: strings.ToLower(i) + "@kunde.example", Mobile: "+4915123456789", Locale: "de",
		}, "")
		w.Must(err)
	}
	return cu.ID
}

// registered is a customer with nothing to look at.
func (w *world) registered(by account.Caller, name string) uuid.UUID {
	w.Helper()
	id := w.customer(by, name, "Registered")
	w.Exec(`UPDATE access SET registered_at = ? WHERE customer_id = ?`, w.Now(), id)
	w.touch(id)
	return id
}

func (w *world) touch(id uuid.UUID) {
	w.Helper()
	w.Must(w.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error { return w.o.Customers.Refresh(ctx, tx, id) }))
}

// fail lets the newest message of an access on a channel fail.
func (w *world) fail(name string, channel courier.Channel, reason string) {
	w.Helper()
	var m courier.Message
	w.Must(w.DB.NewSelect().Model(&m).Where("channel = ?", channel).
		Where("access_id IN (SELECT id FROM access WHERE first_name = ?)", name).Order("created_at DESC").Limit(1).Scan(w.Ctx))
	w.Must(w.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
		m.State, m.Reason = courier.Failed, reason
		if _, err := tx.ExecContext(ctx, `UPDATE message SET state = 'failed', reason = ?, relay_at = NULL WHERE id = ?`, reason, m.ID); err != nil {
			return err
		}
		return w.post.settled(ctx, tx, m)
	}))
}

func (w *world) late(by account.Caller, customerID uuid.UUID, name, due string) uuid.UUID {
	w.Helper()
	t, _, err := w.o.Transactions.Create(w.Ctx, by, customerID, transaction.Form{Name: name, Kind: "contract", Due: due})
	w.Must(err)
	return t.ID
}

// seen writes down what a caller finds, section by section.
func (w *world) seen(c account.Caller) (out []string) {
	w.Helper()
	parts, err := w.Parts(w.Ctx, c)
	w.Must(err)
	for _, p := range parts {
		for _, q := range p.Queues {
			out = append(out, fmt.Sprintf("%s %v %s", p.Section, q.Queues, q.Reason))
		}
		if !p.NoWorker.IsZero() {
			out = append(out, fmt.Sprintf("%s no worker since %s", p.Section, p.NoWorker.Format(time.TimeOnly)))
		}
		for _, t := range p.Channels {
			out = append(out, fmt.Sprintf("%s %s %s %s, %d waiting", p.Section, t.Channel, t.Reason, t.Status, t.Waiting))
		}
		for _, i := range p.Invitations {
			out = append(out, fmt.Sprintf("%s %s %s%s", p.Section, i.Customer.Name, i.Reason, map[bool]string{true: " " + i.Detail}[i.Detail != ""]))
		}
		for _, o := range p.Customers {
			out = append(out, fmt.Sprintf("%s %s", p.Section, o.Name))
		}
		for _, l := range p.Overdue {
			out = append(out, fmt.Sprintf("%s %s %s", p.Section, l.Customer.Name, l.Name))
		}
	}
	w.Forget(c.ID)
	n, err := w.Count(w.Ctx, c)
	w.Must(err)
	assert.Equal(w, len(out), n, "%s: the badge says, the page has", c.Name)
	return out
}

// facts is what a section should show of the customers that by administers, of all for nobody: it is read from the facts,
// and not from what is derived from them.
func (w *world) facts(section Section, by account.Caller) (names []string) {
	w.Helper()
	q := w.DB.NewSelect().TableExpr(`customer AS k`).ColumnExpr(`k.company_name`).Where(`NOT k.deleting`)
	if by.ID != uuid.Nil {
		q.Where(`EXISTS (SELECT 1 FROM customer_administrator AS o WHERE o.customer_id = k.id AND o.specialist_id = ?)`, by.ID)
	}
	switch section {
	case Administrators:
		q.Where(`NOT EXISTS (SELECT 1 FROM customer_administrator AS o JOIN account AS p ON p.id = o.specialist_id
			WHERE o.customer_id = k.id AND p.active)`)
	case Accesses:
		q.Where(`NOT EXISTS (SELECT 1 FROM access AS a WHERE a.customer_id = k.id)`)
	case Invitations:
		q.Join(`JOIN access AS a ON a.customer_id = k.id`).Where(`a.registered_at IS NULL`).Where(`a.deactivated_at IS NULL`).
			Where(`a.undeliverable <> '' OR a.link_expires_at <= ? OR a.invited_at <= ?`, w.Now(), w.Now().Add(-customer.Reminder))
	}
	w.Must(q.Scan(w.Ctx, &names))
	return names
}

// all are the names of the customers on all pages of a section.
func (w *world) all(c account.Caller, section Section) (names []string) {
	w.Helper()
	for after := ""; ; {
		p, err := w.Part(w.Ctx, c, section, after)
		w.Must(err)
		for _, i := range p.Invitations {
			names = append(names, i.Customer.Name)
		}
		for _, o := range p.Customers {
			names = append(names, o.Name)
		}
		if after = p.Next; after == "" {
			return names
		}
	}
}
