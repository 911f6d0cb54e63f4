package access

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/courier"
	"kontor/policies"
)

// bounce makes the last mail of an access bounce permanently.
func (w *world) bounce(id uuid.UUID) {
	w.Helper()
	all := w.messages(id, courier.HandedOver)
	w.Must(w.Post.Report(w.Ctx, courier.ProviderReport{MessageID: all[len(all)-1].ID, Status: "5.1.1"}))
}

// state sends the queued messages of an access and returns the state of the newest one.
func (w *world) state(id uuid.UUID) courier.State {
	w.Helper()
	for _, m := range w.messages(id, courier.Queued) {
		_, err := w.Post.Deliver(w.Ctx, courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run})
		w.Must(err)
	}
	all := w.messages(id)
	return all[len(all)-1].State
}

// TestFreedByHand: only Send again makes the courier try a refused address again. A corrected address is a different
// one.
func TestFreedByHand(t *testing.T) {
	const gone = "berta@example.org"
	colleague := func(w *world) account.Caller { c := w.anna; c.ID = newID(); return c }
	for name, c := range map[string]struct {
		do   func(w *world, id uuid.UUID) error
		sent bool
	}{
		"send again":            {func(w *world, id uuid.UUID) error { return w.Resend(w.Ctx, w.anna, w.row(id).CustomerID, id) }, true},
		"send again by command": {func(w *world, id uuid.UUID) error { return w.ResendByCommand(w.Ctx, w.row(id).CustomerID, id) }, true},
		"corrected": {func(w *world, id uuid.UUID) error {
			_, err := w.Correct(w.Ctx, w.anna, w.row(id).CustomerID, id, Correction{form("berta@example.net", ""), w.row(id).Version})
			return err
		}, true},
		"another language": {func(w *world, id uuid.UUID) error {
			f := form(gone, "")
			f.Locale = "en"
			_, err := w.Correct(w.Ctx, w.anna, w.row(id).CustomerID, id, Correction{f, w.row(id).Version})
			return err
		}, false},
		"reactivated": {func(w *world, id uuid.UUID) error {
			if err := w.Deactivate(w.Ctx, w.anna, w.row(id).CustomerID, id); err != nil {
				return err
			}
			return w.Reactivate(w.Ctx, w.anna, w.row(id).CustomerID, id)
		}, false},
		"send again by who may not": {func(w *world, id uuid.UUID) error {
			assert.Error(w, w.Resend(w.Ctx, colleague(w), w.row(id).CustomerID, id), "a stranger may send again")
			return nil
		}, false},
	} {
		each(t, func(w *world) {
			first := w.invited(gone, "")
			w.deliver(first.ID)
			w.bounce(first.ID)
			other := w.newCustomer("Eva", "Ende")
			second, err := w.Create(w.Ctx, w.anna, other, form("Berta@Example.org", ""), "")
			must(t, err)
			require.Equal(t, courier.Failed, w.state(second.ID), "%s: the second", name)
			rows, err := w.OfCustomer(w.Ctx, w.anna, other)
			must(t, err)
			require.Equal(t, Undeliverable, rows[0].Status, name)
			require.Equal(t, "recipient_unknown", rows[0].Undeliverable, name)
			require.Nil(t, rows[0].Refused, name)
			w.Tick(time.Minute)
			must(t, c.do(w, second.ID))
			sent := w.state(second.ID) == courier.HandedOver
			assert.Equal(t, c.sent, sent, "%s: sent", name)
			assert.NotEqual(t, c.sent, w.row(second.ID).access().status(w.Now()) == Undeliverable, name)
		})
	}
}

// TestTryAddress: for a registered person the list shows that the address of their account is refused. Whoever may send
// again can let the courier try it again.
func TestTryAddress(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		wantFault(t, w.TryAddress(w.Ctx, w.anna, w.customer, a.ID), "conflict: access.not_registered")
		token, _ := w.deliver(a.ID)
		_, err := w.register(token, "")
		must(t, err)
		w.bounce(a.ID)
		refused := func() *courier.Refusal {
			t.Helper()
			r, err := w.Get(w.Ctx, w.anna, w.customer, a.ID)
			must(t, err)
			return r.Refused
		}
		r := refused()
		require.NotNil(t, r)
		require.Equal(t, "recipient_unknown", r.Reason)
		require.WithinDuration(t, w.Now(), r.At, 0)
		change := func(email string) {
			_, err := w.db.NewRaw(`UPDATE account SET email = ?, email_folded = ? WHERE NOT specialist`, email, email).Exec(w.Ctx)
			must(t, err)
		}
		change("new@example.org")
		assert.Nil(t, refused(), "the new address is taken for the old")
		change("berta@example.org")
		stranger := account.Caller{ID: newID(), Name: "Eva", Roles: []policies.Role{policies.Specialist}}
		err = w.TryAddress(w.Ctx, stranger, w.customer, a.ID)
		assert.Error(t, err, "a stranger may")
		assert.NotNil(t, refused(), "a stranger may")
		wantFault(t, w.TryAddress(w.Ctx, w.anna, w.newCustomer("Eva", "Ende"), a.ID), complaint(ErrNotFound))
		must(t, w.TryAddress(w.Ctx, w.anna, w.customer, a.ID))
		assert.Nil(t, refused(), "it is refused still")
		assert.EqualValues(t, 1, w.count("audit", "action = 'access.address_freed' AND subject_id = ?", a.ID), "entries in the log")
		must(t, w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		wantFault(t, w.TryAddress(w.Ctx, w.anna, w.customer, a.ID), complaint(ErrDeactivated))
	})
}
