package courier_test

import (
	"context"
	"sync"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
)

// fate is what becomes of a message.
type fate struct {
	before   func(w *world, t *courier.Ticket) // it is delivered
	sent     bool                              // whether it reaches the other side
	reason   string                            // why the other side does not take it, for a moment
	during   func(w *world, t courier.Ticket)  // it is sent
	state    courier.State
	why      string
	outcomes []courier.Outcome
}

var fates = map[string]fate{
	"taken":             {sent: true, state: courier.HandedOver, outcomes: []courier.Outcome{courier.Accepted}},
	"later":             {sent: true, reason: courier.Timeout, state: courier.Queued, why: courier.Timeout, outcomes: []courier.Outcome{courier.Temporary}},
	"second":            {before: secondTry, sent: true, state: courier.HandedOver, outcomes: []courier.Outcome{courier.Temporary, courier.Accepted}},
	"again":             {before: runAgain, sent: true, state: courier.HandedOver, outcomes: []courier.Outcome{courier.Accepted}},
	"cancelled":         {sent: true, during: (*world).cancel, state: courier.Cancelled, outcomes: []courier.Outcome{courier.Accepted}},
	"cancelled before":  {before: func(w *world, t *courier.Ticket) { w.cancel(*t) }, state: courier.Cancelled},
	"of an earlier run": {before: func(w *world, t *courier.Ticket) { runAgain(w, t); t.Run = 1 }, state: courier.Queued},
	"early": {before: func(w *world, t *courier.Ticket) {
		w.exec("UPDATE message SET next_at = ? WHERE id = ?", start.AddDate(0, 0, 1), t.MessageID)
	}, state: courier.Queued},
}

// secondTry makes the next attempt the second one.
func secondTry(w *world, t *courier.Ticket) {
	w.exec("UPDATE message SET attempts = 1 WHERE id = ?", t.MessageID)
	w.exec(`INSERT INTO message_attempt (id, message_id, number, started_at, ended_at, outcome, reason, detail)
		VALUES (?, ?, 1, ?, ?, ?, ?, '')`, newID(w.tb), t.MessageID, start, start, courier.Temporary, courier.Timeout)
}

// runAgain makes the message one that has failed and runs again.
func runAgain(w *world, t *courier.Ticket) {
	w.exec("UPDATE message SET state = ?, settled_at = ? WHERE id = ?", courier.Failed, start, t.MessageID)
	require.NoError(w.tb, w.svc.RunAgain(context.Background(), t.MessageID))
	t.Run++
}

// TestManyFatesAtOnce: what becomes of a message does not depend on what becomes of others that begin and end at the same
// time. The other side answers only when all messages that reach it are there, so their outcomes come together.
func TestManyFatesAtOnce(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		const copies = 4
		tickets, of := map[uuid.UUID]courier.Ticket{}, map[uuid.UUID]string{}
		var arriving sync.WaitGroup
		send := func(_ string, m courier.Message) (reason string, moment bool) {
			f := fates[of[m.ID]]
			arriving.Done()
			arriving.Wait()
			if f.during != nil {
				f.during(w, tickets[m.ID])
			}
			return f.reason, true
		}
		for _, c := range []courier.Channel{courier.Email, courier.SMS} {
			w.svc.Through(c, courier.FakeCarrier{Send: send})
		}
		for name, f := range fates {
			for i := range copies {
				p := w.mailPost()
				if i%2 == 1 {
					p = w.smsPost()
				}
				ticket := w.enqueue(p)
				if f.before != nil {
					f.before(w, &ticket)
				}
				tickets[ticket.MessageID], of[ticket.MessageID] = ticket, name
				if f.sent {
					arriving.Add(1)
				}
			}
		}
		var wait sync.WaitGroup
		for _, ticket := range tickets {
			wait.Go(func() {
				_, err := w.svc.Deliver(context.Background(), ticket)
				assert.NoError(t, err)
			})
		}
		wait.Wait()
		for id, name := range of {
			f := fates[name]
			m := w.expect(id, f.state, f.why, f.outcomes...)
			provider := ""
			if f.state == courier.HandedOver && m.Channel == courier.SMS {
				provider = courier.ProviderID(id)
			}
			assert.Equal(t, provider, m.ProviderID, name)
			for i, a := range m.AttemptRows {
				assert.Equal(t, i+1, a.Number, name)
				assert.NotNil(t, a.EndedAt, "%s: attempt %d", name, a.Number)
			}
		}
		told := map[uuid.UUID]courier.State{}
		for _, m := range w.told() {
			told[m.ID] = m.State
		}
		for id, name := range of { // only of a message that runs again it is news that it was taken
			want := courier.State("")
			if name == "again" {
				want = courier.HandedOver
			}
			assert.Equal(t, want, told[id], name)
		}
		w.noSecrets()
	})
}
