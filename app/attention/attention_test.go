package attention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/assignment"
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

	anna, ben, uta, rita, end account.Caller // uta is a user administrator, rita nothing but an auditor
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func newWorld(t testing.TB, db *store.DB, change ...func(*courier.Options)) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), change...)}
	w.post = &outbox{Service: w.Post}
	customers := customer.New(customer.Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post})
	accesses := access.New(access.Options{
		DB: db, Now: w.Now, Key: w.Key, Decider: w.Decider, Accounts: w.Accounts, Courier: w.post, Audit: w.Audit, Approvals: w.Approvals,
		Customers: customers, BaseURL: accounttest.BaseURL, Firm: accounttest.FirmName,
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
		for _, l := range p.Late {
			out = append(out, fmt.Sprintf("%s %s %s", p.Section, l.Customer.Name, l.Name))
		}
	}
	w.Forget(c.ID)
	n, err := w.Count(w.Ctx, c)
	w.Must(err)
	if n != len(out) {
		w.Errorf("%s: the badge says %d, the page has %d", c.Name, n, len(out))
	}
	return out
}

// furnish makes one of everything at Anna's customers, one at Ben's, and an orphan.
func (w *world) furnish() {
	w.customer(w.anna, "Fehler AG", "Mail", "Kurz")
	w.fail("Mail", courier.Email, "mailbox_full")
	w.fail("Kurz", courier.SMS, "number_invalid")
	w.customer(w.anna, "Frist AG", "Frist")
	late := w.registered(w.anna, "Spät AG")
	w.late(w.anna, late, "Alt", "2026-11-30")
	w.late(w.anna, late, "Heute", "2026-12-02")
	w.Exec(`UPDATE transactions SET status = 'closed' WHERE id = ?`, w.late(w.anna, late, "Fertig", "2026-11-29"))
	w.customer(w.anna, "Leer AG")
	w.customer(w.ben, "Ben AG", "Bens")
	orphan := w.registered(w.ben, "Waise AG")
	w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ?`, orphan)
	w.touch(orphan)
	old := w.customer(w.ben, "Lang AG", "Lang")
	w.Exec(`UPDATE access SET invited_at = ?, link_expires_at = ? WHERE customer_id = ?`, w.Now().AddDate(0, 0, 1), w.Now().AddDate(0, 1, 0), old)
	w.touch(old)
	gone := w.customer(w.anna, "Weg AG", "Weg")
	w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, gone)
}

// TestWhoSeesWhat: each reason appears when it is due, and only for people who may act on it, with each form of the
// query.
func TestWhoSeesWhat(t *testing.T) {
	each(t, func(w *world) {
		w.furnish()
		check := func(who string, c account.Caller, want ...string) {
			w.Helper()
			for _, w.few = range []int{fewVisible, -1} {
				if got := w.seen(c); !slices.Equal(got, want) {
					w.Errorf("%s sees\n%s\nwant\n%s", who, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
		now := []string{"invitations Fehler AG mail mailbox_full", "invitations Fehler AG sms number_invalid"}
		first := w.seen(w.anna)
		if got := slices.Clone(first); len(got) != 3 || got[2] != "accesses Leer AG" || !slices.Contains(got, now[0]) || !slices.Contains(got, now[1]) {
			w.Errorf("at once Anna sees %q", got)
		}
		check("Ben at once", w.ben)
		check("an auditor's account that is a specialist's", account.Caller{ID: w.rita.ID, Roles: []policies.Role{policies.Specialist, policies.Auditor}})
		w.Set(w.Now().AddDate(0, 0, 8)) // 2 December
		check("Ben", w.ben, "invitations Ben AG unanswered", "invitations Lang AG unanswered")
		all := w.seen(w.uta)
		for _, want := range []string{"administrators Waise AG", "accesses Leer AG", "invitations Ben AG unanswered", "invitations Frist AG unanswered", now[0], now[1]} {
			if !slices.Contains(all, want) {
				w.Errorf("a user administrator does not see %s: %q", want, all)
			}
		}
		if len(all) != 7 || slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "Spät") || strings.Contains(s, "Weg") }) {
			w.Errorf("a user administrator sees %q", all)
		}
		anna := w.seen(w.anna)
		if len(anna) != 5 || anna[4] != "overdue Spät AG Alt" {
			w.Errorf("Anna sees %q", anna)
		}
		deputy := w.ben
		deputy.For = []uuid.UUID{w.anna.ID}
		if got := w.seen(deputy); len(got) != 7 {
			w.Errorf("as Anna's deputy Ben sees %q", got)
		}
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, w.anna.ID)
		for _, name := range []string{"Frist AG", "Spät AG"} {
			var id uuid.UUID
			w.Must(w.DB.NewRaw(`SELECT id FROM customer WHERE company_name = ?`, name).Scan(w.Ctx, &id))
			w.touch(id)
		}
		if got := w.seen(deputy); !slices.Contains(got, "administrators Spät AG") {
			w.Errorf("as the deputy of somebody deactivated Ben sees %q", got)
		}
		for _, c := range []account.Caller{w.rita, w.end, {}} {
			if _, err := w.Parts(w.Ctx, c); !errors.Is(err, policies.ErrForbidden) {
				w.Errorf("%q: %v", c.Name, err)
			}
			if n, err := w.Count(w.Ctx, c); n != 0 || err != nil {
				w.Errorf("%q counts %d, %v", c.Name, n, err)
			}
		}
	})
}

// TestCounts: a count that searched everybody's entries is cached for a few seconds, for the same person with the same
// permissions, until they do something.
func TestCounts(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "Leer AG")
		count := func(c account.Caller, want int) {
			w.Helper()
			if n, err := w.Count(w.Ctx, c); n != want || err != nil {
				w.Errorf("%d, %v; want %d", n, err, want)
			}
		}
		count(w.uta, 1)
		count(w.anna, 1)
		w.customer(w.anna, "Leer 2 AG")
		count(w.uta, 1)
		count(w.anna, 2) // few of her own
		less := w.uta
		less.Roles = []policies.Role{policies.Specialist}
		count(less, 0)
		count(w.uta, 1) // as it was
		w.customer(w.anna, "Leer 3 AG")
		w.Forget(w.uta.ID)
		count(w.uta, 3)
		w.customer(w.anna, "Leer 4 AG")
		w.Tick(countLife)
		count(w.uta, 4)
		w.Must(w.o.Decider.Publish(7, "p, user_administrator, *, transaction, *, process, allow"))
		count(w.uta, 0)
	})
}

// TestExpired: an expired link is on the list from that second on, an unanswered invitation only after a week.
func TestExpired(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "Frist AG", "Frist")
		begin := w.Now()
		for _, c := range []struct {
			after time.Duration
			want  string
		}{
			{access.LinkLife - time.Second, ""}, {access.LinkLife, "invitations Frist AG expired"},
			{customer.Reminder - time.Second, "invitations Frist AG expired"}, {customer.Reminder, "invitations Frist AG unanswered"},
		} {
			w.Set(begin.Add(c.after))
			if got := strings.Join(w.seen(w.anna), "; "); got != c.want {
				w.Errorf("after %s: %q, want %q", c.after, got, c.want)
			}
		}
	})
}

// TestPages: every section continues by cursor without gaps and repetitions, whether or not the caller's own rows are
// few.
func TestPages(t *testing.T) {
	each(t, func(w *world) {
		n := PageSize + 7
		var first uuid.UUID
		for i := range n {
			id := w.customer(w.anna, fmt.Sprintf("Kunde %03d", i), fmt.Sprintf("I%03d", i))
			if i == 0 {
				first = id
			}
			w.late(w.anna, id, fmt.Sprintf("V %03d", i), []string{"2026-11-01", "2026-11-02"}[i%2])
		}
		w.Tick(access.LinkLife)
		for _, section := range []Section{Invitations, Overdue} {
			for _, w.few = range []int{fewVisible, -1} {
				seen, after := map[uuid.UUID]bool{}, ""
				for pages := 0; ; pages++ {
					p, err := w.Part(w.Ctx, w.anna, section, after)
					w.Must(err)
					for _, i := range p.Invitations {
						seen[i.ID] = true
					}
					for _, l := range p.Late {
						seen[l.ID] = true
					}
					if after = p.Next; after == "" {
						if pages != 1 || p.Len() != 7 {
							w.Errorf("%s: page %d has %d", section, pages+1, p.Len())
						}
						break
					}
				}
				if len(seen) != n {
					w.Errorf("%s: %d of %d", section, len(seen), n)
				}
			}
		}
		if c, err := w.Count(w.Ctx, w.anna); c != CountCap || err != nil {
			w.Errorf("the badge says %d, %v", c, err)
		}
		for _, broken := range []string{"x", "!!", "fHx8", strings.Repeat("A", 500)} {
			if p, err := w.Part(w.Ctx, w.anna, Invitations, broken); err != nil || p.Len() != PageSize {
				w.Errorf("the cursor %q: %d, %v", broken, p.Len(), err)
			}
		}
		// Who has many customers gets the same from the other end.
		w.Must(w.DB.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
			for i := range 1100 {
				id := uuid.Must(uuid.NewV7())
				if _, err := tx.ExecContext(ctx, `INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
					VALUES (?, ?, 'person', 'de', '', '', '', ?, ?)`, 50000+i, id, w.Now(), w.Now()); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, `INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`,
					id, w.anna.ID, w.Now(), w.anna.ID); err != nil {
					return err
				}
			}
			_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{CustomerID: first, SpecialistID: w.ben.ID, CreatedAt: w.Now(), CreatedBy: w.anna.ID})
			return err
		}))
		p, err := w.Part(w.Ctx, w.anna, Invitations, "")
		w.Must(err)
		q, err := w.Part(w.Ctx, w.anna, Invitations, p.Next)
		w.Must(err)
		if p.Len() != PageSize || q.Len() != 7 {
			w.Errorf("of many: %d and %d", p.Len(), q.Len())
		}
		if got := w.seen(w.ben); len(got) != 2 {
			w.Errorf("Ben sees %q", got)
		}
	})
}

// TestResend: invitations that may be sent are sent, the others are refused with name and reason, and nobody learns
// about accesses that they may not see.
func TestResend(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "A", "Eins", "Zwei", "Drei", "Vier")
		w.customer(w.ben, "B", "Fremd")
		w.Tick(access.LinkLife)
		id := func(name string) (id uuid.UUID) {
			w.Must(w.DB.NewRaw(`SELECT id FROM access WHERE first_name = ?`, name).Scan(w.Ctx, &id))
			return id
		}
		w.Exec(`UPDATE access SET registered_at = ? WHERE id = ?`, w.Now(), id("Zwei"))
		w.Exec(`UPDATE access SET deactivated_at = ? WHERE id = ?`, w.Now(), id("Drei"))
		all := []uuid.UUID{id("Eins"), id("Zwei"), id("Drei"), id("Vier"), id("Fremd"), id("Eins"), uuid.Must(uuid.NewV7()), uuid.Nil}
		r, err := w.Resend(w.Ctx, w.anna, all)
		w.Must(err)
		var why []string
		for _, f := range r.Refused {
			why = append(why, f.Message+" "+strings.Join(f.Names, ","))
		}
		slices.Sort(why)
		want := []string{"access.deactivated Drei X", "access.not_found ,", "access.registered Zwei X", "forbidden Fremd X"}
		if r.Sent != 2 || r.Failed() != 5 || !slices.Equal(why, want) {
			w.Errorf("sent %d, refused %d: %q, want %q", r.Sent, r.Failed(), why, want)
		}
		if r, err = w.Resend(w.Ctx, w.anna, all[:1]); err != nil || r.Sent != 0 || r.Refused[0].Message != "access.just_sent" {
			w.Errorf("once more: %+v, %v", r, err)
		}
		if got := w.seen(w.anna); len(got) != 0 {
			w.Errorf("still there: %q", got)
		}
		for _, c := range []struct {
			caller account.Caller
			ids    []uuid.UUID
			want   error
		}{
			{w.anna, nil, ErrNone}, {w.rita, all, policies.ErrForbidden}, {w.end, all, policies.ErrForbidden},
			{w.anna, func() (many []uuid.UUID) {
				for range ResendMax + 1 {
					many = append(many, uuid.Must(uuid.NewV7()))
				}
				return many
			}(), ErrMany},
		} {
			if _, err := w.Resend(w.Ctx, c.caller, c.ids); !errors.Is(err, c.want) {
				w.Errorf("%v, want %v", err, c.want)
			}
		}
	})
}

// FuzzPosition: every cursor from outside is either read as a position or ignored.
func FuzzPosition(f *testing.F) {
	f.Add(position{time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), 7, uuid.Must(uuid.NewV7())}.String())
	f.Add(position{time.Date(1999, 11, 24, 0, 0, 0, 0, time.UTC), 7, uuid.Nil}.String())
	f.Add("fHx8")
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := readPosition(s); ok && p.String() != s {
			t.Errorf("%q reads as %+v, and that is written %q", s, p, p.String())
		}
	})
}
