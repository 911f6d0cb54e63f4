package authorisation

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/policies"
)

// TestRemoveAndUndo: B's authorisation is removed and restored as it was.
func TestRemoveAndUndo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.entrust(w.taxes, w.ben)
		_, err := w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))
		w.Must(err)
		before := w.facts()
		since, err := w.Administrators(w.Ctx, w.anna, w.customer)
		w.Must(err)
		w.Tick(time.Hour)
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Administrators: ids(w.clara.ID), Processors: ids(w.ben.ID, w.ben.ID)}, false)
		if err != nil || out.Count() != 2 || out.Administrators[0] != "Clara Cron" || out.Processors[0] != "Ben Büro" || out.LastAdministrator {
			t.Fatalf("%+v, %v", out, err)
		}
		w.sound()
		if got := w.facts(); got != "a Anna Amt" {
			t.Errorf("left: %s", got)
		}
		for _, c := range []account.Caller{w.ben, w.clara} { // an open page refuses the next click
			if _, err := w.transactions.Get(w.Ctx, c, w.contract.ID); complaint(err) != "not_found: transaction.not_found" {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if n := w.Number(`SELECT count(*) FROM audit WHERE action = ? AND transaction_id IS NOT NULL`, audit.ProcessorRelieved); n != 2 {
			t.Errorf("%d entries for two transactions", n)
		}
		var sealed []byte
		w.Must(w.db.NewRaw(`SELECT sealed FROM authorisation_removal`).Scan(w.Ctx, &sealed))
		if strings.Contains(string(sealed), w.clara.ID.String()) {
			t.Error("what was removed lies open")
		}
		back, err := w.Undo(w.Ctx, w.anna, out.ID)
		if err != nil || back.Count != 2 || back.CustomerID != w.customer || back.Invited != 0 {
			t.Fatalf("%+v, %v", back, err)
		}
		w.sound()
		if got := w.facts(); got != before {
			t.Errorf("restored: %s, want %s", got, before)
		}
		if now, err := w.Administrators(w.Ctx, w.anna, w.customer); err != nil || !now[1].Since.Equal(since[1].Since) || now[1].By != "Anna Amt" {
			t.Errorf("%+v, %v", now, err)
		}
		if n := w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.AuthorisationRestored); n != 3 {
			t.Errorf("%d entries for what was restored", n)
		}
		if _, err := w.Undo(w.Ctx, w.anna, out.ID); complaint(err) != "gone: authorisation.undone" {
			t.Errorf("a second time: %v", err)
		}
	})
}

// TestRemoveRefuses: a refused removal removes nothing.
func TestRemoveRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.invite(w.customer, "berta@kunde.example")
		w.invite(w.customer, "otto@kunde.example")
		other := w.addCustomer("Fremd")
		foreign := w.invite(other, "fremd@kunde.example")
		_, err := w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))
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
			if _, err := w.Remove(w.Ctx, c.by, w.customer, c.sel, true); complaint(err) != c.want {
				t.Errorf("%s: %s, want %s", name, complaint(err), c.want)
			}
			if got := w.facts(); got != before {
				t.Fatalf("%s: %s, want %s", name, got, before)
			}
		}
		// the right to the one is not the right to the other
		w.policyIs("\np, auditor, *, access, *, remove, allow\n")
		both := Selection{Accesses: ids(a.ID), Administrators: ids(w.clara.ID)}
		if _, err := w.Remove(w.Ctx, w.rita, w.customer, both, true); complaint(err) != "forbidden: forbidden" || w.facts() != before {
			t.Errorf("half of it is allowed: %v, %s", err, w.facts())
		}
		if n := w.Number(`SELECT count(*) FROM authorisation_removal`); n != 0 {
			t.Errorf("%d removals are kept", n)
		}
	})
}

// TestLast: removing the last access or the last active administrator needs a confirmation.
func TestLast(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		off := w.Specialist("Olaf Off")
		_, err := w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(off.ID, w.clara.ID))
		w.Must(err)
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, off.ID)
		a, b := w.invite(w.customer, "berta@kunde.example"), w.invite(w.customer, "otto@kunde.example")
		if out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(a.ID), Administrators: ids(w.clara.ID)}, false); err != nil || out.LastAccess || out.LastAdministrator {
			t.Fatalf("one of two: %+v, %v", out, err)
		}
		before := w.facts()
		for name, c := range map[string]struct {
			sel                  Selection
			lastAccess, lastAdmi bool
		}{
			"access":        {Selection{Accesses: ids(b.ID)}, true, false},
			"administrator": {Selection{Administrators: ids(w.anna.ID)}, false, true}, // who is deactivated is not left
			"both":          {Selection{Accesses: ids(b.ID), Administrators: ids(w.anna.ID, off.ID)}, true, true},
		} {
			out, err := w.Remove(w.Ctx, w.anna, w.customer, c.sel, false)
			if complaint(err) != "conflict: authorisation.last" || out.LastAccess != c.lastAccess || out.LastAdministrator != c.lastAdmi || out.ID != uuid.Nil || w.facts() != before {
				t.Errorf("%s: %+v, %v, %s", name, out, err, w.facts())
			}
		}
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(b.ID), Administrators: ids(w.anna.ID, off.ID)}, true)
		if err != nil || w.facts() != "p Ben Büro Vertrag" {
			t.Fatalf("confirmed: %v, %s", err, w.facts())
		}
		if n := w.Number(`SELECT count(*) FROM customer WHERE id = ? AND attention_at IS NOT NULL`, w.customer); n != 1 {
			t.Error("a customer without anybody needs no attention")
		}
		// A removed their own administration: they had the right, so they may undo it.
		if _, err := w.Undo(w.Ctx, w.anna, out.ID); err != nil || w.facts() != before {
			t.Errorf("undone: %v, %s, want %s", err, w.facts(), before)
		}
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
		_, err := w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))
		w.Must(err)

		id := remove(w.anna, Selection{Processors: ids(w.ben.ID)})
		undo("somebody else", w.clara, id, "gone: authorisation.undone")
		undo("unknown", w.anna, newID(), "gone: authorisation.undone")
		w.Tick(UndoLife)
		undo("too late", w.anna, id, "gone: authorisation.undone")
		w.Must(w.Purge(w.Ctx))
		if n := w.Number(`SELECT count(*) FROM authorisation_removal`); n != 0 {
			t.Errorf("%d removals are kept for longer than they can be undone", n)
		}

		w.entrust(w.contract, w.ben)
		id = remove(w.anna, Selection{Processors: ids(w.ben.ID)})
		w.Tick(UndoLife - time.Second)
		undo("just in time", w.anna, id, "<nil>")

		// A may not do it any more: somebody else dismissed them
		id = remove(w.anna, Selection{Processors: ids(w.ben.ID)})
		remove(w.clara, Selection{Administrators: ids(w.anna.ID)})
		undo("dismissed by another", w.anna, id, "gone: authorisation.undone")

		// removing oneself, being appointed again and dismissed by another: no way back in
		_, err = w.AppointAdministrators(w.Ctx, w.clara, w.customer, ids(w.anna.ID))
		w.Must(err)
		id = remove(w.anna, Selection{Administrators: ids(w.anna.ID)})
		_, err = w.AppointAdministrators(w.Ctx, w.clara, w.customer, ids(w.anna.ID))
		w.Must(err)
		remove(w.clara, Selection{Administrators: ids(w.anna.ID)})
		undo("back in by one's own removal", w.anna, id, "gone: authorisation.undone")

		// the policy says no meanwhile
		_, err = w.AppointAdministrators(w.Ctx, w.clara, w.customer, ids(w.anna.ID))
		w.Must(err)
		id = remove(w.anna, Selection{Administrators: ids(w.anna.ID)})
		w.policyIs("\np, specialist, administrator, authorisation, *, manage, deny\n")
		undo("denied since", w.anna, id, "forbidden: forbidden")
		w.policyIs("")
		undo("allowed again", w.anna, id, "<nil>")

		// a role that was taken since
		id = remove(w.uwe, Selection{Administrators: ids(w.anna.ID)})
		former := w.uwe
		former.Roles = []policies.Role{policies.Specialist}
		undo("role gone", former, id, "forbidden: forbidden")
		undo("role there", w.uwe, id, "<nil>")

		// a deputy who removed whom they stand in for
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
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s is offered %q, want %q", when, c.Name, got, want)
			}
			return list
		}
		other := w.addCustomer("Fremd")
		_, err := w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))
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
		if _, err := w.Undoable(w.Ctx, account.Caller{}, w.customer); complaint(err) != "not_found: customer.not_found" {
			t.Errorf("nobody: %v", err)
		}

		// half of it is not theirs to do any more: what they may is still offered
		w.policyIs("\np, specialist, *, access, *, remove, deny\n")
		offers("denied since", w.anna, w.customer, "Clara Cron")
		w.policyIs("")

		w.Tick(UndoLife - time.Minute)
		offers("the first is too old", w.anna, w.customer, "Clara Cron")
		w.Must(second(w.Undo(w.Ctx, w.anna, newer)))
		offers("undone", w.anna, w.customer)

		// who removed themselves may take it back, and is offered it; dismissed by another, they are not
		id := remove(w.anna, Selection{Administrators: ids(w.anna.ID)})
		offers("oneself", w.anna, w.customer, "Anna Amt")
		w.Must(second(w.Undo(w.Ctx, w.anna, id)))
		w.entrust(w.contract, w.ben)
		remove(w.anna, Selection{Processors: ids(w.ben.ID)})
		remove(w.clara, Selection{Administrators: ids(w.anna.ID)})
		offers("dismissed by another", w.anna, w.customer)
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
		if done != 1 {
			t.Errorf("undone %d times", done)
		}
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
		if n := w.Number(`SELECT count(*) FROM account WHERE email = 'berta@kunde.example'`); n != 0 {
			t.Error("the account stayed")
		}
		if _, _, err := w.Accounts.SignIn(w.Ctx, "berta@kunde.example", strong, here); err == nil {
			t.Error("who has no access signs in")
		}
		w.Tick(5 * time.Minute)
		back, err := w.Undo(w.Ctx, w.anna, out.ID)
		if err != nil || back.Count != 2 || back.Invited != 1 {
			t.Fatalf("%+v, %v", back, err)
		}
		if _, _, err := w.Accounts.SignIn(w.Ctx, "berta@kunde.example", strong, here); err != nil {
			t.Errorf("the password of before: %v", err)
		}
		if p, err := w.Accounts.Authenticate(w.Ctx, session); err != nil || p != nil {
			t.Errorf("a session came back: %+v, %v", p, err)
		}
		if _, err := w.accesses.Invitation(w.Ctx, old); err == nil {
			t.Error("the old link is good again")
		}
		if fresh := w.link("otto@kunde.example"); fresh == old {
			t.Error("no new link went out")
		} else if _, err := w.accesses.Invitation(w.Ctx, fresh); err != nil {
			t.Errorf("the new link: %v", err)
		}
		r, err := w.accesses.Get(w.Ctx, w.anna, w.customer, registered.ID)
		if err != nil || r.Status != access.Registered || r.ID != registered.ID || !r.CreatedAt.Equal(registered.CreatedAt) {
			t.Errorf("%+v, %v", r, err)
		}
		if n := w.Number(`SELECT count(*) FROM message WHERE access_id = ? AND state = ?`, registered.ID, courier.Queued); n != 0 {
			t.Errorf("%d messages to who is registered", n)
		}
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
		// the same address was given a new access
		_, id := taken("berta@kunde.example")
		w.invite(w.customer, "berta@kunde.example")
		if _, err := w.Undo(w.Ctx, w.anna, id); complaint(err) != "conflict: access.taken" {
			t.Errorf("a second access of one address: %v", err)
		}
		// the person registered elsewhere: a new account, to which the access belongs now
		a, id := taken("otto@kunde.example")
		w.invite(other, "otto@kunde.example")
		w.register("otto@kunde.example")
		if _, err := w.Undo(w.Ctx, w.anna, id); err != nil {
			t.Fatalf("registered elsewhere: %v", err)
		}
		if n := w.Number(`SELECT count(*) FROM access JOIN account ON account.id = access.account_id WHERE access.id = ? AND account.email = 'otto@kunde.example'`, a); n != 1 {
			t.Error("the access belongs to nobody")
		}
		// somebody else has the username by now
		_, id = taken("ines@kunde.example")
		thief := w.Specialist("Theo Taker")
		w.Exec(`UPDATE account SET username = 'ines@kunde.example', username_folded = 'ines@kunde.example' WHERE id = ?`, thief.ID)
		if _, err := w.Undo(w.Ctx, w.anna, id); complaint(err) != "conflict: access.taken" {
			t.Errorf("the username is another's: %v", err)
		}
		// the account went with another access since: invited anew
		b := w.invite(w.customer, "emil@kunde.example")
		w.register("emil@kunde.example")
		c := w.invite(other, "emil@kunde.example")
		w.Must(second(w.accesses.Register(w.Ctx, w.link("emil@kunde.example"), access.RegisterForm{Password: strong, PasswordRepeat: strong}, account.Caller{}, here)))
		first, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(b.ID)}, true)
		w.Must(err)
		then, err := w.Remove(w.Ctx, w.anna, other, Selection{Accesses: ids(c.ID)}, true)
		w.Must(err)
		if back, err := w.Undo(w.Ctx, w.anna, first.ID); err != nil || back.Invited != 1 {
			t.Errorf("without its account: %+v, %v", back, err)
		}
		if back, err := w.Undo(w.Ctx, w.anna, then.ID); err != nil || back.Invited != 0 {
			t.Errorf("with its account: %+v, %v", back, err)
		}
	})
}

func second[A any](_ A, err error) error { return err }
