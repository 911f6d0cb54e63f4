package loop

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor/app/await"
	"kontor/app/courier"
)

func TestInProcessIsPrivate(t *testing.T) {
	q := open(t, "", nil)
	if !q.Embedded() {
		t.Error("not embedded")
	}
	if troubles := q.Troubles(t.Context()); len(troubles) > 0 {
		t.Fatal(troubles)
	}
	host, port, err := net.SplitHostPort(q.embedded.server.Addr())
	if err != nil || host != "127.0.0.1" || port == "6379" {
		t.Errorf("it listens at %s", q.embedded.server.Addr())
	}
	stranger := redis.NewClient(&redis.Options{Addr: q.embedded.server.Addr()})
	defer stranger.Close()
	if err := stranger.Set(t.Context(), "x", "y", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Errorf("a stranger is told %v", err)
	}
	if a, b := q.embedded.server.Addr(), open(t, "", nil).embedded.server.Addr(); a == b {
		t.Errorf("two of them at %s", a)
	}
}

func TestInProcessKeysExpire(t *testing.T) {
	q := open(t, "", nil)
	if err := mailLane(q).client.Set(t.Context(), "x", "y", time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	await.True(t, "expired", func() bool { return mailLane(q).client.Get(t.Context(), "x").Err() == redis.Nil })
}

// wants fails the test unless both queues are in trouble for that reason, and no other.
func wants(t *testing.T, q *Queue, reason courier.QueueReason) {
	t.Helper()
	got := q.Troubles(t.Context())
	if len(got) != 1 || got[0].Reason != reason || len(got[0].Queues) != 2 {
		t.Errorf("troubles %+v, want %s", got, reason)
	}
}

// TestKnown: Known returns the troubles, with their beginning, without asking Redis.
func TestKnown(t *testing.T) {
	n := startNode(t)
	q := open(t, "redis://"+n.addr(), slog.New(slog.DiscardHandler))
	q.every = 20 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { q.Follow(ctx); close(done) }()
	await.True(t, "the first look", func() bool { return q.known.Load() != nil })
	if known := q.Known(); len(known) > 0 {
		t.Errorf("at first %+v", known)
	}
	before := time.Now()
	n.kill()
	await.True(t, "the outage is known", func() bool { return len(q.Known()) == 1 })
	first := q.Known()[0]
	if first.Reason != courier.QueueSilent || len(first.Queues) != 2 || first.Since.Before(before) || first.Since.After(time.Now()) {
		t.Errorf("%+v, and it was killed at %v", first, before)
	}
	n.start()
	await.True(t, "its end is known", func() bool { return len(q.Known()) == 0 })
	stop()
	<-done
}
