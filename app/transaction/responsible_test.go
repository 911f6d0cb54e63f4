package transaction

import (
	"context"
	"errors"
	"testing"

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
		if err != nil || renamed.Name != "Renamed" || renamed.ResponsibleID != w.ben.ID {
			t.Errorf("who stays responsible: %+v, %v", renamed, err)
		}
		for who, id := range map[string]string{
			"deactivated": w.ben.ID.String(), "an end user": w.end.ID.String(), "nobody": newID().String(), "no id": "Ben",
		} {
			if _, err := w.Update(ctx, w.anna, nobodys.ID, nobodys.Version, Form{Name: "Nobody's", Kind: nobodys.Kind, Responsible: id}); !refused(err) {
				t.Errorf("%s becomes responsible: %v", who, err)
			}
			if _, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "New", Responsible: id}); !refused(err) {
				t.Errorf("%s is responsible from the beginning: %v", who, err)
			}
		}
	})
}
