package transaction

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/fault"
	"kontor/policies"
	"kontor/policies/policytest"
)

// TestKindDenied: a person can't add a transaction of a kind that the policy denies them, nor change one to this kind,
// although they may use other kinds.
func TestKindDenied(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		var f *fault.Error
		old := w.create(w.anna, w.customer, "Old contract")
		_, err := w.Update(ctx, w.anna, old.ID, old.Version, Form{Name: "Old contract", Kind: "contract"})
		require.NoError(t, err)
		w.Must(policytest.Publish(w.decider, w.decider.Version()+1, policies.Default+`
p, specialist, *, transaction, tax_return, create, deny
p, specialist, *, transaction, loan_application, process, deny
`))
		_, _, err = w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Taxes", Kind: "tax_return"})
		assert.ErrorIs(t, err, policies.ErrForbidden, "adding one of a denied kind")
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM transactions WHERE kind = 'tax_return'`), "of a denied kind")
		made, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Contract", Kind: "contract"})
		assert.NoError(t, err, "adding one of another kind")
		_, err = w.Update(ctx, w.anna, made.ID, made.Version, Form{Name: "Contract", Kind: "loan_application"})
		require.ErrorAs(t, err, &f, "changing it into a denied kind")
		assert.Equal(t, "kind", f.Field, "changing it into a denied kind")
		assert.Equal(t, "transaction.kind_forbidden", f.Message, "changing it into a denied kind")
		now, err := w.Get(ctx, w.anna, made.ID)
		require.NoError(t, err)
		assert.Equal(t, "contract", now.Kind, "it")
		assert.Equal(t, made.Version, now.Version)
		_, err = w.Update(ctx, w.anna, made.ID, made.Version, Form{Name: "Contract", Kind: "correspondence"})
		assert.NoError(t, err, "changing it into another kind")
		keys := func(list []Kind, err error) (out []string) {
			t.Helper()
			w.Must(err)
			for _, k := range list {
				out = append(out, k.Key)
			}
			return out
		}
		got := keys(w.Choices(ctx, w.anna, w.customer.ID))
		assert.NotContains(t, got, "tax_return", "choices for a new one")
		assert.Contains(t, got, "loan_application", "choices for a new one")
		got = keys(w.ChoicesOf(ctx, w.anna, made))
		assert.NotContains(t, got, "loan_application", "choices for that one")
		assert.Contains(t, got, "tax_return", "choices for that one")
	})
}
