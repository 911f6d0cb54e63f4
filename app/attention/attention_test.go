package attention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/assignment"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/effort"
	"kontor/app/handover"
	"kontor/app/listing"
	"kontor/policies"
	"kontor/policies/policytest"
)

// TestSectionsAreFacts: whatever happens to customers, accesses, administrators and time, each section has exactly what the
// facts say, for a person who may act on all and for those who administer some.
func TestSectionsAreFacts(t *testing.T) {
	each(t, func(w *world) {
		seed := effort.Seed(w)
		r := rand.New(rand.NewPCG(seed, 1))
		people := []account.Caller{w.anna, w.ben}
		var ids []uuid.UUID
		acts := []func(id uuid.UUID, by account.Caller){
			func(id uuid.UUID, _ account.Caller) {
				w.Exec(`UPDATE access SET registered_at = ? WHERE customer_id = ?`, w.Now(), id)
			},
			func(id uuid.UUID, _ account.Caller) {
				w.Exec(`UPDATE access SET deactivated_at = ? WHERE customer_id = ? AND registered_at IS NULL`, w.Now(), id)
			},
			func(id uuid.UUID, _ account.Caller) {
				w.Exec(`UPDATE access SET undeliverable = 'mailbox_full' WHERE customer_id = ? AND registered_at IS NULL`, id)
			},
			func(id uuid.UUID, _ account.Caller) { // sent again
				w.Exec(`UPDATE access SET undeliverable = '', invited_at = ?, link_expires_at = ? WHERE customer_id = ?`, w.Now(), w.Now().Add(access.LinkLife), id)
			},
			func(id uuid.UUID, _ account.Caller) { w.Exec(`DELETE FROM access WHERE customer_id = ?`, id) },
			func(id uuid.UUID, _ account.Caller) {
				w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ?`, id)
			},
			func(id uuid.UUID, by account.Caller) {
				w.Exec(`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
					id, by.ID, w.Now(), by.ID)
			},
			func(id uuid.UUID, _ account.Caller) { w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, id) },
			func(uuid.UUID, account.Caller) { w.Tick(time.Duration(r.IntN(72)) * time.Hour) },
			func(uuid.UUID, account.Caller) { w.Tick(time.Duration(r.IntN(72)) * time.Hour) },
		}
		for step := range 120 {
			by := people[r.IntN(len(people))]
			if step < 30 || r.IntN(4) == 0 {
				invited := []string{"A", "B"}[:r.IntN(3)]
				ids = append(ids, w.customer(by, fmt.Sprintf("Kunde %03d", step), invited...))
				continue
			}
			id := ids[r.IntN(len(ids))]
			acts[r.IntN(len(acts))](id, by)
			w.touch(id)
			for _, section := range []Section{Invitations, Administrators, Accesses} {
				assert.ElementsMatch(w, w.facts(section, account.Caller{}), w.all(w.uta, section), "seed %d, step %d: %s of all", seed, step, section)
			}
			for _, section := range []Section{Invitations, Accesses} {
				assert.ElementsMatch(w, w.facts(section, w.anna), w.all(w.anna, section), "seed %d, step %d: %s of Anna", seed, step, section)
			}
			if step%10 == 9 {
				for _, who := range []account.Caller{w.anna, w.ben, w.uta} {
					w.compareOverview(who)
				}
			}
			if w.Failed() {
				return
			}
		}
	})
}

// compareOverview compares the overview's customers that need attention with the page: for whoever may act on some, they are
// the same customers.
func (w *world) compareOverview(who account.Caller) {
	w.Helper()
	seen := map[string]bool{}
	for _, section := range []Section{Invitations, Administrators, Accesses} {
		for _, name := range w.all(who, section) {
			seen[name] = true
		}
	}
	for _, sort := range []string{"", "changed", "-number"} {
		p, err := w.o.Customers.List(w.Ctx, who, customer.Filter{Attention: true, Sort: sort})
		w.Must(err)
		names := make([]string, len(p.Rows))
		for i, r := range p.Rows {
			names[i] = r.Name
		}
		assert.ElementsMatch(w, slices.Collect(maps.Keys(seen)), names, "%s, sorted by %q: the overview has", who.Name, sort)
		assert.Equal(w, len(seen), p.Count, "%s: the overview counts", who.Name)
	}
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
				assert.Equal(w, want, w.seen(c), "%s sees", who)
			}
		}
		now := []string{"invitations Fehler AG mail mailbox_full", "invitations Fehler AG sms number_invalid"}
		first := w.seen(w.anna)
		got := slices.Clone(first)
		require.Len(w, got, 3, "at once Anna sees")
		assert.Equal(w, "accesses Leer AG", got[2])
		assert.Contains(w, got, now[0])
		assert.Contains(w, got, now[1])
		check("Ben at once", w.ben)
		check("an auditor's account that is a specialist's", account.Caller{ID: w.rita.ID, Roles: []policies.Role{policies.Specialist, policies.Auditor}})
		w.Set(w.Now().AddDate(0, 0, 8)) // 2 December
		check("Ben", w.ben, "invitations Ben AG unanswered", "invitations Lang AG unanswered")
		all := w.seen(w.uta)
		for _, want := range []string{"administrators Waise AG", "accesses Leer AG", "invitations Ben AG unanswered", "invitations Frist AG unanswered", now[0], now[1]} {
			assert.Contains(w, all, want, "a user administrator does not see")
		}
		assert.Len(w, all, 7, "a user administrator sees")
		assert.False(w, slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "Spät") || strings.Contains(s, "Weg") }))
		anna := w.seen(w.anna)
		require.Len(w, anna, 5, "Anna sees")
		assert.Equal(w, "overdue Spät AG Alt", anna[4])
		deputy := w.ben
		deputy.For = []uuid.UUID{w.anna.ID}
		assert.Len(w, w.seen(deputy), 7, "as Anna's deputy Ben sees")
		w.compareOverview(deputy)
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, w.anna.ID)
		for _, name := range []string{"Frist AG", "Spät AG"} {
			var id uuid.UUID
			w.Must(w.DB.NewRaw(`SELECT id FROM customer WHERE company_name = ?`, name).Scan(w.Ctx, &id))
			w.touch(id)
		}
		assert.Contains(w, w.seen(deputy), "administrators Spät AG", "as the deputy of somebody deactivated Ben sees")
		for _, c := range []account.Caller{w.rita, w.end, {}} {
			_, err := w.Parts(w.Ctx, c)
			assert.ErrorIs(w, err, policies.ErrForbidden, "%q", c.Name)
			n, err := w.Count(w.Ctx, c)
			assert.NoError(w, err)
			assert.Equal(w, 0, n, "%q counts", c.Name)
		}
	})
}

// waits is which proposals wait for each person, and what their deputies arranged.
type waits struct {
	proposals map[uuid.UUID][]approval.Approval
	arranged  map[uuid.UUID][]handover.Outlasting
}

func (f waits) Awaiting(_ context.Context, by uuid.UUID) ([]approval.Approval, error) {
	return f.proposals[by], nil
}

func (f waits) Outlasts(_ context.Context, c account.Caller) ([]handover.Outlasting, error) {
	return f.arranged[c.ID], nil
}

// TestProposalsAndDeputies: the badge agrees with the page for those whose only entries are proposals or what deputies
// arranged. A proposal opens the page to whoever it waits for; what deputies arranged is only for those who may change it.
func TestProposalsAndDeputies(t *testing.T) {
	each(t, func(w *world) {
		dora, none := w.person("Dora", policies.Auditor), w.person("Nora")
		one := make([]handover.Outlasting, 1)
		f := waits{
			map[uuid.UUID][]approval.Approval{w.rita.ID: make([]approval.Approval, 2)},
			map[uuid.UUID][]handover.Outlasting{w.anna.ID: one, w.rita.ID: one, dora.ID: one, none.ID: one, w.end.ID: one},
		}
		w.o.Approvals, w.o.Deputies = f, f
		for _, c := range []struct {
			who     account.Caller
			section Section
			want    int
		}{
			{w.anna, Deputies, 1}, {w.rita, Approvals, 2}, {dora, Deputies, 0}, {none, Deputies, 0}, {w.end, Deputies, 0},
			{account.Caller{}, Approvals, 0},
		} {
			n, err := w.Count(w.Ctx, c.who)
			w.Must(err)
			may, err := w.May(w.Ctx, c.who)
			w.Must(err)
			parts, err := w.Parts(w.Ctx, c.who)
			p, errPart := w.Part(w.Ctx, c.who, c.section, "")
			assert.Equal(w, c.want, n, "%q: the badge says", c.who.Name)
			assert.Equal(w, c.want > 0, may, "%q: may open the page", c.who.Name)
			assert.Equal(w, c.want, p.Len(), "%q: the section has", c.who.Name)
			switch {
			case c.want == 0:
				assert.ErrorIs(w, err, policies.ErrForbidden, "%q", c.who.Name)
				assert.ErrorIs(w, errPart, policies.ErrForbidden, "%q", c.who.Name)
			case err != nil || errPart != nil || len(parts) != 1 || parts[0].Section != c.section || parts[0].Len() != c.want:
				w.Errorf("%q: %+v, %v, %v", c.who.Name, parts, err, errPart)
			}
			_, err = w.Resend(w.Ctx, c.who, []uuid.UUID{uuid.Must(uuid.NewV7())})
			assert.NotEqual(w, c.who.ID == w.anna.ID, errors.Is(err, policies.ErrForbidden), "%q sends again", c.who.Name)
		}
	})
}

// TestCounts: the number on the badge is kept for a few seconds, for the same person with the same permissions, until they
// do something or open the page.
func TestCounts(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "Leer AG")
		count := func(c account.Caller, want int) {
			w.Helper()
			n, err := w.Count(w.Ctx, c)
			assert.NoError(w, err)
			assert.Equal(w, want, n)
		}
		count(w.uta, 1)
		count(w.anna, 1)
		w.customer(w.anna, "Leer 2 AG")
		count(w.uta, 1)
		count(w.anna, 1)
		_, err := w.Parts(w.Ctx, w.anna)
		w.Must(err)
		count(w.anna, 2)
		less := w.uta
		less.Roles = []policies.Role{policies.Specialist}
		count(less, 0)
		count(w.uta, 2)
		w.customer(w.anna, "Leer 3 AG")
		w.Forget(w.uta.ID)
		count(w.uta, 3)
		w.customer(w.anna, "Leer 4 AG")
		w.Tick(countLife)
		count(w.uta, 4)
		long, err := w.begin(w.uta)
		w.Must(err)
		long.at = long.at.Add(-time.Minute / countRest)
		w.keep(w.uta, 4, long)
		w.customer(w.anna, "Leer 5 AG")
		w.Tick(time.Minute - 1)
		count(w.uta, 4)
		w.Tick(1)
		count(w.uta, 5)
		petra := w.Person("Petra Policy", true, policies.PolicyAdministrator)
		w.o.Offers = offers(1)
		count(petra, 1)
		w.o.Offers = offers(0)
		count(petra, 1)
		count(w.anna, 5)
		w.customer(w.anna, "Leer 6 AG")
		w.Must(policytest.Publish(w.o.Decider, 7, policies.Default+"p, auditor, *, template, *, read, allow"))
		count(w.anna, 5) // by the version of before, with the same rights
		count(w.uta, 6)  // guards the system, and a version can settle a proposal
		count(petra, 0)  // a version can settle what is offered
		w.Must(policytest.Publish(w.o.Decider, 8, "p, user_administrator, *, transaction, *, process, allow"))
		count(w.uta, 0)
	})
}

// TestCountedOnce: pages that ask for the number at the same time have it counted once, and not kept if the person has done
// something meanwhile.
func TestCountedOnce(t *testing.T) {
	each(t, func(w *world) {
		w.customer(w.anna, "Leer AG")
		seen := &statements{}
		w.DB.DB = w.DB.WithQueryHook(seen)
		_, err := w.Count(w.Ctx, w.anna)
		w.Must(err)
		once := seen.n.Swap(0)
		require.Positive(w, once)
		w.Forget(w.anna.ID)
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				n, err := w.Count(w.Ctx, w.anna)
				assert.NoError(w, err)
				assert.Equal(w, 1, n)
			})
		}
		wait.Wait()
		assert.Equal(w, once, seen.n.Load(), "statements")

		before := w.countKey(w.anna)
		began, err := w.begin(w.anna)
		w.Must(err)
		w.Tick(time.Second)
		w.Forget(w.anna.ID)
		assert.NotEqual(w, before, w.countKey(w.anna), "a page after the act waits for a number of before")
		w.keep(w.anna, 99, began)
		_, ok := w.kept(w.anna)
		assert.False(w, ok, "kept, but counted before the act")
	})
}

// statements counts statements.
type statements struct{ n atomic.Int64 }

// BeforeQuery implements bun.QueryHook.
func (s *statements) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	s.n.Add(1)
	return ctx
}

// AfterQuery implements bun.QueryHook.
func (*statements) AfterQuery(context.Context, *bun.QueryEvent) {}

// TestFirstFew: the page shows a few entries of each section, and says where there are more. The number on the badge does
// not stay behind what the page shows.
func TestFirstFew(t *testing.T) {
	each(t, func(w *world) {
		page := func(shown int, more bool, badge int) {
			w.Helper()
			parts, err := w.Parts(w.Ctx, w.anna)
			w.Must(err)
			require.Len(w, parts, 1)
			assert.Equal(w, shown, parts[0].Len(), "shown")
			assert.Equal(w, more, parts[0].More, "there are more than %d", shown)
			assert.Empty(w, parts[0].Next, "the whole section comes next")
			n, err := w.Count(w.Ctx, w.anna)
			w.Must(err)
			assert.Equal(w, badge, n, "the badge")
		}
		add := func(n int) {
			for i := range n {
				w.customer(w.anna, fmt.Sprintf("Leer %d AG", i))
			}
		}
		add(fewFirst)
		page(fewFirst, false, fewFirst)
		add(1)
		page(fewFirst, true, fewFirst+1) // 10 was kept, but the page has more
		add(1)
		page(fewFirst, true, fewFirst+1) // kept
		w.Tick(countLife)
		page(fewFirst, true, fewFirst+2)
		p, err := w.Part(w.Ctx, w.anna, Accesses, "")
		w.Must(err)
		assert.Equal(w, fewFirst+2, p.Len(), "the whole section")
		assert.False(w, p.More)
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
			assert.Equal(w, c.want, strings.Join(w.seen(w.anna), "; "), "after %s", c.after)
		}
	})
}

// TestPages: every section continues by cursor without gaps and repetitions, whether or not the caller's own rows are
// few.
func TestPages(t *testing.T) {
	each(t, func(w *world) {
		n := listing.PageSize + 7
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
					for _, l := range p.Overdue {
						seen[l.ID] = true
					}
					if after = p.Next; after == "" {
						assert.Equal(w, 1, pages, section)
						assert.Equal(w, 7, p.Len(), "%s: page %d has", section, pages+1)
						break
					}
				}
				assert.Len(w, seen, n, section)
			}
		}
		c, err := w.Count(w.Ctx, w.anna)
		assert.NoError(w, err)
		assert.Equal(w, countCap, c, "the badge says")
		for _, broken := range []string{"x", "!!", "fHx8", strings.Repeat("A", 500)} {
			p, err := w.Part(w.Ctx, w.anna, Invitations, broken)
			require.NoError(w, err, "the cursor %q", broken)
			assert.Equal(w, listing.PageSize, p.Len(), "the cursor %q", broken)
		}
		// For somebody with many customers, the query begins at another table and finds the same.
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
		assert.Equal(w, listing.PageSize, p.Len(), "of many")
		assert.Equal(w, 7, q.Len(), "of many")
		assert.Len(w, w.seen(w.ben), 2, "Ben sees")
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
		assert.Equal(w, 2, r.Sent, "sent")
		assert.Equal(w, 5, r.Failed(), "refused")
		assert.Equal(w, want, why)
		r, err = w.Resend(w.Ctx, w.anna, all[:1])
		require.NoError(w, err, "once more")
		assert.Equal(w, 0, r.Sent, "once more")
		assert.Equal(w, "access.just_sent", r.Refused[0].Message, "once more")
		assert.Empty(w, w.seen(w.anna), "still there")
		for _, c := range []struct {
			caller account.Caller
			ids    []uuid.UUID
			want   error
		}{
			{w.anna, nil, ErrNone}, {w.rita, all, policies.ErrForbidden}, {w.end, all, policies.ErrForbidden},
			{w.anna, func() (many []uuid.UUID) {
				for range resendMax + 1 {
					many = append(many, uuid.Must(uuid.NewV7()))
				}
				return many
			}(), ErrMany},
		} {
			_, err := w.Resend(w.Ctx, c.caller, c.ids)
			assert.ErrorIs(w, err, c.want)
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
