package account

import (
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"

	"kontor/app/fault"
	"kontor/app/preference"
	"kontor/policies"
)

// TestChoose: what a person chooses is read with the session, theirs alone; of a wrong set of choices none is stored.
func TestChoose(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Amt", policies.Specialist)
		ben, _, _ := w.endUser("Ben Bau")
		tokens := map[uuid.UUID]string{anna.ID: w.signIn(anna.Email, good), ben.ID: w.signIn(ben.Email, good)}
		chosen := func(a Account) preference.Chosen {
			w.Helper()
			signed, err := w.Authenticate(w.ctx, tokens[a.ID])
			w.must(err)
			return signed.Account.Chosen
		}
		assert.Equal(w, preference.System, chosen(anna).Get(preference.Theme), "without a choice")
		theme := func(v string) Choice { return Choice{preference.Theme, []string{v}} }
		compact := Choice{preference.Density, []string{preference.Compact}}
		w.must(w.Choose(w.ctx, caller(anna), theme(preference.Dark), compact))
		w.must(w.Choose(w.ctx, caller(anna), theme(preference.Light)))
		w.must(w.Choose(w.ctx, caller(anna)))
		want := preference.Chosen{preference.Theme: preference.Light, preference.Density: preference.Compact}
		assert.Equal(w, want, chosen(anna))
		assert.Empty(w, chosen(ben), "somebody else's")
		before := w.count("preference")
		var purple fault.Form
		purple.Add("theme", "preference.value")
		for err, choices := range map[error][]Choice{
			preference.ErrUnknown: {theme(preference.Dark), {"nothing", []string{"x"}}},
			purple.Err():          {compact, theme("purple")},
		} {
			assert.EqualError(w, w.Choose(w.ctx, caller(ben), choices...), err.Error())
		}
		assert.ErrorIs(w, w.Choose(w.ctx, Caller{}, compact), ErrNobody)
		assert.ErrorIs(w, w.Choose(w.ctx, Caller{ID: uuid.Must(uuid.NewV7())}, compact), ErrNobody, "an account that is gone")
		assert.Equal(w, before, w.count("preference"), "something wrong was stored")
		assert.Zero(w, w.count("audit WHERE action = 'account.updated'"), "the log has it")
	})
}
