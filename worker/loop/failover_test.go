package loop

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"

	"kontor/app/await"
	"kontor/app/courier"
	"kontor/app/effort"
	"kontor/app/fault"
)

// TestClusterMasterDies: the master with the queue of e-mails is killed or frozen while messages are sent. SMS, on
// another master, continue meanwhile, and the trouble is reported for e-mails only. E-mails continue after the fail-over,
// and no message is lost or sent twice.
func TestClusterMasterDies(t *testing.T) {
	for what, harm := range map[string]func(*node){"killed": (*node).kill, "frozen": (*node).freeze} {
		t.Run(what, func(t *testing.T) {
			c := startCluster(t)
			q := openAs(t, c.url(), c.nameApart())
			o := newOutbox(nil)
			o.put(20, courier.Email)
			o.put(20, courier.SMS)
			start(t, New(q, Options{Outbox: o, Deliverer: o}))
			await.True(t, "the first", func() bool { return o.unsettled() == 0 })

			master := c.master(mailLane(q))
			harm(master)
			hurt := time.Now()
			sms := o.put(20, courier.SMS)
			await.True(t, "SMS go on", func() bool {
				for _, id := range sms {
					if len(o.attempts(id)) == 0 {
						return false
					}
				}
				return true
			})
			o.put(20, courier.Email)
			await.True(t, "noticed", func() bool { return mailLane(q).reach.outages.Load() > 0 })
			await.True(t, "e-mails go on", func() bool { return o.unsettled() == 0 })
			t.Logf("e-mails went on %v after the master was %s", time.Since(hurt).Round(100*time.Millisecond), what)
			assert.EqualValues(t, 0, smsLane(q).reach.outages.Load(), "an outage of SMS, too")
			o.eachOnce(t)
		})
	}
}

// TestSentinelMasterDies: the same for a master that Sentinels watch; it has both queues.
func TestSentinelMasterDies(t *testing.T) {
	for what, harm := range map[string]func(*node){"killed": (*node).kill, "frozen": (*node).freeze} {
		t.Run(what, func(t *testing.T) {
			s := startSentinels(t)
			q := open(t, s.url("kontor"), slog.New(slog.DiscardHandler))
			o := newOutbox(nil)
			o.put(20, courier.Email)
			start(t, New(q, Options{Outbox: o, Deliverer: o}))
			await.True(t, "the first", func() bool { return o.unsettled() == 0 })
			harm(s.master())
			hurt := time.Now()
			o.put(20, courier.Email)
			o.put(20, courier.SMS)
			await.True(t, "all delivered", func() bool { return o.unsettled() == 0 })
			t.Logf("messages went on %v after the master was %s", time.Since(hurt).Round(100*time.Millisecond), what)
			o.eachOnce(t)
		})
	}
}

// answerTime is what an answer about the queues may take: two seconds, and as much again for a busy machine.
const answerTime = 2 * checkTime

// TestFrozenNode: while the node of the e-mails is frozen, a request about the queues says so in time, and has complete
// data about SMS, which are on another node.
func TestFrozenNode(t *testing.T) {
	c := startCluster(t)
	q := openAs(t, c.url(), c.nameApart())
	o := newOutbox(nil)
	o.put(1, courier.Email)
	o.put(1, courier.SMS)
	stop := start(t, New(q, Options{Outbox: o, Deliverer: o}))
	await.True(t, "the first", func() bool { return o.unsettled() == 0 })
	stop()
	// Each lane learns from any node where its queue is; one that had to ask the frozen node would take too long.
	await.True(t, "every queue knows its node", func() bool { return len(q.Troubles(t.Context())) == 0 })
	c.master(mailLane(q)).freeze()
	inTime := func(what string, ask func()) {
		t.Helper()
		began := time.Now()
		ask()
		took := time.Since(began)
		t.Logf("%s took %v", what, took.Round(10*time.Millisecond))
		assert.LessOrEqual(t, took, answerTime, what)
	}
	ctx, cancel := context.WithTimeout(t.Context(), checkTime) // as a page and readiness bound it
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		inTime("readiness", func() {
			found := q.Troubles(ctx)
			if assert.Len(t, found, 1, "readiness") {
				assert.True(t, found[0].Reason.Stops(), "readiness")
				assert.Equal(t, []string{queueMail}, found[0].Queues, "readiness")
			}
		})
	})
	all.Go(func() {
		inTime("the lengths", func() {
			infos, err := q.Overview(ctx)
			if assert.NoError(t, err, "the page") {
				assert.NotEmpty(t, infos[0].Away, "the page")
				assert.Empty(t, infos[1].Away, "the page")
				assert.Equal(t, 1, infos[1].Processed, "the page")
			}
		})
	})
	all.Go(func() {
		inTime("the tasks", func() {
			_, err := q.Tasks(ctx, queueMail, courier.TaskRetry, 1)
			assert.Equal(t, fault.Unavailable, fault.CodeOf(err), "e-mails")
		})
	})
	all.Go(func() {
		_, err := q.Tasks(ctx, queueSMS, courier.TaskRetry, 1)
		assert.NoError(t, err, "SMS")
	})
	all.Wait()
}

// rescueTime is what a message waits at most after Redis is back: ten seconds until the sign of life of whoever had it has
// expired, then the rescue's patience, and a few rounds of the sweep, the rescue and the queue.
const rescueTime = 40 * time.Second

// TestEveryNodeRestarts: all nodes of a Cluster, or all servers and Sentinels of a set, are killed at the same time and
// restarted while messages are sent. Some attempts are in progress then and end while Redis can't be told; half of these
// have to be repeated. Every message arrives, none twice, and none waits longer than documented. With KONTOR_TEST_FULL
// the nodes also come back empty, and one after the other.
func TestEveryNodeRestarts(t *testing.T) {
	kinds := map[string]func(t *testing.T) (nodes []*node, address string){
		"cluster": func(t *testing.T) ([]*node, string) { c := startCluster(t); return c.nodes, c.url() },
		"sentinel": func(t *testing.T) ([]*node, string) {
			s := startSentinels(t)
			return append(s.nodes, s.sentinels...), s.url("kontor")
		},
	}
	ways := map[string]func(nodes []*node, meanwhile func()){"at once": restartAll}
	if effort.Full {
		ways["at once, and empty"] = func(nodes []*node, meanwhile func()) {
			restartAll(nodes, func() {
				meanwhile()
				for _, n := range nodes {
					n.forget()
				}
			})
		}
		ways["one after the other"] = func(nodes []*node, meanwhile func()) {
			for i, n := range nodes {
				n.kill()
				if i == 0 {
					meanwhile()
				}
				n.start()
			}
		}
	}
	for kind, begin := range kinds {
		for way, restart := range ways {
			t.Run(kind+" "+way, func(t *testing.T) {
				t.Parallel() // it mostly waits
				nodes, address := begin(t)
				everyNodeRestarts(t, openAs(t, address, testInstallation), func(meanwhile func()) { restart(nodes, meanwhile) })
			})
		}
	}
}

// restartAll kills all nodes, and starts them again after what is to happen meanwhile.
func restartAll(nodes []*node, meanwhile func()) {
	for _, n := range nodes {
		n.kill()
	}
	meanwhile()
	for _, n := range nodes {
		n.start()
	}
}

func everyNodeRestarts(t *testing.T, q *Queue, restart func(meanwhile func())) {
	again, held := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	var begun atomic.Int64
	release := make(chan struct{})
	o := newOutbox(func(_ context.Context, m courier.Ticket, attempt int) (courier.Verdict, error) {
		if !held[m.MessageID] || attempt > 1 {
			return courier.Verdict{}, nil
		}
		begun.Add(1)
		<-release
		if again[m.MessageID] {
			return courier.Verdict{Retry: true, After: time.Second, Why: "busy"}, nil
		}
		return courier.Verdict{}, nil
	})
	for i, id := range append(o.put(6, courier.Email), o.put(6, courier.SMS)...) {
		held[id], again[id] = true, i%2 == 0
	}
	start(t, New(q, Options{Outbox: o, Deliverer: o}))
	await.True(t, "some are under way", func() bool { return begun.Load() == int64(len(held)) })
	o.put(20, courier.Email)
	o.put(20, courier.SMS)
	await.True(t, "others go out", func() bool { return o.unsettled() == len(held) })

	ctx, enough := context.WithCancel(t.Context())
	var going sync.WaitGroup
	going.Go(func() {
		for tick := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			o.put(1, courier.Email)
			o.put(1, courier.SMS)
		}
	})
	restart(func() {
		await.True(t, "the outage is noticed", func() bool { return len(q.Troubles(t.Context())) > 0 })
		close(release)
		await.True(t, "what was under way has ended", func() bool {
			n := 0
			for id := range held {
				n += len(o.attempts(id))
			}
			return n >= len(held)
		})
	})
	back := time.Now()
	enough()
	going.Wait()
	assert.True(t, await.Within(rescueTime, func() bool { return o.unsettled() == 0 }), "%d messages are stuck", o.unsettled())
	t.Logf("all was out %v after the last node was started", time.Since(back).Round(100*time.Millisecond))
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.messages {
		want := 1
		if again[m.MessageID] {
			want = 2
		}
		assert.True(t, m.settled, "message %s: settled %v", m.MessageID, m.settled)
		assert.Equal(t, want, m.attempts, "attempts")
		assert.False(t, m.parallel, "message %s: parallel %v", m.MessageID, m.parallel)
	}
}
