package access

import (
	"errors"
	"testing"
	"time"

	"kontor/app/courier"
)

// TestSendAgainWhenDeactivated: an access that is deactivated and was never registered gets nothing.
func TestSendAgainWhenDeactivated(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		must(w.t, w.Deactivate(w.ctx(), w.anna, w.customer, a.ID))
		w.clock.tick(time.Hour)
		wantFault(w.t, w.Resend(w.ctx(), w.anna, w.customer, a.ID), "conflict: access.deactivated")
		if r := w.row(a.ID); r.Generation != 1 || len(w.messages(a.ID, courier.Queued)) != 0 {
			w.t.Errorf("generation %d, %d messages wait", r.Generation, len(w.messages(a.ID, courier.Queued)))
		}
	})
}

// TestStaleCorrection: a form from before somebody else's change is out of date, even where it says what is so by now.
func TestStaleCorrection(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		f := form("berta@example.org", "")
		f.FirstName = "Bertha"
		_, err := w.Correct(w.ctx(), w.anna, w.customer, a.ID, a.Version, f)
		must(w.t, err)
		got, err := w.Correct(w.ctx(), w.anna, w.customer, a.ID, a.Version, f)
		if !errors.Is(err, ErrVersion) || got.FirstName != "Bertha" {
			w.t.Errorf("%+v, %v", got, err)
		}
	})
}
