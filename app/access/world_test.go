package access

import (
	"context"
	"errors"
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

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/approval"
	"kontor/app/audit"
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
	t        *testing.T
	clock    *clock
	anna     account.Caller
	customer uuid.UUID
	people   *account.Service

	approvals *approval.Service
	post      *courier.Service
}

const strong = "Vierzig Pferde im Regen"

var here = account.Browser{Address: "192.0.2.7", Agent: "test"}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time       { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) tick(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }
func (c *clock) set(t time.Time)      { c.mu.Lock(); defer c.mu.Unlock(); c.t = t }
func at(h, m, s int) time.Time        { return time.Date(2026, 11, 24, h, m, s, 0, time.UTC) }
func newID() uuid.UUID                { return uuid.Must(uuid.NewV7()) }
func form(email, mobile string) Form  { return Form{"Berta", "Kühn", email, mobile, "de"} }
func ptr(t time.Time) *time.Time      { return &t }
func each(t *testing.T, f func(*world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { f(newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	c := &clock{t: at(9, 0, 0)}
	key, err := secret.NewKey([]byte(strings.Repeat("k", 32)))
	must(t, err)
	policy, err := policies.New(policies.Default)
	must(t, err)
	log := audit.New(db, c.now)
	post, err := courier.New(courier.Options{
		DB: db, Now: c.now, Key: key, Log: slog.New(slog.DiscardHandler), Templates: os.DirFS("../../views/mail"), Firm: "Kanzlei Berg",
		From: "Kanzlei Berg <no-reply@kanzlei.example>",
	})
	must(t, err)
	approvals := approval.New(approval.Options{DB: db, Now: c.now, Audit: log, Courier: post})
	people := account.New(account.Options{
		Hashing:   accounttest.Quick,
		Approvals: approvals,
		DB:        db, Now: c.now, Key: key, Policy: policy, Courier: post, Audit: log, BaseURL: "https://kontor.example", Firm: "Kanzlei Berg",
	})
	w := &world{t: t, clock: c, people: people, approvals: approvals, post: post}
	w.Service = New(Options{
		Approvals: approvals,
		DB:        db, Now: c.now, Key: key, Policy: policy, Accounts: people, Courier: post, Audit: log,
		Customers: customer.New(customer.Options{DB: db, Now: c.now, Policy: policy, Audit: log, Courier: post, Accounts: people}),
		BaseURL:   "https://kontor.example/", Firm: "Kanzlei Berg",
	})
	_, _, err = people.CreateFirst(context.Background(), "anna@kanzlei.example", "Anna Berg", strong)
	must(t, err)
	a, _, err := people.ByEmail(context.Background(), db, "anna@kanzlei.example")
	must(t, err)
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
	w.t.Helper()
	cu, _, err := w.customers.Add(w.ctx(), w.anna, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: first, LastName: last, Locale: "de"},
	}, nil)
	must(w.t, err)
	return cu.ID
}

func (w *world) ctx() context.Context { return context.Background() }

// invited is an access to the world's customer.
func (w *world) invited(email, mobile string) Access {
	w.t.Helper()
	a, err := w.Create(w.ctx(), w.anna, w.customer, form(email, mobile), "")
	must(w.t, err)
	return a
}

// row reads an access as it is stored.
func (w *world) row(id uuid.UUID) row {
	w.t.Helper()
	r, ok, err := accessByID(w.ctx(), w.db, id)
	must(w.t, err)
	if !ok {
		w.t.Fatal("the access is gone")
	}
	return r
}

// messages are those of an access in some of the states, oldest first.
func (w *world) messages(id uuid.UUID, states ...courier.State) (out []courier.Message) {
	w.t.Helper()
	all, err := w.courier.OfAccesses(w.ctx(), []uuid.UUID{id})
	must(w.t, err)
	for _, m := range all[id] {
		if len(states) == 0 || slices.Contains(states, m.State) {
			out = append(out, m)
		}
	}
	return out
}

// compose makes the content of a message as the courier would.
func (w *world) compose(m courier.Message) (c courier.Content) {
	w.t.Helper()
	must(w.t, w.db.InTx(w.ctx(), func(ctx context.Context, tx bun.Tx) (err error) {
		c, err = w.composers()[m.Kind](ctx, tx, m)
		return err
	}))
	return c
}

// settle puts a message into a state and tells the service.
func (w *world) settle(m courier.Message, state courier.State, reason string, outcome courier.Outcome) {
	w.t.Helper()
	now := w.clock.now()
	m.State, m.Reason, m.SettledAt = state, reason, &now
	must(w.t, w.db.InTx(w.ctx(), func(ctx context.Context, tx bun.Tx) error {
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

// deliver sends what is queued for an access and returns the token and code that arrive.
func (w *world) deliver(id uuid.UUID) (token, code string) {
	w.t.Helper()
	queued := w.messages(id, courier.Queued)
	for _, m := range queued {
		v, err := w.post.Deliver(w.ctx(), courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run})
		if err != nil || v.Retry {
			w.t.Fatalf("%+v, %v", v, err)
		}
	}
	box, err := w.post.Mailbox(w.ctx(), 1000)
	must(w.t, err)
	for _, m := range queued {
		i := slices.IndexFunc(box, func(mail courier.Mail) bool { return mail.To == m.Recipient && mail.Channel == m.Channel })
		if i < 0 {
			w.t.Fatalf("nothing arrived at %s", m.Recipient)
		}
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
	return w.Register(w.ctx(), token, RegisterForm{code, strong, strong}, account.Caller{}, here)
}

func (w *world) count(table, where string, args ...any) int64 {
	w.t.Helper()
	n, err := w.db.NewSelect().TableExpr(table).Where(where, args...).Count(w.ctx())
	must(w.t, err)
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// complaint is "field: message" of an Invalid fault's first complaint, or "code: message" of another fault.
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

func wantFault(t *testing.T, err error, complains string) {
	t.Helper()
	if got := complaint(err); got != complains {
		t.Fatalf("got %q, want %q", got, complains)
	}
}

var (
	codeShape = regexp.MustCompile(`[` + secret.Alphabet + `]{4}-[` + secret.Alphabet + `]{4}`)
	linkShape = regexp.MustCompile(`(?m)^https://kontor\.example/register/([\w-]{43})\r?$`)
)
