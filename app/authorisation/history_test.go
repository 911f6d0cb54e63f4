package authorisation

import (
	"strings"
	"testing"
	"time"

	"kontor/app/access"
	"kontor/app/courier"
)

// TestHistoryComesBack: a restored access has its delivery timeline, but no links and codes.
func TestHistoryComesBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const registered, invited, waiting = "berta@kunde.example", "ida@kunde.example", "ute@kunde.example"
		w.invite(w.customer, registered)
		w.register(registered)
		w.invite(w.customer, invited)
		old := w.link(invited)
		w.invite(w.customer, waiting) // its mail is still queued
		told := func(email string) (steps []string, messages []courier.Message) {
			t.Helper()
			rows, err := w.accesses.OfCustomer(w.Ctx, w.anna, w.customer)
			w.Must(err)
			for _, r := range rows {
				if r.Email == email {
					list, _ := access.Timeline(r, w.Now())
					for _, s := range list {
						steps = append(steps, s.At.UTC().Format("15:04:05 ")+s.Text)
					}
					messages = r.Messages
				}
			}
			return steps, messages
		}
		before := map[string]string{}
		var everybody Selection
		rows, err := w.accesses.OfCustomer(w.Ctx, w.anna, w.customer)
		w.Must(err)
		for _, r := range rows {
			steps, _ := told(r.Email)
			before[r.Email] = strings.Join(steps, "\n")
			everybody.Accesses = append(everybody.Accesses, r.ID)
		}
		out, err := w.Remove(w.Ctx, w.anna, w.customer, everybody, true)
		w.Must(err)
		if n := w.Number(`SELECT count(*) FROM message WHERE access_id IS NOT NULL`) + w.Number(`SELECT count(*) FROM message_attempt`); n != 0 {
			t.Errorf("%d rows about messages are left in clear", n)
		}
		w.Tick(time.Second)
		w.Must(second(w.Undo(w.Ctx, w.anna, out.ID)))

		steps, messages := told(registered)
		if got := strings.Join(steps, "\n"); got != before[registered] || len(messages) != 1 || len(messages[0].AttemptRows) != 1 {
			t.Errorf("of who is registered:\n%s\nwant\n%s", got, before[registered])
		}
		steps, messages = told(invited)
		if got := strings.Join(steps, "\n"); len(messages) != 2 || messages[0].State != courier.HandedOver || messages[1].State != courier.Queued {
			t.Errorf("of who was invited, and is again:\n%s", got)
		}
		if _, messages = told(waiting); len(messages) != 2 || messages[0].State != courier.Cancelled || messages[1].State != courier.Queued {
			t.Errorf("of who was still to be written to: %+v", messages)
		}
		if _, err := w.accesses.Invitation(w.Ctx, old); err == nil {
			t.Error("the link of before is good again")
		}
		if n := w.Number(`SELECT count(*) FROM message WHERE relay_at IS NOT NULL`); n != 2 {
			t.Errorf("%d messages are to be sent, want the two new invitations", n)
		}
		if w.link(invited) == old {
			t.Error("the new invitation has the old link")
		}

		// what can't be undone any more is gone for good
		_, err = w.Remove(w.Ctx, w.anna, w.customer, everybody, true)
		w.Must(err)
		w.Tick(UndoLife)
		w.Must(w.Purge(w.Ctx))
		if n := w.Number(`SELECT count(*) FROM authorisation_removal`) + w.Number(`SELECT count(*) FROM message WHERE access_id IS NOT NULL`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}
