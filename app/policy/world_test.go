package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/approval"
	"kontor/app/assignment"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a service on a database of its own with version 1 in force, and a policy administrator, Petra.
type world struct {
	*Service
	*accounttest.Firm
	petra account.Caller
	last  int64
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)), last: 10000}
	w.Step = time.Second
	w.Service = w.process()
	w.Must(w.Load(w.Ctx))
	w.petra = w.Specialist("Petra Richter", policies.PolicyAdministrator)
	return w
}

// process is another process's service on the same database; it has loaded nothing yet.
func (w *world) process() *Service {
	w.Helper()
	decider, err := policies.New(policies.Default)
	w.Must(err)
	customers := customer.New(customer.Options{DB: w.DB, Now: w.Now, Decider: decider, Audit: w.Audit, Jobs: w.Jobs})
	return New(Options{
		DB: w.DB, Now: w.Now, Decider: decider, Audit: w.Audit, Customers: customers,
		Approvals:    approval.New(approval.Options{DB: w.DB, Now: w.Now, Audit: w.Audit, Courier: w.Post}),
		Transactions: transaction.New(transaction.Options{DB: w.DB, Now: w.Now, Decider: decider, Audit: w.Audit, Customers: customers}),
	})
}

// guard gives somebody every guarding role; unguard leaves them policy_administrator.
func (w *world) guard(c account.Caller) {
	w.Helper()
	for _, r := range approval.Guarding {
		w.Exec(`INSERT INTO account_role (account_id, role) VALUES (?, ?) ON CONFLICT DO NOTHING`, c.ID, r)
	}
}

func (w *world) unguard(c account.Caller) {
	w.Helper()
	w.Exec(`DELETE FROM account_role WHERE account_id = ? AND role <> 'policy_administrator'`, c.ID)
}

func (w *world) count(query string, args ...any) int {
	w.Helper()
	return w.Number("SELECT count(*) FROM "+query, args...)
}

// account makes a person who can sign in.
func (w *world) account(name string, specialist bool, roles ...policies.Role) uuid.UUID {
	w.Helper()
	return w.Person(name, specialist, roles...).ID
}

func (w *world) customer(typ, name string, administrators ...account.Caller) uuid.UUID {
	w.Helper()
	id := accounttest.ID()
	w.last++
	w.Exec(`INSERT INTO customer (number, id, type, company_name, last_name, country, locale, name_sort, search, identity, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, 'DE', 'de', ?, '', '', ?, ?)`, w.last, id, typ, name, name, store.SortKey(name), w.Now(), w.Now())
	for _, a := range administrators {
		w.InTx(func(ctx context.Context, tx bun.Tx) error {
			_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{CustomerID: id, SpecialistID: a.ID, CreatedAt: w.Now(), CreatedBy: a.ID})
			return err
		})
	}
	return id
}

func (w *world) transaction(customerID uuid.UUID, name, kind string, processors ...account.Caller) uuid.UUID {
	w.Helper()
	id := accounttest.ID()
	w.last++
	now := w.Now()
	w.InTx(func(ctx context.Context, tx bun.Tx) error {
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
	now := w.Now()
	w.Exec(`INSERT INTO access (id, customer_id, account_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at,
		registered_at, created_at) VALUES (?, ?, ?, 'E', 'E', ?, ?, 'de', ?, ?, ?, ?)`,
		accounttest.ID(), customerID, accountID, accountID.String(), accountID.String(), now, now, now, now)
}

// draftNow is the draft as Petra sees it.
func (w *world) draftNow() Draft {
	w.Helper()
	d, err := w.Draft(w.Ctx, w.petra)
	w.Must(err)
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
	w.Must(w.AddRule(w.Ctx, w.petra, w.draftNow().Edit, r))
}

// publish publishes the draft as Petra.
func (w *world) publish() error {
	w.Helper()
	_, err := w.Publish(w.Ctx, w.petra, w.draftNow().Edit, "Because")
	return err
}

// impact says a draft's impact as lines.
func (w *world) impact(viewer account.Caller) []string {
	w.Helper()
	i, err := w.WouldChange(w.Ctx, viewer, w.draftNow(), time.Minute)
	w.Must(err)
	assert.False(w, i.Cut, "cut %v", i.Cut)
	assert.Zero(w, i.More, "more")
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
