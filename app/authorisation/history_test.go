package authorisation

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		n := w.Number(`SELECT count(*) FROM message WHERE access_id IS NOT NULL`) + w.Number(`SELECT count(*) FROM message_attempt`)
		assert.Equal(t, 0, n, "rows about messages are left in clear")
		w.Tick(time.Second)
		w.Must(second(w.Undo(w.Ctx, w.anna, out.ID)))

		steps, messages := told(registered)
		got := strings.Join(steps, "\n")
		assert.Equal(t, before[registered], got, "of who is registered")
		require.Len(t, messages, 1, "of who is registered")
		assert.Len(t, messages[0].AttemptRows, 1, "of who is registered")
		steps, messages = told(invited)
		got = strings.Join(steps, "\n")
		require.Len(t, messages, 2, "of who was invited, and is again:\n%s", got)
		assert.Equal(t, courier.HandedOver, messages[0].State, "of who was invited, and is again:\n%s", got)
		assert.Equal(t, courier.Queued, messages[1].State, "of who was invited, and is again:\n%s", got)
		_, messages = told(waiting)
		require.Len(t, messages, 2, "of who was still to be written to")
		assert.Equal(t, courier.Cancelled, messages[0].State, "of who was still to be written to")
		assert.Equal(t, courier.Queued, messages[1].State, "of who was still to be written to")
		_, err = w.accesses.Invitation(w.Ctx, old)
		assert.Error(t, err, "the link of before is good again")
		assert.Equal(t, 2, w.Number(`SELECT count(*) FROM message WHERE relay_at IS NOT NULL`), "messages are to be sent")
		assert.NotEqual(t, old, w.link(invited), "the new invitation has the old link")

		// A removal that can't be undone any more is final.
		_, err = w.Remove(w.Ctx, w.anna, w.customer, everybody, true)
		w.Must(err)
		w.Tick(UndoLife)
		w.Must(w.Purge(w.Ctx))
		n = w.Number(`SELECT count(*) FROM authorisation_removal`) + w.Number(`SELECT count(*) FROM message WHERE access_id IS NOT NULL`)
		assert.Equal(t, 0, n, "rows are left")
	})
}
