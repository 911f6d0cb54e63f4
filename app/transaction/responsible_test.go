package transaction

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/fault"
)

// TestResponsibleStays: a deactivated person can't be made responsible, but may stay responsible.
func TestResponsibleStays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		theirs, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Theirs", Responsible: w.ben.ID.String()})
		w.Must(err)
		nobodys := w.create(w.anna, w.customer, "Nobody's")
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, w.ben.ID)
		var f *fault.Error
		refused := func(err error) bool {
			return errors.As(err, &f) && len(f.Fields) == 1 && f.Fields[0].Field == "responsible" && f.Fields[0].Message == "transaction.responsible_unknown"
		}
		renamed, err := w.Update(ctx, w.anna, theirs.ID, theirs.Version, Form{Name: "Renamed", Kind: theirs.Kind, Responsible: w.ben.ID.String()})
		require.NoError(t, err, "who stays responsible")
		assert.Equal(t, "Renamed", renamed.Name, "who stays responsible")
		assert.Equal(t, w.ben.ID, renamed.ResponsibleID, "who stays responsible")
		for who, id := range map[string]string{
			"deactivated": w.ben.ID.String(), "an end user": w.end.ID.String(), "nobody": newID().String(), "no id": "Ben",
		} {
			_, err := w.Update(ctx, w.anna, nobodys.ID, nobodys.Version, Form{Name: "Nobody's", Kind: nobodys.Kind, Responsible: id})
			assert.True(t, refused(err), "%s becomes responsible: %v", who, err)
			_, _, err = w.Create(ctx, w.anna, w.customer.ID, Form{Name: "New", Responsible: id})
			assert.True(t, refused(err), "%s is responsible from the beginning: %v", who, err)
		}
	})
}
