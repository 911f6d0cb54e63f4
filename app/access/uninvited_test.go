package access

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/customer"
)

// TestUninvited: a person who was added without an invitation gets nothing, whatever is done with the access, until
// somebody sends the invitation. Then the access is one like others.
func TestUninvited(t *testing.T) {
	each(t, func(w *world) {
		draft, f, err := ValidateCustomer(customer.Draft{
			Type: customer.Person, Data: customer.Data{FirstName: "Nora", LastName: "Neu", Locale: "de"},
		}, "nora@example.org", mobile)
		w.Must(err)
		var cu customer.Customer
		w.InTx(func(ctx context.Context, tx bun.Tx) error {
			added, waiting, err := w.AddCustomers(ctx, tx, w.anna, []Newcomer{{Draft: draft, Form: f}})
			assert.Empty(w, waiting)
			cu = added[0]
			return err
		})
		all, err := w.OfCustomer(w.Ctx, w.anna, cu.ID)
		w.Must(err)
		a := all[0]
		quiet := func(what string, want Status) {
			w.Helper()
			got, err := w.Get(w.Ctx, w.anna, cu.ID, a.ID)
			w.Must(err)
			assert.Equal(w, want, got.Status, what)
			assert.Empty(w, w.messages(a.ID), "%s: messages", what)
			assert.NotContains(w, []Status{Invited}, got.Status, what)
		}
		quiet("added", NotInvited)
		_, err = w.Correct(w.Ctx, w.anna, cu.ID, a.ID, Correction{form("nora.neu@example.org", ""), a.Version})
		w.Must(err)
		quiet("corrected", NotInvited)
		w.Must(w.Deactivate(w.Ctx, w.anna, cu.ID, a.ID))
		quiet("deactivated", Deactivated)
		w.Must(w.Reactivate(w.Ctx, w.anna, cu.ID, a.ID))
		quiet("reactivated", NotInvited)
		w.Tick(30 * 24 * time.Hour)
		quiet("a month later", NotInvited)
		assert.Zero(w, w.count("customer", "id = ? AND attention_at IS NOT NULL", cu.ID), "needs attention")
		w.Must(w.Resend(w.Ctx, w.anna, cu.ID, a.ID))
		assert.Len(w, w.messages(a.ID), 1)
		token, _ := w.deliver(a.ID)
		assert.NotEmpty(w, token)
		got, err := w.Get(w.Ctx, w.anna, cu.ID, a.ID)
		w.Must(err)
		assert.Equal(w, Invited, got.Status)
	})
}
