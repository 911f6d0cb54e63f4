package access

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/secret"
	"kontor/policies"
)

// specialist adds a specialist user who can sign in and returns them as a caller.
func (w *world) specialist(name, email string, roles ...policies.Role) account.Caller {
	w.Helper()
	_, err := w.Accounts.AddByCommand(w.Ctx, account.SpecialistForm{Name: name, Email: email, Roles: roles})
	w.Must(err)
	a, _, err := w.Accounts.ByEmail(w.Ctx, w.db, email)
	w.Must(err)
	_, err = w.db.NewRaw(`UPDATE account SET password_hash = 'x' WHERE id = ?`, a.ID).Exec(w.Ctx)
	w.Must(err)
	w.Tick(time.Second)
	c, err := w.Accounts.CallerOf(w.Ctx, w.db, a.ID)
	w.Must(err)
	return c
}

// firm adds Sven, who only administers the customer, and Uta and Petra, who hold guarding roles.
func (w *world) firm() (sven, uta, petra account.Caller) {
	w.Helper()
	sven = w.specialist("Sven Amt", "sven@kanzlei.example", policies.Specialist)
	_, err := w.db.NewRaw(`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`,
		w.customer, sven.ID, w.Now(), w.anna.ID).Exec(w.Ctx)
	w.Must(err)
	return sven, w.specialist("Uta User", "uta@kanzlei.example", policies.UserAdministrator),
		w.specialist("Petra Plan", "petra@kanzlei.example", policies.PolicyAdministrator)
}

// wantWaits checks whether an access waits for approval, and that nothing is sent while it waits.
func (w *world) wantWaits(what string, id uuid.UUID, want bool) {
	w.Helper()
	a := w.row(id).access()
	waits, err := w.Approvals.About(w.Ctx, approval.AccessOfOwn, id)
	w.Must(err)
	got := a.status(w.Now()) == Waits
	assert.Equal(w, want, got, "%s: %s", what, a.status(w.Now()))
	assert.Equal(w, want, len(waits) == 1, "%s: %s, proposals", what, a.status(w.Now()))
	if n := len(w.messages(id, courier.Queued, courier.Sending)); want && n > 0 {
		w.Errorf("%s: %d messages are on their way", what, n)
	} else if !want && n == 0 && a.pending() {
		w.Errorf("%s: nothing is on its way", what)
	}
	if want {
		links := w.count("link", "subject_id = ? AND used_at IS NULL", id)
		assert.EqualValues(w, 0, links, "%s: links are good", what)
	}
}

func (w *world) approve(by account.Caller, id uuid.UUID) {
	w.Helper()
	waits, err := w.Approvals.About(w.Ctx, approval.AccessOfOwn, id)
	w.Must(err)
	require.Len(w, waits, 1, "proposals about the access")
	_, err = w.Approvals.Approve(w.Ctx, by.Actor(), waits[0].ID)
	w.Must(err)
}

// TestOwnAddressWaits: an access for a specialist user's address, in any spelling, waits for approval; others do not.
func TestOwnAddressWaits(t *testing.T) {
	each(t, func(w *world) {
		sven, _, petra := w.firm()
		w.specialist("Mia Müller", "müller@bücher.example", policies.Specialist)
		for email, want := range map[string]bool{
			"müller@bücher.example": true, "Müller+neu@xn--bcher-kva.example": true, "mueller@bücher.example": false,
			"sven@kanzlei.example": true, "Sven+privat@Kanzlei.example": true, "uta@kanzlei.example": true,
			"sven@other.example": false, "svenja@kanzlei.example": false,
		} {
			a, err := w.Create(w.Ctx, sven, w.customer, form(email, "+4915112345678"), "")
			must(t, err)
			w.wantWaits(email, a.ID, want)
			if !want {
				continue
			}
			wantFault(t, w.Resend(w.Ctx, sven, w.customer, a.ID), "conflict: access.waiting")
			must(t, w.Reactivate(w.Ctx, sven, w.customer, a.ID))
			w.wantWaits(email+", reactivated", a.ID, true)
			w.approve(petra, a.ID)
			w.wantWaits(email+", approved", a.ID, false)
			token, _ := w.deliver(a.ID)
			_, err = w.Invitation(w.Ctx, token)
			assert.NoError(t, err, email)
		}
	})
}

// TestOwnAddressAtOnce: a holder of every guarding role, and Kontor itself, need no approval.
func TestOwnAddressAtOnce(t *testing.T) {
	each(t, func(w *world) {
		w.firm()
		a, err := w.Create(w.Ctx, w.anna, w.customer, form("sven@kanzlei.example", ""), "")
		must(t, err)
		w.wantWaits("by Anna, who guards everything", a.ID, false)
		must(t, w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		sven := w.specialist("Sven Zwei", "sven2@kanzlei.example", policies.Specialist, policies.UserAdministrator)
		must(t, w.Reactivate(w.Ctx, sven, w.customer, a.ID))
		w.wantWaits("reactivated after somebody agreed", a.ID, false)
	})
}

// TestOwnAddressStopped: without approval the access stays deactivated, and can be proposed again.
func TestOwnAddressStopped(t *testing.T) {
	each(t, func(w *world) {
		sven, uta, petra := w.firm()
		a, err := w.Create(w.Ctx, sven, w.customer, form("sven@kanzlei.example", ""), "")
		must(t, err)
		waits, err := w.Approvals.About(w.Ctx, approval.AccessOfOwn, a.ID)
		must(t, err)
		assert.Nil(t, waits[0].PassesAt)
		assert.Equal(t, sven.ID, waits[0].ConcernedID.UUID)
		assert.Equal(t, w.customer, waits[0].CustomerID.UUID)
		_, err = w.Approvals.Stop(w.Ctx, uta.Actor(), waits[0].ID)
		must(t, err)
		w.wantWaits("stopped", a.ID, false)
		assert.Equal(t, Deactivated, w.row(a.ID).access().status(w.Now()), "stopped")
		must(t, w.Reactivate(w.Ctx, sven, w.customer, a.ID))
		w.wantWaits("asked for again", a.ID, true)
		must(t, w.Deactivate(w.Ctx, sven, w.customer, a.ID))
		w.wantWaits("given up", a.ID, false)
		must(t, w.Reactivate(w.Ctx, sven, w.customer, a.ID))
		w.Tick(approval.Life)
		must(t, w.Approvals.Tick(w.Ctx))
		w.wantWaits("expired", a.ID, false)
		must(t, w.Reactivate(w.Ctx, sven, w.customer, a.ID))
		w.approve(petra, a.ID)
		w.wantWaits("approved", a.ID, false)
	})
}

// TestOwnAddressCorrected: an access whose address is corrected to a specialist user's waits, and what was sent becomes
// void. If it is corrected to another address, it does not wait.
func TestOwnAddressCorrected(t *testing.T) {
	each(t, func(w *world) {
		sven, _, _ := w.firm()
		a, err := w.Create(w.Ctx, sven, w.customer, form("berta@example.org", ""), "")
		must(t, err)
		token, _ := w.deliver(a.ID)
		a, err = w.Correct(w.Ctx, sven, w.customer, a.ID, Correction{form("sven+1@kanzlei.example", ""), a.Version})
		must(t, err)
		w.wantWaits("corrected to one's own", a.ID, true)
		_, err = w.Invitation(w.Ctx, token)
		assert.ErrorIs(t, err, secret.ErrUnknownLink, "the link to the old address")
		f := form("sven+1@kanzlei.example", "")
		f.FirstName = "Sven"
		a, err = w.Correct(w.Ctx, sven, w.customer, a.ID, Correction{f, w.row(a.ID).Version})
		must(t, err)
		w.wantWaits("another name", a.ID, true)
		a, err = w.Correct(w.Ctx, sven, w.customer, a.ID, Correction{form("uta@kanzlei.example", ""), w.row(a.ID).Version})
		must(t, err)
		w.wantWaits("corrected to a colleague's", a.ID, true)
		a, err = w.Correct(w.Ctx, sven, w.customer, a.ID, Correction{form("berta@example.org", ""), w.row(a.ID).Version})
		must(t, err)
		w.wantWaits("corrected to somebody else's", a.ID, false)
		assert.Nil(t, w.row(a.ID).DeactivatedAt, "still deactivated")
	})
}

// TestOwnAddressUndone: a restored access is checked as if it were new.
func TestOwnAddressUndone(t *testing.T) {
	each(t, func(w *world) {
		sven, uta, petra := w.firm()
		remove := func(by account.Caller, id uuid.UUID) (taken Removed) {
			must(t, w.db.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) (err error) {
				taken, _, err = w.RemoveIn(ctx, tx, by, w.customer, id)
				return err
			}))
			return taken
		}
		restore := func(by account.Caller, taken Removed) {
			must(t, w.db.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
				_, err := w.RestoreIn(ctx, tx, by, taken)
				return err
			}))
		}
		waiting, err := w.Create(w.Ctx, sven, w.customer, form("sven@kanzlei.example", ""), "")
		must(t, err)
		taken := remove(sven, waiting.ID)
		assert.EqualValues(t, 0, w.count("approval", "state = 'waiting'"), "proposals wait about what is removed")
		restore(sven, taken)
		w.wantWaits("a waiting one", waiting.ID, true)
		w.approve(petra, waiting.ID)
		restore(sven, remove(sven, waiting.ID))
		w.wantWaits("one that was approved", waiting.ID, false)

		a, err := w.Create(w.Ctx, sven, w.customer, form("berta@example.org", ""), "")
		must(t, err)
		taken = remove(sven, a.ID)
		_, err = w.db.NewRaw(`UPDATE account SET email = 'berta@example.org', email_folded = 'berta@example.org' WHERE id = ?`, uta.ID).Exec(w.Ctx)
		must(t, err)
		restore(sven, taken)
		w.wantWaits("one whose address became a colleague's", a.ID, true)
	})
}

// TestOwnAddressLater: when an address becomes a specialist user's, the accesses with that address wait for approval:
// at once if Kontor notices it, otherwise when the link is redeemed.
func TestOwnAddressLater(t *testing.T) {
	each(t, func(w *world) {
		sven, uta, _ := w.firm()
		pending, err := w.Create(w.Ctx, sven, w.customer, form("neu+kunde@example.org", ""), "")
		must(t, err)
		token, _ := w.deliver(pending.ID)
		registered, err := w.Create(w.Ctx, sven, w.customer, form("neu+da@example.org", ""), "")
		must(t, err)
		own, _ := w.deliver(registered.ID)
		_, err = w.register(own, "")
		must(t, err)
		other, err := w.Create(w.Ctx, sven, w.customer, form("neue@example.org", ""), "")
		must(t, err)

		_, err = w.Accounts.AddSpecialist(w.Ctx, uta, account.SpecialistForm{Name: "Neu", Email: "neu@example.org", Roles: []policies.Role{policies.Specialist}})
		must(t, err)
		w.wantWaits("invited", pending.ID, true)
		w.wantWaits("registered", registered.ID, true)
		w.wantWaits("another address", other.ID, false)
		_, err = w.Invitation(w.Ctx, token)
		assert.ErrorIs(t, err, secret.ErrUnknownLink, "the link")
	})
	each(t, func(w *world) {
		sven, uta, petra := w.firm()
		a, err := w.Create(w.Ctx, sven, w.customer, form("berta@example.org", ""), "")
		must(t, err)
		token, _ := w.deliver(a.ID)
		// A specialist user's account gets the address without the check.
		_, err = w.db.NewRaw(`UPDATE account SET username = 'berta@example.org', username_folded = 'berta@example.org' WHERE id = ?`, uta.ID).Exec(w.Ctx)
		must(t, err)
		_, err = w.register(token, "")
		assert.ErrorIs(t, err, ErrHeld, "redeemed")
		w.wantWaits("redeemed", a.ID, true)
		assert.Nil(t, w.row(a.ID).RegisteredAt, "registered all the same")
		assert.EqualValues(t, 0, w.count("account", "email_folded = 'berta@example.org'"), "registered all the same")
		w.approve(petra, a.ID)
		w.wantWaits("approved", a.ID, false)
	})
}

// TestEndUserTakesOwnAddress: the access of an end user who changes to a specialist user's address waits for approval.
func TestEndUserTakesOwnAddress(t *testing.T) {
	each(t, func(w *world) {
		sven, _, _ := w.firm()
		a, err := w.Create(w.Ctx, sven, w.customer, form("berta@example.org", ""), "")
		must(t, err)
		token, _ := w.deliver(a.ID)
		_, err = w.register(token, "")
		must(t, err)
		id := w.row(a.ID).AccountID.UUID
		_, err = w.db.NewRaw(`UPDATE account SET email = 'sven+x@kanzlei.example', email_folded = 'sven+x@kanzlei.example' WHERE id = ?`, id).Exec(w.Ctx)
		must(t, err)
		must(t, w.db.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
			return w.addressed(ctx, tx, account.Caller{ID: id, Name: "Berta Kühn"}, account.Account{ID: id, Email: "sven+x@kanzlei.example"})
		}))
		w.wantWaits("an end user's new address", a.ID, true)
	})
}
