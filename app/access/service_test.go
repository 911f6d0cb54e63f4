package access

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
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/policies"
)

func TestAddCustomer(t *testing.T) {
	each(t, func(w *world) {
		d := customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "Zoe", LastName: "Adam", Locale: "en"}}
		cu, repeated, err := w.AddCustomer(w.Ctx, w.anna, d, "zoe@example.org", "0171 2345678")
		w.Must(err)
		rows, err := w.OfCustomer(w.Ctx, w.anna, cu.ID)
		w.Must(err)
		if repeated || len(rows) != 1 || rows[0].Name() != "Zoe Adam" || rows[0].Mobile != mobile || rows[0].Locale != "en" ||
			rows[0].Status != Invited || len(rows[0].Messages) != 2 || !rows[0].LinkExpiresAt.Equal(at(9, 0, 0).Add(LinkLife)) {
			w.Errorf("%+v", rows)
		}
		if n := w.count("audit", "action = ? AND customer_id = ?", audit.AccessCreated, cu.ID); n != 1 {
			w.Errorf("%d log entries", n)
		}
		_, _, err = w.AddCustomer(w.Ctx, w.anna, customer.Draft{Type: customer.Person}, "", "")
		var e *fault.Error
		if !errors.As(err, &e) {
			w.Fatal(err)
		}
		said := map[string]int{}
		for _, f := range e.Fields {
			said[f.Field+": "+f.Message]++
		}
		for _, want := range []string{"first_name: required", "last_name: required", "email: required"} {
			if said[want] != 1 {
				w.Errorf("%s: %v", want, said)
			}
		}
		nobody := account.Caller{ID: w.anna.ID, Roles: []policies.Role{policies.Auditor}}
		if _, _, err := w.AddCustomer(w.Ctx, nobody, customer.Draft{}, "", ""); !errors.Is(err, policies.ErrForbidden) {
			w.Errorf("an auditor: %v", err)
		}
	})
}

func TestCreate(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		_, err := w.Create(w.Ctx, w.anna, w.customer, form("BERTA@example.org", ""), "")
		wantFault(w.TB, err, "email: email.twice")
		_, err = w.Create(w.Ctx, w.anna, w.customer, form("", ""), "")
		wantFault(w.TB, err, "email: required")
		_, err = w.Create(w.Ctx, w.anna, newID(), form("x@example.org", ""), "")
		wantFault(w.TB, err, "not_found: customer.not_found")
		second := w.newCustomer("Carl", "Mohn")
		b, err := w.Create(w.Ctx, w.anna, second, form("berta@example.org", ""), "")
		w.Must(err)
		if _, err := w.Get(w.Ctx, w.anna, second, a.ID); !errors.Is(err, ErrNotFound) {
			w.Errorf("another customer's access: %v", err)
		}
		if r, err := w.Get(w.Ctx, w.anna, second, b.ID); err != nil || r.Status != Invited || len(r.Messages) != 1 {
			w.Errorf("%+v, %v", r, err)
		}
	})
}

// TestS51DoubleClick: ten concurrent submissions of the same form create one access.
func TestS51DoubleClick(t *testing.T) {
	each(t, func(w *world) {
		submission := newID().String()
		ids := make([]uuid.UUID, 10)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				a, err := w.Create(w.Ctx, w.anna, w.customer, form("berta@example.org", mobile), submission)
				if err != nil {
					w.Error(err)
				}
				ids[i] = a.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] || id == uuid.Nil {
				w.Errorf("%v", ids)
				break
			}
		}
		if n, m := w.count("access", "1=1"), w.count("message", "1=1"); n != 1 || m != 2 {
			w.Errorf("%d accesses, %d messages", n, m)
		}
		other := w.newCustomer("Carl", "Mohn")
		if a, err := w.Create(w.Ctx, w.anna, other, form("x@example.org", ""), submission); err != nil || a.CustomerID != other {
			w.Errorf("the key found another customer's access: %+v, %v", a, err)
		}
	})
}

// TestS52RolledBack: a tx that fails creates neither an access nor a message.
func TestS52RolledBack(t *testing.T) {
	each(t, func(w *world) {
		broken := errors.New("broken")
		_, _, err := w.customers.Add(w.Ctx, w.anna, customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "Zoe", LastName: "Adam", Locale: "de"}},
			func(ctx context.Context, tx bun.Tx, cu customer.Customer) error {
				if _, err := w.create(ctx, tx, w.anna, cu, form("z@example.org", mobile), nil); err != nil {
					return err
				}
				return broken
			})
		if !errors.Is(err, broken) || w.count("access", "1=1")+w.count("message", "1=1") != 0 {
			w.Errorf("%v", err)
		}
	})
}

func TestCorrect(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		w.invited("carl@example.org", "")
		token, code := w.deliver(a.ID)

		same, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, a.Version, form(" berta@example.org", "0171 2345678"))
		if err != nil || same.Version != 1 || same.Generation != 1 || len(w.messages(a.ID)) != 2 || w.count("audit", "action = ?", audit.AccessUpdated) != 0 {
			w.Errorf("a form without changes: %+v, %v", same, err)
		}
		f := form("berta@example.org", mobile)
		f.LastName, f.Locale = "Kühn-Mohn", "en"
		named, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, 1, f)
		if err != nil || named.Version != 2 || named.Generation != 1 || len(w.messages(a.ID)) != 2 || named.LastName != "Kühn-Mohn" {
			w.Errorf("only the name: %+v, %v", named, err)
		}
		now, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, 1, form("x@example.org", ""))
		if !errors.Is(err, ErrVersion) || now.Version != 2 || now.LastName != "Kühn-Mohn" {
			w.Errorf("an old form: %+v, %v", now, err)
		}
		_, err = w.Correct(w.Ctx, w.anna, w.customer, a.ID, 2, form("carl@example.org", ""))
		wantFault(w.TB, err, "email: email.twice")
		_, err = w.Correct(w.Ctx, w.anna, w.customer, newID(), 1, f)
		wantFault(w.TB, err, "not_found: access.not_found")
		_, err = w.register(token, code)
		w.Must(err)

		f = form("mallory@example.net", "+491722345678")
		_, err = w.Correct(w.Ctx, w.anna, w.customer, a.ID, 2, f)
		if !errors.Is(err, ErrVersion) {
			w.Errorf("registered meanwhile: %v", err)
		}
		got, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, 3, f)
		if err != nil || got.Email != "berta@example.org" || got.Mobile != "+491722345678" || got.Generation != 1 || len(w.messages(a.ID, courier.Queued)) != 0 {
			w.Errorf("of a registered one: %+v, %v", got, err)
		}
		var e audit.Entry
		w.Must(w.db.NewSelect().Model(&e).Where("action = ?", audit.AccessUpdated).OrderExpr("id DESC").Limit(1).Scan(w.Ctx))
		if c := e.Changes(); c["mobile"] != [2]string{mobile, "+491722345678"} || len(c["email"][0]) != 0 {
			w.Errorf("%+v", c)
		}
	})
}

// TestS55TwoCorrect: if two people correct the same form, one of them gets an error.
func TestS55TwoCorrect(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		for round := range 20 {
			errs := make([]error, 2)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					f := form(fmt.Sprintf("b%d.%d@example.org", round, i), "")
					_, errs[i] = w.Correct(w.Ctx, w.anna, w.customer, a.ID, round+1, f)
				})
			}
			wg.Wait()
			if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), ErrVersion) {
				w.Fatalf("%v", errs)
			}
		}
		if r := w.row(a.ID); r.Generation != 21 || len(w.messages(a.ID, courier.Queued)) != 1 {
			w.Errorf("%+v", r)
		}
	})
}

func TestResend(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		wantFault(w.TB, w.Resend(w.Ctx, w.anna, w.customer, a.ID), "too_many: access.just_sent")
		w.Tick(4 * time.Second)
		var e *fault.Error
		if err := w.Resend(w.Ctx, w.anna, w.customer, a.ID); !errors.As(err, &e) || e.RetryAfter != 6*time.Second {
			w.Errorf("%v", err)
		}
		w.Tick(6 * time.Second)
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = w.Resend(w.Ctx, w.anna, w.customer, a.ID) })
		}
		wg.Wait()
		sent := 0
		for _, err := range errs {
			if err == nil {
				sent++
			} else if !errors.Is(err, ErrJustSent) {
				w.Error(err)
			}
		}
		if sent != 1 || len(w.messages(a.ID, courier.Queued)) != 2 || len(w.messages(a.ID, courier.Cancelled)) != 2 || w.row(a.ID).Generation != 2 {
			w.Errorf("%d clicks sent", sent)
		}
		token, code := w.deliver(a.ID)
		_, err := w.register(token, code)
		w.Must(err)
		w.Tick(time.Minute)
		wantFault(w.TB, w.Resend(w.Ctx, w.anna, w.customer, a.ID), "conflict: access.registered")
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		wantFault(w.TB, w.Resend(w.Ctx, w.anna, w.customer, a.ID), "conflict: access.deactivated")
		wantFault(w.TB, w.Resend(w.Ctx, w.anna, w.customer, newID()), "not_found: access.not_found")
	})
}

// TestS50ResendAfterFailure: an undeliverable invitation is recorded. Send again clears that and sends a new one.
func TestS50ResendAfterFailure(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		first := w.messages(a.ID)[0]
		w.settle(first, courier.Failed, "recipient_unknown", courier.Permanent)
		r, err := w.Get(w.Ctx, w.anna, w.customer, a.ID)
		if err != nil || r.Status != Undeliverable || r.Undeliverable != "recipient_unknown" {
			w.Errorf("%+v, %v", r, err)
		}
		w.Tick(time.Minute)
		w.Must(w.Resend(w.Ctx, w.anna, w.customer, a.ID))
		w.settle(first, courier.Failed, "bounced", courier.Bounced) // a late bounce of the old one says nothing of the new
		if r := w.row(a.ID); r.Undeliverable != "" || r.access().Status(w.Now()) != Invited {
			w.Errorf("%+v", r)
		}
		second := w.messages(a.ID, courier.Queued)[0]
		w.settle(second, courier.Failed, "", courier.Permanent)
		if r := w.row(a.ID); r.Undeliverable != "internal" {
			w.Errorf("%q", r.Undeliverable)
		}
		w.settle(second, courier.HandedOver, "", courier.Accepted) // run again by an operator
		if r := w.row(a.ID); r.Undeliverable != "" {
			w.Errorf("%q", r.Undeliverable)
		}
	})
}

// TestFailedSMSIsNotUndeliverable: the status depends only on the mail.
func TestFailedSMSIsNotUndeliverable(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		w.settle(w.messages(a.ID)[1], courier.Failed, "number_invalid", courier.Permanent)
		if r := w.row(a.ID); r.Undeliverable != "" {
			w.Errorf("%q", r.Undeliverable)
		}
	})
}

// TestS16Deactivate: links become void and sessions end. Reactivate invites a person again who was not registered.
func TestS16Deactivate(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		if _, err := w.register(token, code); err != secret.ErrUnknownLink {
			w.Errorf("%v", err)
		}
		w.Must(w.Reactivate(w.Ctx, w.anna, w.customer, a.ID))
		w.Must(w.Reactivate(w.Ctx, w.anna, w.customer, a.ID))
		if n := len(w.messages(a.ID, courier.Queued)); n != 2 || w.row(a.ID).Generation != 2 {
			w.Errorf("%d messages queued", n)
		}
		token, code = w.deliver(a.ID)
		_, err := w.register(token, code)
		w.Must(err)
		owner := w.row(a.ID).AccountID.UUID
		session, err := w.Accounts.OpenSession(w.Ctx, w.db, owner, here)
		w.Must(err)
		if signed, err := w.Accounts.Authenticate(w.Ctx, session); err != nil || signed == nil {
			w.Fatalf("not signed in: %v", err)
		}
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		if signed, err := w.Accounts.Authenticate(w.Ctx, session); err != nil || signed != nil {
			w.Errorf("the next request: %+v, %v", signed, err)
		}
		if n := w.count("session", "account_id = ?", owner); n != 0 {
			w.Errorf("%d sessions left", n)
		}
		w.Must(w.Reactivate(w.Ctx, w.anna, w.customer, a.ID))
		if r := w.row(a.ID); r.access().Status(w.Now()) != Registered || r.Generation != 2 {
			w.Errorf("%+v", r)
		}
		if n := w.count("audit", "action IN (?, ?)", audit.AccessDeactivated, audit.AccessReactivated); n != 4 {
			w.Errorf("%d log entries", n)
		}
	})
}

func TestRemove(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		b := w.invited("carl@example.org", "")
		second := w.newCustomer("Zoe", "Adam")
		elsewhere, err := w.Create(w.Ctx, w.anna, second, form("berta@example.org", ""), "")
		w.Must(err)
		token, code := w.deliver(a.ID)
		_, err = w.register(token, code)
		w.Must(err)
		token, _ = w.deliver(elsewhere.ID)
		_, err = w.register(token, "")
		w.Must(err)
		owner := w.row(a.ID).AccountID.UUID
		session, err := w.Accounts.OpenSession(w.Ctx, w.db, owner, here)
		w.Must(err)

		w.Must(w.Remove(w.Ctx, w.anna, w.customer, a.ID, false))
		if signed, err := w.Accounts.Authenticate(w.Ctx, session); err != nil || signed == nil {
			w.Errorf("an account with an access elsewhere: %+v, %v", signed, err)
		}
		wantFault(w.TB, w.Remove(w.Ctx, w.anna, w.customer, a.ID, false), "not_found: access.not_found")
		wantFault(w.TB, w.Remove(w.Ctx, w.anna, w.customer, b.ID, false), "conflict: access.last")
		if n := w.count("access", "id = ?", b.ID); n != 1 {
			w.Error("removed without confirmation")
		}
		w.Must(w.Remove(w.Ctx, w.anna, w.customer, b.ID, true))
		w.Must(w.Remove(w.Ctx, w.anna, second, elsewhere.ID, true))
		for table, n := range map[string]int64{
			"account": w.count("account", "NOT specialist"), "access": w.count("access", "1=1"), "message": w.count("message", "1=1"),
			"link": w.count("link", "1=1"), "code": w.count("access_code", "1=1"), "session": w.count("session", "1=1"),
			"mailbox": w.count("mailbox", "1=1"),
		} {
			if n != 0 {
				w.Errorf("%d rows of %s left", n, table)
			}
		}
		if n := w.count("audit", "action = ?", audit.AccessRemoved); n != 3 {
			w.Errorf("%d log entries", n)
		}
	})
}

// TestRemoveOfASpecialist: a specialist user who is also an end user keeps the account when the access is removed.
func TestRemoveOfASpecialist(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("anna@kanzlei.example", "")
		token, _ := w.deliver(a.ID)
		_, err := w.register(token, "")
		w.Must(err)
		w.Must(w.Remove(w.Ctx, w.anna, w.customer, a.ID, true))
		if n := w.count("account", "id = ?", w.anna.ID); n != 1 {
			w.Errorf("%d left", n)
		}
	})
}

// TestTwoRemoveTheLast: two people each remove one of the last two accesses without confirmation. One access stays.
func TestTwoRemoveTheLast(t *testing.T) {
	each(t, func(w *world) {
		for range 10 {
			w.Helper()
			cu := w.newCustomer("Zoe", "Adam")
			ids := make([]uuid.UUID, 2)
			for i := range ids {
				a, err := w.Create(w.Ctx, w.anna, cu, form(fmt.Sprintf("b%d@example.org", i), ""), "")
				w.Must(err)
				ids[i] = a.ID
			}
			errs := make([]error, 2)
			var wg sync.WaitGroup
			for i := range ids {
				wg.Go(func() { errs[i] = w.Remove(w.Ctx, w.anna, cu, ids[i], false) })
			}
			wg.Wait()
			if n := w.count("access", "customer_id = ?", cu); n != 1 || !errors.Is(errors.Join(errs...), errLast) {
				w.Fatalf("%d left, %v", n, errs)
			}
		}
	})
}

// TestWhoMay: only administrators of the customer may change accesses; other specialist users may read them.
func TestWhoMay(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		colleague := account.Caller{ID: newID(), Name: "Emil", Roles: []policies.Role{policies.Specialist}}
		end := account.Caller{ID: newID(), Roles: []policies.Role{policies.EndUser}}
		for name, do := range map[string]func(c account.Caller) error{
			"create": func(c account.Caller) error {
				_, err := w.Create(w.Ctx, c, w.customer, form("x@example.org", ""), "")
				return err
			},
			"correct": func(c account.Caller) error {
				_, err := w.Correct(w.Ctx, c, w.customer, a.ID, 1, form("x@example.org", ""))
				return err
			},
			"resend":     func(c account.Caller) error { return w.Resend(w.Ctx, c, w.customer, a.ID) },
			"deactivate": func(c account.Caller) error { return w.Deactivate(w.Ctx, c, w.customer, a.ID) },
			"reactivate": func(c account.Caller) error { return w.Reactivate(w.Ctx, c, w.customer, a.ID) },
			"remove":     func(c account.Caller) error { return w.Remove(w.Ctx, c, w.customer, a.ID, true) },
		} {
			if err := do(colleague); !errors.Is(err, policies.ErrForbidden) {
				w.Errorf("%s by a colleague: %v", name, err)
			}
			for _, c := range []account.Caller{end, {}} {
				if err := do(c); fault.CodeOf(err) != fault.NotFound {
					w.Errorf("%s by %v: %v", name, c.Roles, err)
				}
			}
		}
		if rows, err := w.OfCustomer(w.Ctx, colleague, w.customer); err != nil || len(rows) != 1 {
			w.Errorf("a colleague reads: %v", err)
		}
		if _, err := w.OfCustomer(w.Ctx, end, w.customer); fault.CodeOf(err) != fault.NotFound {
			w.Errorf("an end user reads: %v", err)
		}
		if _, err := w.Get(w.Ctx, end, w.customer, a.ID); fault.CodeOf(err) != fault.NotFound {
			w.Errorf("an end user reads: %v", err)
		}
	})
}

// TestStatusesOf checks that the SQL of statusCounts and Access.Status agree for every combination.
func TestStatusesOf(t *testing.T) {
	each(t, func(w *world) {
		now := w.Now()
		var ids []uuid.UUID
		for i := range 16 {
			cu := w.newCustomer("Zoe", "Adam")
			ids = append(ids, cu)
			a, err := w.Create(w.Ctx, w.anna, cu, form("b@example.org", ""), "")
			w.Must(err)
			q := w.db.NewUpdate().Model((*row)(nil)).Where("id = ?", a.ID).Set("version = version")
			if i&1 != 0 {
				q = q.Set("deactivated_at = ?", now)
			}
			if i&2 != 0 {
				q = q.Set("registered_at = ?", now)
			}
			if i&4 != 0 {
				q = q.Set("undeliverable = 'refused'")
			}
			if i&8 != 0 {
				q = q.Set("link_expires_at = ?", now)
			}
			_, err = q.Exec(w.Ctx)
			w.Must(err)
		}
		got, err := w.StatusesOf(w.Ctx, ids)
		w.Must(err)
		for _, id := range ids {
			rows, err := w.OfCustomer(w.Ctx, w.anna, id)
			w.Must(err)
			want := Summary{Total: 1, Worst: rows[0].Status}
			if rows[0].Status == Registered {
				want.Registered = 1
			}
			if got[id] != want {
				w.Errorf("%+v, want %+v", got[id], want)
			}
		}

		_, err = w.db.NewUpdate().Model((*row)(nil)).Set("email_folded = CAST(id AS TEXT)").Set("customer_id = ?", ids[0]).Where("1=1").Exec(w.Ctx)
		w.Must(err)
		got, err = w.StatusesOf(w.Ctx, ids)
		if err != nil || len(got) != 1 || got[ids[0]] != (Summary{Registered: 4, Total: 16, Worst: Undeliverable}) {
			w.Errorf("%+v, %v", got, err)
		}
		if got, err := w.StatusesOf(w.Ctx, nil); err != nil || len(got) != 0 {
			w.Errorf("%+v, %v", got, err)
		}
	})
}

// TestEverythingAtOnce: people, the worker and the end user use one access at the same time. Every answer is correct,
// and the person is registered at most once.
func TestEverythingAtOnce(t *testing.T) {
	each(t, func(w *world) {
		for round := range 5 {
			a := w.invited(fmt.Sprintf("b%d@example.org", round), mobile)
			token, code := w.deliver(a.ID)
			w.Tick(time.Minute)
			var wg sync.WaitGroup
			for name, do := range map[string]func() error{
				"correct": func() error {
					_, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, 1, form(fmt.Sprintf("c%d@example.org", round), mobile))
					return err
				},
				"resend":     func() error { return w.Resend(w.Ctx, w.anna, w.customer, a.ID) },
				"deactivate": func() error { return w.Deactivate(w.Ctx, w.anna, w.customer, a.ID) },
				"reactivate": func() error { return w.Reactivate(w.Ctx, w.anna, w.customer, a.ID) },
				"register":   func() error { _, err := w.register(token, code); return err },
				"new code":   func() error { return w.NewCode(w.Ctx, token, here) },
				"opened":     func() error { return w.Opened(w.Ctx, token) },
				"send": func() error {
					for _, m := range w.messages(a.ID, courier.Queued) {
						ticket := courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run}
						if _, err := w.Post.Deliver(w.Ctx, ticket); err != nil {
							return err
						}
					}
					return nil
				},
			} {
				for range 3 {
					wg.Go(func() {
						if err := do(); fault.CodeOf(err) == fault.Internal {
							w.Errorf("%s: %v", name, err)
						}
					})
				}
			}
			wg.Wait()
			r := w.row(a.ID)
			if r.AccountID.Valid != (r.RegisteredAt != nil) {
				w.Errorf("half registered: %+v", r)
			}
			if n := w.count("audit", "action = ? AND subject_id = ?", audit.AccessRegistered, a.ID); n > 1 {
				w.Errorf("registered %d times", n)
			}
		}
	})
}
