package handover

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		// Anna is Cora's deputy all the time. Ben is Anna's deputy on the two days around the start of summer time.
		w.Must(w.AddDeputy(w.Ctx, w.cora, w.cora.ID, DeputyForm{Deputy: w.anna.ID.String(), From: "2026-11-24", Until: "2027-06-30"}))
		w.Must(w.AddDeputy(w.Ctx, w.admin, w.anna.ID, DeputyForm{Deputy: w.ben.ID.String(), From: "2027-03-27", Until: "2027-03-28"}))
		starts := time.Date(2027, 3, 27, 0, 0, 0, 0, berlin)
		ends := time.Date(2027, 3, 29, 0, 0, 0, 0, berlin)
		require.Equal(w, 47*time.Hour, ends.Sub(starts), "these days have")
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
			seen, errGet := w.transactions.Get(w.Ctx, ben, annas[0])
			may, err := w.transactions.Allows(ben, seen, policies.Process)
			w.Must(err)
			_, errOther := w.transactions.Get(w.Ctx, ben, coras[0])
			want := 0
			if c.in {
				want = 2
			}
			assert.Len(w, page.Rows, want, "%s: the list of whom Anna stands in for", c.at)
			assert.Equal(w, c.in, errGet == nil, "%s: a transaction of whom Anna stands in for can be opened", c.at)
			assert.Equal(w, c.in, may, "%s: a transaction of whom Anna stands in for may be processed", c.at)
			assert.ErrorIs(w, errOther, transaction.ErrNotFound, "%s: a transaction of somebody else", c.at)
			assert.Error(w, w.Decider.Require(policies.Request{Roles: w.signedIn(w.cora).Roles, Object: policies.ObjectSpecialist, Action: policies.Read}), "roles are passed on")
			list, _, err := w.Deputies(w.Ctx, w.anna, w.anna.ID)
			w.Must(err)
			require.Len(w, list, 1, c.at)
			assert.Equal(w, c.state, list[0].State, c.at)
			assert.Equal(w, "Ben Bach", list[0].Deputy, c.at)
			assert.Equal(w, "Uta Amt", list[0].By, c.at)
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
			{w.anna, DeputyForm{ben, "2026-12-21", "2027-12-20"}, "none"},  // from the next day, for exactly a year
			{w.anna, DeputyForm{cora, "2026-12-15", "2026-12-16"}, "none"}, // two at a time
		} {
			w.wantForm(fmt.Sprintf("%+v", c.form), w.AddDeputy(w.Ctx, c.caller, w.anna.ID, c.form), c.want)
		}
		for _, c := range []account.Caller{w.ben, w.cora, {}, {ID: w.anna.ID, Roles: []policies.Role{policies.EndUser}}} {
			w.Want("naming another's", w.AddDeputy(w.Ctx, c, w.anna.ID, DeputyForm{cora, "2026-12-01", "2026-12-01"}), policies.ErrForbidden)
			_, _, err := w.Deputies(w.Ctx, c, w.anna.ID)
			w.Want("reading another's", err, policies.ErrForbidden)
		}
		assert.Equal(w, 3, w.count(`deputy`), "deputies")
		n := w.count(`audit WHERE action = ? AND subject_id = ? AND detail LIKE '%2026-12-10%'`, audit.DeputyNamed, w.anna.ID)
		assert.Equal(w, 1, n, "entries about the first")
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
		_, err := w.transactions.Get(w.Ctx, w.signedIn(w.ben), annas[0])
		assert.NoError(w, err, "today")
		w.Set(w.Now().Add(time.Minute))
		w.Want("ending another's", w.EndDeputy(w.Ctx, w.cora, w.anna.ID, today), policies.ErrForbidden)
		w.Want("ending it at the wrong person", w.EndDeputy(w.Ctx, w.admin, w.ben.ID, today), ErrNotFound)
		w.Must(w.EndDeputy(w.Ctx, w.anna, w.anna.ID, today))
		w.Must(w.EndDeputy(w.Ctx, w.anna, w.anna.ID, today))
		_, err = w.transactions.Get(w.Ctx, w.signedIn(w.ben), annas[0])
		assert.ErrorIs(w, err, transaction.ErrNotFound, "after its end")
		coming := add("2026-12-01", "2026-12-02")
		w.Must(w.EndDeputy(w.Ctx, w.admin, w.anna.ID, coming))
		assert.Len(w, ids(), 1, "what never began is still there")
		add("2026-11-24", "2026-11-30")
		w.Set(w.Now().Add(time.Minute))
		add("2026-12-01", "2026-12-02")
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, w.ben.ID))
		w.Must(w.Accounts.Reactivate(w.Ctx, w.admin, w.ben.ID))
		assert.Empty(w, w.signedIn(w.ben).For, "a deputy who was deactivated stands in again")
		assert.Equal(w, 4, w.count(`audit WHERE action = ?`, audit.DeputyEnded), "ends in the log")
		assert.Equal(w, 0, w.count(`deputy WHERE ends_at > ?`, w.Now()), "go on")
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
		assert.Equal(w, 1, named, "named %d times, %d rows", named, w.count(`deputy`))
		assert.Equal(w, 1, w.count(`deputy`), "%d rows", w.count(`deputy`))
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
		assert.EqualValues(w, 3, left.Count)
		assert.Len(w, left.Examples, 3)
		assert.Equal(w, 0, attention(), "need attention")
		left, err = w.customers.LeftBy(w.Ctx, account.Caller{ID: newID(), Roles: []policies.Role{policies.EndUser}}, w.anna.ID)
		require.NoError(w, err, "examples for who may see no customer")
		assert.Empty(w, left.Examples, "examples for who may see no customer")
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, w.anna.ID))
		assert.Equal(w, 3, attention(), "need attention after the deactivation")
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, w.ben.ID))
		assert.Equal(w, 4, attention(), "need attention after the second deactivation")
		w.Must(w.Accounts.Reactivate(w.Ctx, w.admin, w.anna.ID))
		assert.Equal(w, 0, attention(), "need attention after the reactivation")
	})
}
