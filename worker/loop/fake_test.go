package loop

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier"
)

// outbox is the courier reduced to what the loop relies on: leases, next tries, settled messages.
type outbox struct {
	mu       sync.Mutex
	messages []*message
	byID     map[uuid.UUID]*message
	nudges   chan struct{}
	offset   atomic.Int64 // of its clock, so that leases run out without waiting
	send     func(ctx context.Context, t courier.Ticket, attempt int) (courier.Verdict, error)
	claims   atomic.Int64
	lost     map[courier.Channel]int // how often each queue was lost
}

type message struct {
	courier.Ticket
	relayAt, leaseUntil, nextAt time.Time
	attempts                    int
	sending, settled            bool
	parallel                    bool
	at                          []time.Time
}

func newOutbox(send func(context.Context, courier.Ticket, int) (courier.Verdict, error)) *outbox {
	if send == nil {
		send = func(context.Context, courier.Ticket, int) (courier.Verdict, error) { return courier.Verdict{}, nil }
	}
	return &outbox{byID: map[uuid.UUID]*message{}, lost: map[courier.Channel]int{}, nudges: make(chan struct{}, 1), send: send}
}

func (o *outbox) now() time.Time { return time.Now().Add(time.Duration(o.offset.Load())) }

func (o *outbox) put(n int, channel courier.Channel) []uuid.UUID {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ids []uuid.UUID
	for range n {
		id := uuid.Must(uuid.NewV7())
		m := &message{Ticket: courier.Ticket{MessageID: id, Channel: channel, Run: 1}, relayAt: o.now()}
		o.messages = append(o.messages, m)
		o.byID[id] = m
		ids = append(ids, id)
	}
	select {
	case o.nudges <- struct{}{}:
	default:
	}
	return ids
}

func (o *outbox) Nudges() <-chan struct{} { return o.nudges }

func (o *outbox) Claim(_ context.Context, limit int, lease time.Duration, channels ...courier.Channel) ([]courier.Ticket, error) {
	o.claims.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	var got []courier.Ticket
	claimed := o.now().Add(lease)
	for _, m := range o.messages {
		if len(got) < limit && slices.Contains(channels, m.Channel) && !m.settled && !m.relayAt.After(o.now()) {
			m.relayAt = claimed
			t := m.Ticket
			t.Claimed = claimed
			t.Attempt, t.AtOnce = m.attempts, !m.nextAt.After(o.now())
			got = append(got, t)
		}
	}
	return got, nil
}

func (o *outbox) Enqueued(_ context.Context, ids []uuid.UUID, claimed time.Time, d time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		if m := o.byID[id]; m.relayAt.Equal(claimed) {
			m.relayAt = o.now().Add(d)
		}
	}
	return nil
}

func (o *outbox) QueueLost(_ context.Context, channels ...courier.Channel) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range channels {
		o.lost[c]++
	}
	for _, m := range o.messages {
		if slices.Contains(channels, m.Channel) {
			m.relayAt = o.now()
		}
	}
	return nil
}

// losses is how often a queue was lost.
func (o *outbox) losses(c courier.Channel) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost[c]
}

func (o *outbox) Deliver(ctx context.Context, t courier.Ticket) (courier.Verdict, error) {
	o.mu.Lock()
	m := o.byID[t.MessageID]
	switch now := o.now(); {
	case m == nil || m.settled || m.Run != t.Run:
		o.mu.Unlock()
		return courier.Verdict{}, nil
	case m.leaseUntil.After(now):
		o.mu.Unlock()
		return courier.Verdict{Retry: true, After: time.Second, Why: "busy"}, nil
	case m.nextAt.After(now):
		o.mu.Unlock()
		return courier.Verdict{Retry: true, After: m.nextAt.Sub(now), Why: "early"}, nil
	}
	m.parallel = m.parallel || m.sending
	m.attempts++
	attempt := m.attempts
	m.sending, m.leaseUntil, m.at = true, o.now().Add(time.Minute), append(m.at, time.Now())
	o.mu.Unlock()

	v, err := o.send(ctx, t, attempt)

	o.mu.Lock()
	defer o.mu.Unlock()
	m.sending, m.leaseUntil = false, time.Time{}
	switch {
	case err != nil:
	case v.Retry:
		m.nextAt = o.now().Add(v.After)
	default:
		m.settled = true
	}
	return v, err
}

// unsettled is how many messages were not delivered yet.
func (o *outbox) unsettled() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, m := range o.messages {
		if !m.settled {
			n++
		}
	}
	return n
}

func (o *outbox) attempts(id uuid.UUID) []time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]time.Time(nil), o.byID[id].at...)
}

// eachOnce fails the test unless every message was delivered, in one attempt.
func (o *outbox) eachOnce(t *testing.T) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.messages {
		assert.True(t, m.settled, "message %s: settled %v", m.MessageID, m.settled)
		assert.Equal(t, 1, m.attempts, "attempts")
		assert.False(t, m.parallel, "message %s: parallel %v", m.MessageID, m.parallel)
	}
}

// each runs a test on the in-process queue and, where there is one, on Redis.
func each(t *testing.T, test func(t *testing.T, q *Queue)) {
	t.Run("in-process", func(t *testing.T) { test(t, open(t, "", nil)) })
	t.Run("redis", func(t *testing.T) { test(t, open(t, redisURL(t), nil)) })
}

// redisURL is the address of an empty database of the Redis that tests may use: the one that the address names, so that
// people who share a Redis keep apart, and never number 0, where something may be kept.
func redisURL(tb testing.TB) string {
	tb.Helper()
	address := os.Getenv("KONTOR_TEST_REDIS")
	if address == "" {
		tb.Skip("KONTOR_TEST_REDIS is not set")
	}
	opts, err := redis.ParseURL(address)
	require.NoError(tb, err)
	if opts.DB == 0 {
		opts.DB = 6
	}
	client := redis.NewClient(opts)
	defer client.Close()
	require.NoError(tb, client.FlushDB(context.Background()).Err())
	return fmt.Sprintf("redis://%s/%d", opts.Addr, opts.DB)
}

// testInstallation is the name under which queues are opened unless a test is about names.
const testInstallation = "test"

func open(tb testing.TB, address string, log *slog.Logger) *Queue {
	tb.Helper()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	q, err := Open(context.Background(), address, testInstallation, log)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = q.Close() })
	return q
}

// mailLane and smsLane are the channels' lanes.
func mailLane(q *Queue) *lane { return q.lane(queueMail) }

func smsLane(q *Queue) *lane { return q.lane(queueSMS) }

// newRelay is the relay of the e-mails.
func newRelay(q *Queue, outbox Outbox) *relay { return New(q, Options{Outbox: outbox}).relays()[0] }

// newMessageTask makes the task for a ticket of a message.
func (l *lane) newMessageTask(t courier.Ticket) (*asynq.Task, error) {
	m := messageTicket(t)
	return l.newTask(m.typename, m.payload)
}

// start runs a loop until the test ends or stop is called, which waits for its end.
func start(tb testing.TB, l *Loop) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			assert.NoError(tb, err, "Run")
		case <-time.After(time.Minute):
			tb.Error("Run did not return")
		}
	})
	tb.Cleanup(stop)
	return stop
}

func startOutbox(tb testing.TB, q *Queue, o *outbox) (stop func()) {
	tb.Helper()
	return start(tb, New(q, Options{Outbox: o, Deliverer: o}))
}

// server is a redis-server of the test's own, which it may kill.
type server struct {
	addr string
	cmd  *exec.Cmd
}

func newServer(t *testing.T) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server on this machine")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{addr: l.Addr().String()}
	_ = l.Close()
	t.Cleanup(s.kill)
	return s
}

func (s *server) url() string { return "redis://" + s.addr }

func (s *server) start(t *testing.T) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	s.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	s.cmd.Dir = t.TempDir()
	require.NoError(t, s.cmd.Start())
	client := redis.NewClient(&redis.Options{Addr: s.addr})
	defer client.Close()
	await.True(t, "redis-server starts", func() bool { return client.Ping(context.Background()).Err() == nil })
}

func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// lines is a log that can be counted.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buf.Bytes(), []byte(text))
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
