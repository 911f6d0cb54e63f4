package access

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		assert.False(w, repeated)
		require.Len(w, rows, 1)
		assert.Equal(w, "Zoe Adam", rows[0].Name())
		assert.Equal(w, mobile, rows[0].Mobile)
		assert.Equal(w, "en", rows[0].Locale)
		assert.Equal(w, Invited, rows[0].Status)
		assert.Len(w, rows[0].Messages, 2)
		assert.WithinDuration(w, at(9, 0, 0).Add(LinkLife), rows[0].LinkExpiresAt, 0)
		assert.EqualValues(w, 1, w.count("audit", "action = ? AND customer_id = ?", audit.AccessCreated, cu.ID), "log entries")
		_, _, err = w.AddCustomer(w.Ctx, w.anna, customer.Draft{Type: customer.Person}, "", "")
		var e *fault.Error
		require.ErrorAs(w, err, &e)
		said := map[string]int{}
		for _, f := range e.Fields {
			said[f.Field+": "+f.Message]++
		}
		for _, want := range []string{"first_name: required", "last_name: required", "email: required"} {
			assert.Equal(w, 1, said[want])
		}
		nobody := account.Caller{ID: w.anna.ID, Roles: []policies.Role{policies.Auditor}}
		_, _, err = w.AddCustomer(w.Ctx, nobody, customer.Draft{}, "", "")
		assert.ErrorIs(w, err, policies.ErrForbidden, "an auditor")
	})
}

// TestAddedWhole: what is derived from a customer and its first access is written with them as Refresh would write it, and
// the search finds it.
func TestAddedWhole(t *testing.T) {
	each(t, func(w *world) {
		sven, _, _ := w.firm()
		customers := w.customers.(*customer.Service)
		type derived struct {
			Search, Details string
			AttentionAt     *time.Time
		}
		read := func(id uuid.UUID) (d derived) {
			w.Helper()
			w.Must(w.db.NewSelect().Table("customer").Column("search", "details", "attention_at").Where("id = ?", id).Scan(w.Ctx, &d))
			return d
		}
		for name, c := range map[string]struct {
			customer.Draft
			email, mobile, query string
		}{
			"a person": {customer.Draft{Type: customer.Person, Data: customer.Data{
				FirstName: "Karl-Heinz", LastName: "Groß-Öhlmann", Street: "Hauptstr. 5a", City: "Köln", Locale: "de",
			}}, "karl@bücher.example", "0171 2345678", "01712345678"},
			"a company": {customer.Draft{Type: customer.Company, Data: customer.Data{
				CompanyName: "Zoë & Söhne", FirstName: "Zoe", LastName: "Adam", RegisterNumber: "HRB 4711", Locale: "en",
			}}, "zoe@example.org", "", "hrb4711"},
			"one with the address of the firm": {customer.Draft{Type: customer.Person, Data: customer.Data{
				FirstName: "Ida", LastName: "Eigen", Phone: "+49 30 23125001", Locale: "de",
			}}, "sven@kanzlei.example", "", "03023125001"},
		} {
			cu, _, err := w.AddCustomer(w.Ctx, sven, c.Draft, c.email, c.mobile)
			require.NoError(w, err, name)
			was, words := read(cu.ID), w.count("search_word", "1=1")
			found, err := customers.List(w.Ctx, sven, customer.Filter{Query: c.query})
			require.NoError(w, err, name)
			assert.Len(w, found.Rows, 1, "%s is found by %q", name, c.query)
			rows, err := w.OfCustomer(w.Ctx, sven, cu.ID)
			require.NoError(w, err, name)
			require.Len(w, rows, 1, name)
			assert.Equal(w, c.email == "sven@kanzlei.example", rows[0].Status == Waits, "%s waits", name)
			w.Must(w.db.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error { return w.customers.Refresh(ctx, tx, cu.ID) }))
			assert.Equal(w, read(cu.ID), was, name)
			assert.Equal(w, w.count("search_word", "1=1"), words, "%s: words", name)
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
		_, err = w.Get(w.Ctx, w.anna, second, a.ID)
		assert.ErrorIs(w, err, ErrNotFound, "another customer's access")
		r, err := w.Get(w.Ctx, w.anna, second, b.ID)
		require.NoError(w, err)
		assert.Equal(w, Invited, r.Status)
		assert.Len(w, r.Messages, 1)
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
				assert.NoError(w, err)
				ids[i] = a.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if !assert.Equal(w, ids[0], id) {
				break
			}
			if !assert.NotEqual(w, uuid.Nil, id) {
				break
			}
		}
		n, m := w.count("access", "1=1"), w.count("message", "1=1")
		assert.EqualValues(w, 1, n, "accesses")
		assert.EqualValues(w, 2, m, "messages")
		other := w.newCustomer("Carl", "Mohn")
		a, err := w.Create(w.Ctx, w.anna, other, form("x@example.org", ""), submission)
		require.NoError(w, err, "the key found another customer's access")
		assert.Equal(w, other, a.CustomerID, "the key found another customer's access")
	})
}

// TestS52RolledBack: a tx that fails creates neither an access nor a message.
func TestS52RolledBack(t *testing.T) {
	each(t, func(w *world) {
		broken := errors.New("broken")
		_, _, err := w.customers.Add(w.Ctx, w.anna, customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "Zoe", LastName: "Adam", Locale: "de"}},
			func(ctx context.Context, tx bun.Tx, cu customer.Customer) error {
				r, err := w.newAccess(w.anna, cu, form("z@example.org", mobile))
				if err != nil {
					return err
				}
				if _, err := w.create(ctx, tx, w.anna, r); err != nil {
					return err
				}
				return broken
			})
		assert.ErrorIs(w, err, broken)
		assert.EqualValues(w, 0, w.count("access", "1=1")+w.count("message", "1=1"))
	})
}

func TestCorrect(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		w.invited("carl@example.org", "")
		token, code := w.deliver(a.ID)

		same, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{form(" berta@example.org", "0171 2345678"), a.Version})
		require.NoError(w, err, "a form without changes")
		assert.Equal(w, 1, same.Version, "a form without changes")
		assert.Equal(w, 1, same.Generation, "a form without changes")
		assert.Len(w, w.messages(a.ID), 2, "a form without changes")
		assert.EqualValues(w, 0, w.count("audit", "action = ?", audit.AccessUpdated), "a form without changes")
		f := form("berta@example.org", mobile)
		f.LastName, f.Locale = "Kühn-Mohn", "en"
		named, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{f, 1})
		require.NoError(w, err, "only the name")
		assert.Equal(w, 2, named.Version, "only the name")
		assert.Equal(w, 1, named.Generation, "only the name")
		assert.Len(w, w.messages(a.ID), 2, "only the name")
		assert.Equal(w, "Kühn-Mohn", named.LastName, "only the name")
		now, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{form("x@example.org", ""), 1})
		assert.ErrorIs(w, err, ErrVersion, "an old form")
		assert.Equal(w, 2, now.Version, "an old form")
		assert.Equal(w, "Kühn-Mohn", now.LastName, "an old form")
		_, err = w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{form("carl@example.org", ""), 2})
		wantFault(w.TB, err, "email: email.twice")
		_, err = w.Correct(w.Ctx, w.anna, w.customer, newID(), Correction{f, 1})
		wantFault(w.TB, err, "not_found: access.not_found")
		_, err = w.register(token, code)
		w.Must(err)

		f = form("mallory@example.net", "+491722345678")
		_, err = w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{f, 2})
		assert.ErrorIs(w, err, ErrVersion, "registered meanwhile")
		got, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{f, 3})
		require.NoError(w, err, "of a registered one")
		assert.Equal(w, "berta@example.org", got.Email, "of a registered one")
		assert.Equal(w, "+491722345678", got.Mobile, "of a registered one")
		assert.Equal(w, 1, got.Generation, "of a registered one")
		assert.Empty(w, w.messages(a.ID, courier.Queued), "of a registered one")
		var e audit.Entry
		w.Must(w.db.NewSelect().Model(&e).Where("action = ?", audit.AccessUpdated).OrderExpr("id DESC").Limit(1).Scan(w.Ctx))
		c := e.Changes()
		assert.Equal(w, [2]string{mobile, "+491722345678"}, c["mobile"])
		assert.Empty(w, c["email"][0])
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
					_, errs[i] = w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{f, round + 1})
				})
			}
			wg.Wait()
			require.NotEqual(w, errs[1] == nil, errs[0] == nil)
			require.ErrorIs(w, errors.Join(errs...), ErrVersion)
		}
		r := w.row(a.ID)
		assert.Equal(w, 21, r.Generation)
		assert.Len(w, w.messages(a.ID, courier.Queued), 1)
	})
}

func TestResend(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		wantFault(w.TB, w.Resend(w.Ctx, w.anna, w.customer, a.ID), "too_many: access.just_sent")
		w.Tick(4 * time.Second)
		var e *fault.Error
		err := w.Resend(w.Ctx, w.anna, w.customer, a.ID)
		require.ErrorAs(w, err, &e)
		assert.Equal(w, 6*time.Second, e.RetryAfter)
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
		assert.Equal(w, 1, sent, "clicks sent")
		assert.Len(w, w.messages(a.ID, courier.Queued), 2)
		assert.Len(w, w.messages(a.ID, courier.Cancelled), 2)
		assert.Equal(w, 2, w.row(a.ID).Generation)
		token, code := w.deliver(a.ID)
		_, err = w.register(token, code)
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
		require.NoError(w, err)
		assert.Equal(w, Undeliverable, r.Status)
		assert.Equal(w, "recipient_unknown", r.Undeliverable)
		w.Tick(time.Minute)
		w.Must(w.Resend(w.Ctx, w.anna, w.customer, a.ID))
		w.settle(first, courier.Failed, "bounced", courier.Bounced) // a late bounce of the old mail does not concern the new one
		row := w.row(a.ID)
		assert.Empty(w, row.Undeliverable)
		assert.Equal(w, Invited, row.access().status(w.Now()))
		second := w.messages(a.ID, courier.Queued)[0]
		w.settle(second, courier.Failed, "", courier.Permanent)
		assert.Equal(w, "internal", w.row(a.ID).Undeliverable)
		w.settle(second, courier.HandedOver, "", courier.Accepted) // run again by an operator
		assert.Empty(w, w.row(a.ID).Undeliverable)
	})
}

// TestFailedSMSIsNotUndeliverable: the status depends only on the mail.
func TestFailedSMSIsNotUndeliverable(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		w.settle(w.messages(a.ID)[1], courier.Failed, "number_invalid", courier.Permanent)
		assert.Empty(w, w.row(a.ID).Undeliverable)
	})
}

// TestS16Deactivate: links become void and sessions end. Reactivate invites a person again who was not registered.
func TestS16Deactivate(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		_, err := w.register(token, code)
		assert.ErrorIs(w, err, secret.ErrUnknownLink)
		w.Must(w.Reactivate(w.Ctx, w.anna, w.customer, a.ID))
		w.Must(w.Reactivate(w.Ctx, w.anna, w.customer, a.ID))
		n := len(w.messages(a.ID, courier.Queued))
		assert.Equal(w, 2, n, "messages queued")
		assert.Equal(w, 2, w.row(a.ID).Generation)
		token, code = w.deliver(a.ID)
		_, err = w.register(token, code)
		w.Must(err)
		owner := w.row(a.ID).AccountID.UUID
		session, err := w.Accounts.OpenSession(w.Ctx, w.db, owner, here)
		w.Must(err)
		signed, err := w.Accounts.Authenticate(w.Ctx, session)
		require.NoError(w, err, "not signed in")
		require.NotNil(w, signed, "not signed in")
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		signed, err = w.Accounts.Authenticate(w.Ctx, session)
		require.NoError(w, err, "the next request")
		assert.Nil(w, signed, "the next request")
		assert.EqualValues(w, 0, w.count("session", "account_id = ?", owner), "sessions left")
		w.Must(w.Reactivate(w.Ctx, w.anna, w.customer, a.ID))
		r := w.row(a.ID)
		assert.Equal(w, Registered, r.access().status(w.Now()))
		assert.Equal(w, 2, r.Generation)
		assert.EqualValues(w, 4, w.count("audit", "action IN (?, ?)", audit.AccessDeactivated, audit.AccessReactivated), "log entries")
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
		signed, err := w.Accounts.Authenticate(w.Ctx, session)
		require.NoError(w, err, "an account with an access elsewhere")
		assert.NotNil(w, signed, "an account with an access elsewhere")
		wantFault(w.TB, w.Remove(w.Ctx, w.anna, w.customer, a.ID, false), "not_found: access.not_found")
		wantFault(w.TB, w.Remove(w.Ctx, w.anna, w.customer, b.ID, false), "conflict: access.last")
		assert.EqualValues(w, 1, w.count("access", "id = ?", b.ID), "removed without confirmation")
		w.Must(w.Remove(w.Ctx, w.anna, w.customer, b.ID, true))
		w.Must(w.Remove(w.Ctx, w.anna, second, elsewhere.ID, true))
		for table, n := range map[string]int64{
			"account": w.count("account", "NOT specialist"), "access": w.count("access", "1=1"), "message": w.count("message", "1=1"),
			"link": w.count("link", "1=1"), "code": w.count("access_code", "1=1"), "session": w.count("session", "1=1"),
			"mailbox": w.count("mailbox", "1=1"),
		} {
			assert.EqualValues(w, 0, n, "rows of %s left", table)
		}
		assert.EqualValues(w, 3, w.count("audit", "action = ?", audit.AccessRemoved), "log entries")
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
		assert.EqualValues(w, 1, w.count("account", "id = ?", w.anna.ID), "the account of the specialist user")
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
			n := w.count("access", "customer_id = ?", cu)
			require.EqualValues(w, 1, n, "accesses left")
			require.ErrorIs(w, errors.Join(errs...), errLast)
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
				_, err := w.Correct(w.Ctx, c, w.customer, a.ID, Correction{form("x@example.org", ""), 1})
				return err
			},
			"resend":     func(c account.Caller) error { return w.Resend(w.Ctx, c, w.customer, a.ID) },
			"deactivate": func(c account.Caller) error { return w.Deactivate(w.Ctx, c, w.customer, a.ID) },
			"reactivate": func(c account.Caller) error { return w.Reactivate(w.Ctx, c, w.customer, a.ID) },
			"remove":     func(c account.Caller) error { return w.Remove(w.Ctx, c, w.customer, a.ID, true) },
		} {
			assert.ErrorIs(w, do(colleague), policies.ErrForbidden, "%s by a colleague", name)
			for _, c := range []account.Caller{end, {}} {
				assert.Equal(w, fault.NotFound, fault.CodeOf(do(c)), "%s by %v", name, c.Roles)
			}
		}
		rows, err := w.OfCustomer(w.Ctx, colleague, w.customer)
		require.NoError(w, err, "a colleague reads")
		assert.Len(w, rows, 1, "a colleague reads")
		_, err = w.OfCustomer(w.Ctx, end, w.customer)
		assert.Equal(w, fault.NotFound, fault.CodeOf(err), "an end user reads")
		_, err = w.Get(w.Ctx, end, w.customer, a.ID)
		assert.Equal(w, fault.NotFound, fault.CodeOf(err), "an end user reads")
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
					_, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{form(fmt.Sprintf("c%d@example.org", round), mobile), 1})
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
						assert.NotEqual(w, fault.Internal, fault.CodeOf(do()), name)
					})
				}
			}
			wg.Wait()
			r := w.row(a.ID)
			assert.Equal(w, r.RegisteredAt != nil, r.AccountID.Valid, "half registered")
			n := w.count("audit", "action = ? AND subject_id = ?", audit.AccessRegistered, a.ID)
			assert.True(w, n <= 1, "registered %d times", n)
		}
	})
}
