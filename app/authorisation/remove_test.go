package authorisation

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/policies"
)

// TestRemoveAndUndo: B's authorisation is removed and restored as it was.
func TestRemoveAndUndo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.addProcessor(w.taxes, w.ben)
		_, err := w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))
		w.Must(err)
		before := w.facts()
		since, err := w.Administrators(w.Ctx, w.anna, w.customer)
		w.Must(err)
		w.Tick(time.Hour)
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Administrators: ids(w.clara.ID), Processors: ids(w.ben.ID, w.ben.ID)}, false)
		require.NoError(t, err)
		require.Equal(t, 2, out.Count())
		require.Equal(t, "Clara Cron", out.Administrators[0])
		require.Equal(t, "Ben Büro", out.Processors[0])
		require.False(t, out.LastAdministrator)
		w.sound()
		assert.Equal(t, "a Anna Amt", w.facts(), "assignments left")
		for _, c := range []account.Caller{w.ben, w.clara} { // an open page refuses the next click
			_, err := w.transactions.Get(w.Ctx, c, w.contract.ID)
			assert.Equal(t, "not_found: transaction.not_found", complaint(err), c.Name)
		}
		n := w.Number(`SELECT count(*) FROM audit WHERE action = ? AND transaction_id IS NOT NULL`, audit.ProcessorRemoved)
		assert.Equal(t, 2, n, "entries for two transactions")
		var sealed []byte
		w.Must(w.db.NewRaw(`SELECT sealed FROM authorisation_removal`).Scan(w.Ctx, &sealed))
		assert.NotContains(t, string(sealed), w.clara.ID.String(), "what was removed lies open")
		back, err := w.Undo(w.Ctx, w.anna, out.ID)
		require.NoError(t, err)
		require.Equal(t, 2, back.Count)
		require.Equal(t, w.customer, back.CustomerID)
		require.Equal(t, 0, back.Invited)
		w.sound()
		assert.Equal(t, before, w.facts(), "restored")
		now, err := w.Administrators(w.Ctx, w.anna, w.customer)
		require.NoError(t, err)
		assert.WithinDuration(t, since[1].Since, now[1].Since, 0)
		assert.Equal(t, "Anna Amt", now[1].By)
		assert.Equal(t, 3, w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.AuthorisationRestored), "entries for what was restored")
		_, err = w.Undo(w.Ctx, w.anna, out.ID)
		assert.Equal(t, "gone: authorisation.undone", complaint(err), "a second time")
	})
}

// TestRemoveRefuses: a refused removal removes nothing.
func TestRemoveRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.invite(w.customer, "berta@kunde.example")
		w.invite(w.customer, "otto@kunde.example")
		other := w.addCustomer("Fremd")
		foreign := w.invite(other, "fremd@kunde.example")
		_, err := w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))
		w.Must(err)
		before := w.facts()
		for name, c := range map[string]struct {
			by   account.Caller
			sel  Selection
			want string
		}{
			"nothing":                       {w.anna, Selection{}, "invalid: authorisation.nothing"},
			"unknown administrator":         {w.anna, Selection{Accesses: ids(a.ID), Administrators: ids(w.ben.ID)}, "not_found: authorisation.gone"},
			"unknown processor":             {w.anna, Selection{Accesses: ids(a.ID), Processors: ids(w.clara.ID)}, "not_found: authorisation.gone"},
			"unknown access":                {w.anna, Selection{Administrators: ids(w.clara.ID), Accesses: ids(newID())}, "not_found: authorisation.gone"},
			"another customer's access":     {w.anna, Selection{Administrators: ids(w.clara.ID), Accesses: ids(foreign.ID)}, "not_found: authorisation.gone"},
			"no id":                         {w.anna, Selection{Accesses: ids(a.ID, uuid.Nil)}, "not_found: authorisation.gone"},
			"who may not":                   {w.ben, Selection{Administrators: ids(w.clara.ID)}, "forbidden: forbidden"},
			"an auditor":                    {w.rita, Selection{Accesses: ids(a.ID)}, "forbidden: forbidden"},
			"transactions one does not see": {w.uwe, Selection{Administrators: ids(w.clara.ID), Processors: ids(w.ben.ID)}, "not_found: authorisation.gone"},
			"nobody":                        {account.Caller{}, Selection{Accesses: ids(a.ID)}, "not_found: customer.not_found"},
		} {
			_, err := w.Remove(w.Ctx, c.by, w.customer, c.sel, true)
			assert.Equal(t, c.want, complaint(err), name)
			require.Equal(t, before, w.facts(), name)
		}
		// The right to remove accesses is not the right to remove administrators.
		w.policyIs("\np, auditor, *, access, *, remove, allow\n")
		both := Selection{Accesses: ids(a.ID), Administrators: ids(w.clara.ID)}
		_, err = w.Remove(w.Ctx, w.rita, w.customer, both, true)
		assert.Equal(t, "forbidden: forbidden", complaint(err), "half of it is allowed")
		assert.Equal(t, before, w.facts(), "half of it is allowed")
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM authorisation_removal`), "removals are kept")
	})
}

// TestLast: removing the last access or the last active administrator needs a confirmation.
func TestLast(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		off := w.Specialist("Olaf Off")
		_, err := w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(off.ID, w.clara.ID))
		w.Must(err)
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, off.ID)
		a, b := w.invite(w.customer, "berta@kunde.example"), w.invite(w.customer, "otto@kunde.example")
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(a.ID), Administrators: ids(w.clara.ID)}, false)
		require.NoError(t, err, "one of two")
		require.False(t, out.LastAccess, "one of two: %+v", out)
		require.False(t, out.LastAdministrator, "one of two")
		before := w.facts()
		for name, c := range map[string]struct {
			sel                  Selection
			lastAccess, lastAdmi bool
		}{
			"access":        {Selection{Accesses: ids(b.ID)}, true, false},
			"administrator": {Selection{Administrators: ids(w.anna.ID)}, false, true}, // a deactivated administrator does not count as one who is left
			"both":          {Selection{Accesses: ids(b.ID), Administrators: ids(w.anna.ID, off.ID)}, true, true},
		} {
			out, err := w.Remove(w.Ctx, w.anna, w.customer, c.sel, false)
			assert.Equal(t, "conflict: authorisation.last", complaint(err), name)
			assert.Equal(t, c.lastAccess, out.LastAccess, name)
			assert.Equal(t, c.lastAdmi, out.LastAdministrator, name)
			assert.Equal(t, uuid.Nil, out.ID, name)
			assert.Equal(t, before, w.facts(), name)
		}
		out, err = w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(b.ID), Administrators: ids(w.anna.ID, off.ID)}, true)
		require.NoError(t, err, "confirmed")
		require.Equal(t, "p Ben Büro Vertrag", w.facts(), "confirmed")
		n := w.Number(`SELECT count(*) FROM customer WHERE id = ? AND attention_at IS NOT NULL`, w.customer)
		assert.Equal(t, 1, n, "a customer without anybody needs no attention")
		// A removed their own administration: they had the right, so they may undo it.
		_, err = w.Undo(w.Ctx, w.anna, out.ID)
		require.NoError(t, err, "undone")
		assert.Equal(t, before, w.facts(), "undone")
		w.sound()
	})
}

// TestUndoOnly checks who can undo a removal, when, and with which permission.
func TestUndoOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		remove := func(by account.Caller, sel Selection) uuid.UUID {
			t.Helper()
			out, err := w.Remove(w.Ctx, by, w.customer, sel, true)
			w.Must(err)
			return out.ID
		}
		undo := func(name string, by account.Caller, id uuid.UUID, want string) {
			t.Helper()
			before := w.facts()
			if _, err := w.Undo(w.Ctx, by, id); complaint(err) != want {
				t.Errorf("%s: %s, want %s", name, complaint(err), want)
			} else if err != nil && w.facts() != before {
				t.Errorf("%s: refused, and yet %s became %s", name, before, w.facts())
			}
		}
		_, err := w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))
		w.Must(err)

		id := remove(w.anna, Selection{Processors: ids(w.ben.ID)})
		undo("somebody else", w.clara, id, "gone: authorisation.undone")
		undo("unknown", w.anna, newID(), "gone: authorisation.undone")
		w.Tick(UndoLife)
		undo("too late", w.anna, id, "gone: authorisation.undone")
		w.Must(w.Purge(w.Ctx))
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM authorisation_removal`), "removals are kept for longer than they can be undone")

		w.addProcessor(w.contract, w.ben)
		id = remove(w.anna, Selection{Processors: ids(w.ben.ID)})
		w.Tick(UndoLife - time.Second)
		undo("just in time", w.anna, id, "<nil>")

		// Anna may not undo it any more, because somebody else removed her.
		id = remove(w.anna, Selection{Processors: ids(w.ben.ID)})
		remove(w.clara, Selection{Administrators: ids(w.anna.ID)})
		undo("removed by another", w.anna, id, "gone: authorisation.undone")

		// Anna removes herself, becomes administrator again and is removed by somebody else. Her undo does not bring her back.
		_, err = w.AddAdministrators(w.Ctx, w.clara, w.customer, ids(w.anna.ID))
		w.Must(err)
		id = remove(w.anna, Selection{Administrators: ids(w.anna.ID)})
		_, err = w.AddAdministrators(w.Ctx, w.clara, w.customer, ids(w.anna.ID))
		w.Must(err)
		remove(w.clara, Selection{Administrators: ids(w.anna.ID)})
		undo("back in by one's own removal", w.anna, id, "gone: authorisation.undone")

		// Meanwhile the policy denies it.
		_, err = w.AddAdministrators(w.Ctx, w.clara, w.customer, ids(w.anna.ID))
		w.Must(err)
		id = remove(w.anna, Selection{Administrators: ids(w.anna.ID)})
		w.policyIs("\np, specialist, administrator, authorisation, *, manage, deny\n")
		undo("denied since", w.anna, id, "forbidden: forbidden")
		w.policyIs("")
		undo("allowed again", w.anna, id, "<nil>")

		// The role was taken away since.
		id = remove(w.uwe, Selection{Administrators: ids(w.anna.ID)})
		former := w.uwe
		former.Roles = []policies.Role{policies.Specialist}
		undo("role gone", former, id, "forbidden: forbidden")
		undo("role there", w.uwe, id, "<nil>")

		// A deputy removed the person whom they represent.
		standIn := w.deputy(w.Specialist("Dora Deputy"), w.anna)
		id = remove(standIn, Selection{Administrators: ids(w.anna.ID)})
		undo("standing in", standIn, id, "<nil>")
		w.sound()
	})
}

// TestUndoable lists the caller's own removals at this customer, newest first, as long as they can be undone, and only
// with the permission.
func TestUndoable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		remove := func(by account.Caller, sel Selection) uuid.UUID {
			t.Helper()
			out, err := w.Remove(w.Ctx, by, w.customer, sel, true)
			w.Must(err)
			return out.ID
		}
		offers := func(when string, c account.Caller, customerID uuid.UUID, want ...string) (list []Kept) {
			t.Helper()
			list, err := w.Undoable(w.Ctx, c, customerID)
			w.Must(err)
			var got []string
			for _, k := range list {
				got = append(got, strings.Join(k.Names, "+"))
			}
			assert.Equal(t, want, got, "%s: %s is offered", when, c.Name)
			return list
		}
		other := w.addCustomer("Fremd")
		_, err := w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))
		w.Must(err)
		offers("at first", w.anna, w.customer)
		a := w.invite(w.customer, "berta@kunde.example")
		older := remove(w.anna, Selection{Accesses: ids(a.ID), Processors: ids(w.ben.ID)})
		w.Tick(time.Minute)
		newer := remove(w.anna, Selection{Administrators: ids(w.clara.ID)})
		list := offers("after two", w.anna, w.customer, "Clara Cron", "Berta Kühn+Ben Büro")
		if at := w.Now(); len(list) == 2 && (list[0].ID != newer || !list[0].RemovedAt.Equal(at) || !list[0].Until.Equal(at.Add(UndoLife)) || list[1].ID != older) {
			t.Errorf("%+v", list)
		}
		for _, c := range []account.Caller{w.clara, w.ben, w.uwe, w.rita} {
			offers("somebody else's", c, w.customer)
		}
		offers("at another customer", w.anna, other)
		_, err = w.Undoable(w.Ctx, account.Caller{}, w.customer)
		assert.Equal(t, "not_found: customer.not_found", complaint(err), "nobody")

		// One half is denied by now. The other half is still offered.
		w.policyIs("\np, specialist, *, access, *, remove, deny\n")
		offers("denied since", w.anna, w.customer, "Clara Cron")
		w.policyIs("")

		w.Tick(UndoLife - time.Minute)
		offers("the first is too old", w.anna, w.customer, "Clara Cron")
		w.Must(second(w.Undo(w.Ctx, w.anna, newer)))
		offers("undone", w.anna, w.customer)

		// Somebody who removed themselves is offered the undo. Somebody who was removed by another is not.
		id := remove(w.anna, Selection{Administrators: ids(w.anna.ID)})
		offers("oneself", w.anna, w.customer, "Anna Amt")
		w.Must(second(w.Undo(w.Ctx, w.anna, id)))
		w.addProcessor(w.contract, w.ben)
		remove(w.anna, Selection{Processors: ids(w.ben.ID)})
		remove(w.clara, Selection{Administrators: ids(w.anna.ID)})
		offers("removed by another", w.anna, w.customer)
		offers("the other", w.clara, w.customer, "Anna Amt")
		w.Tick(UndoLife)
		offers("ten minutes later", w.clara, w.customer)
	})
}

// TestUndoTakesOnce: of two concurrent undos only one succeeds.
func TestUndoTakesOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Processors: ids(w.ben.ID)}, false)
		w.Must(err)
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for range 8 {
			wg.Go(func() {
				if _, err := w.Undo(w.Ctx, w.anna, out.ID); err == nil {
					mu.Lock()
					done++
					mu.Unlock()
				} else if complaint(err) != "gone: authorisation.undone" {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 1, done, "undone %d times", done)
	})
}

// TestAccessComesBack: after an undo a registered end user signs in as before; an invited one gets a new invitation.
func TestAccessComesBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		registered := w.invite(w.customer, "berta@kunde.example")
		w.register("berta@kunde.example")
		_, session, err := w.Accounts.SignIn(w.Ctx, "berta@kunde.example", strong, here)
		w.Must(err)
		pending := w.invite(w.customer, "otto@kunde.example")
		old := w.link("otto@kunde.example")
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(registered.ID, pending.ID)}, true)
		w.Must(err)
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM account WHERE email = 'berta@kunde.example'`), "the account stayed")
		_, _, err = w.Accounts.SignIn(w.Ctx, "berta@kunde.example", strong, here)
		assert.Error(t, err, "who has no access signs in")
		w.Tick(5 * time.Minute)
		back, err := w.Undo(w.Ctx, w.anna, out.ID)
		require.NoError(t, err)
		require.Equal(t, 2, back.Count)
		require.Equal(t, 1, back.Invited)
		_, _, err = w.Accounts.SignIn(w.Ctx, "berta@kunde.example", strong, here)
		assert.NoError(t, err)
		p, err := w.Accounts.Authenticate(w.Ctx, session)
		require.NoError(t, err, "a session came back")
		assert.Nil(t, p, "a session came back")
		_, err = w.accesses.Invitation(w.Ctx, old)
		assert.Error(t, err, "the old link is good again")
		if fresh := w.link("otto@kunde.example"); fresh == old {
			t.Error("no new link went out")
		} else if _, err := w.accesses.Invitation(w.Ctx, fresh); err != nil {
			t.Errorf("the new link: %v", err)
		}
		r, err := w.accesses.Get(w.Ctx, w.anna, w.customer, registered.ID)
		require.NoError(t, err)
		assert.Equal(t, access.Registered, r.Status)
		assert.Equal(t, registered.ID, r.ID)
		assert.WithinDuration(t, registered.CreatedAt, r.CreatedAt, 0)
		n := w.Number(`SELECT count(*) FROM message WHERE access_id = ? AND state = ?`, registered.ID, courier.Queued)
		assert.Equal(t, 0, n, "messages to who is registered")
	})
}

// TestAccessCameAnew: an undo does not overwrite what was changed within the ten minutes.
func TestAccessCameAnew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := w.addCustomer("Fremd")
		taken := func(email string) (uuid.UUID, uuid.UUID) {
			a := w.invite(w.customer, email)
			w.register(email)
			out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(a.ID)}, true)
			w.Must(err)
			return a.ID, out.ID
		}
		// The same address was given a new access.
		_, id := taken("berta@kunde.example")
		w.invite(w.customer, "berta@kunde.example")
		_, err := w.Undo(w.Ctx, w.anna, id)
		assert.Equal(t, "conflict: access.taken", complaint(err), "a second access of one address")
		// The person registered at another customer, and the access belongs to the new account now.
		a, id := taken("otto@kunde.example")
		w.invite(other, "otto@kunde.example")
		w.register("otto@kunde.example")
		_, err = w.Undo(w.Ctx, w.anna, id)
		require.NoError(t, err, "registered elsewhere")
		n := w.Number(`SELECT count(*) FROM access JOIN account ON account.id = access.account_id WHERE access.id = ? AND account.email = 'otto@kunde.example'`, a)
		assert.Equal(t, 1, n, "the access belongs to nobody")
		// Somebody else has the username by now.
		_, id = taken("ines@kunde.example")
		thief := w.Specialist("Theo Taker")
		w.Exec(`UPDATE account SET username = 'ines@kunde.example', username_folded = 'ines@kunde.example' WHERE id = ?`, thief.ID)
		_, err = w.Undo(w.Ctx, w.anna, id)
		assert.Equal(t, "conflict: access.taken", complaint(err), "the username is another's")
		// The account was erased with the person's other access. Undoing the first removal invites the person again.
		b := w.invite(w.customer, "emil@kunde.example")
		w.register("emil@kunde.example")
		c := w.invite(other, "emil@kunde.example")
		w.Must(second(w.accesses.Register(w.Ctx, w.link("emil@kunde.example"), access.RegisterForm{Password: strong, PasswordRepeat: strong}, account.Caller{}, here)))
		first, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(b.ID)}, true)
		w.Must(err)
		then, err := w.Remove(w.Ctx, w.anna, other, Selection{Accesses: ids(c.ID)}, true)
		w.Must(err)
		back, err := w.Undo(w.Ctx, w.anna, first.ID)
		require.NoError(t, err, "without its account")
		assert.Equal(t, 1, back.Invited, "without its account")
		back, err = w.Undo(w.Ctx, w.anna, then.ID)
		require.NoError(t, err, "with its account")
		assert.Equal(t, 0, back.Invited, "with its account")
	})
}

func second[A any](_ A, err error) error { return err }
