package handover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/secret"
	"kontor/app/transaction"
	"kontor/policies"
)

// signedIn is the caller as a session of theirs makes it at this moment.
func (w *world) signedIn(c account.Caller) account.Caller {
	w.Helper()
	token, now := secret.NewToken(), w.Now()
	w.Exec(`INSERT INTO session (id_hash, account_id, created_at, last_seen_at, expires_at, address, agent) VALUES (?, ?, ?, ?, ?, '', '')`,
		secret.HashToken(token), c.ID, now, now, now.Add(time.Hour))
	signed, err := w.Accounts.Authenticate(w.Ctx, token)
	w.Must(err)
	if signed == nil {
		return account.Caller{}
	}
	return account.Caller{ID: c.ID, Name: c.Name, Roles: signed.Roles, For: signed.For}
}

// TestDeputyTakesTurns: a deputyship begins with the first day and ends with the last, to the second, in lists and in
// decisions. It passes on assignments, but no roles, and no assignments of the people whom the represented person
// stands in for.
func TestDeputyTakesTurns(t *testing.T) {
	each(t, func(w *world) {
		_, annas := w.customer(w.anna, "Anna GmbH", 2)
		_, coras := w.customer(w.cora, "Cora GmbH", 1)
		// Anna stands in for Cora all the time, Ben for Anna on two days at the end of summer time.
		w.Must(w.AddDeputy(w.Ctx, w.cora, w.cora.ID, DeputyForm{Deputy: w.anna.ID.String(), From: "2026-11-24", Until: "2027-06-30"}))
		w.Must(w.AddDeputy(w.Ctx, w.admin, w.anna.ID, DeputyForm{Deputy: w.ben.ID.String(), From: "2027-03-27", Until: "2027-03-28"}))
		starts := time.Date(2027, 3, 27, 0, 0, 0, 0, berlin)
		ends := time.Date(2027, 3, 29, 0, 0, 0, 0, berlin)
		if ends.Sub(starts) != 47*time.Hour {
			w.Fatalf("these days have %s", ends.Sub(starts))
		}
		for _, c := range []struct {
			at    time.Time
			in    bool
			state State
		}{
			{starts.Add(-time.Second), false, Coming}, {starts, true, Now}, {starts.Add(time.Second), true, Now},
			{ends.Add(-time.Second), true, Now}, {ends, false, Past}, {ends.Add(time.Second), false, Past},
		} {
			w.Set(c.at)
			ben := w.signedIn(w.ben)
			page, err := w.transactions.List(w.Ctx, ben, transaction.Filter{})
			w.Must(err)
			_, errGet := w.transactions.Authorise(w.Ctx, w.DB, ben, annas[0], policies.Process)
			_, errOther := w.transactions.Get(w.Ctx, ben, coras[0])
			want := 0
			if c.in {
				want = 2
			}
			if len(page.Rows) != want || (errGet == nil) != c.in || !errors.Is(errOther, transaction.ErrNotFound) {
				w.Errorf("%s: %d in the list, decision %v, of whom Anna stands in for: %v", c.at, len(page.Rows), errGet, errOther)
			}
			if err := w.Decider.Require(policies.Request{Roles: w.signedIn(w.cora).Roles, Object: policies.ObjectSpecialist, Action: policies.Read}); err == nil {
				w.Error("roles are passed on")
			}
			list, _, err := w.Deputies(w.Ctx, w.anna, w.anna.ID)
			w.Must(err)
			if len(list) != 1 || list[0].State != c.state || list[0].Deputy != "Ben Bach" || list[0].By != "Uta Amt" {
				w.Errorf("%s: %+v", c.at, list)
			}
		}
	})
}

// TestDeputyRefuses checks refused periods, refused people, callers without permission, and overlapping deputyships.
func TestDeputyRefuses(t *testing.T) {
	each(t, func(w *world) {
		gone := w.Specialist("Gabi Gone")
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, gone.ID))
		_, end := w.customer(w.anna, "X", 0)
		_ = end
		ben, cora := w.ben.ID.String(), w.cora.ID.String()
		w.Must(w.AddDeputy(w.Ctx, w.anna, w.anna.ID, DeputyForm{ben, "2026-12-10", "2026-12-20"}))
		for _, c := range []struct {
			caller account.Caller
			form   DeputyForm
			want   string
		}{
			{w.admin, DeputyForm{"", "", ""}, "from required"},
			{w.admin, DeputyForm{"", "2026-12-01", "2026-12-02"}, "deputy required"},
			{w.admin, DeputyForm{cora, "1.12.2026", "2026-12-02"}, "from date.malformed"},
			{w.admin, DeputyForm{cora, "2026-11-23", "2026-12-02"}, "from deputy.past"},
			{w.admin, DeputyForm{cora, "2026-12-02", "2026-12-01"}, "until deputy.order"},
			{w.admin, DeputyForm{cora, "2026-12-01", "2027-12-01"}, "until deputy.too_long"},
			{w.admin, DeputyForm{w.anna.ID.String(), "2026-12-01", "2026-12-01"}, "deputy deputy.same"},
			{w.admin, DeputyForm{w.admin.ID.String(), "2026-12-01", "2026-12-01"}, "deputy deputy.self"}, // S31
			{w.admin, DeputyForm{gone.ID.String(), "2026-12-01", "2026-12-01"}, "deputy deputy.unknown"},
			{w.admin, DeputyForm{"nobody", "2026-12-01", "2026-12-01"}, "deputy deputy.unknown"},
			{w.admin, DeputyForm{ben, "2026-12-20", "2026-12-30"}, "from deputy.overlaps"},
			{w.anna, DeputyForm{ben, "2026-12-01", "2026-12-31"}, "from deputy.overlaps"},
			{w.anna, DeputyForm{ben, "2026-12-21", "2027-12-20"}, "none"},  // the day after, and just a year
			{w.anna, DeputyForm{cora, "2026-12-15", "2026-12-16"}, "none"}, // two at a time
		} {
			w.wantForm(fmt.Sprintf("%+v", c.form), w.AddDeputy(w.Ctx, c.caller, w.anna.ID, c.form), c.want)
		}
		for _, c := range []account.Caller{w.ben, w.cora, {}, {ID: w.anna.ID, Roles: []policies.Role{policies.EndUser}}} {
			w.Want("naming another's", w.AddDeputy(w.Ctx, c, w.anna.ID, DeputyForm{cora, "2026-12-01", "2026-12-01"}), policies.ErrForbidden)
			_, _, err := w.Deputies(w.Ctx, c, w.anna.ID)
			w.Want("reading another's", err, policies.ErrForbidden)
		}
		if n := w.count(`deputy`); n != 3 {
			w.Errorf("%d deputies", n)
		}
		if n := w.count(`audit WHERE action = ? AND subject_id = ? AND detail LIKE '%2026-12-10%'`, audit.DeputyNamed, w.anna.ID); n != 1 {
			w.Errorf("%d entries about the first", n)
		}
	})
}

// TestDeputyEnds: a deputyship can end now, before it begins, or by deactivation. Ending it twice, or another person's,
// changes nothing.
func TestDeputyEnds(t *testing.T) {
	each(t, func(w *world) {
		_, annas := w.customer(w.anna, "Anna GmbH", 1)
		ids := func() (out []uuid.UUID) {
			list, _, err := w.Deputies(w.Ctx, w.anna, w.anna.ID)
			w.Must(err)
			for _, d := range list {
				out = append(out, d.ID)
			}
			return out
		}
		add := func(from, until string) uuid.UUID {
			w.Must(w.AddDeputy(w.Ctx, w.anna, w.anna.ID, DeputyForm{w.ben.ID.String(), from, until}))
			return ids()[0]
		}
		today := add("2026-11-24", "2026-11-24")
		if _, err := w.transactions.Get(w.Ctx, w.signedIn(w.ben), annas[0]); err != nil {
			w.Errorf("today: %v", err)
		}
		w.Set(w.Now().Add(time.Minute))
		w.Want("ending another's", w.EndDeputy(w.Ctx, w.cora, w.anna.ID, today), policies.ErrForbidden)
		w.Want("ending it at the wrong person", w.EndDeputy(w.Ctx, w.admin, w.ben.ID, today), ErrNotFound)
		w.Must(w.EndDeputy(w.Ctx, w.anna, w.anna.ID, today))
		w.Must(w.EndDeputy(w.Ctx, w.anna, w.anna.ID, today))
		if _, err := w.transactions.Get(w.Ctx, w.signedIn(w.ben), annas[0]); !errors.Is(err, transaction.ErrNotFound) {
			w.Errorf("after its end: %v", err)
		}
		coming := add("2026-12-01", "2026-12-02")
		w.Must(w.EndDeputy(w.Ctx, w.admin, w.anna.ID, coming))
		if len(ids()) != 1 {
			w.Error("what never began is still there")
		}
		add("2026-11-24", "2026-11-30")
		w.Set(w.Now().Add(time.Minute))
		add("2026-12-01", "2026-12-02")
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, w.ben.ID))
		w.Must(w.Accounts.Reactivate(w.Ctx, w.admin, w.ben.ID))
		if ben := w.signedIn(w.ben); len(ben.For) > 0 {
			w.Errorf("a deputy who was deactivated stands in again for %v", ben.For)
		}
		if n := w.count(`audit WHERE action = ?`, audit.DeputyEnded); n != 4 {
			w.Errorf("%d ends in the log, want 4", n)
		}
		if n := w.count(`deputy WHERE ends_at > ?`, w.Now()); n != 0 {
			w.Errorf("%d go on", n)
		}
	})
}

// TestDeputyAtOnce: of several concurrent requests only one names the deputy.
func TestDeputyAtOnce(t *testing.T) {
	each(t, func(w *world) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		named := 0
		for range 8 {
			wg.Go(func() {
				err := w.AddDeputy(context.Background(), w.admin, w.anna.ID, DeputyForm{w.ben.ID.String(), "2026-12-01", "2026-12-24"})
				mu.Lock()
				if err == nil {
					named++
				}
				mu.Unlock()
			})
		}
		wg.Wait()
		if named != 1 || w.count(`deputy`) != 1 {
			w.Errorf("named %d times, %d rows", named, w.count(`deputy`))
		}
	})
}

// TestSwitch: the customers of a deactivated person need attention, at once when they are few, and no longer after the
// reactivation. Customers with another administrator stay unchanged.
func TestSwitch(t *testing.T) {
	each(t, func(w *world) {
		w.firm(3)
		shared, _ := w.customer(w.anna, "Geteilt GmbH", 0)
		w.Exec(`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`, shared, w.ben.ID, w.Now(), w.admin.ID)
		attention := func() int { return w.count(`customer WHERE attention_at <= ?`, w.Now()) }
		left, err := w.customers.LeftBy(w.Ctx, w.admin, w.anna.ID)
		w.Must(err)
		if left.Count != 3 || len(left.Examples) != 3 || attention() != 0 {
			w.Errorf("before: %+v, %d need attention", left, attention())
		}
		if left, err = w.customers.LeftBy(w.Ctx, account.Caller{ID: newID(), Roles: []policies.Role{policies.EndUser}}, w.anna.ID); err != nil || len(left.Examples) > 0 {
			w.Errorf("examples for who may see no customer: %+v, %v", left, err)
		}
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, w.anna.ID))
		if n := attention(); n != 3 {
			w.Errorf("%d need attention after the deactivation", n)
		}
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, w.ben.ID))
		if n := attention(); n != 4 {
			w.Errorf("%d need attention after the second deactivation", n)
		}
		w.Must(w.Accounts.Reactivate(w.Ctx, w.admin, w.anna.ID))
		if n := attention(); n != 0 {
			w.Errorf("%d need attention after the reactivation", n)
		}
	})
}
