package loop

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier"
)

func TestInProcessIsPrivate(t *testing.T) {
	q := open(t, "", nil)
	assert.True(t, q.Embedded(), "not embedded")
	require.Empty(t, q.Troubles(t.Context()))
	host, port, err := net.SplitHostPort(q.embedded.server.Addr())
	require.NoError(t, err, "it listens at %s", q.embedded.server.Addr())
	assert.Equal(t, "127.0.0.1", host, "it listens at %s", q.embedded.server.Addr())
	assert.NotEqual(t, "6379", port, "it listens at %s", q.embedded.server.Addr())
	stranger := redis.NewClient(&redis.Options{Addr: q.embedded.server.Addr()})
	defer stranger.Close()
	err = stranger.Set(t.Context(), "x", "y", 0).Err()
	require.Error(t, err, "a stranger is told")
	assert.True(t, strings.HasPrefix(err.Error(), "NOAUTH"))
	a, b := q.embedded.server.Addr(), open(t, "", nil).embedded.server.Addr()
	assert.NotEqual(t, b, a, "two of them at")
}

func TestInProcessKeysExpire(t *testing.T) {
	q := open(t, "", nil)
	require.NoError(t, mailLane(q).client.Set(t.Context(), "x", "y", time.Second).Err())
	await.True(t, "expired", func() bool { return mailLane(q).client.Get(t.Context(), "x").Err() == redis.Nil })
}

// wants fails the test unless both queues are in trouble for that reason, and no other.
func wants(t *testing.T, q *Queue, reason courier.QueueReason) {
	t.Helper()
	got := q.Troubles(t.Context())
	require.Len(t, got, 1, "troubles")
	assert.Equal(t, reason, got[0].Reason)
	assert.Len(t, got[0].Queues, 2)
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
	assert.Empty(t, q.Known(), "at first")
	before := time.Now()
	n.kill()
	await.True(t, "the outage is known", func() bool { return len(q.Known()) == 1 })
	first := q.Known()[0]
	assert.Equal(t, courier.QueueSilent, first.Reason)
	assert.Len(t, first.Queues, 2)
	assert.GreaterOrEqual(t, first.Since, before, "the outage began before the first was killed")
	assert.LessOrEqual(t, first.Since, time.Now())
	n.start()
	await.True(t, "its end is known", func() bool { return len(q.Known()) == 0 })
	stop()
	<-done
}
