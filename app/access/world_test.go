package access

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// world is a firm with one specialist user, Anna, who administers one customer. Its neighbours are the real ones; mail
// and SMS go to the built-in mailbox.
type world struct {
	*Service
	*accounttest.Firm
	anna     account.Caller
	customer uuid.UUID
}

const strong = accounttest.Strong

var here = accounttest.Here

func at(h, m, s int) time.Time       { return time.Date(2026, 11, 24, h, m, s, 0, time.UTC) }
func newID() uuid.UUID               { return uuid.Must(uuid.NewV7()) }
func form(email, mobile string) Form { return Form{"Berta", "Kühn", email, mobile, "de"} }
func ptr(t time.Time) *time.Time     { return &t }
func each(t *testing.T, f func(*world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { f(newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, at(9, 0, 0))}
	customers := customer.New(customer.Options{
		DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Accounts: w.Accounts, Jobs: w.Jobs,
	})
	w.Service = New(Options{
		DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Accounts: w.Accounts, Courier: w.Post, Audit: w.Audit, Approvals: w.Approvals,
		Customers: customers, BaseURL: accounttest.BaseURL + "/",
	})
	t.Cleanup(func() { // no change forgets that the customer's row sums up its accesses
		corrected, err := customers.CorrectAccessSummaries(w.Ctx)
		require.NoError(t, err)
		assert.Zero(t, corrected, "customers whose row does not sum up their accesses")
	})
	_, _, err := w.Accounts.CreateFirst(w.Ctx, "anna@kanzlei.example", "Anna Berg", strong)
	w.Must(err)
	a, _, err := w.Accounts.ByEmail(w.Ctx, db, "anna@kanzlei.example")
	w.Must(err)
	w.anna = account.Caller{ID: a.ID, Name: a.Name, Roles: []policies.Role{policies.Specialist}, Address: "192.0.2.1"}
	w.customer = w.newCustomer("Berta", "Kühn")
	return w
}

// errLast is what a removal of the last access answers that is not confirmed.
var errLast = fault.New(fault.Conflict, "access.last")

// Remove removes one access in a tx of its own.
func (w *world) Remove(ctx context.Context, c account.Caller, customerID, id uuid.UUID, confirmed bool) error {
	return w.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, left, err := w.RemoveIn(ctx, tx, c, customerID, id)
		if err == nil && left == 0 && !confirmed {
			err = errLast
		}
		return err
	})
}

func (w *world) newCustomer(first, last string) uuid.UUID {
	w.Helper()
	cu, _, err := w.customers.Add(w.Ctx, w.anna, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: first, LastName: last, Locale: "de"},
	}, nil)
	w.Must(err)
	return cu.ID
}

// invited creates an access to the world's customer.
func (w *world) invited(email, mobile string) Access {
	w.Helper()
	a, err := w.Create(w.Ctx, w.anna, w.customer, form(email, mobile), "")
	w.Must(err)
	return a
}

// row reads an access as it is stored.
func (w *world) row(id uuid.UUID) row {
	w.Helper()
	r, ok, err := accessByID(w.Ctx, w.db, id)
	w.Must(err)
	require.True(w, ok, "the access is gone")
	return r
}

// messages returns the messages of an access in some of the states, oldest first.
func (w *world) messages(id uuid.UUID, states ...courier.State) (out []courier.Message) {
	w.Helper()
	all, err := w.courier.OfAccesses(w.Ctx, []uuid.UUID{id})
	w.Must(err)
	for _, m := range all[id] {
		if len(states) == 0 || slices.Contains(states, m.State) {
			out = append(out, m)
		}
	}
	return out
}

// compose makes the content of a message in the same way as the courier.
func (w *world) compose(m courier.Message) courier.Content {
	w.Helper()
	return w.composeAll([]courier.Message{m})[0]
}

// composeAll makes the contents of messages of one kind.
func (w *world) composeAll(messages []courier.Message) (contents []courier.Content) {
	w.Helper()
	w.Must(w.db.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		contents, err = w.composers()[messages[0].Kind](ctx, tx, messages)
		return err
	}))
	return contents
}

// settle sets the state of a message and calls the service's callback.
func (w *world) settle(m courier.Message, state courier.State, reason string, outcome courier.Outcome) {
	w.Helper()
	now := w.Now()
	m.State, m.Reason, m.SettledAt = state, reason, &now
	w.Must(w.db.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
		a := courier.Attempt{ID: newID(), MessageID: m.ID, Number: 1, StartedAt: now, EndedAt: &now, Outcome: outcome, Reason: reason}
		if _, err := tx.NewInsert().Model(&a).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Model(&m).Column("state", "reason", "settled_at").WherePK().Exec(ctx); err != nil {
			return err
		}
		return w.settled(ctx, tx, m)
	}))
}

// deliver sends the queued messages of an access and returns the token and the code in them.
func (w *world) deliver(id uuid.UUID) (token, code string) {
	w.Helper()
	queued := w.messages(id, courier.Queued)
	for _, m := range queued {
		v, err := w.Post.Deliver(w.Ctx, courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run})
		require.NoError(w, err)
		require.False(w, v.Retry, "%+v", v)
	}
	box, err := w.Post.Mailbox(w.Ctx, 1000)
	w.Must(err)
	for _, m := range queued {
		i := slices.IndexFunc(box, func(mail courier.Mail) bool { return mail.To == m.Recipient && mail.Channel == m.Channel })
		require.GreaterOrEqual(w, i, 0, "nothing arrived at %s", m.Recipient)
		if m.Channel == courier.SMS {
			code = codeShape.FindString(box[i].Text)
			continue
		}
		if found := linkShape.FindStringSubmatch(box[i].Text); found != nil {
			token = found[1]
		}
	}
	return token, code
}

func (w *world) register(token, code string) (Registrant, error) {
	return w.Register(w.Ctx, token, RegisterForm{code, strong, strong}, account.Caller{}, here)
}

func (w *world) count(table, where string, args ...any) int64 {
	w.Helper()
	n, err := w.db.NewSelect().TableExpr(table).Where(where, args...).Count(w.Ctx)
	w.Must(err)
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	require.NoError(t, err)
}

// complaint returns "field: message" for the first field of an Invalid fault, or "code: message" for another fault.
func complaint(err error) string {
	var e *fault.Error
	if !errors.As(err, &e) {
		if err == nil {
			return ""
		}
		return "internal: " + err.Error()
	}
	if len(e.Fields) > 0 {
		return e.Fields[0].Field + ": " + e.Fields[0].Message
	}
	return string(e.Code) + ": " + e.Message
}

func wantFault(t testing.TB, err error, complains string) {
	t.Helper()
	require.Equal(t, complains, complaint(err), "got")
}

var (
	codeShape = regexp.MustCompile(`[` + secret.Alphabet + `]{4}-[` + secret.Alphabet + `]{4}`)
	linkShape = regexp.MustCompile(`(?m)^https://kontor\.example/register/([\w-]{43})\r?$`)
)
