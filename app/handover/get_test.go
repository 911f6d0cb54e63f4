package handover

import (
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/policies"
)

// TestGet: a handover is shown to the person who requested it and to callers who may read specialist users, and only
// under the person from whom it is.
func TestGet(t *testing.T) {
	each(t, func(w *world) {
		w.firm(1)
		h, err := w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, false)
		w.Must(err)
		former := w.admin
		former.Roles = []policies.Role{policies.Specialist}
		for name, c := range map[string]struct {
			caller   account.Caller
			from, id uuid.UUID
			want     error
		}{
			"who asked":                  {w.admin, w.anna.ID, h.ID, nil},
			"who asked, without a right": {former, w.anna.ID, h.ID, nil},
			"a colleague":                {w.cora, w.anna.ID, h.ID, policies.ErrForbidden},
			"who takes over":             {w.ben, w.anna.ID, h.ID, policies.ErrForbidden},
			"nobody":                     {account.Caller{}, w.anna.ID, h.ID, policies.ErrForbidden},
			"at another person":          {w.admin, w.ben.ID, h.ID, ErrNotFound},
			"none":                       {w.admin, w.anna.ID, newID(), ErrNotFound},
		} {
			_, err := w.Get(w.Ctx, c.caller, c.from, c.id)
			w.Want(name, err, c.want)
		}
	})
}
