package transaction

import (
	"context"
	"errors"
	"slices"
	"testing"

	"kontor/app/fault"
	"kontor/policies"
)

// TestKindDenied: a person can't add a transaction of a kind that the policy denies them, nor change one to this kind,
// although they may use other kinds.
func TestKindDenied(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		var f *fault.Error
		old := w.create(w.anna, w.customer, "Old contract")
		if _, err := w.Update(ctx, w.anna, old.ID, old.Version, Form{Name: "Old contract", Kind: "contract"}); err != nil {
			t.Fatal(err)
		}
		w.Must(w.decider.Publish(w.decider.Version()+1, policies.Default+`
p, specialist, *, transaction, tax_return, create, deny
p, specialist, *, transaction, loan_application, process, deny
`))
		if _, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Taxes", Kind: "tax_return"}); !errors.Is(err, policies.ErrForbidden) {
			t.Errorf("adding one of a denied kind: %v", err)
		}
		if n := w.Number(`SELECT count(*) FROM transactions WHERE kind = 'tax_return'`); n != 0 {
			t.Errorf("%d of a denied kind", n)
		}
		made, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Contract", Kind: "contract"})
		if err != nil {
			t.Errorf("adding one of another kind: %v", err)
		}
		if _, err := w.Update(ctx, w.anna, made.ID, made.Version, Form{Name: "Contract", Kind: "loan_application"}); !errors.As(err, &f) || f.Field != "kind" || f.Message != "transaction.kind_forbidden" {
			t.Errorf("changing it into a denied kind: %v", err)
		}
		if now, err := w.Get(ctx, w.anna, made.ID); err != nil || now.Kind != "contract" || now.Version != made.Version {
			t.Errorf("it is %+v, %v", now, err)
		}
		if _, err := w.Update(ctx, w.anna, made.ID, made.Version, Form{Name: "Contract", Kind: "correspondence"}); err != nil {
			t.Errorf("changing it into another kind: %v", err)
		}
		keys := func(list []Kind, err error) (out []string) {
			t.Helper()
			w.Must(err)
			for _, k := range list {
				out = append(out, k.Key)
			}
			return out
		}
		if got := keys(w.Choices(ctx, w.anna, w.customer.ID)); slices.Contains(got, "tax_return") || !slices.Contains(got, "loan_application") {
			t.Errorf("choices for a new one: %v", got)
		}
		if got := keys(w.ChoicesOf(ctx, w.anna, made)); slices.Contains(got, "loan_application") || !slices.Contains(got, "tax_return") {
			t.Errorf("choices for that one: %v", got)
		}
	})
}
