package policy

import (
	"fmt"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"

	"kontor/app/account/accounttest"
	"kontor/policies"
)

// TestCandidates: active specialist users by name, narrowed by a search. Who is chosen comes first, whatever the search.
func TestCandidates(t *testing.T) {
	each(t, func(w *world) {
		anna, jurgen := w.Specialist("Anna Berg"), w.Specialist("Jürgen Groß", policies.Auditor)
		for i := range maxCandidates {
			w.Specialist(fmt.Sprintf("Zoe Zett %02d", i))
		}
		gone := w.Specialist("Bert Alt")
		_, err := w.DB.NewUpdate().Table("account").Set("active = FALSE").Where("id = ?", gone.ID).Exec(w.Ctx)
		w.Must(err)
		offered := func(query string, chosen uuid.UUID) (names []string, more bool) {
			list, more, err := w.Candidates(w.Ctx, w.petra, query, chosen)
			w.Must(err)
			for i, p := range list {
				assert.Equal(w, p.ID == chosen, p.Chosen)
				assert.Equal(w, i == 0 && !chosen.IsNil() && p.Chosen, p.Chosen, "who is chosen does not come first")
				names = append(names, p.Name)
			}
			return names, more
		}
		names, more := offered("", uuid.Nil)
		assert.Equal(w, []string{"Anna Berg", "Jürgen Groß", "Petra Richter", "Zoe Zett 00"}, names[:4])
		assert.Len(w, names, maxCandidates)
		assert.True(w, more)
		names, more = offered("GROSS jurgen", anna.ID)
		assert.Equal(w, []string{"Anna Berg", "Jürgen Groß"}, names)
		assert.False(w, more)
		names, _ = offered("nobody", jurgen.ID)
		assert.Equal(w, []string{"Jürgen Groß"}, names)
		names, _ = offered("zzz", uuid.Nil)
		assert.Empty(w, names)
		names, _ = offered("bert", gone.ID)
		assert.Empty(w, names, "who is deactivated")

		form := ExpectationForm{Person: anna.ID.String(), May: true, Action: policies.Read, Object: policies.ObjectCustomer}
		w.Must(w.Expect(w.Ctx, w.petra, form))
		form.Person = accounttest.ID().String()
		assert.ErrorContains(w, w.Expect(w.Ctx, w.petra, form), "policy.person")
	})
}
