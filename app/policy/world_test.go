package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a service on a database of its own with version 1 in force, and a policy administrator, Petra.
type world struct {
	*testing.T
	*Service
	ctx   context.Context
	db    *store.DB
	mu    sync.Mutex
	time  time.Time
	petra account.Caller
	last  int64
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{T: t, ctx: context.Background(), db: db, time: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC), last: 10000}
	w.Service = w.process()
	w.must(w.Load(w.ctx))
	w.petra = w.person("Petra Richter", policies.PolicyAdministrator)
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(time.Second)
	return w.time
}

// process is another process's service on the same database; it has loaded nothing yet.
func (w *world) process() *Service {
	w.Helper()
	decider, err := policies.New(policies.Default)
	w.must(err)
	log := audit.New(w.db, w.now)
	customers := customer.New(customer.Options{DB: w.db, Now: w.now, Decider: decider, Audit: log})
	transactions := transaction.New(transaction.Options{DB: w.db, Now: w.now, Decider: decider, Audit: log, Customers: customers})
	approvals := approval.New(approval.Options{DB: w.db, Now: w.now, Audit: log, Courier: noOutbox{}})
	return New(Options{Approvals: approvals, DB: w.db, Now: w.now, Decider: decider, Audit: log, Transactions: transactions, Customers: customers})
}

// guard gives somebody every guarding role; unguard leaves them policy_administrator.
func (w *world) guard(c account.Caller) {
	w.Helper()
	for _, r := range approval.Guarding {
		w.exec(`INSERT INTO account_role (account_id, role) VALUES (?, ?) ON CONFLICT DO NOTHING`, c.ID, r)
	}
}

func (w *world) unguard(c account.Caller) {
	w.Helper()
	w.exec(`DELETE FROM account_role WHERE account_id = ? AND role <> 'policy_administrator'`, c.ID)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(what string, err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("%s: %v, want %v", what, err, want)
	}
}

// wantForm compares the complaints about a form: "field message, …".
func (w *world) wantForm(what string, err error, want string) {
	w.Helper()
	var f *fault.Error
	var got []string
	if errors.As(err, &f) {
		for _, field := range f.Fields {
			got = append(got, field.Field+" "+field.Message)
		}
	}
	if s := strings.Join(got, ", "); s != want {
		w.Errorf("%s: %q (%v), want %q", what, s, err, want)
	}
}

func (w *world) count(query string, args ...any) (n int) {
	w.Helper()
	w.must(w.db.NewRaw("SELECT count(*) FROM "+query, args...).Scan(w.ctx, &n))
	return n
}

func (w *world) exec(query string, args ...any) {
	w.Helper()
	_, err := w.db.NewRaw(query, args...).Exec(w.ctx)
	w.must(err)
}

func (w *world) id() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// account makes a person who can sign in.
func (w *world) account(name string, specialist bool, roles ...policies.Role) uuid.UUID {
	w.Helper()
	id := w.id()
	email := strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@firm.example"
	w.exec(`INSERT INTO account (id, specialist, name, name_sort, username, username_folded, email, email_folded, password_hash, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'x', ?)`, id, specialist, name, store.SortKey(name), email, email, email, email, w.now())
	for _, r := range roles {
		w.exec(`INSERT INTO account_role (account_id, role) VALUES (?, ?)`, id, r)
	}
	return id
}

// person makes a specialist user and returns them as a caller.
func (w *world) person(name string, roles ...policies.Role) account.Caller {
	w.Helper()
	roles = append([]policies.Role{policies.Specialist}, roles...)
	return account.Caller{ID: w.account(name, true, roles...), Name: name, Roles: roles}
}

func (w *world) customer(typ, name string, administrators ...account.Caller) uuid.UUID {
	w.Helper()
	id := w.id()
	w.last++
	w.exec(`INSERT INTO customer (number, id, type, company_name, last_name, country, locale, name_sort, search, identity, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, 'DE', 'de', ?, '', '', ?, ?)`, w.last, id, typ, name, name, store.SortKey(name), w.now(), w.now())
	for _, a := range administrators {
		w.tx(func(ctx context.Context, tx bun.Tx) error {
			_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{CustomerID: id, SpecialistID: a.ID, CreatedAt: w.now(), CreatedBy: a.ID})
			return err
		})
	}
	return id
}

func (w *world) transaction(customerID uuid.UUID, name, kind string, processors ...account.Caller) uuid.UUID {
	w.Helper()
	id := w.id()
	w.last++
	now := w.now()
	w.tx(func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, w.last, id, customerID, name, store.Fold(name), kind, now, now); err != nil {
			return err
		}
		if err := assignment.Added(ctx, tx, customerID, id); err != nil {
			return err
		}
		for _, p := range processors {
			if _, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
				TransactionID: id, SpecialistID: p.ID, CustomerID: customerID, CreatedAt: now, CreatedBy: p.ID,
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return id
}

// access registers an account as an end user of a customer.
func (w *world) access(customerID, accountID uuid.UUID) {
	w.Helper()
	now := w.now()
	w.exec(`INSERT INTO access (id, customer_id, account_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at,
		registered_at, created_at) VALUES (?, ?, ?, 'E', 'E', ?, ?, 'de', ?, ?, ?, ?)`,
		w.id(), customerID, accountID, accountID.String(), accountID.String(), now, now, now, now)
}

func (w *world) tx(fn func(ctx context.Context, tx bun.Tx) error) {
	w.Helper()
	w.must(w.db.InTx(w.ctx, fn))
}

// draftNow is the draft as Petra sees it.
func (w *world) draftNow() Draft {
	w.Helper()
	d, err := w.Draft(w.ctx, w.petra)
	w.must(err)
	return d
}

// deny, allow and rule make rules of "role, relation, object, kind, action".
func deny(text string) policies.Rule  { return rule(text, policies.Deny) }
func allow(text string) policies.Rule { return rule(text, policies.Allow) }
func rule(text, effect string) policies.Rule {
	f := strings.Split(text, ", ")
	return policies.Rule{
		Role: policies.Role(f[0]), Relation: f[1], Object: policies.Object(f[2]), Kind: f[3], Action: policies.Action(f[4]), Effect: effect,
	}
}

func (w *world) add(r policies.Rule) {
	w.Helper()
	w.must(w.AddRule(w.ctx, w.petra, w.draftNow().Edit, r))
}

// publish publishes the draft as Petra.
func (w *world) publish() error {
	w.Helper()
	_, err := w.Publish(w.ctx, w.petra, w.draftNow().Edit, "Because")
	return err
}

// impact says a draft's impact as lines.
func (w *world) impact(viewer account.Caller) []string {
	w.Helper()
	i, err := w.WouldChange(w.ctx, viewer, w.draftNow(), time.Minute)
	w.must(err)
	if i.Cut || i.More > 0 {
		w.Errorf("cut %v, %d more", i.Cut, i.More)
	}
	var out []string
	say := func(who string, l Line) {
		verb := "loses"
		if l.Gained {
			verb = "gains"
		}
		s := fmt.Sprintf("%s %s %s %s", who, verb, l.Action, l.Object)
		if l.Unit != "" {
			s += fmt.Sprintf(" on %d %s", l.Count, l.Unit)
		}
		if len(l.Examples) > 0 {
			s += " (" + strings.Join(l.Examples, ", ") + ")"
		}
		out = append(out, s)
	}
	for _, l := range i.Lines {
		say(l.Person, l)
	}
	for _, l := range i.EndUsers {
		say(fmt.Sprintf("%d end users", l.People), l)
	}
	return out
}
