package courier_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/effort"
	"kontor/app/store/storetest"
)

// way is a mail server or gateway with outages, which follow the world's clock.
type way struct {
	w       *world
	mu      sync.Mutex
	outages []outage
	taken   map[uuid.UUID]int
	tries   map[uuid.UUID]int
	last    map[uuid.UUID]time.Time // when it was taken
	probes  int
	own     func(id uuid.UUID) (reason string, moment bool) // the reason for which a single message is refused
}

// outage says for how long and how messages are refused.
type outage struct {
	from, until time.Time
	reason      string
	answers     bool // a probe is answered nevertheless
}

func newWay(w *world, c courier.Channel) *way {
	x := &way{w: w, taken: map[uuid.UUID]int{}, tries: map[uuid.UUID]int{}, last: map[uuid.UUID]time.Time{}}
	w.svc.Through(c, courier.FakeCarrier{Send: x.send, Probe: x.probe})
	return x
}

func (x *way) now() (o outage, out bool) {
	now := x.w.clock()
	for _, o := range x.outages {
		if !now.Before(o.from) && now.Before(o.until) {
			return o, true
		}
	}
	return outage{}, false
}

func (x *way) send(_ string, m courier.Message) (string, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tries[m.ID]++
	if o, out := x.now(); out {
		return o.reason, false
	}
	if x.own != nil {
		if reason, moment := x.own(m.ID); reason != "" {
			return reason, moment
		}
	}
	x.taken[m.ID]++
	x.last[m.ID] = x.w.clock()
	return "", false
}

func (x *way) probe() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.probes++
	if o, out := x.now(); out && !o.answers {
		return o.reason
	}
	return ""
}

// queue handles tickets as the loop does: one task per message, which waits as long as its verdict says, or until the
// relay wakes it.
type queue struct {
	w       *world
	workers []*courier.Service
	tasks   map[uuid.UUID]time.Time
	ticket  map[uuid.UUID]courier.Ticket
	turn    int
}

func newQueue(w *world, workers ...*courier.Service) *queue {
	return &queue{w: w, workers: append([]*courier.Service{w.svc}, workers...), tasks: map[uuid.UUID]time.Time{}, ticket: map[uuid.UUID]courier.Ticket{}}
}

// step lets every worker look for work once, at one moment.
func (q *queue) step() {
	t, ctx := q.w.tb, context.Background()
	t.Helper()
	for _, s := range q.workers {
		require.NoError(t, s.RetryChannels(ctx))
	}
	q.turn++
	s := q.workers[q.turn%len(q.workers)]
	for {
		tickets, err := s.Claim(ctx, 500, 6*time.Second)
		require.NoError(t, err)
		var ids []uuid.UUID
		for _, ticket := range tickets {
			ids = append(ids, ticket.MessageID)
			if _, waits := q.tasks[ticket.MessageID]; !waits || ticket.AtOnce {
				q.tasks[ticket.MessageID] = q.w.clock()
			}
			q.ticket[ticket.MessageID] = ticket
		}
		if len(tickets) > 0 {
			require.NoError(t, s.Enqueued(ctx, ids, tickets[0].Claimed, 5*time.Minute))
		}
		if len(tickets) < 500 {
			break
		}
	}
	now := q.w.clock()
	for id, at := range q.tasks {
		if at.After(now) {
			continue
		}
		v, err := s.Deliver(ctx, q.ticket[id])
		require.NoError(t, err)
		delete(q.tasks, id)
		if v.Retry {
			q.tasks[id] = now.Add(v.After)
		}
	}
}

// run repeats step until the given time.
func (q *queue) run(until time.Time, step time.Duration) {
	for q.w.clock().Before(until) {
		q.step()
		q.w.pass(step)
	}
}

func (q *queue) post(c courier.Channel, n int, life time.Duration) []uuid.UUID {
	q.w.tb.Helper()
	var ids []uuid.UUID
	for range n {
		p := q.w.mailPost()
		if c == courier.SMS {
			p = q.w.smsPost()
		}
		p.ExpiresAt = q.w.clock().Add(life)
		ids = append(ids, q.w.enqueue(p).MessageID)
	}
	return ids
}

// withoutPostgres is each for tests to which the kind of database makes no difference.
func withoutPostgres(t *testing.T, change func(*courier.Options), test func(t *testing.T, w *world)) {
	t.Helper()
	test(t, newWorld(t, storetest.SQLite(t), change))
}

// TestBackAtOnce: whatever the kind of outage and the channel, the waiting messages are sent within two minutes of its
// end, once each, and a message does not use up its tries.
func TestBackAtOnce(t *testing.T) {
	for _, channel := range []courier.Channel{courier.SMS, courier.Email}[:effort.Of(2, 1)] {
		for name, o := range map[string]outage{
			"nobody there":                {reason: courier.Unreachable},
			"no answer":                   {reason: courier.Timeout},
			"a proxy says nobody there":   {reason: courier.ServerError},
			"errors":                      {reason: courier.ServerError, answers: true},
			"refused until somebody pays": {reason: courier.NoCredit, answers: true},
		} {
			t.Run(string(channel)+"/"+name, func(t *testing.T) {
				on := withoutPostgres
				if name == "errors" {
					on = each
				}
				on(t, nil, func(t *testing.T, w *world) {
					x, q := newWay(w, channel), newQueue(w)
					o.from, o.until = start.Add(-time.Hour), start.Add(65*time.Minute)
					x.outages = []outage{o}
					ids := q.post(channel, 5, 90*time.Minute)
					q.run(o.until, 15*time.Second)
					w.expectTrouble(channel, o.reason, "", 5)
					tries := 0
					for _, id := range ids {
						tries += x.tries[id]
					}
					// These are the tries of the schedule and one probe in 45 s.
					assert.LessOrEqual(t, tries, 5*8+90, "tries")
					q.run(o.until.Add(2*time.Minute), 5*time.Second)
					for _, id := range ids {
						assert.Equal(t, 1, x.taken[id], "taken %d times after %d tries", x.taken[id], x.tries[id])
					}
					w.expectTrouble("", "", "", 0)
					var left int
					err := w.db.NewRaw(`SELECT count(*) FROM message_stall`).Scan(t.Context(), &left)
					require.NoError(t, err)
					assert.Equal(t, 0, left, "rows of messages that are gone")
				})
			})
		}
	}
}

// TestResumeIsThrottled: thousands of waiting messages are not sent all at once to a gateway that has just come back,
// however many workers there are. A restart forgets nothing.
func TestResumeIsThrottled(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		x := newWay(w, courier.SMS)
		other := w.service(nil)
		other.Through(courier.SMS, courier.FakeCarrier{Send: x.send, Probe: x.probe})
		x.outages = []outage{{from: start, until: start.Add(4 * time.Minute), reason: courier.Unreachable}}
		newQueue(w).post(courier.SMS, 350, linkTTL)
		newQueue(w).run(start.Add(4*time.Minute), 30*time.Second)
		require.Empty(t, x.taken, "taken")
		// All processes are restarted.
		fresh := newQueue(w, other)
		for i := 0; len(x.taken) == 0 && i < 60; i++ {
			fresh.step()
			w.pass(time.Second)
		}
		before := len(x.taken)
		require.NotEqual(t, 0, before, "the end of the outage was not noticed")
		for range 12 {
			fresh.step()
			// At most 100 in two seconds are released, beside those that the schedule tries.
			assert.LessOrEqual(t, len(x.taken)-before, 100+50, "at once")
			before = len(x.taken)
			w.pass(2 * time.Second)
		}
		assert.Equal(t, 350, before, "of 350 taken")
	})
}

// TestOneRefusedAmongMany: a message that the gateway refuses while it accepts all others is not tried again with each
// of them.
func TestOneRefusedAmongMany(t *testing.T) {
	withoutPostgres(t, nil, func(t *testing.T, w *world) {
		x, q := newWay(w, courier.SMS), newQueue(w)
		refused := map[uuid.UUID]bool{}
		for _, id := range q.post(courier.SMS, 10, linkTTL) {
			refused[id] = true
		}
		x.own = func(id uuid.UUID) (string, bool) {
			if refused[id] {
				return courier.NoCredit, false
			}
			return "", false
		}
		for range 2 * 120 { // an SMS every half minute, for two hours
			q.post(courier.SMS, 1, linkTTL)
			q.step()
			w.pass(30 * time.Second)
		}
		for id := range refused {
			assert.LessOrEqual(t, x.tries[id], 20, "tries in two hours")
		}
	})
}

// TestProbeLeavesWhatMayHaveArrived: if a gateway accepts connections and never answers, each try may be an SMS that
// arrives. Nobody gets one a minute.
func TestProbeLeavesWhatMayHaveArrived(t *testing.T) {
	withoutPostgres(t, nil, func(t *testing.T, w *world) {
		x, q := newWay(w, courier.SMS), newQueue(w)
		x.outages = []outage{{from: start, until: start.Add(linkTTL), reason: courier.Timeout, answers: true}}
		id := q.post(courier.SMS, 1, linkTTL)[0]
		q.run(start.Add(8*time.Hour), 30*time.Second)
		assert.LessOrEqual(t, x.tries[id], 8, "tries in eight hours")
	})
}

// TestOtherReasonsWait: a message that was postponed for a reason of its own is not sent because its channel works
// again, and its schedule does not count the tries of the outage.
func TestOtherReasonsWait(t *testing.T) {
	withoutPostgres(t, nil, func(t *testing.T, w *world) {
		x, q := newWay(w, courier.Email), newQueue(w)
		x.outages = []outage{{from: start, until: start.Add(3 * time.Hour), reason: courier.Unreachable}}
		grey := q.post(courier.Email, 1, linkTTL)[0]
		x.own = func(id uuid.UUID) (string, bool) {
			if id == grey && x.tries[id] > 0 && w.clock().Before(start.Add(3*time.Hour+5*time.Minute)) {
				return "greylisted", true
			}
			return "", false
		}
		q.run(start.Add(3*time.Hour), 30*time.Second)
		q.run(start.Add(3*time.Hour+4*time.Minute), 5*time.Second)
		tries := x.tries[grey]
		q.post(courier.Email, 3, linkTTL)
		q.run(start.Add(3*time.Hour+4*time.Minute+20*time.Second), 5*time.Second)
		assert.LessOrEqual(t, x.tries[grey], tries+1, "tries, before others were taken")
		assert.Equal(t, 0, x.taken[grey])
		q.run(start.Add(3*time.Hour+16*time.Minute), 15*time.Second)
		assert.Equal(t, 1, x.taken[grey], "taken %d times after %d tries: the outage counts", x.taken[grey], x.tries[grey])
	})
}

// TestRandomOutages: after any outage, the messages that have not expired are sent soon after its end, nothing is sent
// twice, and the number of tries of a message is limited.
func TestRandomOutages(t *testing.T) {
	const soon = 3 * time.Minute
	kinds := []outage{
		{reason: courier.Unreachable}, {reason: courier.Timeout}, {reason: courier.ServerError},
		{reason: courier.ServerError, answers: true}, {reason: courier.NoCredit, answers: true},
	}
	seeds := uint64(2)
	if effort.Full {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			on := withoutPostgres
			if seed == 1 {
				on = each
			}
			on(t, nil, func(t *testing.T, w *world) {
				rnd := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // repeatable
				channel := []courier.Channel{courier.Email, courier.SMS}[seed%2]
				x := newWay(w, channel)
				other := w.service(nil)
				other.Through(channel, courier.FakeCarrier{Send: x.send, Probe: x.probe})
				q := newQueue(w, other)
				at := start
				for range 4 {
					o := kinds[rnd.IntN(len(kinds))]
					o.from = at.Add(time.Duration(rnd.IntN(15)) * time.Minute)
					o.until = o.from.Add(time.Duration(10+rnd.IntN(5400)) * time.Second)
					x.outages = append(x.outages, o)
					at = o.until.Add(soon)
				}
				type posted struct{ at, expires time.Time }
				all := map[uuid.UUID]posted{}
				for w.clock().Before(at.Add(time.Minute)) {
					if rnd.IntN(12) == 0 && len(all) < 60 {
						life := time.Duration(10+rnd.IntN(600)) * time.Minute
						id := q.post(channel, 1, life)[0]
						all[id] = posted{w.clock(), w.clock().Add(life)}
					}
					q.step()
					w.pass(20 * time.Second)
				}
				for id, p := range all {
					due := p.at // when it was due, the end of the outage during which it was posted
					for _, o := range x.outages {
						if !due.Before(o.from) && due.Before(o.until) {
							due = o.until
						}
					}
					limit := due.Add(soon)
					if due.Equal(p.at) {
						limit = due.Add(time.Minute)
					}
					switch {
					case p.expires.After(limit) && x.taken[id] != 1, x.taken[id] > 1:
						t.Errorf("taken %d times; posted at %s, due at %s, expires at %s", x.taken[id], p.at, due, p.expires)
					case p.expires.After(limit) && x.last[id].After(limit):
						t.Errorf("taken at %s; due at %s", x.last[id], due)
					case x.tries[id] > 200:
						t.Errorf("%d tries", x.tries[id])
					}
				}
				require.GreaterOrEqual(t, len(all), 20, "only %d messages", len(all))
			})
		})
	}
}
